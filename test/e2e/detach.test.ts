import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, expect, test } from 'vitest';
import type { RunTaskRequest } from '../../local/ecs/requests.ts';
import type { OrchestratorProcess } from './support/orchestrator-process.ts';
import { Stage, type StageOptions } from './support/stage.ts';

let stage: Stage;
/** The RunTask requests, in order. */
let asked: RunTaskRequest[];

afterEach(() => stage.close());

const isSupervisor = ({ taskDefinition }: RunTaskRequest) => /supervisor/.test(taskDefinition ?? '');

async function open(options: Partial<StageOptions> = {}, failToStart?: string): Promise<void> {
  asked = [];
  stage = await Stage.open({
    items: 6_000,
    ...options,
    stack: {
      beforeRunTask: request => {
        asked.push(request);
        return failToStart !== undefined && isSupervisor(request) ? { failToStart } : undefined;
      },
    },
  });
}

const SLOW = ['--segments', '4', '--yes', '--max-write-rate', '400'];

/** Starts a run and waits until its supervisor is a task. */
async function detach(): Promise<{ run: OrchestratorProcess; taskArn: string; runId: string }> {
  const run = stage.orchestrate(['run', ...SLOW, '--detach']);
  await run.waitFor(({ event }) => event === 'supervisor.launched');
  const startedAtMs = performance.now();
  expect(await run.exit, run.stderr).toBe(0);
  expect(performance.now() - startedAtMs).toBeLessThan(20_000);
  expect(run.last).toEqual({
    event: 'run.detached',
    at: expect.any(String),
    runId: run.runId,
    taskArn: expect.stringContaining(':task/'),
  });
  expect(run.stray).toEqual([]);
  // Once the command has ended, only the task supervises.
  expect(await epochOf(run.runId)).toBeGreaterThan(Number(asked.find(isSupervisor)?.clientToken?.slice(-1)));
  return { run, runId: run.runId, taskArn: String(run.last?.['taskArn']) };
}

async function epochOf(runId: string): Promise<number> {
  const Key = { run: { S: runId }, item: { S: 'RUN' } };
  const { Item } = await stage.client.send(
    new GetItemCommand({ TableName: 'fleetfill-control', Key, ConsistentRead: true }),
  );
  return Number(Item?.['epoch']?.N);
}

function pidOf(taskArn: string): number {
  const pid = stage.stack.ecs.tasks().find(task => task.taskArn === taskArn)?.pid;
  if (pid === undefined) throw new Error(`The task ${taskArn} has no process.`);
  return pid;
}

test('the supervision goes to a task, and wait exits when the run ends', async () => {
  await open({ applicationRate: 30 });
  const { runId } = await detach();
  const request = asked.find(isSupervisor);
  expect(request).toMatchObject({
    launchType: 'FARGATE',
    clientToken: `${runId}-1`,
    startedBy: runId,
    overrides: {
      containerOverrides: [
        {
          name: 'supervisor',
          command: [
            ...['node', 'orchestrate.mjs', 'resume', runId, '--expect-epoch', '1', '--json'],
            ...['--cluster', 'fleetfill', '--task-definition', 'fleetfill-job', '--container', 'job'],
            ...['--subnets', 'subnet-local', '--security-groups', 'sg-local'],
            ...['--control-table', 'fleetfill-control', '--namespace', 'Fleetfill'],
          ],
        },
      ],
    },
  });
  expect(request).not.toHaveProperty('capacityProviderStrategy');
  expect(request?.overrides?.containerOverrides?.[0]).not.toHaveProperty('environment');
  // The first process is gone, and its arguments were only for itself.
  const wait = stage.orchestrate(['wait', runId]);
  expect(await wait.exit, wait.stderr).toBe(0);
  expect(wait.last).toMatchObject({ event: 'run.finished', runId, status: 'verified' });
  expect(wait.events).toHaveLength(1);
  expect(wait.stderr).toMatch(/segments complete|verifying/);
  expect((await stage.compare()).clean).toBe(true);
}, 120_000);

test('wait exits with the code of a run that is cancelled', async () => {
  await open();
  const { runId } = await detach();
  const wait = stage.orchestrate(['wait', runId]);
  const cancel = stage.orchestrate(['cancel', runId]);
  expect(await cancel.exit, cancel.stderr).toBe(0);
  expect(await wait.exit, wait.stderr).toBe(9);
  expect(wait.last).toMatchObject({ event: 'run.finished', runId, status: 'cancelled' });
}, 120_000);

