import { describe, expect, test } from 'vitest';
import { CapacityEstimate } from '../../job/capacity-estimate.ts';

const KB = 1_024;

/** As many pages as it takes for the estimate to follow. */
function learn(estimate: CapacityEstimate, itemBytes: number, matchedPart = 1): void {
  for (let page = 0; page < 100; page++) {
    estimate.learnFromPage((100 * itemBytes) / (8 * KB), 100, 100 * matchedPart);
  }
}

describe('before anything was read', () => {
  test('an item is taken for a small one that lacks the attribute', () => {
    const estimate = new CapacityEstimate(0);
    expect(estimate.writeUnitsPerItem).toBe(1);
    expect(estimate.readUnitsPerConsistentRead).toBe(1);
    expect(estimate.density).toBe(1);
    expect(estimate.readUnitsOfPage(100)).toBe(12.5);
  });

  test('a page without a limit is taken for a whole one', () => {
    expect(new CapacityEstimate(0).readUnitsOfPage(undefined)).toBe(128);
  });
});

describe('where the engine reports no write units', () => {
  test.each([
    [100, 1],
    [1 * KB, 1],
    [1 * KB + 1, 2],
    [3.5 * KB, 4],
  ])('items of %d bytes cost %d units each', (bytes, units) => {
    const estimate = new CapacityEstimate(0);
    learn(estimate, bytes);
    expect(estimate.writeUnitsPerItem).toBe(units);
  });

  test('each index that holds the attribute costs as much again', () => {
    const estimate = new CapacityEstimate(2);
    expect(estimate.writeUnitsPerItem).toBe(3);
    learn(estimate, 1.5 * KB);
    expect(estimate.writeUnitsPerItem).toBe(6);
  });
});

describe('what is reported counts more', () => {
  test('than what is estimated', () => {
    const estimate = new CapacityEstimate(0);
    learn(estimate, 3 * KB);
    for (let batch = 0; batch < 100; batch++) estimate.learnFromWrite(50, 25);
    expect(estimate.writeUnitsPerItem).toBeCloseTo(2, 3);
  });

  test('and never says less than one unit, since a refused write costs one too', () => {
    const estimate = new CapacityEstimate(0);
    for (let batch = 0; batch < 100; batch++) estimate.learnFromWrite(0, 25);
    expect(estimate.writeUnitsPerItem).toBe(1);
  });

  test('one odd reply moves it only a little', () => {
    const estimate = new CapacityEstimate(0);
    for (let batch = 0; batch < 100; batch++) estimate.learnFromWrite(25, 25);
    estimate.learnFromWrite(10_000, 25);
    expect(estimate.writeUnitsPerItem).toBeLessThan(50);
  });
});

describe('a page', () => {
  test('is expected to cost what its items do, in half units, and 128 at most', () => {
    const estimate = new CapacityEstimate(0);
    learn(estimate, 8 * KB);
    expect(estimate.readUnitsOfPage(10)).toBeCloseTo(10, 5);
    expect(estimate.readUnitsOfPage(100_000)).toBe(128);
    learn(estimate, 10);
    expect(estimate.readUnitsOfPage(1)).toBe(0.5);
  });

  test('with a handful of items teaches nothing: half a unit for one is not its size', () => {
    const estimate = new CapacityEstimate(0);
    estimate.learnFromPage(0.5, 1, 0);
    estimate.learnFromPage(128, 9, 0);
    expect(estimate.readUnitsPerScannedItem).toBe(1 / 8);
    expect(estimate.density).toBe(1);
  });

  test('tells how many of the items lack the attribute', () => {
    const estimate = new CapacityEstimate(0);
    learn(estimate, KB, 0.1);
    expect(estimate.density).toBeCloseTo(0.1, 2);
  });
});

test('a strongly consistent read costs a unit for each 4 KB begun', () => {
  const estimate = new CapacityEstimate(0);
  learn(estimate, 9 * KB);
  expect(estimate.readUnitsPerConsistentRead).toBe(3);
});
