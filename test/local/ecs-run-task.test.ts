import {
  CreateClusterCommand,
  DeregisterTaskDefinitionCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  type RunTaskCommandInput,
} from '@aws-sdk/client-ecs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { BeforeRunTask } from '../../local/ecs/interference.ts';
import { WireError } from '../../local/wire/error.ts';
import { override, request, startTestControlPlane, type TestControlPlane } from './support/control-plane.ts';

let plane: TestControlPlane;
let beforeRunTask: BeforeRunTask | undefined;

beforeAll(async () => {
  plane = await startTestControlPlane({ beforeRunTask: given => beforeRunTask?.(given) });
});

afterEach(() => {
  beforeRunTask = undefined;
});

afterAll(() => plane.stop());

const send = (given: Partial<RunTaskCommandInput>) =>
  plane.client.send(new RunTaskCommand({ ...request(), ...given }));

/** Overrides whose JSON has exactly this many characters. */
function overridesOfLength(characters: number): NonNullable<RunTaskCommandInput['overrides']> {
  const empty = override({ FILLER: '' });
  return override({ FILLER: 'x'.repeat(characters - JSON.stringify(empty).length) });
}

const manyNames = (count: number) => Array.from({ length: count }, (_, index) => `name-${index}`);

describe('RunTask refuses', () => {
  const refusals: [string, Partial<RunTaskCommandInput>, string, RegExp][] = [
    ['an unknown cluster', { cluster: 'nowhere' }, 'ClusterNotFoundException', /^Cluster not found\.$/],
    [
      'the default cluster when there is none',
      { cluster: undefined },
      'ClusterNotFoundException',
      /^Cluster not found\.$/,
    ],
    ['an unknown family', { taskDefinition: 'nobody' }, 'ClientException', /^TaskDefinition not found\.$/],
    [
      'an unknown revision',
      { taskDefinition: 'worker:2' },
      'ClientException',
      /^TaskDefinition not found\.$/,
    ],
    ['a count of 0', { count: 0 }, 'InvalidParameterException', /count/],
    ['a count of 11', { count: 11 }, 'InvalidParameterException', /count/],
    [
      'overrides of 8,193 characters',
      { overrides: overridesOfLength(8_193) },
      'InvalidParameterException',
      /8192/,
    ],
    [
      'a client token of 65 characters',
      { clientToken: 'x'.repeat(65) },
      'InvalidParameterException',
      /clientToken/,
    ],
    ['a client token with a blank', { clientToken: 'a b' }, 'InvalidParameterException', /clientToken/],
    ['startedBy of 129 characters', { startedBy: 'x'.repeat(129) }, 'InvalidParameterException', /startedBy/],
    ['startedBy with a dot', { startedBy: 'a.b' }, 'InvalidParameterException', /startedBy/],
    [
      'an override of a container that is not there',
      { overrides: { containerOverrides: [{ name: 'other' }] } },
      'InvalidParameterException',
      /^Override for container named other is not a container in the TaskDefinition\.$/,
    ],
    [
      'awsvpc without a network',
      { networkConfiguration: undefined },
      'InvalidParameterException',
      /^Network Configuration must be provided when networkMode 'awsvpc' is specified\.$/,
    ],
    [
      'no subnet',
      { networkConfiguration: { awsvpcConfiguration: { subnets: [] } } },
      'InvalidParameterException',
      /subnets/,
    ],
    [
      '17 subnets',
      { networkConfiguration: { awsvpcConfiguration: { subnets: manyNames(17) } } },
      'InvalidParameterException',
      /subnets/,
    ],
    [
      '6 security groups',
      { networkConfiguration: { awsvpcConfiguration: { subnets: ['a'], securityGroups: manyNames(6) } } },
      'InvalidParameterException',
      /securityGroups/,
    ],
    [
      'a launch type together with a capacity provider strategy',
      { capacityProviderStrategy: [{ capacityProvider: 'FARGATE' }] },
      'InvalidParameterException',
      /both a launch type and capacity provider strategy/,
    ],
    [
      'a capacity provider that the cluster does not have',
      { launchType: undefined, capacityProviderStrategy: [{ capacityProvider: 'mine' }] },
      'InvalidParameterException',
      /not associated with the cluster/,
    ],
    [
      'neither, since that means instances',
      { launchType: undefined },
      'InvalidParameterException',
      /^No Container Instances were found in your cluster\.$/,
    ],
  ];

  test.each(refusals)('%s', async (_what, given, name, message) => {
    await expect(send(given)).rejects.toMatchObject({
      name,
      message: expect.stringMatching(message),
      $metadata: { httpStatusCode: 400 },
    });
  });

  test('and starts nothing', () => {
    expect(plane.ecs.tasks()).toEqual([]);
  });
});

