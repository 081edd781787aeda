import { setMaxListeners } from 'node:events';
import { expect, test } from 'vitest';
import type { ItemSize } from '../../../core/rate/capacity-estimate.ts';
import { RateControl } from '../../../core/rate/rate-control.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { rates } from '../../support/records.ts';

const TASKS = 32;
const BUDGET = 1_600;
const WINDOW_MS = 10_000;

interface Write {
  readonly atMs: number;
  readonly units: number;
}

/** One launch of each task: a page of one item, then batches for this long. */
async function launch(
  clock: FakeClock,
  unitsOfItem: (index: number) => number,
  seed: ItemSize | undefined,
  ms: number,
): Promise<{ writes: Write[]; learned: (ItemSize | undefined)[] }> {
  const writes: Write[] = [];
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const work = async (task: number) => {
    const rate = new RateControl({ clock, seed, phase: task / TASKS });
    rate.grant(rates(BUDGET / TASKS), 0);
    let item = task * 1_000;
    // Written items have been read before, and their page tells how large they are.
    const readUnits = Math.max(0.5, unitsOfItem(item) / 8);
    rate.estimate.learnFromPage({ readUnits, scanned: 1, matched: 1, consistent: false });
    while (!stop.signal.aborted) {
      const items = rate.batchItems(25);
      const reserved = await rate.reserveWrites(items, stop.signal);
      let units = 0;
      for (let next = 0; next < items; next++) units += unitsOfItem(item++);
      writes.push({ atMs: clock.monotonicMs(), units });
      await clock.sleep(5);
      rate.settleWrites(reserved, units, items);
    }
    return rate.estimate.size;
  };
  const tasks = Array.from({ length: TASKS }, (_, task) => work(task).catch(() => undefined));
  await clock.advance(ms);
  stop.abort();
  await clock.advance(10);
  return { writes, learned: await Promise.all(tasks) };
}

/** The most units in any ten seconds. */
function worstWindow(writes: readonly Write[]): number {
  let worst = 0;
  for (const { atMs } of writes) {
    const within = writes.filter(other => other.atMs >= atMs && other.atMs < atMs + WINDOW_MS);
    worst = Math.max(
      worst,
      within.reduce((sum, { units }) => sum + units, 0),
    );
  }
  return worst;
}

const total = (writes: readonly Write[]) => writes.reduce((sum, { units }) => sum + units, 0);

test.each([
  ['nobody knows of', undefined],
  ['the plan has sampled', { bytes: 204_800, writeUnits: 200 }],
  ['the plan took for small ones', { bytes: 400, writeUnits: 1 }],
])('32 tasks with items of 200 KB that %s hold the budget from the first second', async (_, seed) => {
  const clock = new FakeClock({ startMs: 1_000 });
  const { writes } = await launch(clock, () => 200, seed, 60_000);
  expect(worstWindow(writes)).toBeLessThanOrEqual(BUDGET * 10 * 1.05 + 200);
  expect(total(writes) / 60).toBeGreaterThan(BUDGET * 0.8);
});

test('the same after a relaunch of all tasks, which begin with the learned sizes', async () => {
  const clock = new FakeClock();
  const first = await launch(clock, () => 200, undefined, 20_000);
  const [learned] = first.learned.filter(size => size !== undefined);
  const second = await launch(clock, () => 200, learned ?? { bytes: 204_800, writeUnits: 200 }, 20_000);
  expect(worstWindow([...first.writes, ...second.writes])).toBeLessThanOrEqual(BUDGET * 10 * 1.05 + 200);
});

test('one item of 400 KB among small ones costs its own units and nothing more', async () => {
  const clock = new FakeClock();
  const { writes } = await launch(clock, index => (index === 16_500 ? 400 : 1), undefined, 40_000);
  expect(worstWindow(writes)).toBeLessThanOrEqual(BUDGET * 10 * 1.05 + 400);
  expect(total(writes) / 40).toBeGreaterThan(BUDGET * 0.9);
});
