import { describe, expect, test } from 'vitest';
import { CapacityEstimate } from '../../../core/rate/capacity-estimate.ts';

const KB = 1_024;

/** Shows enough pages for the estimate to follow. */
function learn(estimate: CapacityEstimate, itemBytes: number, matchedPart = 1): void {
  for (let page = 0; page < 100; page++) {
    const readUnits = (100 * itemBytes) / (8 * KB);
    estimate.learnFromPage({ readUnits, scanned: 100, matched: 100 * matchedPart, consistent: false });
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

describe('when the engine reports no write units', () => {
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

describe('what the engine reports counts more', () => {
  test('than what is estimated', () => {
    const estimate = new CapacityEstimate(0);
    learn(estimate, 3 * KB);
    for (let batch = 0; batch < 100; batch++) estimate.learnFromWrite(50, 25);
    expect(estimate.writeUnitsPerItem).toBeCloseTo(2, 3);
  });

  test('and is never below one unit, because a refused write costs one too', () => {
    const estimate = new CapacityEstimate(0);
    for (let batch = 0; batch < 100; batch++) estimate.learnFromWrite(0, 25);
    expect(estimate.writeUnitsPerItem).toBe(1);
  });

  test('a reply that consumed more counts at once and in full, one that consumed less by its items', () => {
    const estimate = new CapacityEstimate(0);
    for (let batch = 0; batch < 100; batch++) estimate.learnFromWrite(25, 25);
    estimate.learnFromWrite(10_000, 25);
    expect(estimate.writeUnitsPerItem).toBe(400);
    estimate.learnFromWrite(1, 1);
    expect(estimate.writeUnitsPerItem).toBeGreaterThan(390);
    for (let batch = 0; batch < 100; batch++) estimate.learnFromWrite(25, 25);
    expect(estimate.writeUnitsPerItem).toBeCloseTo(1, 1);
  });

  test('pages of larger items raise it before the first of them is written', () => {
    const estimate = new CapacityEstimate(2);
    estimate.learnFromPage({ readUnits: 12.5, scanned: 100, matched: 100, consistent: false });
    for (let batch = 0; batch < 10; batch++) estimate.learnFromWrite(50, 25);
    estimate.learnFromPage({ readUnits: 75, scanned: 3, matched: 3, consistent: false });
    expect(estimate.writeUnitsPerItem).toBeGreaterThanOrEqual(200);
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

  test('with a single large item counts at once', () => {
    const estimate = new CapacityEstimate(0);
    learn(estimate, 500);
    estimate.learnFromPage({ readUnits: 25, scanned: 1, matched: 1, consistent: false });
    expect(estimate.writeUnitsPerItem).toBe(200);
    expect(estimate.readUnitsOfPage(2)).toBe(50);
  });

  test('with one small item, which says half a unit, is soon corrected by larger pages', () => {
    const estimate = new CapacityEstimate(0);
    estimate.learnFromPage({ readUnits: 0.5, scanned: 1, matched: 1, consistent: false });
    expect(estimate.writeUnitsPerItem).toBe(4);
    for (const scanned of [4, 16, 64]) {
      const readUnits = Math.ceil((scanned * 250) / 4_096) / 2;
      estimate.learnFromPage({ readUnits, scanned, matched: scanned, consistent: false });
    }
    expect(estimate.writeUnitsPerItem).toBe(1);
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

describe('what was remembered', () => {
  test('is the starting point of the next launch', () => {
    const before = new CapacityEstimate(0);
    before.learnFromPage({ readUnits: 75, scanned: 3, matched: 3, consistent: false });
    before.learnFromWrite(603, 3);
    const after = new CapacityEstimate(0, before.size);
    expect(after.known).toBe(true);
    expect(after.writeUnitsPerItem).toBe(201);
    expect(after.readUnitsOfPage(1)).toBe(25);
  });

  test('does not replace what is known already, and may be absent', () => {
    const estimate = new CapacityEstimate(0);
    estimate.seed(undefined);
    expect(estimate.known).toBe(false);
    expect(estimate.size).toBeUndefined();
    estimate.seed({ bytes: 2_000 });
    estimate.seed({ bytes: 9_000 });
    expect(estimate.writeUnitsPerItem).toBe(2);
  });

  test('gives way to what pages report', () => {
    const estimate = new CapacityEstimate(0, { bytes: 200_000, writeUnits: 200 });
    learn(estimate, 500);
    for (let batch = 0; batch < 100; batch++) estimate.learnFromWrite(25, 25);
    expect(estimate.writeUnitsPerItem).toBeCloseTo(1, 3);
  });
});

test('a strongly consistent page costs twice as much, in whole units, and 256 at most', () => {
  const estimate = new CapacityEstimate(0);
  learn(estimate, 8 * KB);
  expect(estimate.readUnitsOfPage(10, true)).toBeCloseTo(20, 5);
  expect(estimate.readUnitsOfPage(undefined, true)).toBe(256);
  learn(estimate, 10);
  expect(estimate.readUnitsOfPage(1, true)).toBe(1);
});
