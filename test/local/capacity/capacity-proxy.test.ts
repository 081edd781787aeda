import {
  BatchExecuteStatementCommand,
  type BatchExecuteStatementCommandOutput,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  GetItemCommand,
  ProvisionedThroughputExceededException,
  PutItemCommand,
  QueryCommand,
  RequestLimitExceeded,
  ScanCommand,
  ThrottlingException,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, test } from 'vitest';
import { type CapacityProxy, createCapacityProxy } from '../../../local/capacity/capacity-proxy.ts';
import type { CapacityOptions } from '../../../local/capacity/options.ts';
import type { Datum } from '../../../local/cloudwatch/store.ts';
import { useProxiedEngine } from '../support/proxied-engine.ts';

const engine = useProxiedEngine();
const proxies: CapacityProxy[] = [];
afterEach(() => {
  for (const proxy of proxies.splice(0)) proxy.stop();
});

/**
 * Units a second so few that the first write, which a full bucket always admits, leaves a debt of many minutes: how
 * long a test takes makes no difference.
 */
const SLOW = 0.001;

async function start(capacity: CapacityOptions, putMetric?: (datum: Datum) => void) {
  const proxy = createCapacityProxy({
    engine: engine.exchange,
    capacity,
    ...(putMetric && { putMetric }),
  });
  proxies.push(proxy);
  return { proxy, client: await engine.connect(proxy.exchange) };
}

const key = (id: string) => ({ id: { S: id }, created: { N: '1' } });
const ITEM_OF_10_KB = { filler: { S: 'x'.repeat(10_000) } };

const put = (table: string, id: string, more = {}, client: DynamoDBClient = engine.direct) =>
  client.send(
    new PutItemCommand({
      TableName: table,
      Item: { ...key(id), ...more },
      ReturnConsumedCapacity: 'TOTAL',
    }),
  );

const setTest = (table: string, ids: readonly string[]) =>
  new BatchExecuteStatementCommand({
    Statements: ids.map(id => ({
      Statement: `UPDATE "${table}" SET "test" = ? WHERE "id" = ? AND "created" = ? AND "test" IS MISSING`,
      Parameters: [{ N: '1' }, { S: id }, { N: '1' }],
    })),
    ReturnConsumedCapacity: 'TOTAL',
  });

const codesOf = ({ Responses }: BatchExecuteStatementCommandOutput) =>
  Responses?.map(({ Error: error }) => error?.Code);

const thrownBy = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const hasTest = async (table: string, id: string) => {
  const { Item } = await engine.direct.send(
    new GetItemCommand({ TableName: table, Key: key(id), ConsistentRead: true }),
  );
  return Item?.['test'] !== undefined;
};

