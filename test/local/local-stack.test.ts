import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import {
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import {
  DescribeClustersCommand,
  DescribeTaskDefinitionCommand,
  ECSClient,
  RunTaskCommand,
} from '@aws-sdk/client-ecs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startEngine } from '../../local/engine.ts';
import { chooseEngine, readEngineSettings } from '../../local/engine-choice.ts';
import { type LocalStack, type LocalStackOptions, startLocalStack } from '../../local/local-stack.ts';
import { runBundled } from './support/bundled-process.ts';
import { isAlive, until } from './support/processes.ts';

let directory: string;
let jobBundle: string;
const stacks: LocalStack[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleetfill-stack-'));
  jobBundle = join(directory, 'job.mjs');
  await writeFile(jobBundle, 'console.log(JSON.stringify(process.env));');
});

afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.stop();
  await rm(directory, { recursive: true, force: true });
});

async function start(options: Partial<LocalStackOptions> = {}): Promise<LocalStack> {
  const stack = await startLocalStack({ jobBundle, logDirectory: join(directory, 'logs'), ...options });
  stacks.push(stack);
  return stack;
}

/** Clients that know only the stack's environment, like any SDK. */
async function withClients<T>(
  { environment }: LocalStack,
  use: (clients: { dynamodb: DynamoDBClient; ecs: ECSClient; cloudWatch: CloudWatchClient }) => Promise<T>,
): Promise<T> {
  const {
    AWS_REGION: region = '',
    AWS_ACCESS_KEY_ID: accessKeyId = '',
    AWS_SECRET_ACCESS_KEY: secretAccessKey = '',
  } = environment;
  const at = (service: string) => ({
    region,
    credentials: { accessKeyId, secretAccessKey },
    endpoint: environment[`AWS_ENDPOINT_URL_${service}`] ?? '',
    maxAttempts: 1,
  });
  const clients = {
    dynamodb: new DynamoDBClient(at('DYNAMODB')),
    ecs: new ECSClient(at('ECS')),
    cloudWatch: new CloudWatchClient(at('CLOUDWATCH')),
  };
  try {
    return await use(clients);
  } finally {
    for (const client of Object.values(clients)) client.destroy();
  }
}

const runTask = ({ environment }: LocalStack, ecs: ECSClient) =>
  ecs.send(
    new RunTaskCommand({
      cluster: environment['FLEETFILL_CLUSTER'],
      taskDefinition: environment['FLEETFILL_TASK_DEFINITION'],
      launchType: 'FARGATE',
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: environment['FLEETFILL_SUBNETS']?.split(','),
          securityGroups: environment['FLEETFILL_SECURITY_GROUPS']?.split(','),
        },
      },
    }),
  );

/** The environment of the only task that a stack has run. */
async function environmentOfTask(stack: LocalStack): Promise<Record<string, string>> {
  await withClients(stack, ({ ecs }) => runTask(stack, ecs));
  await until('the task is STOPPED', () => stack.ecs.tasks()[0]?.lastStatus === 'STOPPED');
  const [log = ''] = await readdir(stack.logDirectory);
  return JSON.parse(await readFile(join(stack.logDirectory, log), 'utf8')) as Record<string, string>;
}

