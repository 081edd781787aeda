import { beforeEach, describe, expect, test } from 'vitest';
import { ControlTable, type ControlTableClient } from '../../../core/control-table.ts';
import { NO_COUNTERS, type RunStatus } from '../../../core/records.ts';
import type { RunStore } from '../../../core/run-store.ts';
import { awaitEnd } from '../../../orchestrator/dashboard/await-end.ts';
import { createStores, type Stores } from '../../../orchestrator/stores.ts';
import { MemoryTable } from '../../model/memory-table.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { newRun, rates } from '../../support/records.ts';

const MINUTE_MS = 60_000;

let clock: FakeClock;
let stores: Stores;
/** What the control table answers instead of its contents. */
let broken: Error | undefined;
let heard: { snapshots: number; errors: string[] };
let leave: AbortController;

beforeEach(() => {
  clock = new FakeClock();
  const table = new MemoryTable();
  broken = undefined;
  heard = { snapshots: 0, errors: [] };
  leave = new AbortController();
  const send = async (command: unknown) => {
    if (broken) throw broken;
    return table.execute(command);
  };
  stores = createStores(new ControlTable({ send } as unknown as ControlTableClient, 'control'));
});

type Run = Awaited<ReturnType<RunStore['create']>>;

/** Begins a run, and waits for it from `laterMs` on. */
async function begin(laterMs = 0) {
  const run = await stores.runs.create(newRun({ createdAt: clock.nowIso() }));
  clock.jump(laterMs);
  const outcome = awaitEnd(
    {
      stores,
      clock,
      run,
      onSnapshot: () => {
        heard.snapshots += 1;
      },
      onUnreadable: error => heard.errors.push(String(error)),
    },
    leave.signal,
  );
  return { run, outcome };
}

/** What its supervisor stores from time to time. */
function sign(run: Run, number: number): Promise<void> {
  return stores.samples.write(
    {
      runId: run.runId,
      at: clock.nowIso(),
      status: 'running',
      pass: 1,
      sweep: 1,
      counters: NO_COUNTERS,
      segmentsComplete: 0,
      tasks: 1,
      budget: rates(100),
      throttled: 0,
    },
    { epoch: run.epoch, number },
  );
}

test.each<RunStatus[]>([['paused'], ['failed'], ['cancelled'], ['verifying', 'verified']])(
  'a run that becomes %s has ended',
  async (...through) => {
    const { run, outcome } = await begin();
    await clock.advance(5_000);
    for (const status of through.filter(Boolean)) await stores.runs.supervise(run, () => ({ status }));
    await clock.advance(2_000);
    expect(await outcome).toBe('ended');
    expect(heard.snapshots).toBeGreaterThan(1);
  },
);

test('leaving the page does not change the run', async () => {
  const { run, outcome } = await begin();
  await clock.advance(5_000);
  leave.abort();
  expect(await outcome).toBe('left');
  expect(await stores.runs.read(run.runId)).toEqual(run);
});

describe('nobody supervises', () => {
  test('when the last sign is ten minutes old, and not before', async () => {
    const { run, outcome } = await begin();
    await sign(run, 0);
    await clock.advance(9 * MINUTE_MS);
    await sign(run, 1);
    await clock.advance(9.9 * MINUTE_MS);
    expect(await stillWaits(outcome)).toBe(true);
    await clock.advance(MINUTE_MS);
    expect(await outcome).toBe('unsupervised');
  });

  test('when there never was one', async () => {
    const { outcome } = await begin();
    await clock.advance(9.9 * MINUTE_MS);
    expect(await stillWaits(outcome)).toBe(true);
    await clock.advance(MINUTE_MS);
    expect(await outcome).toBe('unsupervised');
  });

  test('is not said of a run that has just been taken over after an hour', async () => {
    const { run, outcome } = await begin(60 * MINUTE_MS);
    await clock.advance(10_000);
    const taken = await stores.runs.takeOverAt(run.runId, run.epoch);
    await sign(taken as Run, 0);
    await clock.advance(5 * MINUTE_MS);
    expect(await stillWaits(outcome)).toBe(true);
    leave.abort();
    await outcome;
  });

  test('is not said while the control table cannot be read', async () => {
    const { run, outcome } = await begin(60 * MINUTE_MS);
    await clock.advance(1_000);
    broken = new Error('no connection');
    await clock.advance(30 * MINUTE_MS);
    expect(await stillWaits(outcome)).toBe(true);
    expect(heard.errors).toContain('Error: no connection');
    broken = undefined;
    await sign(run, 0);
    await clock.advance(MINUTE_MS);
    expect(await stillWaits(outcome)).toBe(true);
    await stores.runs.supervise(run, () => ({ status: 'paused' }));
    await clock.advance(2_000);
    expect(await outcome).toBe('ended');
  });
});

/** @returns whether it has not ended yet. */
function stillWaits(outcome: Promise<unknown>): Promise<boolean> {
  return Promise.race([
    outcome.then(() => false),
    new Promise<boolean>(resolve => setImmediate(resolve, true)),
  ]);
}
