import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SegmentRecord, TaskEnd, TaskRecord, TaskStatus } from '../../../core/records.ts';
import { distribute, openSegments } from '../../../orchestrator/supervise/assignment.ts';
import { runRecord, segmentRecord, taskRecord } from '../../support/records.ts';

const ended = (kind: TaskEnd['kind'], given: Partial<TaskRecord> = {}): TaskRecord =>
  taskRecord({ status: 'stopped', end: { kind, message: kind }, ...given });

const open = (segments: SegmentRecord[], tasks: TaskRecord[], totalSegments = segments.length) =>
  openSegments(runRecord({ totalSegments }), segments, tasks);

/** Of segment 0. */
const attemptsOf = (segments: SegmentRecord[], tasks: TaskRecord[]) =>
  open(segments, tasks).find(({ segment }) => segment === 0)?.attempts;

describe('a segment needs a launch', () => {
  test('when it has no record: how many there are is told by the run', () => {
    expect(open([segmentRecord({ segment: 1 })], [taskRecord()], 3).map(({ segment }) => segment)).toEqual([
      0, 2,
    ]);
  });

  test.each<[TaskStatus, boolean]>([
    ['launching', false],
    ['running', false],
    ['finished', true],
    ['lapsed', true],
    ['stopped', true],
  ])('when its launch is %s: %s', (status, needed) => {
    expect(open([segmentRecord()], [taskRecord({ status })])).toHaveLength(needed ? 1 : 0);
  });

  test.each<[SegmentRecord['status'], boolean]>([
    ['pending', true],
    ['complete', false],
    ['failed', false],
  ])('when it is %s and nobody owns it: %s', (status, needed) => {
    const { launchId: _, ...record } = segmentRecord({ status });
    expect(open([record], [])).toHaveLength(needed ? 1 : 0);
  });

  test('when its launch has no record at all', () => {
    expect(open([segmentRecord()], [])).toMatchObject([{ segment: 0, attempts: 0 }]);
  });
});

describe('launches in a row without progress', () => {
  test('begin at none', () => {
    expect(open([], [], 1)).toEqual([{ segment: 0, record: undefined, attempts: 0 }]);
  });

  test.each(['error', 'authority-lost', 'systemic'] as const)(
    'count one more when a launch that had begun with it ended with: %s',
    kind => {
      expect(attemptsOf([segmentRecord({ attempts: 2 })], [ended(kind)])).toBe(3);
    },
  );

  test.each(['sigterm', 'desired', 'done', 'not-started'] as const)(
    'do not count a launch that ended with: %s',
    kind => {
      expect(attemptsOf([segmentRecord({ attempts: 2 })], [ended(kind)])).toBe(2);
    },
  );

  test('count a launch whose task vanished without a word', () => {
    const { end: _, ...silent } = taskRecord({ status: 'lapsed' });
    expect(attemptsOf([segmentRecord({ attempts: 2 })], [silent])).toBe(3);
  });

  test('do not count a launch that moved the checkpoint: the checkpoint has set the account to none', () => {
    const moved = segmentRecord({ attempts: 0, progressedBy: 'launch-1' });
    expect(attemptsOf([moved], [ended('error')])).toBe(0);
  });

  test('count a launch although an earlier one had moved the checkpoint', () => {
    const moved = segmentRecord({ attempts: 1, progressedBy: 'launch-0' });
    expect(attemptsOf([moved], [ended('error')])).toBe(2);
  });

  describe('of a segment that its launch never began with', () => {
    const waiting = segmentRecord({ status: 'assigned', attempts: 1 });

    test('count, when the launch began with none', () => {
      const other = segmentRecord({ segment: 1, status: 'assigned' });
      expect(attemptsOf([waiting, other], [ended('error', { segments: [0, 1] })])).toBe(2);
    });

    test('do not count, when the launch died over another one', () => {
      const other = segmentRecord({ segment: 1, status: 'running' });
      expect(attemptsOf([waiting, other], [ended('error', { segments: [0, 1] })])).toBe(1);
    });

    test('do not count, when the launch had made progress with another one', () => {
      const other = segmentRecord({ segment: 1, status: 'complete', progressedBy: 'launch-1' });
      expect(attemptsOf([waiting, other], [ended('error', { segments: [0, 1] })])).toBe(1);
    });
  });

  test('reach any limit, however they end, as long as none makes progress', () => {
    const kinds = fc.array(fc.constantFrom<TaskEnd['kind']>('error', 'sigterm', 'desired', 'authority-lost'));
    fc.assert(
      fc.property(kinds, ends => {
        let attempts = 0;
        for (const kind of ends) attempts = attemptsOf([segmentRecord({ attempts })], [ended(kind)]) ?? -1;
        const blamed = ends.filter(kind => kind === 'error' || kind === 'authority-lost').length;
        expect(attempts).toBe(blamed);
      }),
    );
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

  test('of 256 segments to 32 tasks gives eight to each, as the design says', () => {
    const hands = distribute(
      Array.from({ length: 256 }, (_, segment) => segment),
      32,
    );
    expect(hands[0]).toEqual([0, 32, 64, 96, 128, 160, 192, 224]);
  });
});
