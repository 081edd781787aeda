import type { RunRecord, SegmentRecord, TaskEnd, TaskRecord } from '../../core/records.ts';

/** A segment that needs a launch: with its record as it was read, where it has one. */
export interface OpenSegment {
  readonly segment: number;
  readonly record: SegmentRecord | undefined;
}

/** What happens to a segment whose launch has ended. */
export interface TakenBack {
  readonly record: SegmentRecord;
  /** Launches in a row that ended without progress. */
  readonly attempts: number;
  /** When the next launch may have it; absent means at once. */
  readonly retryAt?: string;
  /** Why there is no next launch. */
  readonly failed?: string;
}

/** Doubled with every further launch in a row that made no progress. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** A share of the budget is kept for a wait this short, rather than given to others and taken back from them. */
const MOMENT_MS = 2_000;

/**
 * What becomes of the segments that a launch still holds, now that it has ended: they are pending again, and wait the
 * longer the more launches in a row made no progress; after too many they have failed. What one launch had goes on
 * together, so all of them wait as long as the one that waits longest.
 *
 * A launch that moved a segment's checkpoint reset its count, which the checkpoint itself has done. One that ended by
 * SIGTERM or a Spot interruption, or because it was told to, says nothing about its segments; nor does one about those
 * that it had not begun while it had others in its hands.
 * @param held as they were just read
 * @param reached whether the launch began or moved any segment, those that it completed included
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
 * `due`: those that wait no longer. `soon`: how many launches the others had that wait for a moment only. A time that
 * is further ahead than any pause is another machine's clock, and is not waited for.
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
 * Distributes segments over so many launches, strided, so that neighbours go to different tasks; each gets `most` at
 * most, and what is left over is for later launches.
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