test('a supervisor that is killed in the backfill leaves a run that another one takes over', async () => {
  await open();
  const { taskArn, runId } = await detach();
  process.kill(pidOf(taskArn), 'SIGKILL');
  const again = stage.orchestrate(['resume', runId, '--detach']);
  expect(await again.exit, again.stderr).toBe(0);
  expect(again.last).toMatchObject({ event: 'run.detached', runId });
  expect(again.last?.['taskArn']).not.toBe(taskArn);
  expect(asked.filter(isSupervisor).map(({ clientToken }) => clientToken)).toEqual([
    `${runId}-1`,
    `${runId}-3`,
  ]);
  const wait = stage.orchestrate(['wait', runId]);
  expect(await wait.exit, wait.stderr).toBe(0);
  expect((await stage.compare()).clean).toBe(true);
}, 120_000);

test('of a supervising task and a terminal that expects another epoch, one exits with 8', async () => {
  await open();
  const { taskArn, runId } = await detach();
  const second = stage.orchestrate(['resume', runId, '--expect-epoch', '1']);
  expect(await second.exit).toBe(8);
  expect(second.events).toEqual([]);
  expect(second.stderr).toContain('epoch 2, not 1');
  // A person takes over, and the task exits with 8, as any orchestrator would.
  const third = stage.orchestrate(['resume', runId]);
  await third.waitFor(({ event }) => event === 'run.started');
  await expect.poll(() => exitCodeOf(taskArn), { timeout: 30_000 }).toBe(8);
  // SIGTERM detaches a task as it detaches a terminal.
  third.kill('SIGTERM');
  expect(await third.exit).toBe(130);
  const pause = stage.orchestrate(['pause', runId]);
  expect(await pause.exit).toBe(0);
}, 120_000);

test('when no task can take over, it says why, and the first process goes on to the end', async () => {
  await open(
    { items: 1_000 },
    'CannotPullContainerError: pull image manifest has been retried 7 times: not found',
  );
  const run = stage.orchestrate(['run', '--segments', '2', '--yes', '--max-write-rate', '300', '--detach']);
  const told = await run.waitFor(({ event }) => event === 'detach.failed');
  expect(told['message']).toContain('CannotPullContainerError');
  expect(told['advice']).toContain('image does not exist');
  expect(await run.exit, run.stderr).toBe(0);
  expect(run.last).toMatchObject({ event: 'run.finished', status: 'verified' });
  expect(run.stderr).toContain(`orchestrate resume ${run.runId} --detach`);
}, 120_000);

test.each([
  [['wait', 'no-such-run'], /no run no-such-run/],
  [['run', '--detach', '--local', '--yes'], /--local ends with this command/],
  [['resume', 'some-run', '--detach', '--expect-epoch', '2'], /Give only one of them/],
  [['resume', 'some-run', '--expect-epoch', '0'], /expect-epoch/],
])('%j is a mistake in the command line', async (args, says) => {
  await open({ items: 1 });
  const command = stage.orchestrate(args);
  expect(await command.exit).toBe(2);
  expect(command.stderr).toMatch(says);
});

test('a definition and a container can be named, and a wrong one is reported with the reason', async () => {
  await open({ items: 500 });
  const run = stage.orchestrate([
    ...['run', '--segments', '1', '--yes', '--max-write-rate', '100', '--detach'],
    ...['--supervisor-task-definition', 'fleetfill-supervisor:1', '--supervisor-container', 'absent'],
  ]);
  const told = await run.waitFor(({ event }) => event === 'detach.failed');
  expect(told['message']).toContain('absent is not a container in the TaskDefinition');
  run.kill('SIGINT');
  expect(await run.exit).toBe(130);
}, 60_000);

async function exitCodeOf(taskArn: string): Promise<number | undefined> {
  const reply = await fetch(stage.stack.endpoints.ecs, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'AmazonEC2ContainerServiceV20141113.DescribeTasks',
    },
    body: JSON.stringify({ cluster: 'fleetfill', tasks: [taskArn] }),
  });
  const { tasks } = (await reply.json()) as { tasks: { containers: { exitCode?: number }[] }[] };
  return tasks[0]?.containers[0]?.exitCode;
}
