import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { itemSize } from '../../../local/dynamodb/item-size.ts';
import { itemBytes } from '../../../orchestrator/user-table/item-size.ts';
import { chargedIndexes, writeUnitsOf } from '../../../orchestrator/user-table/write-units.ts';

const KEYS = [
  { AttributeName: 'id', KeyType: 'HASH' },
  { AttributeName: 'created', KeyType: 'RANGE' },
] as const;

const index = (
  IndexName: string,
  key: string,
  ProjectionType: 'ALL' | 'KEYS_ONLY' | 'INCLUDE',
  NonKeyAttributes?: string[],
) => ({
  IndexName,
  KeySchema: [{ AttributeName: key, KeyType: 'HASH' as const }],
  Projection: { ProjectionType, ...(NonKeyAttributes && { NonKeyAttributes }) },
});

const TABLE: TableDescription = {
  KeySchema: [...KEYS],
  GlobalSecondaryIndexes: [
    index('by-owner', 'owner', 'ALL'),
    index('by-kind', 'kind', 'KEYS_ONLY'),
    index('with-test', 'kind', 'INCLUDE', ['test']),
    index('without-test', 'kind', 'INCLUDE', ['other']),
    index('by-test', 'test', 'KEYS_ONLY'),
  ],
  LocalSecondaryIndexes: [{ ...index('local', 'kind', 'ALL'), KeySchema: [...KEYS] }],
};

describe('an item', () => {
  test('is as large as the simulated table says that it is', () => {
    const item = {
      id: { S: 'ä-123' },
      created: { N: '1700000000000' },
      many: { SS: ['a', 'bc'] },
      numbers: { NS: ['1', '-2.50'] },
      nested: { M: { list: { L: [{ BOOL: true }, { NULL: true as const }, { S: 'x' }] } } },
    };
    expect(itemBytes(item)).toBe(itemSize(item));
    expect(itemBytes({ b: { B: new Uint8Array(7) } })).toBe(8);
  });
});

describe('a write', () => {
  test('reaches only the indexes that hold the attribute or have it as a key', () => {
    expect(chargedIndexes(['test'], TABLE).map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      'global by-owner',
      'global with-test',
      'global by-test',
      'local local',
    ]);
  });

  test('costs by the size of the item after it, in the table and in each index that the item is in', () => {
    const item = {
      id: { S: 'a' },
      created: { N: '1' },
      kind: { S: 'place' },
      other: { S: 'x'.repeat(2_000) },
    };
    const units = writeUnitsOf(item, { test: { N: '1' } }, chargedIndexes(['test'], TABLE));
    // It has no owner, so the first index does not contain it. Two indexes contain a few attributes, the local one all.
    expect(units).toEqual({ table: 2, indexes: [0, 1, 1, 2] });
  });

  test('costs another unit when the attribute adds the one byte too many', () => {
    const item = { id: { S: 'x'.repeat(1_024 - 2 - 6) } };
    expect(itemBytes(item)).toBe(1_018);
    expect(writeUnitsOf(item, { test: { N: '1' } }, [])).toEqual({ table: 1, indexes: [] });
    expect(writeUnitsOf(item, { test: { S: '123' } }, [])).toEqual({ table: 2, indexes: [] });
  });
});