describe('the local stack', () => {
  test('tells everything that a fleet needs to know, on the loopback interface only', async () => {
    const { environment, endpoints } = await start();
    for (const endpoint of Object.values(endpoints)) expect(new URL(endpoint).hostname).toBe('127.0.0.1');
    expect(environment).toEqual({
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
      AWS_ENDPOINT_URL_ECS: endpoints.ecs,
      AWS_ENDPOINT_URL_CLOUDWATCH: endpoints.cloudWatch,
      AWS_ENDPOINT_URL: endpoints.ecs,
      FLEETFILL_CLUSTER: 'fleetfill',
      FLEETFILL_TASK_DEFINITION: 'fleetfill-job',
      FLEETFILL_SUPERVISOR_TASK_DEFINITION: 'fleetfill-supervisor',
      FLEETFILL_SUBNETS: 'subnet-local',
      FLEETFILL_SECURITY_GROUPS: 'sg-local',
      FLEETFILL_CONTROL_TABLE: 'fleetfill-control',
    });
  });

  test('has the control table, with a time to live', async () => {
    await withClients(await start({ controlTable: 'mine' }), async ({ dynamodb }) => {
      const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: 'mine' }));
      expect(Table).toMatchObject({
        TableStatus: 'ACTIVE',
        KeySchema: [
          { AttributeName: 'run', KeyType: 'HASH' },
          { AttributeName: 'item', KeyType: 'RANGE' },
        ],
        BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
      });
      const { TimeToLiveDescription } = await dynamodb.send(
        new DescribeTimeToLiveCommand({ TableName: 'mine' }),
      );
      expect(TimeToLiveDescription).toMatchObject({
        AttributeName: 'expiresAt',
        TimeToLiveStatus: expect.stringMatching(/^ENABL/),
      });
    });
  });

  test('has the cluster and the task definition, in the account of the tables', async () => {
    const stack = await start();
    await withClients(stack, async ({ dynamodb, ecs }) => {
      const { clusters } = await ecs.send(new DescribeClustersCommand({ clusters: ['fleetfill'] }));
      const { taskDefinition } = await ecs.send(
        new DescribeTaskDefinitionCommand({ taskDefinition: 'fleetfill-job' }),
      );
      const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: 'fleetfill-control' }));
      expect(clusters?.[0]?.clusterArn?.split(':')[4]).toBe(Table?.TableArn?.split(':')[4]);
      expect(taskDefinition).toMatchObject({
        containerDefinitions: [{ name: 'job', command: ['node', 'job.mjs'], stopTimeout: 120 }],
        cpu: '256',
        memory: '512',
        networkMode: 'awsvpc',
        requiresCompatibilities: ['FARGATE'],
      });
    });
  });

  test('takes metrics', async () => {
    const stack = await start();
    await withClients(stack, ({ cloudWatch }) =>
      cloudWatch.send(
        new PutMetricDataCommand({
          Namespace: 'Fleetfill',
          MetricData: [{ MetricName: 'ItemsUpdated', Value: 3 }],
        }),
      ),
    );
    expect(stack.cloudWatch.sum('Fleetfill', 'ItemsUpdated', {})).toBe(3);
  });

  test('gives a task the endpoints of the stack', async () => {
    const stack = await start();
    expect(await environmentOfTask(stack)).toMatchObject({
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL_DYNAMODB: stack.endpoints.dynamodb,
      AWS_ENDPOINT_URL_ECS: stack.endpoints.ecs,
      AWS_ENDPOINT_URL_CLOUDWATCH: stack.endpoints.cloudWatch,
    });
  });

  test('can give the tasks other endpoints than the orchestrator has', async () => {
    const proxy = 'http://127.0.0.1:1';
    const stack = await start({ taskEnvironment: { AWS_ENDPOINT_URL_DYNAMODB: proxy } });
    expect(stack.environment['AWS_ENDPOINT_URL_DYNAMODB']).toBe(stack.endpoints.dynamodb);
    expect(await environmentOfTask(stack)).toMatchObject({ AWS_ENDPOINT_URL_DYNAMODB: proxy });
  });

  test('uses a DynamoDB that runs already and leaves it alone', async () => {
    const engine = await startEngine();
    try {
      const stack = await start({ dynamodbEndpoint: engine.endpoint });
      expect(stack.engine).toMatchObject({ endpoint: engine.endpoint, pid: undefined });
      await stack.stop();
      expect(isAlive(engine.pid as number)).toBe(true);
    } finally {
      await engine.stop();
    }
  });

  test('finds in a directory what an earlier one left there', async () => {
    const first = await start({ directory: join(directory, 'database') });
    const TableName = 'fleetfill-control';
    await withClients(first, ({ dynamodb }) =>
      dynamodb.send(new PutItemCommand({ TableName, Item: { run: { S: 'a' }, item: { S: 'RUN' } } })),
    );
    await first.stop();
    await withClients(await start({ directory: join(directory, 'database') }), async ({ dynamodb }) => {
      const { Items } = await dynamodb.send(new ScanCommand({ TableName, ConsistentRead: true }));
      expect(Items).toEqual([{ run: { S: 'a' }, item: { S: 'RUN' } }]);
    });
  });

  test('is gone after stop, which may be called twice', async () => {
    const stack = await start();
    await Promise.all([stack.stop(), stack.stop()]);
    await stack.stop();
    for (const { pid } of [stack.engine, stack.controlEngine]) expect(isAlive(pid as number)).toBe(false);
    for (const endpoint of Object.values(stack.endpoints)) await expect(fetch(endpoint)).rejects.toThrow();
  });

  test('leaves nothing running when a part of it cannot start', async () => {
    const settings = readEngineSettings();
    const busy = await start();
    const ecs = Number(new URL(busy.endpoints.ecs).port);
    const database = join(directory, 'half');
    await expect(start({ directory: database, ports: { ecs }, engineSettings: settings })).rejects.toThrow(
      /EADDRINUSE/,
    );
    // The engine's lock is removed last.
    expect(await readdir(database)).not.toContain('engine.json');
  });

  test('runs from a bundle in an empty directory', async () => {
    const { FLEETFILL_DYNAMODB_LOCAL: dynamodbLocal, PATH = '' } = process.env;
    const engine = dynamodbLocal
      ? { FLEETFILL_DYNAMODB_LOCAL: dynamodbLocal, PATH }
      : { FLEETFILL_DYNOXIDE: chooseEngine(readEngineSettings()).command };
    const program = await runBundled(
      `
      import { shellExports, startLocalStack } from './local/local-stack.ts';
      const stack = await startLocalStack({ jobBundle: ${JSON.stringify(jobBundle)} });
      console.log(JSON.stringify(shellExports(stack.environment)));
      await stack.stop();
      console.log('stopped');
    `,
      engine,
    );
    try {
      expect(JSON.parse(await program.nextLine())).toContain("export FLEETFILL_CLUSTER='fleetfill'\n");
      expect(await program.nextLine()).toBe('stopped');
      await until('the program has ended by itself', () => program.child.exitCode !== null);
      expect(program.child.exitCode).toBe(0);
    } finally {
      await program.remove();
    }
  });
});
