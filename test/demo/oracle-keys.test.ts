import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import type { Item, KeySchema } from '../../demo/item.ts';
import { Journal } from '../../demo/journal.ts';
import { compare } from '../../demo/oracle.ts';
import { useEngine } from './support/engine-table.ts';
import { ONE } from './support/finished-table.ts';

const engine = useEngine();

const schemas: [string, KeySchema, Item][] = [
  [
    'a number',
    { partition: { name: 'n', type: 'N' } },
    { n: { N: '12345678901234567890123456789012345678' } },
  ],
  ['bytes', { partition: { name: 'b', type: 'B' } }, { b: { B: Uint8Array.of(0, 255) } }],
  [
    'a name with a dot, sorted by bytes under a reserved name',
    { partition: { name: 'a.b', type: 'S' }, sort: { name: 'select', type: 'B' } },
    { 'a.b': { S: '\u0000é' }, select: { B: Uint8Array.of(1) } },
  ],
];

test.each(schemas)('the oracle judges tables whose key is %s', async (_, key, keyItem) => {
  const table = await engine.createTable(key);
  const journal = new Journal({ attribute: 'test', key });
  const item = { ...keyItem, other: { S: 'x' } };
  journal.recordFill(item);
  await engine.client.send(new PutItemCommand({ TableName: table, Item: { ...item, test: ONE } }));
  const report = await compare(engine.client, table, journal, { attribute: 'test', value: ONE });
  expect(report).toMatchObject({ clean: true, filled: { atLeast: 1, atMost: 1 } });
});