describe('admission', () => {
  test('throttles single statements, in order and without an effect, inside a call that succeeds', async () => {
    const table = await engine.createTable();
    for (const id of ['a', 'b', 'c', 'd']) await put(table, id);
    const { client, proxy } = await start({ writeUnitsPerSecond: 2 });
    const reply = await client.send(setTest(table, ['a', 'b', 'c', 'd']));
    expect(codesOf(reply)).toEqual([
      undefined,
      undefined,
      'ProvisionedThroughputExceeded',
      'ProvisionedThroughputExceeded',
    ]);
    expect(reply.Responses?.map(({ TableName }) => TableName)).toEqual([table, table, table, table]);
    expect(reply.ConsumedCapacity).toEqual([expect.objectContaining({ TableName: table, CapacityUnits: 2 })]);
    expect(await Promise.all(['a', 'b', 'c', 'd'].map(id => hasTest(table, id)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(proxy.journal.counts('fleet')).toEqual({ requests: 1, throttledRequests: 1, throttledParts: 2 });
  });

  test('knows a large item before it is written', async () => {
    const table = await engine.createTable();
    await put(table, 'large', ITEM_OF_10_KB);
    for (const id of ['a', 'b']) await put(table, id);
    const { client } = await start({ writeUnitsPerSecond: 11 });
    const reply = await client.send(setTest(table, ['a', 'large', 'b']));
    expect(codesOf(reply)).toEqual([undefined, undefined, 'ProvisionedThroughputExceeded']);
    expect(reply.ConsumedCapacity?.[0]?.CapacityUnits).toBe(11);
  });

  test('refuses a single write as a call, with the reason and the resource', async () => {
    const table = await engine.createTable();
    const { client } = await start({ writeUnitsPerSecond: SLOW });
    await put(table, 'a', {}, client);
    const error = await thrownBy(put(table, 'b', {}, client));
    expect(error).toBeInstanceOf(ProvisionedThroughputExceededException);
    expect(error).toMatchObject({
      ThrottlingReasons: [
        {
          reason: 'TableWriteProvisionedThroughputExceeded',
          resource: expect.stringMatching(new RegExp(`^arn:aws:dynamodb:.*:table/${table}$`)),
        },
      ],
      $metadata: { httpStatusCode: 400 },
    });
  });

  test('refuses on demand with another error, whose reasons are spelled in lower case', async () => {
    const table = await engine.createTable();
    const { client } = await start({
      mode: 'on-demand',
      writeUnitsPerSecond: SLOW,
      partitionWriteUnitsPerSecond: SLOW,
    });
    await put(table, 'a', {}, client);
    const error = await thrownBy(put(table, 'a', {}, client));
    expect(error).toBeInstanceOf(ThrottlingException);
    expect((error as ThrottlingException).throttlingReasons?.map(({ reason }) => reason)).toEqual([
      'TableWriteKeyRangeThroughputExceeded',
      'TableWriteMaxOnDemandThroughputExceeded',
    ]);
    expect(codesOf(await client.send(setTest(table, ['a'])))).toEqual(['ThrottlingError']);
  });

  test('refuses for the account with a third error', async () => {
    const table = await engine.createTable();
    const { client } = await start({ accountWriteUnitsPerSecond: SLOW });
    await put(table, 'a', {}, client);
    const error = await thrownBy(put(table, 'b', {}, client));
    expect(error).toBeInstanceOf(RequestLimitExceeded);
    expect((error as RequestLimitExceeded).ThrottlingReasons?.[0]?.reason).toBe(
      'TableWriteAccountLimitExceeded',
    );
    expect(codesOf(await client.send(setTest(table, ['a'])))).toEqual(['RequestLimitExceeded']);
  });

  test('can keep the reasons to itself', async () => {
    const table = await engine.createTable();
    const { client } = await start({ writeUnitsPerSecond: SLOW, reasons: false });
    await put(table, 'a', {}, client);
    const error = await thrownBy(put(table, 'b', {}, client));
    expect((error as ProvisionedThroughputExceededException).ThrottlingReasons).toBeUndefined();
  });

  test('can refuse a batch of statements as a call', async () => {
    const table = await engine.createTable();
    for (const id of ['a', 'b']) await put(table, id);
    const { client } = await start({ writeUnitsPerSecond: SLOW, wholeBatches: true });
    await client.send(setTest(table, ['a']));
    expect(await thrownBy(client.send(setTest(table, ['b'])))).toBeInstanceOf(
      ProvisionedThroughputExceededException,
    );
    expect(await hasTest(table, 'b')).toBe(false);
  });

  test('gives the keys and writes of other batches back as unprocessed, and throws when that is all', async () => {
    const table = await engine.createTable();
    await put(table, 'a');
    await put(table, 'b');
    const { client } = await start({ writeUnitsPerSecond: SLOW, readUnitsPerSecond: SLOW });
    const puts = ['c', 'd'].map(id => ({ PutRequest: { Item: key(id) } }));
    const written = await client.send(new BatchWriteItemCommand({ RequestItems: { [table]: puts } }));
    expect(written.UnprocessedItems).toEqual({ [table]: [puts[1]] });
    const gets = { [table]: { Keys: [key('a'), key('b')], ConsistentRead: true } };
    const read = await client.send(new BatchGetItemCommand({ RequestItems: gets }));
    expect(read.Responses?.[table]).toEqual([key('a')]);
    expect(read.UnprocessedKeys).toEqual({ [table]: { Keys: [key('b')], ConsistentRead: true } });
    expect(await thrownBy(client.send(new BatchGetItemCommand({ RequestItems: gets })))).toBeInstanceOf(
      ProvisionedThroughputExceededException,
    );
  });

  test('cancels a transaction and says which item was throttled', async () => {
    const table = await engine.createTable();
    const { client } = await start({ writeUnitsPerSecond: 3 });
    const error = await thrownBy(
      client.send(
        new TransactWriteItemsCommand({
          TransactItems: ['a', 'b'].map(id => ({ Put: { TableName: table, Item: key(id) } })),
        }),
      ),
    );
    expect(error).toBeInstanceOf(TransactionCanceledException);
    expect((error as TransactionCanceledException).CancellationReasons).toMatchObject([
      { Code: 'None' },
      { Code: 'ProvisionedThroughputExceeded' },
    ]);
    const { Count } = await engine.direct.send(new ScanCommand({ TableName: table, ConsistentRead: true }));
    expect(Count).toBe(0);
  });

  test('limits a partition by itself', async () => {
    const table = await engine.createTable();
    const ids = Array.from({ length: 40 }, (_, index) => `item-${index}`);
    for (const id of ids) await put(table, id);
    const { client, proxy } = await start({ writeUnitsPerSecond: 4_000, partitions: 4 });
    const slow = proxy.partitionOf({ S: 'item-0' });
    proxy.setLimit('write', SLOW, slow);
    await client.send(setTest(table, ['item-0']));
    const others = ids.slice(1, 21);
    const expected = others.map(id =>
      proxy.partitionOf({ S: id }) === slow ? 'ProvisionedThroughputExceeded' : undefined,
    );
    expect(expected).toContain('ProvisionedThroughputExceeded');
    expect(expected).toContain(undefined);
    expect(codesOf(await client.send(setTest(table, others)))).toEqual(expected);
  });

  test('throttles the table when an index of it has no capacity', async () => {
    const table = await engine.createTable();
    const { client } = await start({ writeUnitsPerSecond: 100, gsis: 2, gsiWriteUnitsPerSecond: SLOW });
    await put(table, 'a', {}, client);
    const error = await thrownBy(put(table, 'b', {}, client));
    expect((error as ProvisionedThroughputExceededException).ThrottlingReasons).toEqual(
      [1, 2].map(number => ({
        reason: 'IndexWriteProvisionedThroughputExceeded',
        resource: expect.stringMatching(`table/${table}/index/simulated-${number}$`),
      })),
    );
  });
});

describe('the account', () => {
  test('charges a write by the size of the item, whatever the write', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await start({ writeUnitsPerSecond: 1_000 });
    await put(table, 'large', ITEM_OF_10_KB, client);
    await client.send(setTest(table, ['large']));
    await client.send(new DeleteItemCommand({ TableName: table, Key: key('large') }));
    expect(proxy.journal.total({ kind: 'write', table })).toBe(30);
  });

  test('charges a condition that is false, in a batch of which nothing else is there too', async () => {
    const table = await engine.createTable();
    await put(table, 'large', { ...ITEM_OF_10_KB, test: { N: '7' } });
    await put(table, 'small');
    const { client, proxy } = await start({ writeUnitsPerSecond: 1_000 });
    const refused = await client.send(setTest(table, ['large', 'absent']));
    expect(codesOf(refused)).toEqual(['ConditionalCheckFailed', 'ConditionalCheckFailed']);
    expect(refused.ConsumedCapacity?.[0]?.CapacityUnits).toBe(11);
    const mixed = await client.send(setTest(table, ['large', 'small']));
    expect(mixed.ConsumedCapacity?.[0]?.CapacityUnits).toBe(11);
    const error = await thrownBy(
      client.send(
        new UpdateItemCommand({
          TableName: table,
          Key: key('large'),
          UpdateExpression: 'SET test = :v',
          ConditionExpression: 'attribute_not_exists(test)',
          ExpressionAttributeValues: { ':v': { N: '1' } },
        }),
      ),
    );
    expect(error).toMatchObject({ name: 'ConditionalCheckFailedException' });
    expect(proxy.journal.total({ kind: 'write' })).toBe(32);
  });

  test('charges nothing for what the engine finds invalid', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await start({ writeUnitsPerSecond: 1 });
    await thrownBy(client.send(new PutItemCommand({ TableName: table, Item: { id: { S: 'no sort key' } } })));
    await put(table, 'a', {}, client);
    expect(proxy.journal.total({ kind: 'write' })).toBe(1);
  });

  test('reads cost what they find, and leave a debt', async () => {
    const table = await engine.createTable();
    await put(table, 'large', { filler: { S: 'x'.repeat(100_000) } });
    const { client, proxy } = await start({ readUnitsPerSecond: SLOW });
    const scan = new ScanCommand({
      TableName: table,
      ConsistentRead: true,
      ReturnConsumedCapacity: 'TOTAL',
    });
    const { ConsumedCapacity } = await client.send(scan);
    expect(ConsumedCapacity?.CapacityUnits).toBeCloseTo(25, -1);
    expect(await thrownBy(client.send(scan))).toBeInstanceOf(ProvisionedThroughputExceededException);
    expect(proxy.journal.total({ kind: 'read' })).toBe(ConsumedCapacity?.CapacityUnits);
  });

  test('puts a query into the partition that it names', async () => {
    const table = await engine.createTable();
    await put(table, 'a');
    const { client, proxy } = await start({ readUnitsPerSecond: 100, partitions: 4 });
    proxy.setLimit('read', SLOW, proxy.partitionOf({ S: 'a' }));
    const query = new QueryCommand({
      TableName: table,
      KeyConditionExpression: '#key = :id',
      ExpressionAttributeNames: { '#key': 'id' },
      ExpressionAttributeValues: { ':id': { S: 'a' } },
    });
    await client.send(query);
    const error = await thrownBy(client.send(query));
    expect((error as ProvisionedThroughputExceededException).ThrottlingReasons?.[0]?.reason).toBe(
      'TableReadKeyRangeThroughputExceeded',
    );
  });

  test('adds the indexes to a write that succeeds, and tells them when asked', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await start({ writeUnitsPerSecond: 1_000, gsis: 2 });
    const { ConsumedCapacity } = await client.send(
      new PutItemCommand({
        TableName: table,
        Item: { ...key('large'), ...ITEM_OF_10_KB },
        ReturnConsumedCapacity: 'INDEXES',
      }),
    );
    expect(ConsumedCapacity).toMatchObject({
      CapacityUnits: 30,
      Table: { CapacityUnits: 10 },
      GlobalSecondaryIndexes: {
        'simulated-1': { CapacityUnits: 10 },
        'simulated-2': { CapacityUnits: 10 },
      },
    });
    await client.send(setTest(table, ['large']));
    const refused = await client.send(setTest(table, ['large']));
    expect(refused.ConsumedCapacity?.[0]?.CapacityUnits).toBe(10);
    expect(proxy.journal.total({ kind: 'write' })).toBe(30 + 30 + 10);
  });

  test('says nothing to those who did not ask', async () => {
    const table = await engine.createTable();
    const { client } = await start({});
    const reply = await client.send(new PutItemCommand({ TableName: table, Item: key('a') }));
    expect(reply.ConsumedCapacity).toBeUndefined();
  });

  test('keeps clients apart', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await start({});
    const application = await engine.connect(proxy.exchange, 'application');
    await put(table, 'a', {}, client);
    await put(table, 'a', ITEM_OF_10_KB, application);
    expect(proxy.journal.total({ kind: 'write', client: 'fleet' })).toBe(1);
    expect(proxy.journal.total({ kind: 'write', client: 'application' })).toBe(10);
  });
});

