import { isInAuthority, type RunRecord, type SegmentRecord, type TaskRecord } from '../../core/records.ts';
import { type Slices, sliceBySlice } from './slices.ts';
import type { TaskView, ThrottlingView } from './snapshot.ts';

/** A heartbeat that is this many intervals old is overdue. */
const LATE_AFTER_INTERVALS = 1.7;

/** Every launch of the run, youngest first. `ages`: heartbeat ages in milliseconds by launch. */
export function* taskViews(
  run: RunRecord,
  tasks: readonly TaskRecord[],
  segments: readonly SegmentRecord[],
  ages: ReadonlyMap<string, number>,
): Slices<TaskView[]> {
  const complete = new Map<string, number>();
  yield* sliceBySlice(segments, ({ status, pass, launchId: launch }) => {
    if (launch === undefined || status !== 'complete' || pass !== run.sweep) return;
    complete.set(launch, (complete.get(launch) ?? 0) + 1);
  });
  return tasks
    .map(task => viewOf(task, run, complete.get(task.launchId) ?? 0, ages.get(task.launchId)))
    .sort((a, b) => (a.launchedAt < b.launchedAt ? 1 : a.launchedAt > b.launchedAt ? -1 : 0));
}

function viewOf(
  task: TaskRecord,
  run: RunRecord,
  segmentsComplete: number,
  ageMs: number | undefined,
): TaskView {
  const inAuthority = isInAuthority(task.status);
  return {
    launchId: task.launchId,
    taskArn: task.taskArn ?? null,
    status: task.status,
    inAuthority,
    segments: task.segments,
    segmentsComplete,
    pass: task.pass,
    granted: task.granted,
    grantSeen: task.seenRenewal === task.renewal,
    launchedAt: task.launchedAt,
    endedAt: task.endedAt ?? null,
    end: task.end ?? null,
    heartbeatAgeMs: inAuthority ? (ageMs ?? null) : null,
    late: inAuthority && ageMs !== undefined && ageMs > run.heartbeatMs * LATE_AFTER_INTERVALS,
    throttled: (inAuthority && task.throttled) || null,
  };
}

/**
 * Each heartbeat says whether the task was throttled since the one before. An overdue heartbeat says nothing about now.
 */
export function throttlingOf(tasks: readonly TaskView[]): ThrottlingView | null {
  const throttled = tasks.flatMap(task => (task.throttled && !task.late ? [task.throttled] : []));
  if (throttled.length === 0) return null;
  const worst = throttled.reduce((a, b) => (b.count > a.count ? b : a));
  return {
    tasks: throttled.length,
    count: throttled.reduce((sum, { count }) => sum + count, 0),
    reason: worst.reason,
  };
}