describe('RunTask takes', () => {
  test('just as much as is allowed', async () => {
    const { tasks } = await send({
      count: 10,
      clientToken: 't'.repeat(64),
      startedBy: 's/_-'.repeat(32),
      overrides: overridesOfLength(8_192),
    });
    expect(new Set(tasks?.map(({ taskArn }) => taskArn)).size).toBe(10);
  });

  test('cluster and task definition by ARN', async () => {
    const { clusterArn, taskDefinitionArn } = await plane.run();
    const task = await plane.run({ cluster: clusterArn, taskDefinition: taskDefinitionArn });
    expect(task).toMatchObject({ clusterArn, taskDefinitionArn });
  });

  test('echoes what it was given', async () => {
    const overrides = override({ SCRIPT: 'exit:0' });
    expect(await plane.run({ startedBy: 'run-1', group: 'fleet', overrides })).toMatchObject({
      startedBy: 'run-1',
      group: 'fleet',
      overrides,
      attachments: [{ type: 'ElasticNetworkInterface', details: [{ name: 'subnetId', value: 'subnet-1' }] }],
      cpu: '256',
      memory: '512',
    });
  });
});

describe('a client token', () => {
  test('stands for one task, however often it is sent', async () => {
    const given = { clientToken: 'once', overrides: override({ SCRIPT: 'wait' }) };
    const replies = await Promise.all(Array.from({ length: 5 }, () => plane.run(given)));
    expect(new Set(replies.map(({ taskArn }) => taskArn)).size).toBe(1);
  });

  test('of a dead task stands for the dead task', async () => {
    const given = { clientToken: 'dead', overrides: override({ SCRIPT: 'exit:4' }) };
    const first = await plane.untilStatus(await plane.run(given), 'STOPPED');
    expect(await plane.run(given)).toMatchObject({
      taskArn: first.taskArn,
      lastStatus: 'STOPPED',
      containers: [{ exitCode: 4 }],
    });
  });

  test('with other parameters is a conflict that names the task', async () => {
    const task = await plane.run({ clientToken: 'taken', startedBy: 'one' });
    await expect(send({ clientToken: 'taken', startedBy: 'two' })).rejects.toMatchObject({
      name: 'ConflictException',
      resourceIds: [task.taskArn],
      $metadata: { httpStatusCode: 400 },
    });
  });

  test('counts in its own cluster', async () => {
    await plane.client.send(
      new CreateClusterCommand({ clusterName: 'second', capacityProviders: ['FARGATE', 'FARGATE_SPOT'] }),
    );
    const first = await plane.run({ clientToken: 'shared' });
    const second = await plane.run({ clientToken: 'shared', cluster: 'second' });
    expect(second.taskArn).not.toBe(first.taskArn);
  });

  test('is not used up by a call that started nothing', async () => {
    beforeRunTask = () => ({ failures: [{ reason: 'RESOURCE:CPU' }] });
    expect(await send({ clientToken: 'again' })).toMatchObject({
      tasks: [],
      failures: [{ reason: 'RESOURCE:CPU' }],
    });
    beforeRunTask = undefined;
    await plane.run({ clientToken: 'again' });
  });

  test('is forgotten with its task', async () => {
    let now = 1_000_000_000_000;
    const forgetful = await startTestControlPlane({ now: () => now, stoppedTaskRetentionMs: 1_000 });
    try {
      const first = await forgetful.untilStatus(await forgetful.run({ clientToken: 'old' }), 'STOPPED');
      now += 1_001;
      expect((await forgetful.run({ clientToken: 'old' })).taskArn).not.toBe(first.taskArn);
    } finally {
      await forgetful.stop();
    }
  });
});

