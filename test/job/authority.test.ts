import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AuthorityLostError } from '../../core/errors.ts';
import type { TaskRecord } from '../../core/records.ts';
import type { Heartbeat, TaskStore } from '../../core/task-store.ts';
import { Authority } from '../../job/authority.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { taskRecord } from '../support/records.ts';

const HEARTBEAT_MS = 2_000;
const AUTHORITY_MS = 5_000;
const NEVER = new AbortController().signal;

let clock: FakeClock;
let beats: Heartbeat[];
let brought: TaskRecord[];
/** What the next heartbeats do. After the last one, they succeed at once. */
let script: ((beat: Heartbeat) => Promise<Partial<TaskRecord>>)[];
let authority: Authority;

beforeEach(() => {
  clock = new FakeClock({ startMs: 50_000 });
  beats = [];
  brought = [];
  script = [];
  const heartbeat = async (beat: Heartbeat): Promise<TaskRecord> => {
    beats.push(beat);
    const given = (await script.shift()?.(beat)) ?? {};
    return taskRecord({ heartbeat: beat.number, ...given });
  };
  authority = new Authority({
    tasks: { heartbeat } as unknown as TaskStore,
    clock,
    runId: 'run-1',
    launchId: 'launch-1',
    instance: 'process-1',
    heartbeatMs: HEARTBEAT_MS,
    authorityMs: AUTHORITY_MS,
    report: () => ({ seenRenewal: 7 }),
    onRecord: record => brought.push(record),
  });
});

afterEach(async () => {
  const stopping = authority.stop();
  await clock.advance(60_000);
  await stopping;
});

const fails = async () => {
  throw Object.assign(new Error('no reply'), { name: 'TimeoutError' });
};
const takes = (ms: number) => async () => {
  await clock.sleep(ms);
  return {};
};
const holds = (): boolean => {
  try {
    authority.assertHeld();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(AuthorityLostError);
    return false;
  }
};
/** Tells, each time it is called, how far the wait is. */
const outcomeOf = (waiting: Promise<void>): (() => Promise<string>) => {
  let outcome = 'waiting';
  waiting.then(
    () => {
      outcome = 'held';
    },
    error => {
      outcome = error instanceof Error ? error.name : String(error);
    },
  );
  return async () => {
    await settled();
    return outcome;
  };
};

describe('authority', () => {
  test('is not there before the first heartbeat', () => {
    expect(holds()).toBe(false);
  });

  test('begins with the first heartbeat and is kept by those that follow', async () => {
    await authority.start();
    for (let passed = 0; passed < 60_000; passed += 500) {
      expect(holds()).toBe(true);
      await clock.advance(500);
    }
    expect(beats.map(({ number }) => number)).toEqual(beats.map((_, index) => index + 1));
    expect(beats.length).toBeGreaterThanOrEqual(29);
  });

  test('counts from the start of the heartbeat, not from its reply', async () => {
    script = [takes(1_500), fails, fails, fails, fails, fails, fails, fails, fails, fails];
    const starting = authority.start();
    await clock.advance(1_500);
    await starting;
    await clock.advance(AUTHORITY_MS - 1_500 - 1);
    expect(holds()).toBe(true);
    await clock.advance(1);
    expect(holds()).toBe(false);
  });

  test('is not given by a reply that comes when it is over already', async () => {
    script = [takes(AUTHORITY_MS)];
    const starting = authority.start();
    await clock.advance(AUTHORITY_MS);
    await starting;
    expect(holds()).toBe(false);
  });

  test('is over in a process that wakes from a freeze, before anything else runs', async () => {
    await authority.start();
    clock.jump(AUTHORITY_MS);
    expect(holds()).toBe(false);
  });

  test('is over on a machine that was suspended, whose monotonic clock stood still', async () => {
    await authority.start();
    clock.suspend(60_000);
    expect(holds()).toBe(false);
    const outcome = outcomeOf(authority.held(NEVER));
    expect(await outcome()).toBe('waiting');
    await clock.advance(HEARTBEAT_MS);
    expect(await outcome()).toBe('held');
    expect(holds()).toBe(true);
  });

  test('is not given by a heartbeat during which the machine was suspended', async () => {
    script = [takes(100)];
    const starting = authority.start();
    await clock.advance(50);
    clock.suspend(60_000);
    await clock.advance(50);
    await starting;
    expect(holds()).toBe(false);
    await clock.advance(HEARTBEAT_MS);
    expect(holds()).toBe(true);
  });

  test('is no longer for a wall clock that is set back', async () => {
    await authority.start();
    clock.suspend(-3_600_000);
    script = Array.from({ length: 20 }, () => fails);
    await clock.advance(AUTHORITY_MS - 1);
    expect(holds()).toBe(true);
    await clock.advance(1);
    expect(holds()).toBe(false);
  });

  test('comes back when a later heartbeat succeeds', async () => {
    await authority.start();
    script = Array.from({ length: 20 }, () => fails);
    await clock.advance(AUTHORITY_MS);
    expect(holds()).toBe(false);
    script = [];
    await clock.advance(400);
    expect(holds()).toBe(true);
  });

  test('ends at once when the worker stops its heartbeats', async () => {
    await authority.start();
    await authority.stop();
    expect(holds()).toBe(false);
    const before = beats.length;
    await clock.advance(60_000);
    expect(beats).toHaveLength(before);
  });
});

