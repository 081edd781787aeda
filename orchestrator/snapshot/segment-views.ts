import type { RunRecord, SegmentRecord } from '../../core/records.ts';
import { type Slices, sliceBySlice } from './slices.ts';
import type { SegmentView, TaskView } from './snapshot.ts';

/** With a small share, one page can take several seconds. A segment without a checkpoint for this long has stalled. */
const STALLED_AFTER_MS = 30_000;

/** Only a complete segment is shown as full. */
const FULLEST_RUNNING = 0.97;

/** Until a segment is complete, nobody knows how much is left. The furthest one is then shown this full. */
const FURTHEST_RUNNING = 0.8;

const PENDING: SegmentView = {
  status: 'pending',
  launchId: null,
  scanned: 0,
  updated: 0,
  attempts: 0,
  progressAt: null,
  completedAt: null,
  reason: null,
  filled: 0,
  stalled: false,
};

/** Every segment of the run, indexed by its number. Segments without a record are pending. */
export function* segmentViews(
  run: RunRecord,
  segments: readonly SegmentRecord[],
  tasks: ReadonlyMap<string, TaskView>,
  nowMs: number,
): Slices<SegmentView[]> {
  const views: SegmentView[] = new Array(run.totalSegments).fill(PENDING);
  const fill = yield* fillOf(run, segments);
  yield* sliceBySlice(segments, record => {
    const launch = record.launchId ?? record.progressedBy ?? null;
    const ofThisSweep = record.pass === run.sweep;
    const status = ofThisSweep ? record.status : 'pending';
    const progressAt = record.progressAt ?? null;
    views[record.segment] = {
      status,
      launchId: launch,
      scanned: record.counters.scanned,
      updated: record.counters.updated,
      attempts: record.attempts,
      progressAt,
      completedAt: record.completedAt ?? null,
      reason: record.reason ?? null,
      filled: ofThisSweep ? fill(record) : 0,
      stalled:
        status === 'running' &&
        isStalled(record, run, launch === null ? undefined : tasks.get(launch), nowMs),
    };
  });
  return views;
}

/**
 * A running segment has stalled if its owner ended or is late with a heartbeat, or if its checkpoint is too old. The
 * age of the checkpoint counts only after the current owner has moved it, because the time of the claim is not
 * recorded.
 */
function isStalled(
  { progressAt, progressedBy, launchId: launch }: SegmentRecord,
  run: RunRecord,
  owner: TaskView | undefined,
  nowMs: number,
): boolean {
  if (run.desired !== 'run') return false;
  if (owner && (owner.late || !owner.inAuthority)) return true;
  if (progressAt === undefined || progressedBy !== launch) return false;
  return nowMs - Date.parse(progressAt) > Math.max(STALLED_AFTER_MS, run.heartbeatMs * 5);
}

/**
 * How full a segment is shown, relative to the complete segments, or to the furthest one until any is complete. It
 * shows which segments lag and does not estimate the remaining work. Counters add up over sweeps, so the part of
 * earlier sweeps is subtracted.
 */
function* fillOf(
  run: RunRecord,
  segments: readonly SegmentRecord[],
): Slices<(record: SegmentRecord) => number> {
  let base = run.sweep === 1 ? 0 : Number.POSITIVE_INFINITY;
  yield* sliceBySlice(segments, ({ counters }) => {
    base = Math.min(base, counters.scanned);
  });
  const own = ({ counters }: SegmentRecord) => Math.max(0, counters.scanned - base);
  let furthest = 0;
  let complete = 0;
  let scannedByComplete = 0;
  yield* sliceBySlice(segments, record => {
    if (record.pass !== run.sweep) return;
    furthest = Math.max(furthest, own(record));
    if (record.status !== 'complete') return;
    complete += 1;
    scannedByComplete += own(record);
  });
  const reference = complete > 0 ? scannedByComplete / complete : furthest / FURTHEST_RUNNING;
  return record => {
    if (record.status === 'complete') return 1;
    return reference > 0 ? Math.min(FULLEST_RUNNING, own(record) / reference) : 0;
  };
}