describe('the rate', () => {
  test('of 200 units a second is held from the first second on, and used', async () => {
    const table = await engine.createTable(true);
    const { client, proxy } = await start({ writeUnitsPerSecond: 200 });
    const startedAt = performance.now();
    const until = startedAt + 3_000;
    let id = 0;
    const write = async () => {
      while (performance.now() < until) {
        const requests = Array.from({ length: 25 }, () => ({
          PutRequest: { Item: { id: { S: String(id++) } } },
        }));
        await thrownBy(client.send(new BatchWriteItemCommand({ RequestItems: { [table]: requests } })));
      }
    };
    await Promise.all([write(), write()]);
    // A bucket saves up one second's units, and begins with them.
    const offered = 200 * (1 + (performance.now() - startedAt) / 1_000);
    const total = proxy.journal.total({ kind: 'write' });
    expect(total).toBeLessThanOrEqual(offered);
    expect(total).toBeGreaterThanOrEqual(0.9 * offered);
    expect(proxy.journal.maxUnitsInWindow(2_000, { kind: 'write' })).toBeLessThanOrEqual(200 * 3 + 1);
  });

  test('of one partition is all that one partition key gets', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await start({
      writeUnitsPerSecond: 10_000,
      partitions: 4,
      partitionWriteUnitsPerSecond: 100,
    });
    const startedAt = performance.now();
    const until = startedAt + 2_000;
    let created = 0;
    while (performance.now() < until) {
      const requests = Array.from({ length: 25 }, () => ({
        PutRequest: { Item: { id: { S: 'fat' }, created: { N: String(created++) } } },
      }));
      await thrownBy(client.send(new BatchWriteItemCommand({ RequestItems: { [table]: requests } })));
    }
    const total = proxy.journal.total({ kind: 'write' });
    const offered = 100 * (1 + (performance.now() - startedAt) / 1_000);
    expect(total).toBeLessThanOrEqual(offered);
    expect(total).toBeGreaterThanOrEqual(0.9 * offered);
  });
});

