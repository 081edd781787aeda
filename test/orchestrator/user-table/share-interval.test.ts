import { describe, expect, test } from 'vitest';
import {
  type Cluster,
  itemsInterval,
  shareInterval,
} from '../../../orchestrator/user-table/share-interval.ts';
import { randomFrom } from '../../support/random.ts';

/** Segments of uneven size, whose shares vary around the table's. */
function table(random: () => number, share: number, spread: number): Cluster[] {
  return Array.from({ length: 1_000 }, () => {
    const items = Math.round(50 + 400 * random() ** 3 + (random() < 0.03 ? 2_000 : 0));
    const own = Math.min(1, Math.max(0, share + spread * (random() - 0.5)));
    const missing = Array.from({ length: items }, () => random() < own).filter(Boolean).length;
    return { items, missing };
  });
}

function draw(segments: readonly Cluster[], count: number, random: () => number): Cluster[] {
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(Math.floor(random() * segments.length));
  return [...chosen].map(index => segments[index] as Cluster);
}

const sum = (segments: readonly Cluster[], of: keyof Cluster) =>
  segments.reduce((total, segment) => total + segment[of], 0);

describe('the interval', () => {
  test.each([
    ['half are missing, evenly', 0.5, 0],
    ['a fifth is missing, unevenly', 0.2, 0.4],
    ['nearly all are missing', 0.97, 0.06],
    ['one in a hundred is missing', 0.01, 0],
    ['segments differ as much as they can', 0.5, 2],
  ])('covers the truth in at least 90 of 100 samples where %s', (_, share, spread) => {
    for (const [seed, segments] of [
      [1, 16],
      [2, 32],
      [3, 100],
    ] as const) {
      const random = randomFrom(seed);
      const all = table(random, share, spread);
      const truth = sum(all, 'missing') / sum(all, 'items');
      let covered = 0;
      for (let sample = 0; sample < 100; sample++) {
        const drawn = draw(all, segments, random);
        const interval = shareInterval(drawn, all.length, sum(drawn, 'items'));
        if (interval && interval.low <= truth && truth <= interval.high) covered += 1;
      }
      expect(covered, `${segments} segments`).toBeGreaterThanOrEqual(90);
    }
  });

  /** Partition keys with their items, of which all or none lack the attribute. A key is in one segment. */
  const KEYS: Record<string, (random: () => number) => { items: number; missing: number }[]> = {
    'a key has one item, and half lack it': random => keys(random, 30_000, () => 1, 0.5),
    'a key has one item, and one in a thousand lacks it': random => keys(random, 30_000, () => 1, 0.001),
    'a key has one item, and one in ten thousand lacks it': random => keys(random, 30_000, () => 1, 0.000_1),
    'keys have up to nine items, alike': random =>
      keys(random, 6_000, () => 1 + Math.floor(random() * 9), 0.2),
    'keys have ten items, and one key in five hundred lacks it': random =>
      keys(random, 3_000, () => 10, 0.002),
    'keys are of all sizes, to thousands of items': random => keys(random, 12_000, () => pareto(random), 0.2),
    'keys are of all sizes, and one in a hundred lacks it': random =>
      keys(random, 12_000, () => pareto(random), 0.01),
    'fat keys have it, and of the others a third lacks it': random => [
      ...keys(random, 30_000, () => 1, 0.3),
      ...keys(random, 100, () => 400, 0),
    ],
  };

  function keys(random: () => number, count: number, size: () => number, share: number) {
    return Array.from({ length: count }, () => {
      const items = size();
      return { items, missing: random() < share ? items : 0 };
    });
  }

  /** Most keys have one item, some have a few, and a few have thousands. */
  function pareto(random: () => number): number {
    return Math.min(3_000, Math.ceil(random() ** -0.9));
  }

  test.each(Object.keys(KEYS))('covers the truth in at least 90 of 100 samples where %s', kind => {
    for (const [totalSegments, drawn] of [
      [100, 32],
      [400, 32],
      [200, 100],
    ] as const) {
      let covered = 0;
      for (let seed = 1; seed <= 10; seed++) {
        const random = randomFrom(seed);
        const all = Array.from({ length: totalSegments }, () => ({ items: 0, missing: 0, squares: 0 }));
        for (const { items, missing } of KEYS[kind]?.(random) ?? []) {
          const segment = all[Math.floor(random() * totalSegments)];
          if (!segment) continue;
          segment.items += items;
          segment.missing += missing;
          segment.squares += items ** 2;
        }
        const truth = sum(all, 'missing') / sum(all, 'items');
        for (let sample = 0; sample < 10; sample++) {
          const chosen = draw(all, drawn, random) as typeof all;
          // Counts independent observations like SampleTally.
          const squares = chosen.reduce((total, segment) => total + segment.squares, 0);
          const interval = shareInterval(chosen, totalSegments, sum(chosen, 'items') ** 2 / squares);
          if (interval && interval.low <= truth && truth <= interval.high) covered += 1;
        }
      }
      expect(covered, `${drawn} of ${totalSegments} segments`).toBeGreaterThanOrEqual(90);
    }
  });

  test('is no wider than it has to be: 32 segments of a thousand say it within 30 points', () => {
    const random = randomFrom(5);
    const all = table(random, 0.2, 0.4);
    const drawn = draw(all, 32, random);
    const { low = 0, high = 1 } = shareInterval(drawn, all.length, sum(drawn, 'items')) ?? {};
    expect(high - low).toBeLessThan(0.3);
  });

  test('is a point when every segment was read', () => {
    const all = [
      { items: 10, missing: 1 },
      { items: 30, missing: 3 },
    ];
    expect(shareInterval(all, 2, 40)).toEqual({ value: 0.1, low: 0.1, high: 0.1 });
    expect(itemsInterval(all, 2)).toEqual({ value: 40, low: 40, high: 40 });
  });

  test('leaves room for unseen items when none of the sample lacks the attribute', () => {
    const none = Array.from({ length: 32 }, () => ({ items: 100, missing: 0 }));
    const { value, low, high } = shareInterval(none, 1_000, 3_200) ?? { value: 1, low: 1, high: 0 };
    expect([value, low]).toEqual([0, 0]);
    expect(high).toBeGreaterThan(0.0005);
    expect(high).toBeLessThan(0.005);
  });

  test('says nothing of an empty sample', () => {
    expect(shareInterval([{ items: 0, missing: 0 }], 10, 0)).toBeUndefined();
  });

  test('covers the number of items as well', () => {
    const random = randomFrom(9);
    const all = table(random, 0.5, 0);
    const truth = sum(all, 'items');
    let covered = 0;
    for (let sample = 0; sample < 100; sample++) {
      const { low, high } = itemsInterval(draw(all, 64, random), all.length);
      if (low <= truth && truth <= high) covered += 1;
    }
    expect(covered).toBeGreaterThanOrEqual(90);
  });
});
