import { BatchExecuteStatementCommand, DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import type { Datum } from '../../../local/cloudwatch/store.ts';
import { SLOW, useMeteredEngine } from '../support/metered-engine.ts';
import { put, setTest, thrownBy } from '../support/stuff.ts';

const engine = useMeteredEngine();

const ITEM_OF_10_KB = { filler: { S: 'x'.repeat(10_000) } };

describe('what other services show', () => {
  test('DescribeTable shows the provisioned throughput, and the indexes', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await engine.meter({
      writeUnitsPerSecond: 200,
      readUnitsPerSecond: 400,
      gsis: 1,
    });
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

  test('DescribeTable shows the warm throughput of an on-demand table', async () => {
    const table = await engine.createTable();
    const { client } = await engine.meter({});
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
    expect(Table).toMatchObject({
      BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
      WarmThroughput: { WriteUnitsPerSecond: 4_000, ReadUnitsPerSecond: 12_000 },
    });
  });

  test('CloudWatch gets the metrics of the table and of its indexes', async () => {
    const table = await engine.createTable();
    const data: Datum[] = [];
    const { client, proxy } = await engine.meter(
      { writeUnitsPerSecond: SLOW, gsis: 1, metricsPeriodSeconds: 3_600 },
      { putMetric: datum => data.push(datum) },
    );
    await engine.direct.send(put(table, 'large', ITEM_OF_10_KB));
    await engine.direct.send(put(table, 'b'));
    await client.send(setTest(table, ['large', 'b']));
    await thrownBy(client.send(put(table, 'c')));
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
    const { client } = await engine.meter({ latencyMs: 100 });
    const startedAt = performance.now();
    await client.send(put(table, 'a'));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(95);
  });

  test('what is not metered, and what cannot be read, is for the engine', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await engine.meter(
      { writeUnitsPerSecond: SLOW },
      { isMetered: name => name !== table },
    );
    for (const id of ['a', 'b', 'c']) await client.send(put(table, id));
    expect(proxy.journal.counts('fleet').requests).toBe(0);
    await thrownBy(
      client.send(new BatchExecuteStatementCommand({ Statements: [{ Statement: 'NOT PARTIQL' }] })),
    );
    expect(await thrownBy(client.send(put('nowhere', 'a')))).toMatchObject({
      name: 'ResourceNotFoundException',
    });
    expect(proxy.journal.total({ kind: 'write' })).toBe(0);
  });
});
