import { expect, test } from 'vitest';
import { NO_COUNTERS } from '../../../core/records.ts';
import type { SamplePosition, SampleRecord, VerificationProgress } from '../../../core/sample-store.ts';
import { SampleRecorder } from '../../../orchestrator/supervise/sample-recorder.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { rates, runRecord, segmentRecord, taskRecord } from '../../support/records.ts';

/** Stores samples by their place, like the control table, and remembers every write. */
function recorder() {
  const clock = new FakeClock();
  const kept = new Map<number, SampleRecord>();
  const writes: { atMs: number; record: SampleRecord; position: SamplePosition }[] = [];
  const verifications: VerificationProgress[] = [];
  const failures: unknown[] = [];
  let broken = false;
  const samples = {
    write: async (record: SampleRecord, position: SamplePosition) => {
      if (broken) throw new Error('no table');
      writes.push({ atMs: clock.monotonicMs(), record, position });
      kept.set(position.number, record);
    },
    writeVerification: async (progress: VerificationProgress) => void verifications.push(progress),
  };
  const made = new SampleRecorder({ samples, clock, epoch: 3, onFailure: error => failures.push(error) });
  return {
    clock,
    recorder: made,
    kept,
    writes,
    verifications,
    failures,
    setBroken: (is: boolean) => (broken = is),
  };
}

const run = runRecord({ createdAt: '2026-01-01T00:00:00.000Z' });

test('writes at most one item every ten seconds once it is five minutes old, and keeps a bounded number of them however long the run', async () => {
  const { clock, recorder: made, kept, writes } = recorder();
  const hours = 24;
  for (let second = 0; second < hours * 3_600; second += 5) {
    made.turn(run, [], []);
    await settled();
    clock.jump(5_000);
  }
  expect(writes.length).toBeLessThanOrEqual(hours * 360 + 100);
  expect(writes.every(({ position }) => position.epoch === 3)).toBe(true);
  // 400 in the first hour, and 360 each time the age grows by a factor of e.
  expect(kept.size).toBeGreaterThan(1_300);
  expect(kept.size).toBeLessThan(1_700);
  const last = writes.at(-1)?.record.at ?? '';
  expect(clock.monotonicMs() - (Date.parse(last) - Date.UTC(2026, 0, 1))).toBeLessThanOrEqual(15_000);
});

test('a run of half a minute leaves enough to draw', async () => {
  const { clock, recorder: made, kept } = recorder();
  for (let second = 0; second < 30; second++) {
    made.turn(run, [], []);
    await settled();
    clock.jump(1_000);
  }
  expect(kept.size).toBe(15);
});

test('writes at once when live traffic needs part of the budget, and when that is over', async () => {
  const { clock, recorder: made, kept } = recorder();
  const cut = { factor: 0.5, reason: '3 throttled writes on the table at 08:00' };
  for (const given of [undefined, cut, { factor: 1, reason: '' }]) {
    made.turn({ ...run, ...(given && { cut: given }) }, [], []);
    await settled();
    clock.jump(500);
  }
  expect([...kept.values()].map(sample => sample.cut)).toEqual([undefined, cut, undefined]);
});

test('writes at once when the run changes, and leaves no throttling out', async () => {
  const { clock, recorder: made, writes } = recorder();
  const throttled = (heartbeat: number) => [
    taskRecord({ heartbeat, throttled: { count: 2, reason: 'Hot' } }),
  ];
  made.turn(run, [], throttled(1));
  await settled();
  for (let heartbeat = 2; heartbeat <= 4; heartbeat++) {
    clock.jump(500);
    made.turn(run, [segmentRecord({ counters: { ...NO_COUNTERS, writeUnits: 5 } })], throttled(heartbeat));
    await settled();
  }
  expect(writes).toHaveLength(1);
  clock.jump(400);
  made.turn({ ...run, rates: rates(50) }, [], []);
  await settled();
  expect(writes.map(({ record }) => record.throttled)).toEqual([2, 6]);
  expect(writes[1]?.record).toMatchObject({ throttledReason: 'Hot', budget: rates(50), tasks: 0 });
});

test('an order of attributes that changes with every read is no change', async () => {
  const { clock, recorder: made, writes } = recorder();
  made.turn(run, [], []);
  await settled();
  clock.jump(1_000);
  const { writeUnitsPerSecond, readUnitsPerSecond } = run.rates;
  made.turn({ ...run, rates: { readUnitsPerSecond, writeUnitsPerSecond } }, [], []);
  await settled();
  expect(writes).toHaveLength(1);
});

test('verification is told every two seconds, and its end always', async () => {
  const { clock, recorder: made, verifications, writes } = recorder();
  made.turn(run, [], []);
  await settled();
  const progress = (done: boolean, readUnits: number): VerificationProgress => ({
    runId: run.runId,
    pass: 1,
    startedAt: clock.nowIso(),
    at: clock.nowIso(),
    segments: [{ scanned: 1, missing: 0, done }],
    readUnits,
  });
  for (let page = 0; page < 10; page++) {
    made.verification(progress(false, page));
    await settled();
    clock.jump(500);
  }
  made.verification(progress(true, 10));
  await settled();
  expect(verifications.map(({ readUnits }) => readUnits)).toEqual([0, 4, 8, 10]);
  await made.close();
  expect(writes.at(-1)?.record).toMatchObject({ status: 'verifying', counters: { readUnits: 10 } });
});

test('a table that cannot be written costs samples, not the run', async () => {
  const { clock, recorder: made, failures, writes, setBroken } = recorder();
  setBroken(true);
  made.turn(run, [], []);
  await settled();
  expect(failures).toHaveLength(1);
  setBroken(false);
  clock.jump(10_000);
  made.turn(run, [], []);
  await made.close();
  expect(writes.length).toBeGreaterThan(0);
});
