import { describe, expect, test, vi } from 'vitest';
import type { OperatorChange, RunRecord } from '../../../core/records.ts';
import type { TaskObservation } from '../../../orchestrator/fleet/fleet.ts';
import type { Surroundings } from '../../../orchestrator/fleet/location.ts';
import { HandOver, requireSupervisor, supervisorCommand } from '../../../orchestrator/supervise/hand-over.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { runRecord } from '../../support/records.ts';

const TASK = { taskDefinition: 'fleet-supervisor:3', container: 'supervisor', logGroup: '/fleet' };
const ARN = 'arn:aws:ecs:us-east-1:000000000000:task/fleet/1';
const SURROUNDINGS: Surroundings = {
  cluster: 'fleet',
  taskDefinition: 'arn:aws:ecs:us-east-1:000000000000:task-definition/fleet:7',
  container: 'job',
  subnets: ['subnet-1', 'subnet-2'],
  securityGroups: ['sg-1'],
  assignPublicIp: true,
  controlTable: 'fleet-control',
  namespace: 'Fleetfill',
};

const resumed = (id: string): OperatorChange => ({
  id,
  what: 'resume',
  at: '2026-01-01T00:00:00.000Z',
  by: 'someone',
  detail: '',
});

interface Scene {
  readonly start?: () => Promise<string>;
  readonly observation?: () => TaskObservation | undefined;
  readonly now?: () => RunRecord | undefined;
}

/** A hand-over at epoch 4 before anything has happened. */
function scene({
  start = async () => ARN,
  observation = () => undefined,
  now = () => runRecord({ epoch: 4 }),
}: Scene) {
  const clock = new FakeClock();
  const events: (readonly [name: string, fields: Readonly<Record<string, unknown>>])[] = [];
  const said: string[] = [];
  const startCommand = vi.fn(start);
  const stop = vi.fn(async () => {});
  const handOver = new HandOver({
    runs: { read: async () => now() },
    fleet: {
      startCommand,
      stop,
      describe: async () => new Map([observation()].flatMap(seen => (seen ? [[ARN, seen]] : []))),
    },
    clock,
    output: {
      event: (name, fields) => events.push([name, fields]),
      say: line => said.push(line),
      print: () => {},
    },
    run: runRecord({ epoch: 4, changes: [resumed('earlier')] }),
    command: ['node', 'orchestrate.mjs'],
    task: TASK,
  });
  return { clock, events, said, startCommand, stop, handOver };
}

const stopped = (reason: string, exitCode?: number, stopCode = 'TaskFailedToStart'): TaskObservation => ({
  state: 'stopped',
  stopCode,
  reason,
  exitCode,
});

describe('who gets the next epoch', () => {
  test.each<[what: string, epoch: number, changes: OperatorChange[], byTask: boolean]>([
    ['nobody took over', 4, [resumed('earlier')], false],
    ['the task did', 5, [resumed('earlier')], true],
    ['somebody resumed before the task could', 5, [resumed('earlier'), resumed('b')], false],
    ['the task did, and somebody resumed after it', 6, [resumed('earlier'), resumed('b')], true],
    ['two people resumed', 6, [resumed('earlier'), resumed('b'), resumed('c')], false],
  ])('%s', async (_, epoch, changes, byTask) => {
    const { handOver } = scene({ now: () => runRecord({ epoch, changes }) });
    await handOver.attempt(AbortSignal.abort());
    expect(await handOver.takenOverBy()).toBe(byTask ? ARN : undefined);
  });
});

test('a token of run and epoch stands for one task', async () => {
  const { handOver, startCommand } = scene({});
  await handOver.attempt(AbortSignal.abort());
  expect(startCommand.mock.calls).toEqual([[['node', 'orchestrate.mjs'], 'run-1-4', 'run-1']]);
});

