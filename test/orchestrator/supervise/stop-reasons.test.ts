import { describe, expect, test } from 'vitest';
import { NO_COUNTERS, type RunRecord, type SegmentRecord, type TaskRecord } from '../../../core/records.ts';
import { failedSegments, reasonToStop } from '../../../orchestrator/supervise/stop-reasons.ts';
import { runRecord, segmentRecord, taskRecord } from '../../support/records.ts';

const counted = (matched: number, quarantined: number): SegmentRecord =>
  segmentRecord({ counters: { ...NO_COUNTERS, matched, quarantined } });

function reason(
  segments: readonly SegmentRecord[],
  run: Partial<RunRecord> = {},
  tasks: readonly TaskRecord[] = [],
  news = tasks,
) {
  return reasonToStop({ run: runRecord(run), segments, tasks, news, nowMs: 0 });
}

describe('quarantine', () => {
  test.each([
    ['a hundred of few', 100, 100, false],
    ['a hundred and one of few', 101, 101, true],
    ['5 % of many', 10_000, 500, false],
    ['more than 5 % of many', 10_000, 501, true],
  ])('of %s', (_, matched, quarantined, stops) => {
    expect(reason([counted(matched, quarantined)]) !== undefined).toBe(stops);
  });

  test('over the limit that was given stops the run, with the figures', () => {
    expect(reason([counted(100, 3)], { maxQuarantine: 2 })?.message).toBe(
      '3 of 100 items could not be written and are in quarantine; the limit is 2.',
    );
  });

  test('that was there when someone resumed the run does not stop it again', () => {
    const accepted = { acceptedQuarantine: { matched: 200, quarantined: 150 } };
    expect(reason([counted(200, 150)], accepted)).toBeUndefined();
    expect(reason([counted(300, 251)], accepted)?.message).toMatch(/^101 of 100 items/);
  });
});

describe('a systemic error of a task', () => {
  const denied = taskRecord({ status: 'stopped', end: { kind: 'systemic', message: 'AccessDenied' } });

  test('stops the run with what the task said', () => {
    expect(reason([counted(1, 0)], {}, [denied])).toEqual({ kind: 'failed', message: 'AccessDenied' });
  });

  test('of an earlier session does not', () => {
    expect(reason([counted(1, 0)], {}, [denied], [])).toBeUndefined();
  });
});

test('segments that were given up are reported by number, with the reason of the first', () => {
  const segments = [
    segmentRecord({ segment: 0, status: 'complete' }),
    segmentRecord({ segment: 1, status: 'failed', reason: 'out of memory' }),
    segmentRecord({ segment: 2, status: 'failed', reason: 'another' }),
  ];
  expect(failedSegments(segments).message).toBe(
    'Segments without progress: 2, for instance segment 1: out of memory',
  );
});
