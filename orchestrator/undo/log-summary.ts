import { PreflightError } from '../../core/errors.ts';
import type { RunRecord, SegmentRecord } from '../../core/records.ts';
import { countLog, type LogSource } from '../../core/undo/log-reader.ts';
import { supervisorLogSegment } from '../../core/undo/log-store.ts';

/** Segments of the log that are counted at the same time. */
const CONCURRENCY = 8;

/** What a run's undo log holds, before the user's table is read. */
export interface LogSummary {
  readonly chunks: number;
  /** Values that the run certainly set, including those undone since. */
  readonly set: number;
  /** Values that the run may have set; the outcome of their writes is unknown. */
  readonly unknown: number;
  /** How many of `set` an earlier undo has handled. */
  readonly undone: number;
  /** The run ids of those undos. */
  readonly undoneBy: readonly string[];
}

/**
 * Counts a run's log and compares it with what the run's segments report.
 * @throws PreflightError when a part of the log no longer exists.
 */
export async function summariseLog(
  source: Omit<LogSource, 'layout'>,
  run: RunRecord,
  segments: readonly SegmentRecord[],
): Promise<LogSummary> {
  const recorded = new Map(segments.map(({ segment, undoChunks = 0 }) => [segment, undoChunks]));
  const waiting = Array.from({ length: supervisorLogSegment(source) + 1 }, (_, segment) => segment);
  const sum = { chunks: 0, set: 0, unknown: 0, undone: 0 };
  const undoneBy = new Set<string>();
  const lane = async () => {
    for (let segment = waiting.shift(); segment !== undefined; segment = waiting.shift()) {
      const count = await countLog(source, segment);
      const expected = recorded.get(segment) ?? 0;
      if (count.chunks < expected) {
        throw new PreflightError(
          `The undo log of run ${run.runId} is not complete: segment ${segment} has ${count.chunks} of at least ${expected} chunks. ` +
            'Somebody has deleted a part of it, so an undo cannot use it.',
        );
      }
      for (const name of ['chunks', 'set', 'unknown', 'undone'] as const) sum[name] += count[name];
      for (const by of count.undoneBy) undoneBy.add(by);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  return { ...sum, undoneBy: [...undoneBy].sort() };
}