describe('what others see of it', () => {
  test('DescribeTable tells the provisioned throughput, and the indexes', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await start({ writeUnitsPerSecond: 200, readUnitsPerSecond: 400, gsis: 1 });
    const describeTable = async () =>
      (await client.send(new DescribeTableCommand({ TableName: table }))).Table;
    expect(await describeTable()).toMatchObject({
      TableName: table,
      ProvisionedThroughput: { WriteCapacityUnits: 200, ReadCapacityUnits: 400 },
      GlobalSecondaryIndexes: [{ IndexName: 'simulated-1', Projection: { ProjectionType: 'ALL' } }],
    });
    expect((await describeTable())?.BillingModeSummary).toBeUndefined();
    proxy.setLimit('write', 50);
    expect((await describeTable())?.ProvisionedThroughput?.WriteCapacityUnits).toBe(50);
  });

  test('DescribeTable tells what is warm on demand', async () => {
    const table = await engine.createTable();
    const { client } = await start({});
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
    expect(Table).toMatchObject({
      BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
      WarmThroughput: { WriteUnitsPerSecond: 4_000, ReadUnitsPerSecond: 12_000 },
    });
  });

  test('CloudWatch gets the metrics of the table and of its indexes', async () => {
    const table = await engine.createTable();
    const data: Datum[] = [];
    const { client, proxy } = await start(
      { writeUnitsPerSecond: SLOW, gsis: 1, metricsPeriodSeconds: 3_600 },
      datum => data.push(datum),
    );
    await put(table, 'large', ITEM_OF_10_KB);
    await put(table, 'b');
    await client.send(setTest(table, ['large', 'b']));
    await thrownBy(put(table, 'c', {}, client));
    proxy.stop();
    const sums = data.map(({ metric, dimensions, statistics }) => [
      metric,
      Object.entries(dimensions)
        .filter(([name]) => name !== 'TableName')
        .map(([, value]) => value)
        .join(),
      metric === 'SuccessfulRequestLatency' ? statistics.sampleCount : statistics.sum,
    ]);
    expect(sums).toEqual(
      expect.arrayContaining([
        ['ConsumedWriteCapacityUnits', '', 10],
        ['ConsumedWriteCapacityUnits', 'simulated-1', 10],
        ['WriteThrottleEvents', '', 2],
        ['WriteProvisionedThroughputThrottleEvents', '', 2],
        ['ThrottledRequests', 'PutItem', 1],
        ['SuccessfulRequestLatency', 'BatchExecuteStatement', 1],
      ]),
    );
    expect(new Set(data.map(({ namespace }) => namespace))).toEqual(new Set(['AWS/DynamoDB']));
    expect(new Set(data.map(({ timestamp }) => timestamp % 3_600_000))).toEqual(new Set([0]));
  });

  test('a call takes its latency, before and after its effect', async () => {
    const table = await engine.createTable();
    const { client } = await start({ latencyMs: 100 });
    const startedAt = performance.now();
    await put(table, 'a', {}, client);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(95);
  });

  test('what is not metered, and what cannot be read, is for the engine', async () => {
    const table = await engine.createTable();
    const proxy = createCapacityProxy({
      engine: engine.exchange,
      capacity: { writeUnitsPerSecond: SLOW },
      unmetered: [table],
    });
    proxies.push(proxy);
    const client = await engine.connect(proxy.exchange);
    for (const id of ['a', 'b', 'c']) await put(table, id, {}, client);
    expect(proxy.journal.counts('fleet').requests).toBe(0);
    await thrownBy(
      client.send(new BatchExecuteStatementCommand({ Statements: [{ Statement: 'NOT PARTIQL' }] })),
    );
    expect(await thrownBy(put('nowhere', 'a', {}, client))).toMatchObject({
      name: 'ResourceNotFoundException',
    });
    expect(proxy.journal.total({ kind: 'write' })).toBe(0);
  });
});
