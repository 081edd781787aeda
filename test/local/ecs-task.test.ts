import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { DescribeTasksCommand, StopTaskCommand, type Task } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runBundled } from './support/bundled-process.ts';
import { CLUSTER, override, startTestControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { isAlive, until } from './support/processes.ts';

let plane: TestControlPlane;

beforeAll(async () => {
  plane = await startTestControlPlane();
});

afterAll(() => plane.stop());

const pidOf = (task: Task) =>
  plane.ecs.tasks().find(({ taskArn }) => taskArn === task.taskArn)?.pid as number;

/** What the fake job reported. */
async function report(task: Task) {
  await until('the job has said what it was given', async () =>
    (await plane.log(task)).includes('to stderr'),
  );
  const [line = ''] = (await plane.log(task)).split('\n');
  return JSON.parse(line) as { pid: number; cwd: string; argv: string[]; env: Record<string, string> };
}

const stop = (task: Task, reason?: string) =>
  plane.client.send(new StopTaskCommand({ cluster: CLUSTER, task: task.taskArn, reason }));

describe('a task that runs to its end', () => {
  test('is PROVISIONING at first and STOPPED with its exit code in the end', async () => {
    const task = await plane.runScript('exit:3');
    expect(task).toMatchObject({
      lastStatus: 'PROVISIONING',
      desiredStatus: 'RUNNING',
      launchType: 'FARGATE',
    });
    expect(task.stopCode).toBeUndefined();
    const stopped = await plane.untilStatus(task, 'STOPPED');
    expect(stopped).toMatchObject({
      taskArn: task.taskArn,
      desiredStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
      containers: [{ name: 'job', lastStatus: 'STOPPED', exitCode: 3 }],
    });
    expect(stopped.containers?.[0]?.reason).toBeUndefined();
  });

  test('has its times in order, as dates', async () => {
    const task = await plane.untilStatus(await plane.runScript('exit:0'), 'STOPPED');
    const { createdAt, pullStartedAt, startedAt, stoppingAt, stoppedAt } = task;
    const times = [createdAt, pullStartedAt, startedAt, stoppingAt, stoppedAt].map(
      at => at?.getTime() ?? Number.NaN,
    );
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(Math.abs(Date.now() - (times[0] ?? 0))).toBeLessThan(10_000);
  });

  test('goes through the states in order', async () => {
    const slow = await startTestControlPlane({
      delays: { provisioningMs: 60, pendingMs: 60, deprovisioningMs: 60 },
    });
    try {
      const task = await slow.runScript('exit:0');
      const seen: string[] = [];
      await until('the task is STOPPED', async () => {
        const { lastStatus = '' } = await slow.describe(task);
        if (seen.at(-1) !== lastStatus) seen.push(lastStatus);
        return lastStatus === 'STOPPED';
      });
      expect(seen).toEqual(['PROVISIONING', 'PENDING', 'RUNNING', 'DEPROVISIONING', 'STOPPED']);
    } finally {
      await slow.stop();
    }
  });

  test('a signal N from outside is exit code 128 + N', async () => {
    const task = await plane.runScript('wait');
    await plane.untilStatus(task, 'RUNNING');
    process.kill(pidOf(task), 'SIGKILL');
    const stopped = await plane.untilStatus(task, 'STOPPED');
    expect(stopped).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 137 }] });
  });
});

