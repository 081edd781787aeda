import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudWatchClient, GetMetricDataCommand, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { CreateTableCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { DescribeClustersCommand, ECSClient, RunTaskCommand } from '@aws-sdk/client-ecs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigurationError } from '../../core/errors.ts';
import { faultsOf } from '../../local/fault/fault-proxy.ts';
import { findFreePort } from '../../local/free-port.ts';
import { type LocalStack, type LocalStackOptions, startLocalStack } from '../../local/local-stack.ts';
import { until } from './support/processes.ts';

let directory: string;
const stacks: LocalStack[] = [];
const clients: { destroy(): void }[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleetfill-proxies-'));
  await writeFile(join(directory, 'job.mjs'), 'console.log(JSON.stringify(process.env));');
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const stack of stacks.splice(0)) await stack.stop();
  await rm(directory, { recursive: true, force: true });
});

async function start(options: Partial<LocalStackOptions>): Promise<LocalStack> {
  const stack = await startLocalStack({
    jobBundle: join(directory, 'job.mjs'),
    logDirectory: join(directory, 'logs'),
    ...options,
  });
  stacks.push(stack);
  return stack;
}

const settings = (endpoint: string) => ({
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  maxAttempts: 1,
});

function dynamodb(endpoint: string): DynamoDBClient {
  const client = new DynamoDBClient(settings(endpoint));
  clients.push(client);
  return client;
}

async function createTable(client: DynamoDBClient): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: 'stuff',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
}

const put = (TableName: string) =>
  new PutItemCommand({ TableName, Item: { id: { S: 'a' }, run: { S: 'a' }, item: { S: 'RUN' } } });

async function environmentOfTask(stack: LocalStack, ecs: ECSClient): Promise<Record<string, string>> {
  await ecs.send(
    new RunTaskCommand({
      cluster: 'fleetfill',
      taskDefinition: 'fleetfill-job',
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-local'] } },
      clientToken: 'token-1',
    }),
  );
  await until('the task is STOPPED', () => stack.ecs.tasks()[0]?.lastStatus === 'STOPPED');
  const [log = ''] = await readdir(stack.logDirectory);
  return JSON.parse(await readFile(join(stack.logDirectory, log), 'utf8')) as Record<string, string>;
}

describe('a local stack with a capacity', () => {
  test('distinguishes fleet, application and orchestrator, and does not meter the control table', async () => {
    const port = await findFreePort();
    const stack = await start({ capacity: { writeUnitsPerSecond: 100 }, ports: { dynamodb: port } });
    const { environment, endpoints, capacity } = stack;
    expect(environment['AWS_ENDPOINT_URL_DYNAMODB']).toBe(`http://127.0.0.1:${port}`);
    const ecs = new ECSClient(settings(endpoints.ecs));
    clients.push(ecs);
    const { AWS_ENDPOINT_URL_DYNAMODB: ofFleet = '' } = await environmentOfTask(stack, ecs);
    await createTable(dynamodb(endpoints.dynamodb));
    await dynamodb(endpoints.dynamodb).send(put('stuff'));
    await dynamodb(endpoints.dynamodb).send(put('fleetfill-control'));
    for (const _ of [1, 2]) await dynamodb(ofFleet).send(put('stuff'));
    for (const _ of [1, 2, 3]) await dynamodb(endpoints.application).send(put('stuff'));
    const units = (client: string) => capacity?.journal.total({ kind: 'write', client });
    expect([units('orchestrator'), units('fleet'), units('application')]).toEqual([1, 2, 3]);
  });

  test('publishes the metrics of its tables to its CloudWatch', async () => {
    const stack = await start({ capacity: { writeUnitsPerSecond: 100, metricsPeriodSeconds: 1 } });
    await createTable(dynamodb(stack.endpoints.dynamodb));
    await dynamodb(stack.endpoints.application).send(put('stuff'));
    const cloudWatch = new CloudWatchClient(settings(stack.endpoints.cloudWatch));
    clients.push(cloudWatch);
    const sums = async () => {
      const { MetricDataResults } = await cloudWatch.send(
        new GetMetricDataCommand({
          StartTime: new Date(Date.now() - 120_000),
          EndTime: new Date(Date.now() + 60_000),
          MetricDataQueries: [
            {
              Id: 'consumed',
              MetricStat: {
                Metric: {
                  Namespace: 'AWS/DynamoDB',
                  MetricName: 'ConsumedWriteCapacityUnits',
                  Dimensions: [{ Name: 'TableName', Value: 'stuff' }],
                },
                Period: 60,
                Stat: 'Sum',
              },
            },
          ],
        }),
      );
      return MetricDataResults?.[0]?.Values;
    };
    await expect.poll(sums, { timeout: 10_000 }).toEqual([1]);
  });

  test('does not start with a capacity that means nothing', async () => {
    await expect(start({ capacity: { writeUnitsPerSecond: -1 } })).rejects.toThrow(ConfigurationError);
  });
});

