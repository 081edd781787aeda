import { describe, expect, test } from 'vitest';
import {
  batchStatementFactory,
  describeWrite,
  type ItemWrite,
  keyOf,
  keyProjection,
  nameUnfitForBatch,
  updateItemInput,
} from '../../core/item-write.ts';
import { STUFF_KEY } from '../support/engine.ts';

const WRITE: ItemWrite = { table: 'stuff', keySchema: STUFF_KEY, attribute: 'test', value: { N: '1' } };
const KEY = { id: { S: 'a' }, created: { N: '12345678901234567890123456789012345678' } };
const PARTITION_ONLY: ItemWrite = { ...WRITE, keySchema: [{ name: 'id', type: 'S' }] };

describe('the one write of a run', () => {
  test('in a batch is this statement, and nothing else', () => {
    expect(batchStatementFactory(WRITE)(KEY)).toEqual({
      Statement: 'UPDATE "stuff" SET "test" = ? WHERE "id" = ? AND "created" = ? AND "test" IS MISSING',
      Parameters: [{ N: '1' }, { S: 'a' }, KEY.created],
    });
  });

  test('in a batch, of a table without a sort key', () => {
    expect(batchStatementFactory(PARTITION_ONLY)({ id: { S: 'a' } })).toEqual({
      Statement: 'UPDATE "stuff" SET "test" = ? WHERE "id" = ? AND "test" IS MISSING',
      Parameters: [{ N: '1' }, { S: 'a' }],
    });
  });

  test('takes its parameters by name, in whatever order an engine sent the key', () => {
    const turned = { created: KEY.created, id: KEY.id };
    expect(batchStatementFactory(WRITE)(turned)).toEqual(batchStatementFactory(WRITE)(KEY));
  });

  test('alone is this UpdateItem, which names neither key nor attribute in its texts, and whose refusal brings no item along', () => {
    expect(updateItemInput(WRITE, KEY)).toEqual({
      TableName: 'stuff',
      Key: KEY,
      UpdateExpression: 'SET #attribute = :value',
      ConditionExpression: 'attribute_exists(#partitionKey) AND attribute_not_exists(#attribute)',
      ExpressionAttributeNames: { '#attribute': 'test', '#partitionKey': 'id' },
      ExpressionAttributeValues: { ':value': { N: '1' } },
      ReturnConsumedCapacity: 'TOTAL',
    });
  });

  test('is shown to the operator as it is sent', () => {
    expect(describeWrite(WRITE, 'batch')).toBe(batchStatementFactory(WRITE)(KEY).Statement);
    expect(describeWrite({ ...WRITE, attribute: 'a.b' }, 'single')).toBe(
      'UpdateItem SET a.b = :value IF attribute_exists(id) AND attribute_not_exists(a.b)',
    );
  });

  test('is not built for an item without its key', () => {
    expect(() => batchStatementFactory(WRITE)({ id: { S: 'a' } })).toThrow(/no key attribute created/);
  });
});

describe('a name fit for a batch', () => {
  test.each(['test', 'TEST_2', 'my-attr', '0', 'select', 'SET', '-', 'a'.repeat(255)])('%s', name => {
    expect(nameUnfitForBatch({ ...WRITE, attribute: name })).toBeUndefined();
    expect(nameUnfitForBatch({ ...WRITE, table: name })).toBeUndefined();
    expect(nameUnfitForBatch({ ...WRITE, keySchema: [{ name, type: 'S' }] })).toBeUndefined();
  });

  test.each(['a.b', 'a"b', "a'b", 'a b', 'ä', '', 'a[0]', 'a#b', 'a:b', '\u2028', '名'])('not %j', name => {
    expect(nameUnfitForBatch({ ...WRITE, attribute: name })).toBe(name);
    expect(nameUnfitForBatch({ ...WRITE, table: name })).toBe(name);
    expect(
      nameUnfitForBatch({
        ...WRITE,
        keySchema: [
          { name: 'id', type: 'S' },
          { name, type: 'N' },
        ],
      }),
    ).toBe(name);
  });

  test('nor one that makes the statement longer than DynamoDB takes', () => {
    const fits = 'a'.repeat(
      (8_192 - 'UPDATE "stuff" SET "" = ? WHERE "id" = ? AND "" IS MISSING'.length) / 2,
    );
    expect(nameUnfitForBatch({ ...PARTITION_ONLY, attribute: fits })).toBeUndefined();
    expect(nameUnfitForBatch({ ...PARTITION_ONLY, attribute: `${fits}a` })).toBe(`${fits}a`);
  });
});

describe('reading keys', () => {
  test('a projection names its attributes by placeholders only', () => {
    const odd: ItemWrite = {
      ...WRITE,
      keySchema: [
        { name: 'a.b', type: 'S' },
        { name: 'size', type: 'N' },
      ],
      attribute: 'c d',
    };
    expect(keyProjection(odd, false)).toEqual({
      ProjectionExpression: '#key0, #key1',
      ExpressionAttributeNames: { '#key0': 'a.b', '#key1': 'size' },
    });
    expect(keyProjection(odd, true)).toEqual({
      ProjectionExpression: '#key0, #key1, #attribute',
      ExpressionAttributeNames: { '#key0': 'a.b', '#key1': 'size', '#attribute': 'c d' },
    });
  });

  test('the key of an item is its key attributes, raw', () => {
    expect(keyOf(STUFF_KEY, { test: { N: '1' }, ...KEY, name: { S: 'x' } })).toEqual(KEY);
  });
});
