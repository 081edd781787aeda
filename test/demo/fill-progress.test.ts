import { expect, test } from 'vitest';
import { FillProgress } from '../../demo/fill-progress.ts';

test.each([
  [1_000, 5_000, 'Filling the table: 5,000 of 1,000,000 items'],
  [3_000, 0, 'Filling the table: 0 of 1,000,000 items'],
  [10_000, 50_000, 'Filling the table: 50,000 of 1,000,000 items, 5,000 a second, at least 4 min left'],
  [10_000, 900_000, 'Filling the table: 900,000 of 1,000,000 items, 90,000 a second, at least 2 s left'],
  [60_000, 6_000, 'Filling the table: 6,000 of 1,000,000 items, 100 a second, at least 2 h 46 min left'],
  [200_000, 1_000_000, 'Filling the table: 1,000,000 of 1,000,000 items, 5,000 a second, at least 0 s left'],
])('after %i ms with %i items written it says what is left', (elapsedMs, written, line) => {
  let now = 77;
  const progress = new FillProgress(1_000_000, () => now);
  now += elapsedMs;
  expect(progress.describe(written)).toBe(line);
});
