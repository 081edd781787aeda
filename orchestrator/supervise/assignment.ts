import {
  isInAuthority,
  type RunRecord,
  type SegmentRecord,
  type TaskEnd,
  type TaskRecord,
} from '../../core/records.ts';

/** A segment that needs a launch: with its record as it was read, where it has one. */
export interface OpenSegment {
  readonly segment: number;
  readonly record: SegmentRecord | undefined;
  /** Launches in a row, before the next one, that ended without progress. */
  readonly attempts: number;
}

/**
 * Which segments of this pass have no launch in authority, and how many launches in a row failed on each.
 * "All complete" is judged by the run record's count: a segment without a record is open.
 */
export function openSegments(
  run: RunRecord,
  segments: readonly SegmentRecord[],
  tasks: readonly TaskRecord[],
): OpenSegment[] {
  const records = new Map(segments.map(record => [record.segment, record]));
  const launches = new Map(tasks.map(task => [task.launchId, task]));
  const open: OpenSegment[] = [];
  for (let segment = 0; segment < run.totalSegments; segment++) {
    const record = records.get(segment);
    if (record?.status === 'complete' || record?.status === 'failed') continue;
    const owner = record?.launchId === undefined ? undefined : launches.get(record.launchId);
    if (owner && isInAuthority(owner.status)) continue;
    open.push({ segment, record, attempts: record ? failedAttempts(record, owner, segments) : 0 });
  }
  return open;
}

/**
 * What counts are launches in a row without progress. A launch that moved this segment's checkpoint resets the
 * count, which the checkpoint itself has done. One that ended by SIGTERM or a Spot interruption, or because it was
 * told to, says nothing about the segment; nor does one that died while it had other segments in its hands.
 */
function failedAttempts(
  record: SegmentRecord,
  owner: TaskRecord | undefined,
  segments: readonly SegmentRecord[],
): number {
  if (!owner || record.progressedBy === owner.launchId) return record.attempts;
  if (owner.end && BLAMELESS.has(owner.end.kind)) return record.attempts;
  if (record.status === 'running') return record.attempts + 1;
  const reachedAny = segments.some(
    other =>
      other.progressedBy === owner.launchId ||
      (other.launchId === owner.launchId && other.status === 'running'),
  );
  return reachedAny ? record.attempts : record.attempts + 1;
}

const BLAMELESS: ReadonlySet<TaskEnd['kind']> = new Set(['sigterm', 'desired', 'done', 'not-started']);

/** Deals segments out to `launches` hands, strided, so that neighbours go to different tasks. */
export function distribute<T>(segments: readonly T[], launches: number): T[][] {
  const hands: T[][] = Array.from({ length: Math.min(launches, segments.length) }, () => []);
  for (const [index, segment] of segments.entries()) hands[index % hands.length]?.push(segment);
  return hands;
}