test.each([
  ['AccessDeniedException', 'not authorized to perform: iam:PassRole', /OperatorPolicy/],
  ['ClientException', 'ECS was unable to assume the role arn:…', /trust policy/],
  ['ClientException', "You've reached the limit on the number of vCPUs you can run concurrently", /quota/],
  ['ClientException', 'TaskDefinition not found.', /--supervisor-task-definition/],
  ['Error', 'Capacity is unavailable at this time', /more zones/],
  ['Error', 'something else', /orchestrate doctor/],
])('RunTask that fails with %s, %s is told with what to do', async (name, message, advice) => {
  const { handOver, events, said } = scene({
    start: () => Promise.reject(Object.assign(new Error(message), { name })),
  });
  await handOver.attempt(new AbortController().signal);
  expect(events).toEqual([
    ['detach.failed', { message: expect.stringContaining(message), advice: expect.stringMatching(advice) }],
  ]);
  expect(said.join()).toMatch(/continues to supervise.*orchestrate resume run-1 --detach/s);
  expect(await handOver.takenOverBy()).toBeUndefined();
});

test.each<[TaskObservation, RegExp]>([
  [stopped('CannotPullContainerError: pull image manifest: not found'), /image does not exist/],
  [stopped('ResourceInitializationError: unable to pull registry auth'), /no route/],
  [stopped('exec format error', 255, 'EssentialContainerExited'), /another architecture/],
  [stopped('Essential container in task exited', 2, 'EssentialContainerExited'), /ImageUri/],
  [
    stopped('Essential container in task exited', 3, 'EssentialContainerExited'),
    /the role of fleet-supervisor:3/,
  ],
  [stopped('Essential container in task exited', 137, 'EssentialContainerExited'), /memory/],
  [
    stopped('Essential container in task exited', 1, 'EssentialContainerExited'),
    /log streams supervisor\/… in \/fleet/,
  ],
  [stopped('Task provisioning failed'), /orchestrate doctor/],
])('a task that ends so is told with what to do: %j', async (observation, advice) => {
  const { handOver, events } = scene({ observation: () => observation });
  await handOver.attempt(new AbortController().signal);
  expect(events.map(([name]) => name)).toEqual(['supervisor.launched', 'detach.failed']);
  expect(events[1]?.[1]).toMatchObject({ advice: expect.stringMatching(advice), taskArn: ARN });
});

test('a task that took over and has ended since is no failure', async () => {
  const { handOver, events, clock } = scene({
    observation: () => stopped('Essential container in task exited', 0, 'EssentialContainerExited'),
    now: () => runRecord({ epoch: 5, changes: [resumed('earlier')] }),
  });
  const leaving = new AbortController();
  const attempt = handOver.attempt(leaving.signal);
  await clock.advance(5_000);
  leaving.abort();
  await attempt;
  expect(events.map(([name]) => name)).toEqual(['supervisor.launched']);
});

test('a task that does not start is stopped after ten minutes, and its state is reported', async () => {
  const { handOver, events, clock, stop } = scene({
    observation: () => ({ state: 'alive', lastStatus: 'PENDING' }),
  });
  const attempt = handOver.attempt(new AbortController().signal);
  await clock.advance(599_000);
  expect(stop).not.toHaveBeenCalled();
  await clock.advance(3_000);
  await attempt;
  expect(stop).toHaveBeenCalledWith(ARN, expect.any(String));
  expect(events.at(-1)?.[1]).toMatchObject({
    message: expect.stringContaining('10 minutes. ECS says that it is PENDING'),
    advice: expect.stringContaining('cannot pull the image'),
  });
});

test('the command names the run, its epoch and where the fleet runs, and nothing else', () => {
  expect(supervisorCommand({ runId: 'run-1', epoch: 4 }, { ...SURROUNDINGS, supervisor: TASK })).toEqual([
    ...['node', 'orchestrate.mjs', 'resume', 'run-1', '--expect-epoch', '4', '--json'],
    ...['--cluster', 'fleet', '--task-definition', SURROUNDINGS.taskDefinition, '--container', 'job'],
    ...['--subnets', 'subnet-1,subnet-2', '--security-groups', 'sg-1', '--assign-public-ip'],
    ...['--control-table', 'fleet-control', '--namespace', 'Fleetfill'],
  ]);
});

test('without a supervisor the error names the missing option or output', () => {
  expect(() => requireSupervisor(SURROUNDINGS)).toThrow(/--supervisor-task-definition/);
  const stack = { name: 'old', status: 'CREATE_COMPLETE', outputs: {} };
  expect(() => requireSupervisor({ ...SURROUNDINGS, stack })).toThrow(/no output SupervisorTaskDefinition/);
});
