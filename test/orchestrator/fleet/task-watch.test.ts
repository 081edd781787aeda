import { beforeEach, describe, expect, test } from 'vitest';
import type { TaskEnd, TaskRecord } from '../../../core/records.ts';
import type { TaskStore } from '../../../core/task-store.ts';
import type { TaskObservation } from '../../../orchestrator/fleet/fleet.ts';
import { TaskWatch } from '../../../orchestrator/fleet/task-watch.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { taskRecord } from '../../support/records.ts';

const AUTHORITY_MS = 5_000;
const SLACK_MS = 1_000;
const ARN = 'arn:…:task/1';

let clock: FakeClock;
let ecs: Map<string, TaskObservation> | Error;
/** The record in the control table when a fence or a mark arrives. */
let standing: TaskRecord;
let ends: [launch: string, end: TaskEnd][];
let stoppedTasks: string[];
let unobserved: unknown[];
let watch: TaskWatch;
let starting: boolean;

beforeEach(() => {
  clock = new FakeClock();
  ecs = new Map();
  standing = taskRecord({ taskArn: ARN });
  ends = [];
  stoppedTasks = [];
  unobserved = [];
  starting = false;
  const inAuthority = () => standing.status === 'running' || standing.status === 'launching';
  const tasks = {
    markStopped: async (_: string, __: string, end: TaskEnd) => {
      if (!inAuthority()) return false;
      standing = { ...standing, status: 'stopped', end };
      return true;
    },
    fence: async (seen: TaskRecord, end: TaskEnd) => {
      if (!inAuthority()) return true;
      if (standing.heartbeat !== seen.heartbeat) return false;
      standing = { ...standing, status: 'lapsed', end };
      return true;
    },
  } as unknown as TaskStore;
  const fleet = {
    describe: async () => {
      if (ecs instanceof Error) throw ecs;
      return ecs;
    },
    stop: async (arn: string) => {
      stoppedTasks.push(arn);
    },
  };
  watch = new TaskWatch({
    tasks,
    fleet,
    clock,
    authorityMs: AUTHORITY_MS,
    isStarting: () => starting,
    onEnd: (task, end) => ends.push([task.launchId, end]),
    onUnobserved: error => unobserved.push(error),
  });
});

/** One turn each second, as in the supervisor. */
async function turns(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    await watch.observe([standing]);
    await clock.advance(1_000);
  }
}

const stopped = (given: Partial<Extract<TaskObservation, { state: 'stopped' }>> = {}): TaskObservation => ({
  state: 'stopped',
  stopCode: 'EssentialContainerExited',
  reason: '',
  exitCode: 1,
  ...given,
});

describe('a task that beats', () => {
  test('is left alone', async () => {
    for (let beat = 1; beat < 20; beat++) {
      standing = { ...standing, heartbeat: beat };
      await turns(2_000);
    }
    expect(standing.status).toBe('running');
    expect(ends).toEqual([]);
  });
});

describe('a task whose heartbeat stands still', () => {
  test('is fenced when its authority is over for certain, and not before', async () => {
    await turns(AUTHORITY_MS + SLACK_MS);
    expect(standing.status).toBe('running');
    await turns(1_000);
    expect(standing.status).toBe('lapsed');
    expect(ends).toMatchObject([['launch-1', { kind: 'error' }]]);
  });

  test('counts from when the supervisor first saw that heartbeat, not from what any clock said then', async () => {
    standing = {
      ...standing,
      heartbeatAt: '2001-01-01T00:00:00.000Z',
      launchedAt: '2099-01-01T00:00:00.000Z',
    };
    await turns(AUTHORITY_MS + SLACK_MS);
    expect(standing.status).toBe('running');
  });

  test('is stopped in ECS too, so that it costs nothing more', async () => {
    await turns(10_000);
    expect(stoppedTasks).toEqual([ARN]);
  });

  test('stays in authority when a heartbeat came between the read and the fence', async () => {
    const read = standing;
    for (let passed = 0; passed < 10_000; passed += 1_000) {
      await watch.observe([read]);
      standing = { ...standing, heartbeat: 2 };
      await clock.advance(1_000);
    }
    expect(standing.status).toBe('running');
    expect(ends).toEqual([]);
    expect(stoppedTasks).toEqual([]);
  });

  test('is fenced although ECS cannot be asked', async () => {
    ecs = new Error('ECS is away');
    await turns(10_000);
    expect(standing.status).toBe('lapsed');
    expect(unobserved.length).toBeGreaterThan(0);
  });

  test('is fenced although ECS says that it runs: frozen is frozen', async () => {
    ecs = new Map([[ARN, { state: 'alive', lastStatus: 'RUNNING' }]]);
    await turns(10_000);
    expect(standing.status).toBe('lapsed');
  });
});