describe('the process of a task', () => {
  test('is the one that tasks() names, with stdout and stderr in its log', async () => {
    const task = await plane.run({ overrides: override({ SCRIPT: 'wait', FLEETFILL_LAUNCH: 'launch-1' }) });
    await plane.untilStatus(task, 'RUNNING');
    const said = await report(task);
    const view = plane.ecs.tasks().find(({ taskArn }) => taskArn === task.taskArn);
    expect(view).toEqual({ taskArn: task.taskArn, launch: 'launch-1', pid: said.pid, lastStatus: 'RUNNING' });
    await stop(task);
  });

  test('has the platform, the definition and the overrides in its environment, and nothing of ours', async () => {
    process.env['FLEETFILL_LEAK'] = 'ours';
    const task = await plane.run({ overrides: override({ SCRIPT: 'wait', FROM: 'override' }) });
    const { env, cwd } = await report(task);
    expect(env).toEqual({
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_ECS: plane.ecs.endpoint,
      ECS_CONTAINER_METADATA_URI_V4: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/v4\//),
      FROM: 'override',
      SCRIPT: 'wait',
      PATH: '/usr/bin:/bin',
      HOME: cwd,
      PWD: cwd,
    });
    await stop(task);
  });

  test('runs in a directory of its own, which goes with it', async () => {
    const task = await plane.runScript('wait');
    const { cwd } = await report(task);
    expect(cwd).not.toBe(process.cwd());
    expect(existsSync(cwd)).toBe(true);
    await stop(task);
    await plane.untilStatus(task, 'STOPPED');
    expect(existsSync(cwd)).toBe(false);
  });

  test('has the arguments of an overridden command', async () => {
    const overrides = {
      containerOverrides: [{ name: 'job', command: ['node', 'job.mjs', '--check', 'a b'] }],
    };
    const { argv } = await report(await plane.run({ overrides }));
    expect(argv).toEqual(['--check', 'a b']);
  });

  test('finds its own ARN at the metadata endpoint', async () => {
    const task = await plane.runScript('wait');
    const { env } = await report(task);
    const reply = await fetch(`${env['ECS_CONTAINER_METADATA_URI_V4']}/task`);
    expect(await reply.json()).toMatchObject({
      TaskARN: task.taskArn,
      Cluster: task.clusterArn,
      Family: 'worker',
      Revision: '1',
      KnownStatus: 'RUNNING',
      Containers: [{ Name: 'job', Image: 'worker:1' }],
    });
    expect((await fetch(`${env['ECS_CONTAINER_METADATA_URI_V4']}/nowhere`)).status).toBe(404);
    await stop(task);
  });
});

describe('StopTask', () => {
  test('sends SIGTERM and keeps the reason', async () => {
    const task = await plane.runScript('wait');
    await report(task);
    const reply = await stop(task, 'enough');
    expect(reply.task).toMatchObject({
      desiredStatus: 'STOPPED',
      lastStatus: 'STOPPING',
      stopCode: 'UserInitiated',
    });
    expect(await plane.untilStatus(task, 'STOPPED')).toMatchObject({
      stopCode: 'UserInitiated',
      stoppedReason: 'enough',
      containers: [{ exitCode: 143 }],
    });
  });

  test("sends SIGKILL after the container's stopTimeout", async () => {
    const task = await plane.runScript('stubborn');
    await report(task);
    const before = performance.now();
    await stop(task);
    const stopped = await plane.untilStatus(task, 'STOPPED');
    // The definition says 2 s, the minimum of ECS.
    expect(performance.now() - before).toBeGreaterThan(1_900);
    expect(stopped).toMatchObject({ stopCode: 'UserInitiated', containers: [{ exitCode: 137 }] });
  });

  test('a second one changes neither the reason nor the time limit', async () => {
    const task = await plane.runScript('stubborn');
    await report(task);
    const before = performance.now();
    await stop(task, 'first');
    await until('a second has gone by', () => performance.now() - before > 1_000);
    await stop(task, 'second');
    expect(await plane.untilStatus(task, 'STOPPED')).toMatchObject({ stoppedReason: 'first' });
    expect(performance.now() - before).toBeLessThan(2_800);
  });

  test('of a task that does not run yet, it never runs', async () => {
    const slow = await startTestControlPlane({ delays: { provisioningMs: 100 } });
    try {
      const task = await slow.runScript('exit:0');
      await slow.client.send(new StopTaskCommand({ cluster: CLUSTER, task: task.taskArn }));
      const stopped = await slow.untilStatus(task, 'STOPPED');
      expect(stopped).toMatchObject({ stopCode: 'UserInitiated' });
      expect(stopped.startedAt).toBeUndefined();
      expect(stopped.containers?.[0]?.exitCode).toBeUndefined();
    } finally {
      await slow.stop();
    }
  });

  test('of a task that has ended changes nothing', async () => {
    const task = await plane.untilStatus(await plane.runScript('exit:5'), 'STOPPED');
    const { task: after } = await stop(task, 'too late');
    expect(after).toMatchObject({ stopCode: 'EssentialContainerExited', version: task.version });
  });

  test('of an unknown task is refused', async () => {
    await expect(stop({ taskArn: 'no-such-task' })).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message: 'The referenced task was not found.',
    });
  });
});

