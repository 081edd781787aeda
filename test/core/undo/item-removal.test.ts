import { type AttributeValue, BatchGetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import {
  constantTarget,
  isSameValue,
  layoutOf,
  readTargetsInput,
  removeItemInput,
  standingOf,
} from '../../../core/undo/item-removal.ts';
import { STUFF_KEY, useEngine } from '../../support/engine.ts';

const engine = useEngine();

const KEY = { id: { S: 'a' }, created: { N: '1' } };

const VALUES: readonly (readonly [AttributeValue, AttributeValue])[] = [
  [{ S: 'x' }, { S: 'X' }],
  [{ N: '1' }, { N: '1.5' }],
  [{ B: new Uint8Array([1, 2]) }, { B: new Uint8Array([1]) }],
  [{ BOOL: true }, { BOOL: false }],
  [{ NULL: true }, { S: '' }],
  [{ SS: ['a', 'b'] }, { SS: ['a'] }],
  [{ NS: ['1', '2'] }, { NS: ['1', '3'] }],
  [{ L: [{ N: '1' }, { S: 'a' }] }, { L: [{ S: 'a' }, { N: '1' }] }],
  [{ M: { a: { N: '1' }, b: { S: 'x' } } }, { M: { a: { N: '1' } } }],
];

describe('the one write of an undo, on an engine', () => {
  test.each(VALUES)('removes the value %j and leaves %j', async (value, other) => {
    const table = await engine.createTable(STUFF_KEY);
    const remove = () =>
      engine.client.send(
        new UpdateItemCommand(removeItemInput({ table, keySchema: STUFF_KEY }, KEY, 'test', value)),
      );
    const refused = { name: 'ConditionalCheckFailedException' };

    await expect(remove()).rejects.toMatchObject(refused);
    expect(await engine.items(table)).toEqual([]);

    await engine.fill(table, [{ ...KEY, test: other, name: { S: 'kept' } }]);
    await expect(remove()).rejects.toMatchObject(refused);
    expect(await engine.read(table, KEY)).toEqual({ ...KEY, test: other, name: { S: 'kept' } });

    await engine.fill(table, [{ ...KEY, test: value, name: { S: 'kept' } }]);
    await remove();
    expect(await engine.read(table, KEY)).toEqual({ ...KEY, name: { S: 'kept' } });
    await expect(remove()).rejects.toMatchObject(refused);
  });

  test('what stands is read by a projection on keys and targets', async () => {
    const table = await engine.createTable(STUFF_KEY);
    await engine.fill(table, [{ ...KEY, test: { N: '1' }, secret: { S: 'no' } }]);
    const input = readTargetsInput({ table, keySchema: STUFF_KEY }, [{ name: 'test' }], [KEY]);
    const reply = await engine.client.send(new BatchGetItemCommand(input));
    expect(reply.Responses?.[table]).toEqual([{ ...KEY, test: { N: '1' } }]);
  });
});

test('how an entry stands', () => {
  expect(standingOf(undefined, 'test', { N: '1' })).toBe('deleted');
  expect(standingOf(KEY, 'test', { N: '1' })).toBe('removed');
  expect(standingOf({ ...KEY, test: { N: '2' } }, 'test', { N: '1' })).toBe('changed');
  expect(standingOf({ ...KEY, test: { N: '1' } }, 'test', { N: '1' })).toBe('ours');
});

test('values are equal as DynamoDB has it: numbers by value, sets without order', () => {
  for (const [value, other] of VALUES) {
    expect(isSameValue(value, structuredClone(value))).toBe(true);
    expect(isSameValue(value, other)).toBe(false);
  }
  expect(isSameValue({ N: '1.50' }, { N: '15e-1' })).toBe(true);
  expect(isSameValue({ N: '-0' }, { N: '0' })).toBe(true);
  expect(isSameValue({ NS: ['2', '1.0'] }, { NS: ['1', '2'] })).toBe(true);
  expect(isSameValue({ SS: ['b', 'a'] }, { SS: ['a', 'b'] })).toBe(true);
  expect(
    isSameValue({ M: { a: { N: '1' }, b: { S: 'x' } } }, { M: { b: { S: 'x' }, a: { N: '1.0' } } }),
  ).toBe(true);
});

test('a constant of any type comes back from the run’s record', () => {
  for (const [value] of VALUES) {
    const layout = layoutOf(STUFF_KEY, { targets: [constantTarget('test', value), { name: 'other' }] });
    expect(layout.targets).toEqual([{ name: 'test', constant: value }, { name: 'other' }]);
  }
});
