import { beforeAll, describe, expect, test } from 'vitest';
import { BenchStage, type EngineName } from '../../bench/bench-stage.ts';
import { type Measurement, measureRow, ROWS } from '../../bench/measure-row.ts';

/**
 * A short `npm run bench`. The bounds are wider than the project's own criteria (docs/performance.md), because there
 * are few rounds on a shared machine. The best round of each row counts, because disturbances only add time.
 */
const ROUNDS = 3;

const MINUTES_MS = 60_000;

/** Measures rows that take turns on one engine, a round at a time. */
async function measure(engine: EngineName, items: number, names: readonly string[]) {
  const measured = new Map<string, Measurement[]>(names.map(name => [name, []]));
  const stage = await BenchStage.open(engine, 'dist/job.mjs');
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        const row = ROWS.find(each => each.name === name);
        if (row === undefined) throw new Error(`There is no row ${name}.`);
        measured.get(name)?.push(await measureRow(stage, row, items, new AbortController().signal));
      }
    }
  } finally {
    await stage.close();
  }
  return (name: string, figure: (measurement: Measurement) => number) =>
    (measured.get(name) ?? []).map(figure).sort((a, b) => a - b);
}

describe('the worker against a server that costs nothing', () => {
  let figures: Awaited<ReturnType<typeof measure>>;
  beforeAll(async () => {
    figures = await measure('null', 60_000, ['batch', 'ceiling', 'update-item', 'recipe']);
  }, 5 * MINUTES_MS);

  const least = (name: string, figure: (measurement: Measurement) => number) =>
    figures(name, figure)[0] ?? Number.NaN;
  const cpu = (name: string) => least(name, ({ cpuMicrosPerItem }) => cpuMicrosPerItem);

  test('takes about as much CPU per item as a bare loop of the same batches', () => {
    expect(cpu('batch') / cpu('ceiling')).toBeLessThan(1.25);
  });

  test('takes a small part of the CPU that an UpdateItem for each item takes', () => {
    expect(cpu('batch') / cpu('update-item')).toBeLessThan(1 / 8);
  });

  test('takes little more for a recipe of two sources and two targets than for a constant', () => {
    expect(cpu('recipe') / cpu('batch')).toBeLessThan(1.6);
  });

  test('holds little more than an idle process, and no more after twenty pages than after ten', () => {
    expect(least('batch', ({ pages }) => pages)).toBeGreaterThanOrEqual(20);
    expect(least('batch', ({ growthMiB }) => growthMiB)).toBeLessThan(40);
    expect(least('batch', ({ growthFromPage10MiB = Number.NaN }) => growthFromPage10MiB)).toBeLessThan(20);
  });

  test('asks for one write unit an item, and reads what the bare loop reads', () => {
    expect(figures('batch', ({ writeUnitsPerItem }) => writeUnitsPerItem)).toEqual([1, 1, 1]);
    const read = (name: string) => least(name, ({ readUnitsPerItem = Number.NaN }) => readUnitsPerItem);
    expect(read('batch') / read('ceiling')).toBeCloseTo(1, 2);
  });
});

test(
  'the worker keeps an engine nearly as busy as a bare loop with sixteen requests in flight',
  async () => {
    const figures = await measure('dynoxide', 10_000, ['batch', 'ceiling']);
    const most = (name: string) => figures(name, ({ itemsPerSecond }) => itemsPerSecond).at(-1) ?? Number.NaN;
    expect(most('batch') / most('ceiling')).toBeGreaterThan(0.6);
  },
  5 * MINUTES_MS,
);
