/**
 * How a run divides what the control table takes on one partition key. All records of a run share its partition key,
 * and one partition takes 1,000 write units a second [developer guide, "Designing partition keys"]. A run plans with
 * less than half of that, so that a retry or a second run beside it does not throttle the heartbeats:
 *
 * | who                                             | writes a second, of the whole fleet        |
 * |-------------------------------------------------|--------------------------------------------|
 * | heartbeats of all tasks                         | {@link HEARTBEATS_PER_SECOND}              |
 * | checkpoints, claims and markers of all tasks    | {@link SEGMENT_WRITES_PER_SECOND}          |
 * | launches, assignments, grants of the supervisor | {@link SUPERVISOR_WRITES_PER_SECOND}       |
 *
 * With few tasks, each write comes as often as it is useful; with many, the intervals grow.
 */
export const HEARTBEATS_PER_SECOND = 100;
export const SEGMENT_WRITES_PER_SECOND = 150;
export const SUPERVISOR_WRITES_PER_SECOND = 170;

/** Segments that a worker reads at the same time: while one ends, the other keeps the writers busy. */
export const SEGMENTS_AT_A_TIME = 2;

/** Beyond this a heartbeat would come every 100 s, and a dead task would be missed for minutes. */
export const MOST_TASKS = 10_000;

/** A launch's record without its segments, and what each of them adds: a number of up to seven digits in a list. */
const TASK_RECORD_BYTES = 700;
const BYTES_PER_SEGMENT_NAMED = 6;

const HEARTBEAT_MS = 2_000;
const AUTHORITY_PER_HEARTBEAT = 2.5;
const CHECKPOINT_INTERVAL_MS = 1_000;

/** A grant is renewed this often, so that a worker knows that somebody watches; see UNATTENDED_AFTER_MS of a share. */
const RENEWAL_INTERVAL_MS = 20_000;
const LONGEST_RENEWAL_INTERVAL_MS = 60_000;

/** A task has 25 s from SIGTERM to its end; its last writes are spread over at most this part of it. */
const LONGEST_FAREWELL_MS = 8_000;

/**
 * How often each of this many tasks sends a heartbeat, and how long its authority lasts. A write costs a unit for each
 * KB begun of the record, and the record of a launch names its segments.
 */
export function heartbeatPace(
  tasks: number,
  segmentsPerTask = 1,
): { heartbeatMs: number; authorityMs: number } {
  const units = tasks * taskRecordUnits(segmentsPerTask);
  const heartbeatMs = Math.max(HEARTBEAT_MS, (units / HEARTBEATS_PER_SECOND) * 1_000);
  return { heartbeatMs, authorityMs: heartbeatMs * AUTHORITY_PER_HEARTBEAT };
}

/** What a write to the record of a launch with this many segments costs. */
export function taskRecordUnits(segments: number): number {
  return Math.ceil((TASK_RECORD_BYTES + segments * BYTES_PER_SEGMENT_NAMED) / 1_024);
}

/** The time between checkpoints of one segment, when this many tasks read {@link SEGMENTS_AT_A_TIME} each. */
export function checkpointIntervalMs(tasks: number): number {
  return Math.max(CHECKPOINT_INTERVAL_MS, ((tasks * SEGMENTS_AT_A_TIME) / SEGMENT_WRITES_PER_SECOND) * 1_000);
}

/** How often each of this many grants is renewed. */
export function renewalIntervalMs(tasks: number): number {
  const halfOfTheSupervisors = (tasks / (SUPERVISOR_WRITES_PER_SECOND / 2)) * 1_000;
  return Math.min(LONGEST_RENEWAL_INTERVAL_MS, Math.max(RENEWAL_INTERVAL_MS, halfOfTheSupervisors));
}

/** The time over which the last writes of this many tasks are spread, when all of them end at once. */
export function farewellMs(tasks: number): number {
  const writes = tasks * (SEGMENTS_AT_A_TIME + 1);
  const perSecond = SEGMENT_WRITES_PER_SECOND + SUPERVISOR_WRITES_PER_SECOND;
  return Math.min(LONGEST_FAREWELL_MS, Math.max(0, writes / perSecond - 1) * 1_000);
}

/**
 * How long the supervisor waits between two looks at the tasks: their records change no faster than their heartbeats.
 */
export function turnMs(heartbeatMs: number): number {
  return Math.max(1_000, heartbeatMs / 4);
}