describe('a task that cannot start', () => {
  test('says that its image cannot be pulled', async () => {
    const broken = await startTestControlPlane();
    try {
      await rm(broken.jobBundle);
      const stopped = await broken.untilStatus(await broken.run(), 'STOPPED');
      expect(stopped).toMatchObject({
        stopCode: 'TaskFailedToStart',
        stoppedReason: expect.stringMatching(/^CannotPullContainerError/),
        containers: [{ lastStatus: 'STOPPED', reason: expect.stringMatching(/^CannotPullContainerError/) }],
      });
      expect(stopped.containers?.[0]?.exitCode).toBeUndefined();
    } finally {
      await broken.stop();
    }
  });

  test('says that its command is not in the image', async () => {
    const overrides = { containerOverrides: [{ name: 'job', command: ['python', 'job.py'] }] };
    expect(await plane.untilStatus(await plane.run({ overrides }), 'STOPPED')).toMatchObject({
      stopCode: 'TaskFailedToStart',
      stoppedReason: 'CannotStartContainerError: exec: "python": executable file not found in $PATH',
    });
  });
});

describe('the platform', () => {
  test('can interrupt a task as Spot does', async () => {
    const task = await plane.runScript('wait', {
      launchType: undefined,
      capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT' }],
    });
    await report(task);
    const reason = 'Your Spot Task was interrupted.';
    expect(plane.ecs.interruptTask(task.taskArn ?? '', { stopCode: 'SpotInterruption', reason })).toBe(true);
    expect(await plane.untilStatus(task, 'STOPPED')).toMatchObject({
      capacityProviderName: 'FARGATE_SPOT',
      stopCode: 'SpotInterruption',
      stoppedReason: reason,
      containers: [{ exitCode: 143 }],
    });
    expect(plane.ecs.interruptTask('arn:nothing', { stopCode: 'SpotInterruption', reason })).toBe(false);
  });

  test('can be told other endpoints for the tasks to come', async () => {
    plane.ecs.overrideTaskEnvironment({ AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1' });
    const { env } = await report(await plane.runScript('exit:0'));
    expect(env['AWS_ENDPOINT_URL_DYNAMODB']).toBe('http://127.0.0.1:1');
  });

  test('forgets a stopped task after a while', async () => {
    let now = 1_000_000_000_000;
    const forgetful = await startTestControlPlane({ now: () => now, stoppedTaskRetentionMs: 1_000 });
    try {
      const task = await forgetful.untilStatus(await forgetful.runScript('exit:0'), 'STOPPED');
      now += 1_001;
      const { tasks, failures } = await forgetful.client.send(
        new DescribeTasksCommand({ cluster: CLUSTER, tasks: [task.taskArn ?? ''] }),
      );
      expect({ tasks, failures }).toEqual({
        tasks: [],
        failures: [{ arn: task.taskArn, reason: 'MISSING' }],
      });
    } finally {
      await forgetful.stop();
    }
  });

  test('ends every task when it stops, the stubborn ones by force', async () => {
    const ending = await startTestControlPlane();
    const tasks = await Promise.all([ending.runScript('wait'), ending.runScript('stubborn')]);
    for (const task of tasks) await until('it runs', async () => (await ending.log(task)) !== '');
    await ending.client.send(new StopTaskCommand({ cluster: CLUSTER, task: tasks[1]?.taskArn }));
    const pids = ending.ecs.tasks().map(({ pid }) => pid as number);
    const before = performance.now();
    await ending.ecs.stop(100);
    expect(performance.now() - before).toBeLessThan(1_500);
    expect(pids.map(isAlive)).toEqual([false, false]);
    await ending.stop();
  });

  test('takes its tasks with it when it is killed', async () => {
    const parent = await runBundled(
      `
      import { ECSClient, RunTaskCommand } from '@aws-sdk/client-ecs';
      import { startTestControlPlane } from './test/local/support/control-plane.ts';
      const plane = await startTestControlPlane();
      await plane.untilStatus(await plane.runScript('stubborn'), 'RUNNING');
      console.log(plane.ecs.tasks()[0].pid);
    `,
    );
    try {
      const pid = Number(await parent.nextLine());
      expect(isAlive(pid)).toBe(true);
      parent.child.kill('SIGKILL');
      await until('the task is gone', () => !isAlive(pid));
    } finally {
      await parent.remove();
    }
  });
});
