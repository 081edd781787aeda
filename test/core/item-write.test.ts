import { describe, expect, test } from 'vitest';
import {
  batchStatementFactory,
  describeWrite,
  type ItemWrite,
  isBatchable,
  itemProjection,
  keyOf,
  keyProjection,
  lackingFilter,
  nameUnfitForBatch,
  updateItemInput,
} from '../../core/item-write.ts';
import { type Assignment, constantRule, type WriteRule } from '../../core/write-rule.ts';
import { STUFF_KEY } from '../support/engine.ts';

const writing = (attribute: string): ItemWrite => ({
  table: 'stuff',
  keySchema: STUFF_KEY,
  rule: constantRule(attribute, { N: '1' }),
});
const WRITE = writing('test');
const CONSTANT: Assignment = { set: { test: { N: '1' } }, sources: [] };
const KEY = { id: { S: 'a' }, created: { N: '12345678901234567890123456789012345678' } };
const PARTITION_ONLY: ItemWrite = { ...WRITE, keySchema: [{ name: 'id', type: 'S' }] };

describe('the one write of a run', () => {
  test('in a batch is this statement, and nothing else', () => {
    expect(batchStatementFactory(WRITE)(KEY, CONSTANT)).toEqual({
      Statement: 'UPDATE "stuff" SET "test" = ? WHERE "id" = ? AND "created" = ? AND "test" IS MISSING',
      Parameters: [{ N: '1' }, { S: 'a' }, KEY.created],
    });
  });

  test('in a batch, of a table without a sort key', () => {
    expect(batchStatementFactory(PARTITION_ONLY)({ id: { S: 'a' } }, CONSTANT)).toEqual({
      Statement: 'UPDATE "stuff" SET "test" = ? WHERE "id" = ? AND "test" IS MISSING',
      Parameters: [{ N: '1' }, { S: 'a' }],
    });
  });

  test('takes its parameters by name, whatever order the engine sent the key in', () => {
    const turned = { created: KEY.created, id: KEY.id };
    expect(batchStatementFactory(WRITE)(turned, CONSTANT)).toEqual(
      batchStatementFactory(WRITE)(KEY, CONSTANT),
    );
  });

  test('alone is this UpdateItem: only placeholders in its expressions, and no item in the reply to a refusal', () => {
    expect(updateItemInput(WRITE, KEY, CONSTANT)).toEqual({
      TableName: 'stuff',
      Key: KEY,
      UpdateExpression: 'SET #target0 = :target0',
      ConditionExpression: 'attribute_exists(#partitionKey) AND attribute_not_exists(#target0)',
      ExpressionAttributeNames: { '#target0': 'test', '#partitionKey': 'id' },
      ExpressionAttributeValues: { ':target0': { N: '1' } },
      ReturnConsumedCapacity: 'TOTAL',
    });
  });

  test('is shown to the operator as it is sent', () => {
    expect(describeWrite(WRITE, 'batch')).toBe(batchStatementFactory(WRITE)(KEY, CONSTANT).Statement);
    expect(describeWrite(writing('a.b'), 'single')).toBe(
      'UpdateItem SET a.b = :target0 IF attribute_exists(id) AND attribute_not_exists(a.b)',
    );
  });

  test('is not built for an item without its key', () => {
    expect(() => batchStatementFactory(WRITE)({ id: { S: 'a' } }, CONSTANT)).toThrow(
      /no key attribute created/,
    );
  });
});

