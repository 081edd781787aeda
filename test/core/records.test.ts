import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addCounters,
  type Counters,
  isFinished,
  isInAuthority,
  lockRun,
  NO_COUNTERS,
  RUN_TRANSITIONS,
  type RunStatus,
  SEGMENT_TRANSITIONS,
  segmentItem,
  TASK_TRANSITIONS,
  type TaskStatus,
  verificationItem,
} from '../../core/records.ts';

describe('keys of records', () => {
  test('a segment has seven digits, so that segments sort by number', () => {
    expect(segmentItem(7)).toBe('SEGMENT#0000007');
    expect(segmentItem(999_999)).toBe('SEGMENT#0999999');
    fc.assert(
      fc.property(fc.nat({ max: 999_999 }), fc.nat({ max: 999_999 }), (a, b) => {
        expect(segmentItem(a) < segmentItem(b)).toBe(a < b);
      }),
    );
  });

  test('verifications sort by pass', () => {
    expect(verificationItem(2) < verificationItem(10)).toBe(true);
  });

  test('the lock of a table is never a run', () => {
    const tableArn = 'arn:…:table/stuff';
    expect(lockRun({ tableArn, dryRun: false })).toBe('LOCK#arn:…:table/stuff');
    expect(lockRun({ tableArn, dryRun: true })).not.toBe(lockRun({ tableArn, dryRun: false }));
  });
});

describe('states', () => {
  const reachable = (table: Readonly<Record<string, Partial<Record<string, string>>>>, from: string) => {
    const found = new Set([from]);
    for (const state of found) for (const next of Object.keys(table[state] ?? {})) found.add(next);
    return found;
  };

  test.each([
    ['run', RUN_TRANSITIONS, 'running'],
    ['task', TASK_TRANSITIONS, 'launching'],
    ['segment', SEGMENT_TRANSITIONS, 'pending'],
  ] as const)('every state of a %s can be reached', (_, table, from) => {
    const states = Object.keys(table).sort();
    expect([...reachable(table, from)].sort()).toEqual(states);
  });

  test('a run that has released its table never runs again', () => {
    const finished = (Object.keys(RUN_TRANSITIONS) as RunStatus[]).filter(isFinished);
    expect(finished.sort()).toEqual([
      'canary',
      'cancelled',
      'dry-run',
      'incomplete',
      'quarantined',
      'verified',
    ]);
    for (const status of finished) expect(RUN_TRANSITIONS[status]).toEqual({});
  });

  test('only a run that is verifying can become verified', () => {
    const leadTo = Object.entries(RUN_TRANSITIONS).filter(([, next]) => 'verified' in next);
    expect(leadTo.map(([from]) => from)).toEqual(['verifying']);
  });

  test('a task without authority never gets it back', () => {
    for (const status of Object.keys(TASK_TRANSITIONS) as TaskStatus[]) {
      if (isInAuthority(status)) continue;
      expect(TASK_TRANSITIONS[status]).toEqual({});
    }
  });
});

test('counters add up field by field', () => {
  const counters = fc.record(
    Object.fromEntries(Object.keys(NO_COUNTERS).map(name => [name, fc.nat()])) as Record<
      keyof Counters,
      fc.Arbitrary<number>
    >,
  );
  fc.assert(
    fc.property(counters, counters, (a, b) => {
      const sum = addCounters(a, b);
      for (const name of Object.keys(NO_COUNTERS) as (keyof Counters)[])
        expect(sum[name]).toBe(a[name] + b[name]);
      expect(addCounters(a, NO_COUNTERS)).toEqual(a);
    }),
  );
});
