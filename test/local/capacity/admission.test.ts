import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  GetItemCommand,
  ProvisionedThroughputExceededException,
  RequestLimitExceeded,
  ScanCommand,
  ThrottlingException,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { SLOW, useMeteredEngine } from '../support/metered-engine.ts';
import { codesOf, key, put, setTest, thrownBy } from '../support/stuff.ts';

const engine = useMeteredEngine();

const ITEM_OF_10_KB = { filler: { S: 'x'.repeat(10_000) } };

const hasTest = async (table: string, id: string) => {
  const { Item } = await engine.direct.send(
    new GetItemCommand({ TableName: table, Key: key(id), ConsistentRead: true }),
  );
  return Item?.['test'] !== undefined;
};

describe('admission', () => {
  test('throttles single statements, in order and without an effect, inside a call that succeeds', async () => {
    const table = await engine.createTable();
    for (const id of ['a', 'b', 'c', 'd']) await engine.direct.send(put(table, id));
    const { client, proxy } = await engine.meter({ writeUnitsPerSecond: 2 });
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
    await engine.direct.send(put(table, 'large', ITEM_OF_10_KB));
    for (const id of ['a', 'b']) await engine.direct.send(put(table, id));
    const { client } = await engine.meter({ writeUnitsPerSecond: 11 });
    const reply = await client.send(setTest(table, ['a', 'large', 'b']));
    expect(codesOf(reply)).toEqual([undefined, undefined, 'ProvisionedThroughputExceeded']);
    expect(reply.ConsumedCapacity?.[0]?.CapacityUnits).toBe(11);
  });

  test('refuses a single write as a call, with the reason and the resource', async () => {
    const table = await engine.createTable();
    const { client } = await engine.meter({ writeUnitsPerSecond: SLOW });
    await client.send(put(table, 'a'));
    const error = await thrownBy(client.send(put(table, 'b')));
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
    const { client } = await engine.meter({
      mode: 'on-demand',
      writeUnitsPerSecond: SLOW,
      partitionWriteUnitsPerSecond: SLOW,
    });
    await client.send(put(table, 'a'));
    const error = await thrownBy<ThrottlingException>(client.send(put(table, 'a')));
    expect(error).toBeInstanceOf(ThrottlingException);
    expect(error?.throttlingReasons?.map(({ reason }) => reason)).toEqual([
      'TableWriteKeyRangeThroughputExceeded',
      'TableWriteMaxOnDemandThroughputExceeded',
    ]);
    expect(codesOf(await client.send(setTest(table, ['a'])))).toEqual(['ThrottlingError']);
  });

  test('refuses for the account with a third error', async () => {
    const table = await engine.createTable();
    const { client } = await engine.meter({ accountWriteUnitsPerSecond: SLOW });
    await client.send(put(table, 'a'));
    const error = await thrownBy<RequestLimitExceeded>(client.send(put(table, 'b')));
    expect(error).toBeInstanceOf(RequestLimitExceeded);
    expect(error?.ThrottlingReasons?.[0]?.reason).toBe('TableWriteAccountLimitExceeded');
    expect(codesOf(await client.send(setTest(table, ['a'])))).toEqual(['RequestLimitExceeded']);
  });

  test('can leave the reasons out', async () => {
    const table = await engine.createTable();
    const { client } = await engine.meter({ writeUnitsPerSecond: SLOW, reasons: false });
    await client.send(put(table, 'a'));
    const error = await thrownBy<ProvisionedThroughputExceededException>(client.send(put(table, 'b')));
    expect(error?.ThrottlingReasons).toBeUndefined();
  });

  test('can refuse a batch of statements as a call', async () => {
    const table = await engine.createTable();
    for (const id of ['a', 'b']) await engine.direct.send(put(table, id));
    const { client } = await engine.meter({ writeUnitsPerSecond: SLOW, wholeBatches: true });
    await client.send(setTest(table, ['a']));
    expect(await thrownBy(client.send(setTest(table, ['b'])))).toBeInstanceOf(
      ProvisionedThroughputExceededException,
    );
    expect(await hasTest(table, 'b')).toBe(false);
  });

  test('returns the keys and writes of other batches as unprocessed, and throws when none was processed', async () => {
    const table = await engine.createTable();
    await engine.direct.send(put(table, 'a'));
    await engine.direct.send(put(table, 'b'));
    const { client } = await engine.meter({ writeUnitsPerSecond: SLOW, readUnitsPerSecond: SLOW });
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
    const { client } = await engine.meter({ writeUnitsPerSecond: 3 });
    const error = await thrownBy<TransactionCanceledException>(
      client.send(
        new TransactWriteItemsCommand({
          TransactItems: ['a', 'b'].map(id => ({ Put: { TableName: table, Item: key(id) } })),
        }),
      ),
    );
    expect(error).toBeInstanceOf(TransactionCanceledException);
    expect(error?.CancellationReasons).toMatchObject([
      { Code: 'None' },
      { Code: 'ProvisionedThroughputExceeded' },
    ]);
    const { Count } = await engine.direct.send(new ScanCommand({ TableName: table, ConsistentRead: true }));
    expect(Count).toBe(0);
  });

  test('limits a partition by itself', async () => {
    const table = await engine.createTable();
    const ids = Array.from({ length: 40 }, (_, index) => `item-${index}`);
    for (const id of ids) await engine.direct.send(put(table, id));
    const { client, proxy } = await engine.meter({ writeUnitsPerSecond: 4_000, partitions: 4 });
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
    const { client } = await engine.meter({
      writeUnitsPerSecond: 100,
      gsis: 2,
      gsiWriteUnitsPerSecond: SLOW,
    });
    await client.send(put(table, 'a'));
    const error = await thrownBy<ProvisionedThroughputExceededException>(client.send(put(table, 'b')));
    expect(error?.ThrottlingReasons).toEqual(
      [1, 2].map(number => ({
        reason: 'IndexWriteProvisionedThroughputExceeded',
        resource: expect.stringMatching(`table/${table}/index/simulated-${number}$`),
      })),
    );
  });
});