describe('a name fit for a batch', () => {
  test.each(['test', 'TEST_2', 'my-attr', '0', 'select', 'SET', '-', 'a'.repeat(255)])('%s', name => {
    expect(nameUnfitForBatch(writing(name))).toBeUndefined();
    expect(nameUnfitForBatch({ ...WRITE, table: name })).toBeUndefined();
    expect(nameUnfitForBatch({ ...WRITE, keySchema: [{ name, type: 'S' }] })).toBeUndefined();
  });

  test.each(['a.b', 'a"b', "a'b", 'a b', 'ä', '', 'a[0]', 'a#b', 'a:b', '\u2028', '名'])('not %j', name => {
    expect(nameUnfitForBatch(writing(name))).toBe(name);
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

  test('not a name that makes the statement longer than DynamoDB takes', () => {
    const fits = 'a'.repeat(
      (8_192 - 'UPDATE "stuff" SET "" = ? WHERE "id" = ? AND "" IS MISSING'.length) / 2,
    );
    expect(nameUnfitForBatch({ ...PARTITION_ONLY, rule: writing(fits).rule })).toBeUndefined();
    expect(nameUnfitForBatch({ ...PARTITION_ONLY, rule: writing(`${fits}a`).rule })).toBe(`${fits}a`);
  });
});

describe('reading items by key', () => {
  test('a projection names its attributes by placeholders only', () => {
    const odd: ItemWrite = {
      ...WRITE,
      keySchema: [
        { name: 'a.b', type: 'S' },
        { name: 'size', type: 'N' },
      ],
      rule: writing('c d').rule,
    };
    expect(keyProjection(odd)).toEqual({
      ProjectionExpression: '#name0, #name1',
      ExpressionAttributeNames: { '#name0': 'a.b', '#name1': 'size' },
    });
    expect(itemProjection(odd)).toEqual({
      ProjectionExpression: '#name0, #name1, #name2',
      ExpressionAttributeNames: { '#name0': 'a.b', '#name1': 'size', '#name2': 'c d' },
    });
  });

  test('the key of an item is its key attributes, raw', () => {
    expect(keyOf(STUFF_KEY, { test: { N: '1' }, ...KEY, name: { S: 'x' } })).toEqual(KEY);
  });
});

describe('the write of a recipe', () => {
  const rule: WriteRule = {
    targets: ['a', 'b'],
    sources: [['status'], ['region'], ['m', 'x.y'], ['m']],
    decide: () => ({ kind: 'has-targets' }),
  };
  const write: ItemWrite = { ...PARTITION_ONLY, rule };
  const assignment: Assignment = {
    set: { a: { S: '1' }, b: { N: '2' } },
    sources: [
      { path: ['status'], is: 'equal', value: { S: 'OPEN' } },
      { path: ['region'], is: 'absent' },
      { path: ['kind'], is: 'present' },
    ],
  };

  test('in a batch sets every missing target, with all that has to hold', () => {
    const forms = { several: 'commas', sources: ['S'], absent: true, present: true } as const;
    const { Statement, Parameters } = batchStatementFactory(write, forms)({ id: { S: 'k' } }, assignment);
    expect(Statement).toBe(
      'UPDATE "stuff" SET "a" = ?, "b" = ? WHERE "id" = ? AND "a" IS MISSING AND "b" IS MISSING ' +
        'AND "status" = ? AND "region" IS MISSING AND "kind" IS NOT MISSING',
    );
    expect(Parameters).toEqual([{ S: '1' }, { N: '2' }, { S: 'k' }, { S: 'OPEN' }]);
    const clauses = batchStatementFactory(write, { ...forms, several: 'clauses' });
    expect(clauses({ id: { S: 'k' } }, assignment).Statement).toContain('SET "a" = ? SET "b" = ? WHERE');
  });

  test('takes the values of each item, and the text of its form', () => {
    const statement = batchStatementFactory(write, { several: 'commas', sources: ['S'], absent: true });
    const other: Assignment = { set: { b: { N: '3' } }, sources: [{ path: ['status'], is: 'absent' }] };
    const first = statement({ id: { S: 'k' } }, assignment);
    expect(statement({ id: { S: 'l' } }, other)).toEqual({
      Statement: 'UPDATE "stuff" SET "b" = ? WHERE "id" = ? AND "b" IS MISSING AND "status" IS MISSING',
      Parameters: [{ N: '3' }, { S: 'l' }],
    });
    expect(statement({ id: { S: 'k' } }, { ...assignment })).toEqual(first);
  });

  test('alone names paths by placeholders, and a dot in a name is no path', () => {
    const nested: Assignment = {
      set: { a: { S: '1' } },
      sources: [
        { path: ['m', 'x.y'], is: 'equal', value: { NULL: true } },
        { path: ['m', 'z'], is: 'absent' },
        { path: ['m'], is: 'present' },
      ],
    };
    expect(updateItemInput(write, { id: { S: 'k' } }, nested)).toMatchObject({
      UpdateExpression: 'SET #target0 = :target0',
      ConditionExpression:
        'attribute_exists(#partitionKey) AND attribute_not_exists(#target0) AND #name2.#name3 = :source0 ' +
        'AND attribute_not_exists(#name2.#name4) AND attribute_exists(#name2)',
      ExpressionAttributeNames: {
        '#partitionKey': 'id',
        '#target0': 'a',
        '#name2': 'm',
        '#name3': 'x.y',
        '#name4': 'z',
      },
      ExpressionAttributeValues: { ':target0': { S: '1' }, ':source0': { NULL: true } },
    });
  });

  test.each<[string, Assignment['sources'], boolean]>([
    ['no source', [], true],
    ['a proved type', [{ path: ['s'], is: 'equal', value: { S: '' } }], true],
    ['a type that is not proved', [{ path: ['s'], is: 'equal', value: { N: '1' } }], false],
    [
      'NULL, of which PartiQL has a reading of its own',
      [{ path: ['s'], is: 'equal', value: { NULL: true } }],
      false,
    ],
    ['absence that is not proved', [{ path: ['s'], is: 'absent' }], false],
    ['presence that is proved', [{ path: ['s'], is: 'present' }], true],
    ['an entry of a map', [{ path: ['s', 't'], is: 'present' }], false],
    ['a name that is not plain', [{ path: ['s.t'], is: 'present' }], false],
  ])('goes in a batch by what was proved: %s', (_, sources, batchable) => {
    const forms = { sources: ['S'], present: true } as const;
    expect(isBatchable({ set: { a: { S: '1' } }, sources }, forms)).toBe(batchable);
    expect(isBatchable({ set: { a: { S: '1' }, b: { S: '1' } }, sources }, forms)).toBe(false);
    const several = { ...forms, several: 'commas' } as const;
    expect(isBatchable({ set: { a: { S: '1' }, b: { S: '1' } }, sources }, several)).toBe(batchable);
  });

  test('is read for by one projection without overlaps, and a filter on each target', () => {
    const projection = itemProjection(write);
    expect(projection).toEqual({
      ProjectionExpression: '#name0, #name1, #name2, #name3, #name4, #name5',
      ExpressionAttributeNames: {
        '#name0': 'id',
        '#name1': 'a',
        '#name2': 'b',
        '#name3': 'status',
        '#name4': 'region',
        '#name5': 'm',
      },
    });
    expect(lackingFilter(write, projection).FilterExpression).toBe(
      'attribute_not_exists(#name1) OR attribute_not_exists(#name2)',
    );
    expect(lackingFilter(write, keyProjection(write))).toMatchObject({
      FilterExpression: 'attribute_not_exists(#name1) OR attribute_not_exists(#name2)',
      ExpressionAttributeNames: { '#name0': 'id', '#name1': 'a', '#name2': 'b' },
    });
  });

  test('is shown to the operator', () => {
    expect(describeWrite({ ...write, rule: { ...rule, sources: [['status'], ['id']] } }, 'batch')).toBe(
      'UPDATE "stuff" SET "a" = ?, "b" = ? WHERE "id" = ? AND "a" IS MISSING AND "b" IS MISSING AND "status" = ?',
    );
  });
});