describe('a local stack with faults', () => {
  test('has them before each of its three services, and not between ECS and its tasks', async () => {
    const stack = await start({ faults: faultsOf() });
    const seen: string[] = [];
    stack.faults?.tap({
      settled: ({ service, client, operation }) => seen.push(`${service} ${client} ${operation}`),
    });
    stack.faults?.add({
      name: 'no metrics',
      fault: { kind: 'cut', when: 'before-effect' },
      service: 'cloudwatch',
    });
    const ecs = new ECSClient(settings(stack.endpoints.ecs));
    const cloudWatch = new CloudWatchClient(settings(stack.endpoints.cloudWatch));
    clients.push(ecs, cloudWatch);
    await ecs.send(new DescribeClustersCommand({ clusters: ['fleetfill'] }));
    const environment = await environmentOfTask(stack, ecs);
    await createTable(dynamodb(stack.endpoints.application));
    await dynamodb(environment['AWS_ENDPOINT_URL_DYNAMODB'] ?? '').send(put('stuff'));
    const metric = new PutMetricDataCommand({
      Namespace: 'Fleetfill',
      MetricData: [{ MetricName: 'ItemsUpdated', Value: 3 }],
    });
    await expect(cloudWatch.send(metric)).rejects.toThrow();
    expect(seen).toEqual([
      'ecs orchestrator DescribeClusters',
      'ecs orchestrator RunTask',
      'dynamodb application CreateTable',
      'dynamodb fleet PutItem',
      'cloudwatch orchestrator PutMetricData',
    ]);
    expect(stack.cloudWatch.sum('Fleetfill', 'ItemsUpdated', {})).toBe(0);
    expect(new URL(environment['ECS_CONTAINER_METADATA_URI_V4'] ?? '').port).not.toBe(
      new URL(stack.endpoints.ecs).port,
    );
  });

  test('has them before the capacity: what a fault refused costs nothing', async () => {
    const stack = await start({
      capacity: { writeUnitsPerSecond: 100 },
      faults: faultsOf({ rules: [{ name: 'deny', fault: { kind: 'deny' }, operations: ['PutItem'] }] }),
    });
    await createTable(dynamodb(stack.endpoints.application));
    await expect(dynamodb(stack.endpoints.application).send(put('stuff'))).rejects.toThrow(/not authorized/);
    stack.faults?.remove('deny');
    await dynamodb(stack.endpoints.application).send(put('stuff'));
    expect(stack.capacity?.journal.total({ kind: 'write' })).toBe(1);
  });

  test('refuses a RunTask of a certain client token, as ECS would', async () => {
    const stack = await start({
      faults: faultsOf({
        rules: [
          {
            name: 'busy',
            fault: { kind: 'throttle' },
            service: 'ecs',
            operations: ['RunTask'],
            where: ({ key }) => key === 'token-1',
            occurrences: [1],
          },
        ],
      }),
    });
    const ecs = new ECSClient(settings(stack.endpoints.ecs));
    clients.push(ecs);
    await expect(environmentOfTask(stack, ecs)).rejects.toMatchObject({
      name: 'ThrottlingException',
      message: 'Rate exceeded',
    });
    expect(await environmentOfTask(stack, ecs)).toBeDefined();
    expect(stack.faults?.counts()).toEqual({ busy: { matched: 2, struck: 1 } });
  });
});
