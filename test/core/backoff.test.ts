import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from '../../core/backoff.ts';

const longest = (attempt: number) => backoffMs(attempt, () => 1 - Number.EPSILON);

test('the wait doubles with each attempt, up to five seconds', () => {
  expect([1, 2, 3, 4].map(longest).map(Math.round)).toEqual([100, 200, 400, 800]);
  expect(Math.round(longest(7))).toBe(5_000);
});

test('no attempt, however late, waits longer than five seconds or less than none', () => {
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, draw) => {
      const ms = backoffMs(attempt, () => draw);
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThanOrEqual(5_000);
    }),
  );
});

test('the jitter is full: two workers that failed together do not come back together', () => {
  expect(backoffMs(3, () => 0)).toBe(0);
  expect(backoffMs(3, () => 0.5)).toBeCloseTo(longest(3) / 2, 6);
});
