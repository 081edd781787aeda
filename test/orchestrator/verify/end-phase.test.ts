import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { beforeEach, describe, expect, test } from 'vitest';
import { SupersededError } from '../../../core/errors.ts';
import { NO_COUNTERS, type RunRecord } from '../../../core/records.ts';
import {
  duringEndPhase,
  type EndPhase,
  type EndPhaseOptions,
} from '../../../orchestrator/verify/end-phase.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { rates, runRecord } from '../../support/records.ts';

const NEVER = new AbortController().signal;

let clock: FakeClock;
let record: RunRecord;
/** The errors of the next reads of the record, in order. */
let failures: Error[];
let phase: EndPhase | undefined;
let finishWork: (value: string) => void;

beforeEach(() => {
  clock = new FakeClock({ startMs: 5_000 });
  record = runRecord({ status: 'verifying', rates: rates(50, 20) });
  failures = [];
  phase = undefined;
});

function begin(given: Partial<EndPhaseOptions> = {}): Promise<string | undefined> {
  const supervise = async (_: unknown, edit: (now: RunRecord) => Partial<RunRecord> | undefined) => {
    const failure = failures.shift();
    if (failure) throw failure;
    record = { ...record, ...edit(record), version: record.version + 1 };
    return record;
  };
  const client = { destroy: () => {} } as unknown as DynamoDBClient;
  return duringEndPhase(
    { runs: { supervise }, supervision: record, clock, run: record, client, detach: NEVER, ...given },
    given => {
      phase = given;
      return new Promise((resolve, reject) => {
        finishWork = resolve;
        given.signal.addEventListener('abort', () => reject(given.signal.reason), { once: true });
      });
    },
  );
}

const now = (): EndPhase => {
  if (!phase) throw new Error('The work has not begun.');
  return phase;
};

const isHeld = async (): Promise<boolean> => {
  const stop = new AbortController();
  let held = false;
  void now()
    .held(stop.signal)
    .then(
      () => {
        held = true;
      },
      () => {},
    );
  await settled();
  stop.abort();
  return held;
};

const timeout = () => Object.assign(new Error('no reply'), { name: 'TimeoutError' });

describe('the budget of the end of a pass', () => {
  test('is that of the record from the first request on, cut included', async () => {
    record = { ...record, cut: { factor: 1 / 16, reason: 'x' } };
    const ended = begin();
    await clock.advance(1);
    expect(now().reading.read.unitsPerSecond).toBe(20 / 16);
    expect(now().writing.write.unitsPerSecond).toBe(50 / 16);
    finishWork('done');
    await clock.advance(1_500);
    expect(await ended).toBe('done');
  });

  test('follows the record within a second, and the echo comes after', async () => {
    const ended = begin();
    await clock.advance(100);
    record = {
      ...record,
      rates: rates(5, 1),
      changes: [{ id: 'mine', at: '', by: '', what: 'rate', detail: '' }],
    };
    expect(record.supervisorEcho?.lastChange).not.toBe('mine');
    await clock.advance(1_000);
    expect(now().reading.read.unitsPerSecond).toBe(1);
    await clock.advance(1_000);
    expect(record.supervisorEcho).toEqual({ lastChange: 'mine', rates: rates(5, 1) });
    finishWork('done');
    await clock.advance(1_500);
    await ended;
  });

  test('falls when the table throttles, which is reported', async () => {
    const told: [number, string][] = [];
    const ended = begin({ onThrottled: (...of) => told.push(of) });
    await clock.advance(100);
    now().reading.throttled('TableReadThroughputExceeded');
    expect(now().reading.read.unitsPerSecond).toBe(10);
    await clock.advance(1_100);
    expect(told).toEqual([[1, 'TableReadThroughputExceeded']]);
    finishWork('done');
    await clock.advance(1_500);
    await ended;
  });
});

describe('authority at the end of a pass', () => {
  test('lapses while the record cannot be read, and the work goes on when it can', async () => {
    const ended = begin();
    await clock.advance(100);
    expect(await isHeld()).toBe(true);
    failures = Array.from({ length: 30 }, timeout);
    await clock.advance(5_000);
    expect(await isHeld()).toBe(false);
    failures = [];
    await clock.advance(1_000);
    expect(await isHeld()).toBe(true);
    finishWork('done');
    await clock.advance(1_500);
    expect(await ended).toBe('done');
  });

  test('does not begin before that of an earlier supervisor is over', async () => {
    const ended = begin({ notBeforeMs: 9_000 });
    await clock.advance(2_000);
    expect(await isHeld()).toBe(false);
    await clock.advance(3_500);
    expect(await isHeld()).toBe(true);
    finishWork('done');
    await clock.advance(1_500);
    await ended;
  });

  test('ends, and the work with it, when somebody pauses or cancels the run', async () => {
    const ended = begin();
    await clock.advance(100);
    record = { ...record, desired: 'pause' };
    await clock.advance(1_100);
    expect(await isHeld()).toBe(false);
    await clock.advance(1_500);
    expect(await ended).toBeUndefined();
  });

  test('is lost to another orchestrator', async () => {
    const ended = begin().catch(error => error);
    await clock.advance(100);
    failures = [new SupersededError('taken over')];
    await clock.advance(3_000);
    expect(await ended).toBeInstanceOf(SupersededError);
  });
});

describe('what is consumed', () => {
  const readUnits = () => record.supervisorCounters.readUnits;

  test('is in the record while the work goes on, and each unit once', async () => {
    record = { ...record, supervisorCounters: { ...NO_COUNTERS, readUnits: 7 } };
    const ended = begin();
    await clock.advance(100);
    now().count('v1', { readUnits: 10 });
    await clock.advance(1_100);
    expect(readUnits()).toBe(17);
    now().count('v1', { readUnits: 25 });
    await clock.advance(3_000);
    expect(readUnits()).toBe(32);
    now().count('v1', { readUnits: 26 });
    finishWork('done');
    await clock.advance(1_500);
    await ended;
    expect(readUnits()).toBe(33);
  });

  test('by an earlier supervisor of the same verification is not counted twice', async () => {
    record = {
      ...record,
      supervisorCounters: { ...NO_COUNTERS, readUnits: 40 },
      counted: { id: 'v1', counters: { ...NO_COUNTERS, readUnits: 30 } },
    };
    const ended = begin();
    await clock.advance(100);
    now().count('v1', { readUnits: 35 });
    await clock.advance(1_100);
    expect(readUnits()).toBe(45);
    finishWork('done');
    await clock.advance(1_500);
    await ended;
  });
});
