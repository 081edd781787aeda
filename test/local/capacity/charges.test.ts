import {
  DeleteItemCommand,
  ProvisionedThroughputExceededException,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { SLOW, useMeteredEngine } from '../support/metered-engine.ts';
import { codesOf, key, put, setTest, thrownBy } from '../support/stuff.ts';

const engine = useMeteredEngine();

const ITEM_OF_10_KB = { filler: { S: 'x'.repeat(10_000) } };

describe('the account', () => {
  test('charges a write by the size of the item, whatever the write', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await engine.meter({ writeUnitsPerSecond: 1_000 });
    await client.send(put(table, 'large', ITEM_OF_10_KB));
    await client.send(setTest(table, ['large']));
    await client.send(new DeleteItemCommand({ TableName: table, Key: key('large') }));
    expect(proxy.journal.total({ kind: 'write', table })).toBe(30);
  });

  test('charges a false condition, also in a batch whose other items do not exist', async () => {
    const table = await engine.createTable();
    await engine.direct.send(put(table, 'large', { ...ITEM_OF_10_KB, test: { N: '7' } }));
    await engine.direct.send(put(table, 'small'));
    const { client, proxy } = await engine.meter({ writeUnitsPerSecond: 1_000 });
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
    const { client, proxy } = await engine.meter({ writeUnitsPerSecond: 1 });
    await thrownBy(client.send(new PutItemCommand({ TableName: table, Item: { id: { S: 'no sort key' } } })));
    await client.send(put(table, 'a'));
    expect(proxy.journal.total({ kind: 'write' })).toBe(1);
  });

  test('reads cost what they find, and leave a debt', async () => {
    const table = await engine.createTable();
    await engine.direct.send(put(table, 'large', { filler: { S: 'x'.repeat(100_000) } }));
    const { client, proxy } = await engine.meter({ readUnitsPerSecond: SLOW });
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
    await engine.direct.send(put(table, 'a'));
    const { client, proxy } = await engine.meter({ readUnitsPerSecond: 100, partitions: 4 });
    proxy.setLimit('read', SLOW, proxy.partitionOf({ S: 'a' }));
    const query = new QueryCommand({
      TableName: table,
      KeyConditionExpression: '#key = :id',
      ExpressionAttributeNames: { '#key': 'id' },
      ExpressionAttributeValues: { ':id': { S: 'a' } },
    });
    await client.send(query);
    const error = await thrownBy<ProvisionedThroughputExceededException>(client.send(query));
    expect(error?.ThrottlingReasons?.[0]?.reason).toBe('TableReadKeyRangeThroughputExceeded');
  });

  test('adds the indexes to a write that succeeds, and lists them when asked to', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await engine.meter({ writeUnitsPerSecond: 1_000, gsis: 2 });
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

  test('reports nothing to a client that did not ask', async () => {
    const table = await engine.createTable();
    const { client } = await engine.meter({});
    const reply = await client.send(new PutItemCommand({ TableName: table, Item: key('a') }));
    expect(reply.ConsumedCapacity).toBeUndefined();
  });

  test('keeps clients apart', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await engine.meter({});
    const application = await engine.connect(proxy.exchange, 'application');
    await client.send(put(table, 'a'));
    await application.send(put(table, 'a', ITEM_OF_10_KB));
    expect(proxy.journal.total({ kind: 'write', client: 'fleet' })).toBe(1);
    expect(proxy.journal.total({ kind: 'write', client: 'application' })).toBe(10);
  });
});
