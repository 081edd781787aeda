import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { keepsItsPromise, measureBudget } from '../../bench/measure-budget.ts';
import { measureHotPartition } from '../../bench/measure-table.ts';

/** The short form of `npm run bench:budget` and `npm run bench:traffic`. */
const bundle = (name: string) => fileURLToPath(new URL(`../../dist/${name}.mjs`, import.meta.url));
const bundles = { orchestrate: bundle('orchestrate'), job: bundle('job') };

test.each([
  // 50 units a second for each worker: from there on the undo log costs at most 4 % of the writes.
  { budget: 200, workers: 4, seconds: 24 },
  { budget: 1_000, workers: 4, seconds: 14 },
])(
  '$workers workers keep to $budget write units a second, from the first second',
  async given => {
    const result = await measureBudget({ ...given, bundles });
    expect(keepsItsPromise(given, result), JSON.stringify(result)).toBe(true);
    expect(result.undoLogShare).toBeGreaterThan(0);
    expect(result.undoLogShare).toBeLessThanOrEqual(0.04);
  },
  120_000,
);

test('a fat partition key is written at the partition’s rate', async () => {
  const { unitsPerSecond, exitCode } = await measureHotPartition(bundles, 15_000);
  expect(exitCode).toBe(0);
  expect(unitsPerSecond).toBeGreaterThan(800);
}, 120_000);
