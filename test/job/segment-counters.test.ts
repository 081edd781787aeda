import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Counters, NO_COUNTERS } from '../../core/records.ts';
import { type ItemOutcome, SegmentCounters } from '../../job/segment-counters.ts';

const outcomes = fc.array(
  fc.tuple(
    fc.constantFrom<ItemOutcome>('updated', 'alreadySet', 'deleted', 'quarantined'),
    fc.integer({ min: 1, max: 25 }),
  ),
);

test('matched is the sum of the outcomes at any moment, on top of what an earlier launch counted', () => {
  fc.assert(
    fc.property(outcomes, given => {
      const base: Counters = { ...NO_COUNTERS, scanned: 7, matched: 5, updated: 5 };
      const tally = new SegmentCounters(base, () => {});
      for (const [outcome, items] of given) {
        tally.settled(outcome, items);
        const { matched, updated, alreadySet, deleted, quarantined, scanned } = tally.snapshot();
        expect(matched).toBe(updated + alreadySet + deleted + quarantined);
        expect(scanned).toBe(7);
      }
    }),
  );
});

test('every change is passed on once, so that the metrics of a launch are what it did itself', () => {
  const passedOn: Partial<Counters>[] = [];
  const tally = new SegmentCounters({ ...NO_COUNTERS, updated: 100, matched: 100 }, change =>
    passedOn.push(change),
  );
  tally.add({ scanned: 10, readUnits: 0.5 });
  tally.settled('updated', 3);
  expect(passedOn).toEqual([
    { scanned: 10, readUnits: 0.5 },
    { matched: 3, updated: 3 },
  ]);
});

test('a snapshot is not changed by what comes after it', () => {
  const tally = new SegmentCounters(NO_COUNTERS, () => {});
  const before = tally.snapshot();
  tally.settled('updated', 1);
  expect(before.updated).toBe(0);
});

test('counters of a record from before a counter existed begin at zero', () => {
  const { writeUnits: _, ...old } = NO_COUNTERS;
  const tally = new SegmentCounters(old as Counters, () => {});
  tally.add({ writeUnits: 2 });
  expect(tally.snapshot().writeUnits).toBe(2);
});
