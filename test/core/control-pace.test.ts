import { describe, expect, test } from 'vitest';
import {
  checkpointIntervalMs,
  HEARTBEATS_PER_SECOND,
  heartbeatPace,
  MOST_TASKS,
  renewalIntervalMs,
  SEGMENT_WRITES_PER_SECOND,
  SEGMENTS_AT_A_TIME,
  SUPERVISOR_WRITES_PER_SECOND,
} from '../../core/control-pace.ts';

/** A share falls to its floor if nobody has renewed it for two minutes: see core/rate. */
const UNATTENDED_AFTER_MS = 120_000;

describe.each([1, 32, 100, 1_000, MOST_TASKS])('the records of %i tasks', tasks => {
  test('take less than half of one partition’s write capacity', () => {
    const { heartbeatMs } = heartbeatPace(tasks);
    const heartbeats = (tasks / heartbeatMs) * 1_000;
    const checkpoints = ((tasks * SEGMENTS_AT_A_TIME) / checkpointIntervalMs(tasks)) * 1_000;
    const grants = (tasks / renewalIntervalMs(tasks)) * 1_000;
    expect(heartbeats).toBeLessThanOrEqual(HEARTBEATS_PER_SECOND + 1e-9);
    expect(checkpoints).toBeLessThanOrEqual(SEGMENT_WRITES_PER_SECOND + 1e-9);
    expect(grants).toBeLessThanOrEqual(SUPERVISOR_WRITES_PER_SECOND + 1e-9);
    expect(heartbeats + checkpoints + grants).toBeLessThan(500);
  });

  test('are renewed often enough to show that somebody supervises', () => {
    expect(renewalIntervalMs(tasks)).toBeLessThanOrEqual(UNATTENDED_AFTER_MS / 2);
  });
});

test('a few tasks beat every two seconds and checkpoint every second', () => {
  expect(heartbeatPace(32)).toEqual({ heartbeatMs: 2_000, authorityMs: 5_000 });
  expect(checkpointIntervalMs(32)).toBe(1_000);
  expect(renewalIntervalMs(32)).toBe(20_000);
});
