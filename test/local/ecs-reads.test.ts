import {
  DescribeClustersCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ListTasksCommand,
  type ListTasksCommandInput,
  paginateListTasks,
  RegisterTaskDefinitionCommand,
  type RegisterTaskDefinitionCommandInput,
  RunTaskCommand,
} from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CLUSTER,
  override,
  request,
  startTestControlPlane,
  type TestControlPlane,
} from './support/control-plane.ts';

let plane: TestControlPlane;

beforeAll(async () => {
  plane = await startTestControlPlane();
});

afterAll(() => plane.stop());

const refused = (name: string, message = /./) => ({ name, message: expect.stringMatching(message) });

describe('DescribeTasks', () => {
  test('puts the unknown ones among the failures', async () => {
    const task = await plane.runScript('exit:0');
    const unknown = task.taskArn?.replace(/.{32}$/, '0'.repeat(32)) ?? '';
    const reply = await plane.client.send(
      new DescribeTasksCommand({ cluster: CLUSTER, tasks: [task.taskArn ?? '', unknown] }),
    );
    expect(reply.tasks?.map(({ taskArn }) => taskArn)).toEqual([task.taskArn]);
    expect(reply.failures).toEqual([{ arn: unknown, reason: 'MISSING' }]);
  });

  test('takes a task by its id', async () => {
    const task = await plane.runScript('exit:0');
    const id = task.taskArn?.split('/').at(-1) ?? '';
    const { tasks } = await plane.client.send(new DescribeTasksCommand({ cluster: CLUSTER, tasks: [id] }));
    expect(tasks).toMatchObject([{ taskArn: task.taskArn }]);
  });

  test.each([0, 101])('refuses %i tasks', async count => {
    const tasks = Array.from({ length: count }, (_, index) => String(index));
    await expect(
      plane.client.send(new DescribeTasksCommand({ cluster: CLUSTER, tasks })),
    ).rejects.toMatchObject(refused('InvalidParameterException'));
  });

  test('refuses an unknown cluster', async () => {
    await expect(
      plane.client.send(new DescribeTasksCommand({ cluster: 'nowhere', tasks: ['a'] })),
    ).rejects.toMatchObject(refused('ClusterNotFoundException'));
  });
});

describe('ListTasks', () => {
  const list = async (given: ListTasksCommandInput = {}) => {
    const { taskArns = [] } = await plane.client.send(new ListTasksCommand({ cluster: CLUSTER, ...given }));
    return taskArns;
  };

  test('lists the tasks whose desired status is RUNNING, unless asked for the stopped ones', async () => {
    const running = await plane.runScript('wait');
    const stopped = await plane.untilStatus(await plane.runScript('exit:0'), 'STOPPED');
    expect(await list()).toContain(running.taskArn);
    expect(await list()).not.toContain(stopped.taskArn);
    expect(await list({ desiredStatus: 'STOPPED' })).toContain(stopped.taskArn);
    expect(await list({ desiredStatus: 'PENDING' })).toEqual([]);
  });

  test('finds tasks by startedBy, family and launch type', async () => {
    const task = await plane.runScript('wait', { startedBy: 'by-me' });
    expect(await list({ startedBy: 'by-me' })).toEqual([task.taskArn]);
    expect(await list({ startedBy: 'by-nobody' })).toEqual([]);
    expect(await list({ family: 'worker', launchType: 'FARGATE' })).toContain(task.taskArn);
    expect(await list({ family: 'other' })).toEqual([]);
    expect(await list({ launchType: 'EC2' })).toEqual([]);
    expect(await list({ serviceName: 'a' })).toEqual([]);
  });

  test.each([
    { family: 'worker' },
    { desiredStatus: 'STOPPED' as const },
    { launchType: 'FARGATE' as const },
  ])('refuses startedBy together with %o', async filter => {
    await expect(list({ startedBy: 'by-me', ...filter })).rejects.toMatchObject(
      refused('InvalidParameterException', /startedBy/),
    );
  });

  test('pages through all of them, each once, while others come', async () => {
    const many = { ...request(), count: 10, group: 'pages', overrides: override({ SCRIPT: 'wait' }) };
    for (let call = 0; call < 3; call++) await plane.client.send(new RunTaskCommand(many));
    const expected = await list();
    const seen: string[] = [];
    const pages = paginateListTasks({ client: plane.client, pageSize: 7 }, { cluster: CLUSTER });
    for await (const { taskArns = [] } of pages) {
      expect(taskArns.length).toBeLessThanOrEqual(7);
      seen.push(...taskArns);
      if (seen.length === 7) await plane.runScript('wait', { startedBy: 'later' });
    }
    expect(seen.slice(0, expected.length)).toEqual(expected);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(expected.length + 1);
  }, 30_000);

  test.each([{ maxResults: 0 }, { maxResults: 101 }, { nextToken: 'bm90aGluZw' }])(
    'refuses %o',
    async given => {
      await expect(list(given)).rejects.toMatchObject(refused('InvalidParameterException'));
    },
  );
});