describe('a test can interfere', () => {
  test('with failures in a reply that succeeds', async () => {
    const reason =
      'Capacity is unavailable at this time. Please try again later or in a different availability zone';
    beforeRunTask = () => ({ failures: [{ arn: 'arn:x', reason, detail: 'd' }] });
    expect(await send({})).toMatchObject({ tasks: [], failures: [{ arn: 'arn:x', reason, detail: 'd' }] });
  });

  test('with an error, by what the request says', async () => {
    beforeRunTask = async ({ startedBy }) =>
      startedBy === 'unlucky' ? { error: new WireError('ThrottlingException', 'Rate exceeded') } : undefined;
    await expect(send({ startedBy: 'unlucky' })).rejects.toMatchObject({ name: 'ThrottlingException' });
    await plane.run({ startedBy: 'lucky' });
  });

  test('with a task that stops before it started', async () => {
    const reason = 'CannotPullContainerError: pull image manifest has been retried 5 time(s): 403 Forbidden';
    beforeRunTask = () => ({ failToStart: reason });
    expect(await plane.untilStatus(await plane.run(), 'STOPPED')).toMatchObject({
      stopCode: 'TaskFailedToStart',
      stoppedReason: reason,
      containers: [{ reason }],
    });
  });

  test('but not when the token already has a task', async () => {
    const task = await plane.run({ clientToken: 'placed' });
    beforeRunTask = () => ({ failures: [{ reason: 'RESOURCE:MEMORY' }] });
    expect((await plane.run({ clientToken: 'placed' })).taskArn).toBe(task.taskArn);
  });
});

describe('a task definition that was deregistered', () => {
  const register = async (family: string) => {
    const { taskDefinition } = await plane.client.send(
      new RegisterTaskDefinitionCommand({
        family,
        networkMode: 'awsvpc',
        requiresCompatibilities: ['FARGATE'],
        cpu: '256',
        memory: '512',
        containerDefinitions: [{ name: 'job', image: 'worker:1', command: ['node', 'job.mjs'] }],
        tags: [{ key: 'project', value: 'fleetfill' }],
      }),
    );
    return taskDefinition?.taskDefinitionArn ?? '';
  };
  const deregister = (taskDefinition: string) =>
    plane.client.send(new DeregisterTaskDefinitionCommand({ taskDefinition }));

  test('starts no task, by whatever name, and can still be described', async () => {
    const first = await register('updated');
    const { taskDefinition } = await deregister(first);
    expect(taskDefinition).toMatchObject({ status: 'INACTIVE', revision: 1 });
    expect(taskDefinition?.deregisteredAt).toBeInstanceOf(Date);
    for (const name of [first, 'updated:1']) {
      await expect(send({ taskDefinition: name })).rejects.toMatchObject({
        name: 'InvalidParameterException',
        message: 'TaskDefinition is inactive',
      });
    }
    await expect(send({ taskDefinition: 'updated' })).rejects.toThrow('TaskDefinition not found.');
    const described = await plane.client.send(new DescribeTaskDefinitionCommand({ taskDefinition: first }));
    expect(described.taskDefinition?.status).toBe('INACTIVE');
  });

  test('leaves its tasks alone, and its family to the newest revision that is active', async () => {
    const first = await register('running');
    const task = await plane.run({ taskDefinition: first });
    const second = await register('running');
    const third = await register('running');
    await deregister(first);
    await deregister(third);
    expect(await plane.describe(task)).toMatchObject({ taskDefinitionArn: first });
    expect((await plane.run({ taskDefinition: 'running' })).taskDefinitionArn).toBe(second);
  });

  test.each(['nobody:1', 'running'])('has to be named with its revision: %s', async name => {
    await expect(deregister(name)).rejects.toMatchObject({ name: 'ClientException' });
  });

  test('propagates tags to a task when asked to, and adds ECS’s own when asked to', async () => {
    const definition = await register('tagged');
    const task = await plane.run({
      taskDefinition: definition,
      propagateTags: 'TASK_DEFINITION',
      enableECSManagedTags: true,
      tags: [{ key: 'own', value: '1' }],
    });
    const { tasks } = await plane.client.send(
      new DescribeTasksCommand({
        cluster: request().cluster,
        tasks: [task.taskArn ?? ''],
        include: ['TAGS'],
      }),
    );
    expect(tasks?.[0]?.tags).toEqual([
      { key: 'own', value: '1' },
      { key: 'project', value: 'fleetfill' },
      { key: 'aws:ecs:clusterName', value: request().cluster },
    ]);
    expect((await plane.run({ taskDefinition: definition })).tags ?? []).toEqual([]);
  });
});
