/**
 * Divides the write capacity of the control table for one run. All records of a run share its partition key, and one
 * partition takes 1,000 write units a second [developer guide, "Designing partition keys"]. A run plans with less than
 * half of that, so that a retry or a second run does not throttle the heartbeats:
 *
 * | who                                             | writes a second, of the whole fleet        |
 * |-------------------------------------------------|--------------------------------------------|
 * | heartbeats of all tasks                         | {@link HEARTBEATS_PER_SECOND}              |
 * | checkpoints, claims and markers of all tasks    | {@link SEGMENT_WRITES_PER_SECOND}          |
 * | launches, assignments, grants of the supervisor | {@link SUPERVISOR_WRITES_PER_SECOND}       |
 *
 * With few tasks, each write comes as often as is useful. With many, the intervals grow.
 */
export const HEARTBEATS_PER_SECOND = 100;
export const SEGMENT_WRITES_PER_SECOND = 150;
export const SUPERVISOR_WRITES_PER_SECOND = 170;

/**
 * Calls of the supervisor of one kind that are on their way at once: enough for its pace. The SDK takes some
 * milliseconds of CPU for each, and replies that arrive together are handled in one round of the event loop.
 */
export const SUPERVISOR_CALLS_AT_A_TIME = 4;

/** Segments that a worker reads at the same time. While one ends, the other keeps the writers busy. */
export const SEGMENTS_AT_A_TIME = 2;

/**
 * With more tasks, a heartbeat would come less often than every 100 s, and a dead task would go unnoticed for minutes.
 */
export const MOST_TASKS = 10_000;

/**
 * The size of a launch's record without its segments, and of each segment: a number of up to seven digits in a list.
 */
const TASK_RECORD_BYTES = 700;
const BYTES_PER_SEGMENT_NAMED = 6;

const HEARTBEAT_MS = 2_000;
const AUTHORITY_PER_HEARTBEAT = 2.5;
const CHECKPOINT_INTERVAL_MS = 1_000;

/**
 * How often a grant is renewed, so that a worker knows that somebody watches; see UNATTENDED_AFTER_MS in
 * rate-control.ts.
 */
const RENEWAL_INTERVAL_MS = 20_000;
const LONGEST_RENEWAL_INTERVAL_MS = 60_000;

/** A task has 25 s from SIGTERM to its end. Its last writes are spread over at most this time. */
const LONGEST_FAREWELL_MS = 8_000;

/**
 * How often each of this many tasks sends a heartbeat, and how long its authority lasts. A write costs one unit for
 * each started KB of the record, and the record of a launch names its segments.
 */
export function heartbeatPace(
  tasks: number,
  segmentsPerTask = 1,
): { heartbeatMs: number; authorityMs: number } {
  const units = tasks * taskRecordUnits(segmentsPerTask);
  const heartbeatMs = Math.max(HEARTBEAT_MS, (units / HEARTBEATS_PER_SECOND) * 1_000);
  return { heartbeatMs, authorityMs: heartbeatMs * AUTHORITY_PER_HEARTBEAT };
}

/** Write units of a write to the record of a launch with this many segments. */
export function taskRecordUnits(segments: number): number {
  return Math.ceil((TASK_RECORD_BYTES + segments * BYTES_PER_SEGMENT_NAMED) / 1_024);
}

/** The time between checkpoints of one segment, if this many tasks read {@link SEGMENTS_AT_A_TIME} each. */
export function checkpointIntervalMs(tasks: number): number {
  return Math.max(CHECKPOINT_INTERVAL_MS, ((tasks * SEGMENTS_AT_A_TIME) / SEGMENT_WRITES_PER_SECOND) * 1_000);
}

/** How often each of this many grants is renewed. */
export function renewalIntervalMs(tasks: number): number {
  const halfOfTheSupervisors = (tasks / (SUPERVISOR_WRITES_PER_SECOND / 2)) * 1_000;
  return Math.min(LONGEST_RENEWAL_INTERVAL_MS, Math.max(RENEWAL_INTERVAL_MS, halfOfTheSupervisors));
}

/** The time over which this many tasks spread their last writes, if all of them end at once. */
export function farewellMs(tasks: number): number {
  const writes = tasks * (SEGMENTS_AT_A_TIME + 1);
  const perSecond = SEGMENT_WRITES_PER_SECOND + SUPERVISOR_WRITES_PER_SECOND;
  return Math.min(LONGEST_FAREWELL_MS, Math.max(0, writes / perSecond - 1) * 1_000);
}

/** How long the supervisor waits between two looks at the tasks. Their records change only with their heartbeats. */
export function turnMs(heartbeatMs: number): number {
  return Math.max(1_000, heartbeatMs / 4);
}