describe('DescribeClusters', () => {
  test('counts tasks and puts the unknown clusters among the failures', async () => {
    await plane.untilStatus(await plane.runScript('wait'), 'RUNNING');
    const { clusters, failures } = await plane.client.send(
      new DescribeClustersCommand({ clusters: [CLUSTER, 'nowhere'] }),
    );
    expect(clusters).toMatchObject([
      { clusterName: CLUSTER, status: 'ACTIVE', capacityProviders: ['FARGATE', 'FARGATE_SPOT'] },
    ]);
    expect(clusters?.[0]?.runningTasksCount).toBeGreaterThan(0);
    expect(failures).toEqual([
      { arn: 'arn:aws:ecs:us-east-1:000000000000:cluster/nowhere', reason: 'MISSING' },
    ]);
  });
});

describe('task definitions', () => {
  const good = (family: string): RegisterTaskDefinitionCommandInput => ({
    family,
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    cpu: '512',
    memory: '1024',
    containerDefinitions: [{ name: 'job', image: 'i' }],
  });
  const register = (given: RegisterTaskDefinitionCommandInput) =>
    plane.client.send(new RegisterTaskDefinitionCommand(given));
  const find = async (taskDefinition: string) => {
    const reply = await plane.client.send(
      new DescribeTaskDefinitionCommand({ taskDefinition, include: ['TAGS'] }),
    );
    return reply;
  };

  test('get a revision each, and the newest is the family', async () => {
    const tags = [{ key: 'team', value: 'data' }];
    await register(good('counted'));
    const second = await register({ ...good('counted'), memory: '2048', tags });
    expect(second.taskDefinition).toMatchObject({ revision: 2, memory: '2048', status: 'ACTIVE' });
    expect(second.taskDefinition?.registeredAt).toBeInstanceOf(Date);
    expect((await find('counted')).taskDefinition).toMatchObject({ revision: 2 });
    expect((await find('counted:1')).taskDefinition).toMatchObject({ revision: 1, memory: '1024' });
    const byArn = await find('arn:aws:ecs:us-east-1:000000000000:task-definition/counted:2');
    expect(byArn).toMatchObject({ taskDefinition: { revision: 2 }, tags });
  });

  test('that do not exist are refused by name', async () => {
    await expect(find('nobody')).rejects.toMatchObject(
      refused('ClientException', /^Unable to describe task definition\.$/),
    );
  });

  const wrong: [string, Partial<RegisterTaskDefinitionCommandInput>][] = [
    ['no containers', { containerDefinitions: [] }],
    ['a container without a name', { containerDefinitions: [{ image: 'i' }] }],
    ['a container without an image', { containerDefinitions: [{ name: 'job' }] }],
    ['stopTimeout of 1', { containerDefinitions: [{ name: 'job', image: 'i', stopTimeout: 1 }] }],
    ['stopTimeout of 121', { containerDefinitions: [{ name: 'job', image: 'i', stopTimeout: 121 }] }],
    ['Fargate without awsvpc', { networkMode: 'bridge' }],
    ['Fargate without cpu', { cpu: undefined }],
    ['Fargate without memory', { memory: undefined }],
    ['a size that Fargate does not have', { cpu: '256', memory: '1536' }],
    ['memory between two sizes', { memory: '1500' }],
    ['a family with a blank', { family: 'a b' }],
  ];

  test.each(wrong)('are refused with %s', async (_what, given) => {
    await expect(register({ ...good('wrong'), ...given })).rejects.toMatchObject(refused('ClientException'));
  });
});

describe('the wire', () => {
  const post = async (target: string, body: string) => {
    const reply = await fetch(plane.ecs.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target },
      body,
    });
    return {
      status: reply.status,
      contentType: reply.headers.get('content-type'),
      body: (await reply.json()) as Record<string, unknown>,
    };
  };
  const PREFIX = 'AmazonEC2ContainerServiceV20141113';

  test('has times as epoch seconds', async () => {
    const { taskArn } = await plane.runScript('exit:0');
    const { body } = await post(
      `${PREFIX}.DescribeTasks`,
      JSON.stringify({ cluster: CLUSTER, tasks: [taskArn] }),
    );
    expect(body['tasks']).toMatchObject([{ createdAt: expect.closeTo(Date.now() / 1_000, -2) }]);
  });

  test('has __type and message for an error', async () => {
    expect(await post(`${PREFIX}.RunTask`, '{"cluster":"nowhere","taskDefinition":"a"}')).toEqual({
      status: 400,
      contentType: 'application/x-amz-json-1.1',
      body: { __type: 'ClusterNotFoundException', message: 'Cluster not found.' },
    });
  });

  test('takes a null member for one that is not given', async () => {
    const { body } = await post(`${PREFIX}.ListTasks`, JSON.stringify({ cluster: CLUSTER, family: null }));
    expect(body['taskArns']).toBeInstanceOf(Array);
  });

  test.each(['{', '[]', '"text"', 'null', '{"count":"1"}', '{"overrides":[]}'])(
    'refuses the body %s',
    async body => {
      expect(await post(`${PREFIX}.RunTask`, body)).toMatchObject({
        status: 400,
        body: { __type: 'SerializationException' },
      });
    },
  );

  test.each([`${PREFIX}.DeleteCluster`, `${PREFIX}.constructor`, 'Other.RunTask', ''])(
    'does not know the operation "%s"',
    async target => {
      expect(await post(target, '{}')).toMatchObject({
        status: 400,
        body: { __type: 'UnknownOperationException' },
      });
    },
  );
});
