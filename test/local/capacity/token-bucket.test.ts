import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TokenBucket } from '../../../local/capacity/token-bucket.ts';

const steps = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 2_000 }),
    units: fc.integer({ min: 1, max: 40 }),
  }),
  { minLength: 1, maxLength: 200 },
);
const rates = fc.integer({ min: 1, max: 10_000 });

describe('a token bucket', () => {
  test('never admits more than its rate and its depth in any window', () => {
    fc.assert(
      fc.property(rates, steps, (unitsPerSecond, requests) => {
        const bucket = new TokenBucket(unitsPerSecond, 1, 0);
        const admitted: { atMs: number; units: number }[] = [];
        let now = 0;
        for (const { afterMs, units } of requests) {
          now += afterMs;
          if (!bucket.has(units, now)) continue;
          bucket.take(units, now);
          admitted.push({ atMs: now, units });
        }
        for (const [first, { atMs: start }] of admitted.entries()) {
          let sum = 0;
          for (const { atMs, units } of admitted.slice(first)) {
            sum += units;
            const allowed = unitsPerSecond * (1 + (atMs - start) / 1_000);
            // A request larger than the whole bucket passes alone, when the bucket is full.
            expect(sum).toBeLessThanOrEqual(allowed + Math.max(0, units - unitsPerSecond) + 1e-3);
          }
        }
      }),
    );
  });

  test('keeps the average at its rate, however late the true cost is known', () => {
    fc.assert(
      fc.property(rates, steps, (unitsPerSecond, requests) => {
        const bucket = new TokenBucket(unitsPerSecond, 1, 0);
        let now = 0;
        let charged = 0;
        let lastCost = 0;
        for (const { afterMs, units } of requests) {
          now += afterMs;
          if (!bucket.has(1, now)) continue;
          bucket.take(1, now);
          bucket.take(units - 1, now);
          charged += units;
          lastCost = units;
        }
        expect(charged).toBeLessThanOrEqual(unitsPerSecond * (1 + now / 1_000) + lastCost + 1e-3);
      }),
    );
  });

  test('gives back what was not needed, and never more than it holds', () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 100 }), (unitsPerSecond, units) => {
        const bucket = new TokenBucket(unitsPerSecond, 1, 0);
        bucket.take(units, 0);
        bucket.take(-units, 0);
        bucket.take(-units, 0);
        expect(bucket.balance(0)).toBeCloseTo(unitsPerSecond);
      }),
    );
  });

  test('is smooth: half of a second brings half of the units', () => {
    const bucket = new TokenBucket(10, 1, 0);
    bucket.take(10, 0);
    expect(bucket.has(1, 99)).toBe(false);
    expect(bucket.has(1, 100)).toBe(true);
    expect(bucket.balance(500)).toBeCloseTo(5);
  });

  test('saves up for as long as it is deep', () => {
    const bucket = new TokenBucket(10, 300, 0);
    bucket.take(3_000, 0);
    expect(bucket.has(3_000, 299_999)).toBe(false);
    expect(bucket.has(3_000, 300_000)).toBe(true);
    expect(bucket.balance(900_000)).toBeCloseTo(3_000);
  });

  test('without a limit admits everything, and begins full when it gets one', () => {
    const bucket = new TokenBucket(Infinity, 1, 0);
    bucket.take(1e9, 0);
    expect(bucket.has(1e9, 0)).toBe(true);
    bucket.setRate(5, 10);
    expect(bucket.balance(10)).toBe(5);
  });

  test('loses with a lower rate what no longer fits', () => {
    const bucket = new TokenBucket(100, 1, 0);
    bucket.setRate(10, 0);
    expect(bucket.balance(0)).toBe(10);
  });
});
