import { beforeEach, describe, expect, test } from 'vitest';
import type { ControlTable } from '../../core/control-table.ts';
import { AuthorityLostError } from '../../core/errors.ts';
import type { TaskEnd, TaskRecord } from '../../core/records.ts';
import { RunStore } from '../../core/run-store.ts';
import { type Heartbeat, type NewLaunch, TaskStore } from '../../core/task-store.ts';
import { useEngine } from '../support/engine.ts';
import { sentTwice } from '../support/lossy-client.ts';
import { newRun, rates } from '../support/records.ts';

const engine = useEngine();
const AT = '2026-01-01T00:00:00.000Z';
const SUPERVISION = { runId: 'run-1', epoch: 1 };

interface Control {
  readonly table: ControlTable;
  readonly runs: RunStore;
  readonly tasks: TaskStore;
}

async function control(around?: Parameters<typeof engine.createControlTable>[0]): Promise<Control> {
  const table = await engine.createControlTable(around);
  const runs = new RunStore(table);
  await runs.create(newRun());
  return { table, runs, tasks: new TaskStore(table) };
}

const launchOf = (given: Partial<NewLaunch> = {}): NewLaunch => ({
  runId: 'run-1',
  launchId: 'launch-1',
  pass: 1,
  segments: [0, 4],
  granted: rates(10),
  launchedAt: AT,
  ...given,
});

const beat = (number: number, given: Partial<Heartbeat> = {}): Heartbeat => ({
  runId: 'run-1',
  launchId: 'launch-1',
  instance: 'process-1',
  number,
  at: AT,
  seenRenewal: 0,
  seen: 'run',
  ...given,
});

const END: TaskEnd = { kind: 'done', message: 'all complete' };
const LAPSED: TaskEnd = { kind: 'error', message: 'no heartbeat' };