describe('a task that has not begun', () => {
  beforeEach(() => {
    standing = taskRecord({ status: 'launching', heartbeat: 0, taskArn: ARN });
  });

  test('has ten minutes while ECS lists it: an image may be large', async () => {
    ecs = new Map([[ARN, { state: 'alive', lastStatus: 'PENDING' }]]);
    await turns(599_000);
    expect(standing.status).toBe('launching');
    await turns(3_000);
    expect(standing).toMatchObject({ status: 'lapsed', end: { message: 'the task did not start in time' } });
  });

  test('has 15 seconds when ECS has never known it', async () => {
    const { taskArn: _, ...unknown } = standing;
    standing = unknown;
    await turns(15_000);
    expect(standing.status).toBe('launching');
    await turns(2_000);
    expect(standing.status).toBe('lapsed');
    expect(stoppedTasks).toEqual([]);
  });

  test('has 15 seconds when ECS answers that it knows no such task', async () => {
    ecs = new Map([[ARN, { state: 'gone' }]]);
    await turns(15_000);
    expect(standing.status).toBe('launching');
    await turns(2_000);
    expect(standing.status).toBe('lapsed');
  });

  test('is left alone while ECS cannot be asked, or answers for others only: unknown is not dead', async () => {
    ecs = new Error('ECS is away');
    await turns(60_000);
    ecs = new Map();
    await turns(60_000);
    expect(standing.status).toBe('launching');
    expect(stoppedTasks).toEqual([]);
    expect(unobserved.length).toBeGreaterThan(0);
  });

  test('counts from when ECS stopped knowing it, and starts again after any other answer', async () => {
    ecs = new Map([[ARN, { state: 'gone' }]]);
    await turns(10_000);
    ecs = new Map([[ARN, { state: 'alive', lastStatus: 'PENDING' }]]);
    await turns(1_000);
    ecs = new Map([[ARN, { state: 'gone' }]]);
    await turns(10_000);
    expect(standing.status).toBe('launching');
  });

  test('is left alone while this process is on its way to start it', async () => {
    const { taskArn: _, ...unknown } = standing;
    standing = unknown;
    starting = true;
    await turns(60_000);
    expect(standing.status).toBe('launching');
    starting = false;
    await turns(17_000);
    expect(standing.status).toBe('lapsed');
  });
});

describe('many tasks whose heartbeats stand still', () => {
  test('are stopped some at a time', async () => {
    let stopping = 0;
    let most = 0;
    const many = Array.from({ length: 100 }, (_, index) =>
      taskRecord({ launchId: `launch-${index}`, taskArn: `${ARN}${index}` }),
    );
    const crowd = new TaskWatch({
      tasks: { fence: async () => true } as unknown as TaskStore,
      fleet: {
        describe: async () => new Map(),
        stop: async () => {
          most = Math.max(most, ++stopping);
          await new Promise(resolve => setImmediate(resolve));
          stopping -= 1;
        },
      },
      clock,
      authorityMs: AUTHORITY_MS,
      onEnd: (task, end) => ends.push([task.launchId, end]),
      onUnobserved: () => {},
    });
    await crowd.observe(many);
    clock.jump(AUTHORITY_MS + SLACK_MS + 1);
    await crowd.observe(many);
    expect(ends).toHaveLength(100);
    expect(most).toBeLessThanOrEqual(10);
  });
});

describe('a task that ECS says has stopped', () => {
  test.each<[Partial<Extract<TaskObservation, { state: 'stopped' }>>, TaskEnd['kind'], RegExp]>([
    [{ exitCode: 143 }, 'sigterm', /exit code 143/],
    [{ stopCode: 'SpotInterruption', exitCode: 137 }, 'sigterm', /SpotInterruption/],
    [{ stopCode: 'UserInitiated', exitCode: undefined }, 'sigterm', /UserInitiated/],
    [{ exitCode: 1, reason: 'OutOfMemory' }, 'error', /exit code 1: OutOfMemory/],
    [{ exitCode: 137 }, 'error', /exit code 137/],
    [
      { stopCode: 'TaskFailedToStart', exitCode: undefined, reason: 'CannotPull' },
      'error',
      /TaskFailedToStart: CannotPull/,
    ],
    [{ stopCode: '', exitCode: undefined }, 'error', /^stopped$/],
  ])('%j ended as %s', async (given, kind, words) => {
    ecs = new Map([[ARN, stopped(given)]]);
    await turns(1_000);
    expect(standing.status).toBe('stopped');
    expect(standing.end?.kind).toBe(kind);
    expect(standing.end?.message).toMatch(words);
    expect(ends).toHaveLength(1);
  });

  test('ends at once, without waiting for its authority', async () => {
    ecs = new Map([[ARN, stopped()]]);
    await watch.observe([standing]);
    expect(watch.allEnded([standing])).toBe(true);
  });

  test('is reported once', async () => {
    ecs = new Map([[ARN, stopped()]]);
    await turns(5_000);
    expect(ends).toHaveLength(1);
  });
});

describe('all tasks have ended', () => {
  test('not while one is in authority', () => {
    expect(watch.allEnded([taskRecord({ status: 'stopped' }), taskRecord()])).toBe(false);
    expect(watch.allEnded([taskRecord({ status: 'launching' })])).toBe(false);
  });

  test('when nobody is in authority and none is closing', () => {
    expect(watch.allEnded([taskRecord({ status: 'stopped' }), taskRecord({ status: 'lapsed' })])).toBe(true);
    expect(watch.allEnded([])).toBe(true);
  });

  const finished = taskRecord({
    status: 'finished',
    taskArn: ARN,
    end: { kind: 'done', message: 'all complete' },
  });

  test('when one that reported its end is seen stopped by ECS', async () => {
    standing = finished;
    await watch.observe([standing]);
    expect(watch.allEnded([standing])).toBe(false);
    ecs = new Map([[ARN, stopped({ exitCode: 0 })]]);
    await watch.observe([standing]);
    expect(watch.allEnded([standing])).toBe(true);
    expect(ends).toEqual([['launch-1', finished.end]]);
  });

  test('when the authority of one that reported its end has run out, even if ECS says nothing', async () => {
    standing = finished;
    await turns(AUTHORITY_MS + SLACK_MS - 1_000);
    expect(watch.allEnded([standing])).toBe(false);
    await turns(2_000);
    expect(watch.allEnded([standing])).toBe(true);
  });
});
