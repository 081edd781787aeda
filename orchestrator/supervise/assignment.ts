import type { RunRecord, SegmentRecord, TaskEnd, TaskRecord } from '../../core/records.ts';

/** A segment that needs a launch, with its record as last read; undefined if it has none. */
export interface OpenSegment {
  readonly segment: number;
  readonly record: SegmentRecord | undefined;
}

/** What happens to a segment whose launch has ended. */
export interface TakenBack {
  readonly record: SegmentRecord;
  /** Consecutive launches that ended without progress. */
  readonly attempts: number;
  /** The earliest time of the next launch; absent means at once. */
  readonly retryAt?: string;
  /** Why there will be no next launch. */
  readonly failed?: string;
}

/** The pause doubles with each consecutive launch without progress. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** For a wait this short, a share of the budget is reserved. Otherwise other tasks would get it and lose it again. */
const MOMENT_MS = 2_000;

/**
 * Decides what happens to the segments that an ended launch still holds. They become pending again and wait longer
 * after each consecutive launch without progress. After too many such launches they have failed. The segments of one
 * launch stay together, so all of them wait as long as the one that waits longest.
 *
 * A launch that moved a segment's checkpoint has reset the segment's count with that checkpoint. A launch counts
 * against none of its segments if it never started, if SIGTERM or a Spot interruption ended it, if it ended as told, or
 * if it had nothing left to do. Any other launch does not count against segments that it had not begun, if it worked on
 * others.
 * @param held the records as just read
 * @param reached whether the launch began or moved any segment, including those that it completed
 */
export function takeBack(
  { maxAttempts }: Pick<RunRecord, 'maxAttempts'>,
  task: TaskRecord,
  held: readonly SegmentRecord[],
  reached: boolean,
  nowMs: number,
): TakenBack[] {
  const reachedAny =
    reached ||
    held.some(({ progressedBy, status }) => progressedBy === task.launchId || status === 'running');
  const counted = held.map(record => ({ record, attempts: attemptsAfter(record, task, reachedAny) }));
  const most = Math.max(0, ...counted.map(({ attempts }) => (attempts < maxAttempts ? attempts : 0)));
  const pauseMs = most === 0 ? 0 : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (most - 1));
  return counted.map(({ record, attempts }) => {
    if (attempts >= maxAttempts) {
      const last = task.end?.message ?? 'unknown';
      return {
        record,
        attempts,
        failed: `${attempts} launches in a row made no progress. The last one ended with: ${last}`,
      };
    }
    if (pauseMs === 0) return { record, attempts };
    return { record, attempts, retryAt: new Date(nowMs + pauseMs).toISOString() };
  });
}

function attemptsAfter(record: SegmentRecord, task: TaskRecord, reachedAny: boolean): number {
  if (record.progressedBy === task.launchId) return record.attempts;
  if (task.end && BLAMELESS.has(task.end.kind)) return record.attempts;
  return record.status === 'running' || !reachedAny ? record.attempts + 1 : record.attempts;
}

const BLAMELESS: ReadonlySet<TaskEnd['kind']> = new Set(['sigterm', 'desired', 'done', 'not-started']);

/**
 * `due`: the segments that need not wait any longer. `soon`: how many launches held those that wait only for a moment.
 * A time further ahead than any pause comes from another machine's clock and is ignored.
 */
export function dueSegments(
  open: readonly OpenSegment[],
  nowMs: number,
): { due: OpenSegment[]; soon: number } {
  const soon = new Set<string>();
  const due = open.filter(({ record }) => {
    if (record?.retryAt === undefined) return true;
    const waitMs = Date.parse(record.retryAt) - nowMs;
    if (waitMs <= 0 || waitMs > LONGEST_PAUSE_MS) return true;
    if (waitMs <= MOMENT_MS) soon.add(record.retryAt);
    return false;
  });
  return { due, soon: soon.size };
}

/**
 * Distributes segments over this many launches, round robin, so that neighbours go to different tasks. Each launch gets
 * at most `most`; the rest is left for later launches.
 */
export function distribute<T>(
  segments: readonly T[],
  launches: number,
  most = Number.POSITIVE_INFINITY,
): T[][] {
  const batches: T[][] = Array.from({ length: Math.min(launches, segments.length) }, () => []);
  for (const [index, segment] of segments.entries()) {
    const batch = batches[index % batches.length];
    if (batch && batch.length < most) batch.push(segment);
  }
  return batches;
}
