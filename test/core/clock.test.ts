import { expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';

test('a sleep ends when its time is over, not before', async () => {
  const before = systemClock.monotonicMs();
  await systemClock.sleep(20);
  // Node's timers count in whole milliseconds.
  expect(systemClock.monotonicMs() - before).toBeGreaterThanOrEqual(19);
});

test('a sleep that is aborted ends at once and is no error', async () => {
  const stop = new AbortController();
  const sleeping = systemClock.sleep(60_000, stop.signal);
  stop.abort(new Error('of no interest to who sleeps'));
  await expect(sleeping).resolves.toBeUndefined();
  await expect(systemClock.sleep(60_000, stop.signal)).resolves.toBeUndefined();
});

test('a time that is over already needs no waiting', async () => {
  await expect(systemClock.sleep(-1_000)).resolves.toBeUndefined();
});

test('wall-clock time is ISO 8601 in UTC', () => {
  expect(systemClock.nowIso()).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});
