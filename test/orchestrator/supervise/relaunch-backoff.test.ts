import { expect, test } from 'vitest';
import type { OpenSegment } from '../../../orchestrator/supervise/assignment.ts';
import { RelaunchBackoff } from '../../../orchestrator/supervise/relaunch-backoff.ts';
import { segmentRecord } from '../../support/records.ts';

const open = (segment: number, attempts: number, launch = `launch-${attempts}`): OpenSegment => ({
  segment,
  attempts,
  record: segmentRecord({ segment, launchId: launch }),
});
const due = (pauses: RelaunchBackoff, segments: OpenSegment[], nowMs: number) =>
  pauses.sort(segments, nowMs).due.map(({ segment }) => segment);

test('a segment whose launches made progress, or that had none, waits for nothing', () => {
  const pauses = new RelaunchBackoff();
  expect(due(pauses, [open(0, 0), { segment: 1, attempts: 0, record: undefined }], 0)).toEqual([0, 1]);
});

test('the pause doubles with each launch in a row without progress, up to half a minute', () => {
  const pauses = new RelaunchBackoff();
  let nowMs = 0;
  for (const [attempts, pauseMs] of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000].entries()) {
    const segment = [open(0, attempts + 1)];
    expect(due(pauses, segment, nowMs)).toEqual([]);
    expect(due(pauses, segment, nowMs + pauseMs - 1)).toEqual([]);
    expect(due(pauses, segment, nowMs + pauseMs)).toEqual([0]);
    nowMs += pauseMs;
  }
});

test('what one launch had in its hands goes on together', () => {
  const pauses = new RelaunchBackoff();
  const hand = [open(0, 1, 'launch-1'), open(1, 0, 'launch-1'), open(2, 0, 'launch-2')];
  expect(due(pauses, hand, 0)).toEqual([2]);
  expect(due(pauses, hand, 1_000)).toEqual([0, 1, 2]);
});

test('a share is kept for what waits for two seconds at most', () => {
  const pauses = new RelaunchBackoff();
  const hands = [
    open(0, 1, 'one'),
    open(1, 0, 'one'),
    open(2, 2, 'two'),
    open(3, 3, 'three'),
    open(4, 0, 'four'),
  ];
  expect(pauses.sort(hands, 0).soon).toBe(2);
  expect(pauses.sort(hands, 1_500).soon).toBe(1);
  expect(pauses.sort(hands, 2_000).soon).toBe(1);
  expect(pauses.sort(hands, 4_000).soon).toBe(0);
});