describe('a heartbeat', () => {
  test('names its sender, and echoes the desired state and renewal last seen', async () => {
    await authority.start();
    expect(beats[0]).toEqual({
      runId: 'run-1',
      launchId: 'launch-1',
      instance: 'process-1',
      number: 1,
      at: expect.any(String),
      seen: 'run',
      seenRenewal: 7,
    });
  });

  test('takes a new number also after one that failed: the old one may still arrive', async () => {
    await authority.start();
    script = [fails, fails];
    await clock.advance(HEARTBEAT_MS + 400 + 400);
    expect(beats.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
  });

  test('comes sooner after one that failed', async () => {
    await authority.start();
    script = [fails];
    await clock.advance(HEARTBEAT_MS);
    expect(beats).toHaveLength(2);
    await clock.advance(400);
    expect(beats).toHaveLength(3);
    await clock.advance(HEARTBEAT_MS - 1);
    expect(beats).toHaveLength(3);
  });

  test('brings its record, and the next one says which desired state was seen', async () => {
    script = [async () => ({ desired: 'pause' })];
    await authority.start();
    expect(brought).toMatchObject([{ desired: 'pause' }]);
    await clock.advance(HEARTBEAT_MS);
    expect(beats[1]?.seen).toBe('pause');
  });

  test('never overtakes the one before', async () => {
    await authority.start();
    script = [takes(10_000)];
    await clock.advance(HEARTBEAT_MS + 9_999);
    expect(beats).toHaveLength(2);
  });
});

describe('whoever waits for authority', () => {
  test('does not wait while it is held', async () => {
    await authority.start();
    expect(await outcomeOf(authority.held(NEVER))()).toBe('held');
  });

  test('waits out a gap', async () => {
    await authority.start();
    script = Array.from({ length: 20 }, () => fails);
    await clock.advance(AUTHORITY_MS);
    const outcome = outcomeOf(authority.held(NEVER));
    expect(await outcome()).toBe('waiting');
    script = [];
    await clock.advance(400);
    expect(await outcome()).toBe('held');
  });

  test('gets its own reason when it gives up', async () => {
    const stop = new AbortController();
    const waiting = authority.held(stop.signal);
    stop.abort(new Error('SIGTERM'));
    await expect(waiting).rejects.toThrow('SIGTERM');
  });

  test('gets the error when authority is lost for good', async () => {
    await authority.start();
    script = Array.from({ length: 20 }, () => fails);
    await clock.advance(AUTHORITY_MS);
    const outcome = outcomeOf(authority.held(NEVER));
    script = [
      async () => {
        throw new AuthorityLostError('fenced');
      },
    ];
    await clock.advance(400);
    expect(await outcome()).toBe('AuthorityLostError');
  });
});

describe('authority is lost for good', () => {
  const fenced = async () => {
    throw new AuthorityLostError('This launch has lost its authority: its record is lapsed.');
  };

  test('when the record refuses a heartbeat, even while the last one still counts', async () => {
    await authority.start();
    script = [fenced];
    await clock.advance(HEARTBEAT_MS);
    expect(holds()).toBe(false);
    expect(authority.lost.aborted).toBe(true);
    expect(authority.lost.reason).toMatchObject({ message: expect.stringContaining('its record is lapsed') });
    await clock.advance(60_000);
    expect(beats).toHaveLength(2);
  });

  test('when the first heartbeat is refused: the worker does not start', async () => {
    script = [fenced];
    await expect(authority.start()).rejects.toThrow(AuthorityLostError);
    expect(holds()).toBe(false);
  });

  test('when the control table cannot be reached for six times its length, not before', async () => {
    await authority.start();
    script = Array.from({ length: 1_000 }, () => fails);
    await clock.advance(AUTHORITY_MS + 6 * AUTHORITY_MS - 1_000);
    expect(authority.lost.aborted).toBe(false);
    await clock.advance(2_000);
    expect(authority.lost.aborted).toBe(true);
    expect(authority.lost.reason).toMatchObject({ message: expect.stringContaining('could not reach') });
  });
});