/** What the SDK repeats after a lost reply must end as if it had been sent once. */
describe.each([
  ['as sent', undefined],
  ['sent twice, as after a lost reply', sentTwice],
])('%s:', (_, around) => {
  let runs: RunStore;
  let tasks: TaskStore;

  beforeEach(async () => {
    ({ runs, tasks } = await control(around));
  });

  const read = async (): Promise<TaskRecord> => {
    const task = await tasks.read('run-1', 'launch-1');
    if (!task) throw new Error('There is no such task.');
    return task;
  };
  const launched = async (): Promise<TaskRecord> => {
    await tasks.createLaunch(launchOf(), SUPERVISION);
    return read();
  };
  const running = async (): Promise<TaskRecord> => {
    await launched();
    return tasks.heartbeat(beat(1));
  };
  const ended: Record<string, () => Promise<unknown>> = {
    finished: async () => {
      await running();
      await tasks.finish('run-1', 'launch-1', 'process-1', END, AT);
    },
    stopped: async () => {
      await running();
      await tasks.markStopped('run-1', 'launch-1', LAPSED, AT);
    },
    lapsed: async () => tasks.fence(await running(), LAPSED, AT),
  };

  describe('a launch', () => {
    test('is recorded with what it is granted, before any task runs', async () => {
      expect(await tasks.createLaunch(launchOf(), SUPERVISION)).toBe(true);
      expect(await read()).toEqual({
        ...launchOf(),
        status: 'launching',
        epoch: 1,
        desired: 'run',
        renewal: 0,
        seenRenewal: 0,
        held: rates(10),
        seen: 'run',
        heartbeat: 0,
      });
    });

    test('is not created by a supervisor that was superseded', async () => {
      await runs.takeOver('run-1', { id: 'c', at: AT, by: 'x', what: 'resume', detail: '' }, {});
      expect(await tasks.createLaunch(launchOf(), SUPERVISION)).toBe(false);
      expect(await tasks.list('run-1')).toEqual([]);
    });

    test.each(['pause', 'stop'] as const)('is not created when the run is to %s', async desired => {
      await runs.operate('run-1', { id: 'c', at: AT, by: 'x', what: 'pause', detail: '' }, { desired });
      expect(await tasks.createLaunch(launchOf(), SUPERVISION)).toBe(false);
      expect(await tasks.list('run-1')).toEqual([]);
    });

    test('remembers its ECS task', async () => {
      await launched();
      await tasks.recordArn('run-1', 'launch-1', 'arn:aws:ecs:…:task/1');
      expect((await read()).taskArn).toBe('arn:aws:ecs:…:task/1');
    });

    test('that is unknown gets no record by its ARN', async () => {
      await tasks.recordArn('run-1', 'launch-9', 'arn');
      expect(await tasks.read('run-1', 'launch-9')).toBeUndefined();
    });
  });

  describe('a heartbeat', () => {
    test('renews, echoes, and returns the grant and the desired state', async () => {
      const before = await launched();
      await tasks.grant(before, { granted: rates(5), held: rates(10), renewal: 1 }, SUPERVISION);
      await tasks.setDesired('run-1', 'launch-1', 'pause');
      const throttled = { count: 3, reason: 'TableWriteThroughputExceeded' };
      const record = await tasks.heartbeat(beat(1, { throttled }));
      expect(record).toMatchObject({
        status: 'running',
        instance: 'process-1',
        heartbeat: 1,
        heartbeatAt: AT,
        seenRenewal: 0,
        seen: 'run',
        throttled,
        granted: rates(5),
        renewal: 1,
        desired: 'pause',
      });
      expect(await read()).toEqual(record);
    });

    test('without throttling takes the last one off the record', async () => {
      await launched();
      await tasks.heartbeat(beat(1, { throttled: { count: 1, reason: 'x' } }));
      expect((await tasks.heartbeat(beat(2))).throttled).toBeUndefined();
    });

    test('may skip numbers: the ones between were sent and never came', async () => {
      await running();
      expect((await tasks.heartbeat(beat(5))).heartbeat).toBe(5);
    });

    test('that comes late, after a later one, changes nothing', async () => {
      await running();
      await tasks.heartbeat(beat(3, { seenRenewal: 2 }));
      const late = await tasks.heartbeat(beat(2, { seenRenewal: 1 }));
      expect(late).toMatchObject({ heartbeat: 3, seenRenewal: 2 });
      expect((await read()).heartbeat).toBe(3);
    });

    test('of a second process of the same launch is refused', async () => {
      await running();
      await expect(tasks.heartbeat(beat(2, { instance: 'process-2' }))).rejects.toThrow(AuthorityLostError);
      expect(await read()).toMatchObject({ instance: 'process-1', heartbeat: 1 });
    });

    test.each(Object.keys(ended))('after the task has %s is refused', async how => {
      await ended[how]?.();
      const status = (await read()).status;
      await expect(tasks.heartbeat(beat(2))).rejects.toThrow(new RegExp(`its record is ${how}`));
      expect(await read()).toMatchObject({ status, heartbeat: 1 });
    });

    test('of a launch without a record is refused, and makes none', async () => {
      await expect(tasks.heartbeat(beat(1, { launchId: 'launch-9' }))).rejects.toThrow(/its record is gone/);
      expect(await tasks.read('run-1', 'launch-9')).toBeUndefined();
    });
  });

  describe('the fence', () => {
    test('holds when no heartbeat came since the record was read', async () => {
      const seen = await running();
      expect(await tasks.fence(seen, LAPSED, AT)).toBe(true);
      expect(await read()).toMatchObject({ status: 'lapsed', end: LAPSED, endedAt: AT });
    });

    test('does not hold when one came', async () => {
      const seen = await running();
      await tasks.heartbeat(beat(2));
      expect(await tasks.fence(seen, LAPSED, AT)).toBe(false);
      expect((await read()).status).toBe('running');
    });

    test('holds before the first heartbeat, which is refused from then on', async () => {
      expect(await tasks.fence(await launched(), LAPSED, AT)).toBe(true);
      await expect(tasks.heartbeat(beat(1))).rejects.toThrow(AuthorityLostError);
    });

    test.each(['finished', 'stopped'])('of a task that has %s already succeeds too', async how => {
      const seen = await running();
      if (how === 'finished') await tasks.finish('run-1', 'launch-1', 'process-1', END, AT);
      else await tasks.markStopped('run-1', 'launch-1', LAPSED, AT);
      expect(await tasks.fence(seen, LAPSED, AT)).toBe(true);
      expect((await read()).status).toBe(how);
    });
  });

  describe('the end', () => {
    test('in the worker’s own words', async () => {
      await running();
      await tasks.finish('run-1', 'launch-1', 'process-1', END, AT);
      expect(await read()).toMatchObject({ status: 'finished', end: END, endedAt: AT });
    });

    test('of another process of the launch does not count', async () => {
      await running();
      await tasks.finish('run-1', 'launch-1', 'process-2', END, AT);
      expect((await read()).status).toBe('running');
    });

    test('that ECS reports counts, unless the worker had spoken', async () => {
      await running();
      await tasks.finish('run-1', 'launch-1', 'process-1', END, AT);
      expect(await tasks.markStopped('run-1', 'launch-1', LAPSED, AT)).toBe(false);
      expect(await read()).toMatchObject({ status: 'finished', end: END });
    });

    test('of a fenced task is not changed by the worker’s late word', async () => {
      await tasks.fence(await running(), LAPSED, AT);
      await tasks.finish('run-1', 'launch-1', 'process-1', END, AT);
      expect(await read()).toMatchObject({ status: 'lapsed', end: LAPSED });
    });
  });

  describe('a grant', () => {
    const grant = (renewal: number, units: number) => ({
      granted: rates(units),
      held: rates(units * 2),
      renewal,
    });

    test('changes the share, and nothing of the worker’s echo', async () => {
      const task = await running();
      expect(await tasks.grant(task, grant(1, 5), SUPERVISION)).toBe(true);
      expect(await read()).toEqual({ ...task, ...grant(1, 5) });
    });

    test('that comes after a later one is refused', async () => {
      const task = await running();
      await tasks.grant(task, grant(2, 5), SUPERVISION);
      expect(await tasks.grant(task, grant(1, 50), SUPERVISION)).toBe(false);
      expect(await read()).toMatchObject(grant(2, 5));
    });

    test('of a supervisor that was superseded is refused from the adoption on', async () => {
      const task = await running();
      await tasks.adopt(task, { runId: 'run-1', epoch: 2 });
      expect(await tasks.grant(task, grant(1, 50), SUPERVISION)).toBe(false);
      expect(await read()).toMatchObject({ granted: rates(10), renewal: 0 });
      expect(await tasks.grant(task, grant(1, 5), { runId: 'run-1', epoch: 2 })).toBe(true);
    });

    test.each(Object.keys(ended))('to a task that has %s is refused', async how => {
      await ended[how]?.();
      expect(await tasks.grant(await read(), grant(1, 5), SUPERVISION)).toBe(false);
      expect((await read()).renewal).toBe(0);
    });
  });

  describe('adopting a task', () => {
    test('writes the new epoch and returns the record', async () => {
      const task = await running();
      expect(await tasks.adopt(task, { runId: 'run-1', epoch: 2 })).toEqual({ ...task, epoch: 2 });
    });

    test('is refused to an older supervisor, who learns of the newer one', async () => {
      const task = await running();
      await tasks.adopt(task, { runId: 'run-1', epoch: 3 });
      expect(await tasks.adopt(task, { runId: 'run-1', epoch: 2 })).toMatchObject({ epoch: 3 });
    });

    test.each(Object.keys(ended))('changes nothing when it has %s', async how => {
      await ended[how]?.();
      const before = await read();
      expect(await tasks.adopt(before, { runId: 'run-1', epoch: 2 })).toEqual(before);
    });
  });

  describe('the desired state', () => {
    test('can be set by whoever operates the run', async () => {
      await launched();
      await tasks.setDesired('run-1', 'launch-1', 'stop');
      expect((await tasks.heartbeat(beat(1))).desired).toBe('stop');
    });

    test.each(Object.keys(ended))('of a task that has %s is left as it is', async how => {
      await ended[how]?.();
      await tasks.setDesired('run-1', 'launch-1', 'stop');
      expect((await read()).desired).toBe('run');
    });
  });
});

test('a launch exists once: a second creation of another supervisor finds it and does not change it', async () => {
  const { runs, tasks } = await control();
  await tasks.createLaunch(launchOf(), SUPERVISION);
  await runs.takeOver('run-1', { id: 'c', at: AT, by: 'x', what: 'resume', detail: '' }, {});
  await tasks.createLaunch(launchOf({ granted: rates(99) }), { runId: 'run-1', epoch: 2 });
  expect(await tasks.read('run-1', 'launch-1')).toMatchObject({ granted: rates(10), epoch: 1 });
});

test('tasks of another run are not listed', async () => {
  const { tasks } = await control();
  await tasks.createLaunch(launchOf(), SUPERVISION);
  expect((await tasks.list('run-1')).map(({ launchId: launch }) => launch)).toEqual(['launch-1']);
  expect(await tasks.list('run-2')).toEqual([]);
});
