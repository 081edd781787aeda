import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SegmentRecord, TaskEnd, TaskRecord } from '../../../core/records.ts';
import { distribute, dueSegments, takeBack } from '../../../orchestrator/supervise/assignment.ts';
import { segmentRecord, taskRecord } from '../../support/records.ts';

const ended = (kind: TaskEnd['kind'], given: Partial<TaskRecord> = {}): TaskRecord =>
  taskRecord({ status: 'stopped', end: { kind, message: kind }, ...given });

const NOW_MS = Date.UTC(2026, 0, 1);

/** What happens to segment 0, which the launch holds with these others. */
function takenBack(segments: SegmentRecord[], task: TaskRecord, maxAttempts = 100) {
  const held = segments.filter(({ status }) => status !== 'complete');
  const reached = segments.some(({ progressedBy }) => progressedBy === task.launchId);
  return takeBack({ maxAttempts }, task, held, reached, NOW_MS);
}

const attemptsOf = (segments: SegmentRecord[], task: TaskRecord) => takenBack(segments, task)[0]?.attempts;

describe('launches in a row without progress', () => {
  test.each(['error', 'authority-lost', 'systemic'] as const)(
    'grow by one when a launch that had begun the segment ended with: %s',
    kind => {
      expect(attemptsOf([segmentRecord({ attempts: 2 })], ended(kind))).toBe(3);
    },
  );

  test.each(['sigterm', 'desired', 'done', 'not-started'] as const)(
    'do not count a launch that ended with: %s',
    kind => {
      expect(attemptsOf([segmentRecord({ attempts: 2 })], ended(kind))).toBe(2);
    },
  );

  test('count a launch whose task vanished without a word', () => {
    const { end: _, ...silent } = taskRecord({ status: 'lapsed' });
    expect(attemptsOf([segmentRecord({ attempts: 2 })], silent)).toBe(3);
  });

  test('do not count a launch that moved the checkpoint: the checkpoint has reset the count', () => {
    const moved = segmentRecord({ attempts: 0, progressedBy: 'launch-1' });
    expect(attemptsOf([moved], ended('error'))).toBe(0);
  });

  test('count a launch although an earlier one had moved the checkpoint', () => {
    const moved = segmentRecord({ attempts: 1, progressedBy: 'launch-0' });
    expect(attemptsOf([moved], ended('error'))).toBe(2);
  });

  describe('of a segment that its launch never began', () => {
    const waiting = segmentRecord({ status: 'assigned', attempts: 1 });

    test('count, when the launch began no segment', () => {
      const other = segmentRecord({ segment: 1, status: 'assigned' });
      expect(attemptsOf([waiting, other], ended('error', { segments: [0, 1] }))).toBe(2);
    });

    test('do not count, when the launch died while working on another one', () => {
      const other = segmentRecord({ segment: 1, status: 'running' });
      expect(attemptsOf([waiting, other], ended('error', { segments: [0, 1] }))).toBe(1);
    });

    test('do not count, when the launch had made progress on another one', () => {
      const other = segmentRecord({ segment: 1, status: 'complete', progressedBy: 'launch-1' });
      expect(attemptsOf([waiting, other], ended('error', { segments: [0, 1] }))).toBe(1);
    });
  });

  test('reach any limit, however the launches end, as long as none makes progress', () => {
    const kinds = fc.array(fc.constantFrom<TaskEnd['kind']>('error', 'sigterm', 'desired', 'authority-lost'));
    fc.assert(
      fc.property(kinds, ends => {
        let attempts = 0;
        for (const kind of ends) attempts = attemptsOf([segmentRecord({ attempts })], ended(kind)) ?? -1;
        const blamed = ends.filter(kind => kind === 'error' || kind === 'authority-lost').length;
        expect(attempts).toBe(blamed);
      }),
    );
  });

  test('fail the segment at the limit, with the last launch’s words as the reason', () => {
    expect(takenBack([segmentRecord({ attempts: 4 })], ended('error'), 5)).toMatchObject([
      { attempts: 5, failed: '5 launches in a row made no progress. The last one ended with: error' },
    ]);
    expect(takenBack([segmentRecord({ attempts: 3 })], ended('error'), 5)[0]?.failed).toBeUndefined();
  });
});

describe('the wait for the next launch', () => {
  const waitMs = (attempts: number) => {
    const { retryAt } = takenBack([segmentRecord({ attempts: attempts - 1 })], ended('error'))[0] ?? {};
    return retryAt === undefined ? 0 : Date.parse(retryAt) - NOW_MS;
  };

  test('doubles with each launch in a row without progress, up to half a minute', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 20].map(waitMs)).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ]);
  });

  test('is zero after a launch that is not to blame', () => {
    expect(takenBack([segmentRecord()], ended('sigterm'))).toEqual([
      { record: segmentRecord(), attempts: 0 },
    ]);
  });

  test('is the longest one for every segment of a launch: they are relaunched together', () => {
    const [first, second] = takenBack(
      [segmentRecord({ attempts: 3 }), segmentRecord({ segment: 1, status: 'assigned' })],
      ended('error'),
    );
    expect(first?.retryAt).toBe(new Date(NOW_MS + 8_000).toISOString());
    expect(second?.retryAt).toBe(first?.retryAt);
  });
});

describe('an open segment', () => {
  const at = (ms: number) => new Date(NOW_MS + ms).toISOString();
  const waiting = (segment: number, retryAt?: string) => ({
    segment,
    record: segmentRecord({ segment, status: 'pending', ...(retryAt && { retryAt }) }),
  });

  test('is due when it has no wait, or its wait is over', () => {
    const open = [{ segment: 0, record: undefined }, waiting(1), waiting(2, at(0)), waiting(3, at(1))];
    expect(dueSegments(open, NOW_MS).due.map(({ segment }) => segment)).toEqual([0, 1, 2]);
  });

  test('is soon due within two seconds, once for all that one launch had', () => {
    const open = [waiting(0, at(500)), waiting(1, at(500)), waiting(2, at(2_000)), waiting(3, at(2_001))];
    expect(dueSegments(open, NOW_MS)).toEqual({ due: [], soon: 2 });
  });

  test('is due when its time is further away than the longest wait: another machine’s clock was wrong', () => {
    expect(dueSegments([waiting(0, at(600_000))], NOW_MS).due).toHaveLength(1);
  });
});

describe('dealing segments out', () => {
  test('is strided: neighbours go to different tasks', () => {
    expect(distribute([0, 1, 2, 3, 4, 5, 6, 7], 3)).toEqual([
      [0, 3, 6],
      [1, 4, 7],
      [2, 5],
    ]);
  });

  test('gives out each once, to as many hands as there are or as have something to do, and evenly', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(), { minLength: 1 }),
        fc.integer({ min: 1, max: 50 }),
        (segments, launches) => {
          const hands = distribute(segments, launches);
          expect(hands).toHaveLength(Math.min(launches, segments.length));
          expect(hands.flat().sort((a, b) => a - b)).toEqual([...segments].sort((a, b) => a - b));
          const sizes = hands.map(({ length }) => length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  test('gives no launch more segments than its environment holds, and leaves the rest for later', () => {
    expect(distribute([0, 1, 2, 3, 4, 5, 6], 2, 2)).toEqual([
      [0, 2],
      [1, 3],
    ]);
  });

  test('of 256 segments to 32 tasks gives eight to each, as the design says', () => {
    const hands = distribute(
      Array.from({ length: 256 }, (_, segment) => segment),
      32,
    );
    expect(hands[0]).toEqual([0, 32, 64, 96, 128, 160, 192, 224]);
  });
});
