import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BUCKET_MS, ConsumptionJournal } from '../../../local/capacity/consumption-journal.ts';

const entries = fc.array(
  fc.record({
    client: fc.constantFrom('fleet', 'application'),
    table: fc.constantFrom('stuff', 'other'),
    kind: fc.constantFrom('read' as const, 'write' as const),
    atMs: fc.integer({ min: 0, max: 60_000 }),
    // Halves, as in eventually consistent reads, add up exactly.
    units: fc.integer({ min: 1, max: 2_000 }).map(halves => halves / 2),
  }),
  { maxLength: 300 },
);

describe('the journal of consumption', () => {
  test('gives the exact maximum over windows that begin with a bucket', () => {
    fc.assert(
      fc.property(entries, fc.integer({ min: 1, max: 120 }), (recorded, buckets) => {
        const journal = new ConsumptionJournal(1_000);
        for (const { client, table, kind, atMs, units } of recorded) {
          journal.record(client, table, kind, 1_000 + atMs, units);
        }
        const windowMs = buckets * BUCKET_MS;
        const chosen = recorded.filter(({ client, kind }) => client === 'fleet' && kind === 'write');
        const unitsFrom = (startMs: number) =>
          chosen
            .filter(({ atMs }) => atMs >= startMs && atMs < startMs + windowMs)
            .reduce((sum, { units }) => sum + units, 0);
        const starts = Array.from(
          { length: 600 + buckets },
          (_, bucket) => (bucket - buckets + 1) * BUCKET_MS,
        );
        const expected = Math.max(0, ...starts.map(unitsFrom));
        expect(journal.maxUnitsInWindow(windowMs, { client: 'fleet', kind: 'write' })).toBe(expected);
      }),
      { numRuns: 30 },
    );
  });

  test('adds up to what was recorded, by client, table and kind', () => {
    fc.assert(
      fc.property(entries, recorded => {
        const journal = new ConsumptionJournal(0);
        for (const { client, table, kind, atMs, units } of recorded) {
          journal.record(client, table, kind, atMs, units);
        }
        const total = (filter: Partial<(typeof recorded)[number]>) =>
          recorded
            .filter(entry =>
              Object.entries(filter).every(([name, value]) =>
                Object.entries(entry).some(([n, v]) => n === name && v === value),
              ),
            )
            .reduce((sum, { units }) => sum + units, 0);
        expect(journal.total({ kind: 'read' })).toBe(total({ kind: 'read' }));
        expect(journal.total({ kind: 'write', client: 'application', table: 'other' })).toBe(
          total({ kind: 'write', client: 'application', table: 'other' }),
        );
      }),
    );
  });

  test('puts units into the bucket of their time', () => {
    const journal = new ConsumptionJournal(500);
    journal.record('fleet', 'stuff', 'write', 500, 1);
    journal.record('fleet', 'stuff', 'write', 599.9, 2);
    journal.record('fleet', 'stuff', 'write', 800, 4);
    expect(journal.series({ kind: 'write' })).toEqual([3, 0, 0, 4]);
    expect(journal.series({ kind: 'read' })).toEqual([]);
  });

  test('counts a request once however many of its parts were refused', () => {
    const journal = new ConsumptionJournal(0);
    journal.count('fleet', 0);
    journal.count('fleet', 7);
    expect(journal.counts('fleet')).toEqual({ requests: 2, throttledRequests: 1, throttledParts: 7 });
    expect(journal.counts('application').requests).toBe(0);
  });
});
