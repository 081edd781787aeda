import {
  type AttributeValue,
  BatchWriteItemCommand,
  DeleteItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fillWithPlaces } from '../../demo/fill-places.ts';
import { type Item, type KeySchema, keyOf, STUFF_KEY } from '../../demo/item.ts';
import { Journal } from '../../demo/journal.ts';
import { compare, describeDeviations, type JournalReport } from '../../demo/oracle.ts';
import { openPlaces, type Places } from '../../demo/places.ts';
import type { Write } from '../../demo/write.ts';
import { useEngine } from './support/engine-table.ts';

const ITEMS = 60;
const ONE: AttributeValue = { N: '1' };
const TWO: AttributeValue = { N: '2' };

/** Index 0 carries NULL, 5 a number, 10 a string, and so on; those in between lack the attribute. */
const WITH_NULL = 0;
const WITH_NUMBER = 5;
const WITHOUT = 1;

const engine = useEngine();
let places: Places;
let table: string;
let journal: Journal;

beforeAll(async () => {
  places = await openPlaces({ seed: 'oracle', attribute: 'test' });
});

/** A filled table over which the tool has run, faultlessly. */
beforeEach(async () => {
  table = await engine.createTable();
  journal = new Journal({ attribute: 'test', regenerate: index => places.itemAt(index) });
  await fillWithPlaces(engine.client, table, places, ITEMS, journal);
  for (let index = 0; index < ITEMS; index += 1) await setAsTheTool(index);
});

async function setAsTheTool(index: number, value = ONE): Promise<void> {
  if (places.itemAt(index)['test'] === undefined) await setBehindTheJournal(index, 'test', value);
}

function keyAt(index: number): Item {
  return keyOf(places.itemAt(index), STUFF_KEY);
}

async function setBehindTheJournal(index: number, attribute: string, value: AttributeValue): Promise<void> {
  await engine.client.send(
    new UpdateItemCommand({
      TableName: table,
      Key: keyAt(index),
      UpdateExpression: 'SET #a = :v',
      ExpressionAttributeNames: { '#a': attribute },
      ExpressionAttributeValues: { ':v': value },
    }),
  );
}

async function putBehindTheJournal(item: Item): Promise<void> {
  await engine.client.send(new PutItemCommand({ TableName: table, Item: item }));
}

async function deleteBehindTheJournal(index: number): Promise<void> {
  await engine.client.send(new DeleteItemCommand({ TableName: table, Key: keyAt(index) }));
}

/** Writes as the application does, with the old item in the reply. */
async function write(write: Write): Promise<void> {
  journal.begin(write);
  const shared = { TableName: table, ReturnValues: 'ALL_OLD' } as const;
  if (write.kind === 'put') {
    const { Attributes: old } = await engine.client.send(new PutItemCommand({ ...shared, Item: write.item }));
    journal.applied(write, { old, repeated: false });
  } else if (write.kind === 'delete') {
    const { Attributes: old } = await engine.client.send(
      new DeleteItemCommand({ ...shared, Key: write.key }),
    );
    journal.applied(write, { old, repeated: false });
  } else {
    const [[name, value] = ['', ONE]] = Object.entries(write.set);
    const update = new UpdateItemCommand({
      ...shared,
      Key: write.key,
      UpdateExpression: 'SET #a = :v',
      ExpressionAttributeNames: { '#a': name },
      ExpressionAttributeValues: { ':v': value },
    });
    journal.applied(write, { old: (await engine.client.send(update)).Attributes, repeated: false });
  }
}

function judge(value: AttributeValue | AttributeValue[] = ONE): Promise<JournalReport> {
  return compare(engine.client, table, journal, { attribute: 'test', value });
}

describe('a faultless run', () => {
  test('is clean, and every item that lacked the attribute counts as set by the tool', async () => {
    expect(await judge()).toStrictEqual({
      clean: true,
      scanned: ITEMS,
      live: ITEMS,
      counts: {},
      examples: [],
      filled: { atLeast: 48, atMost: 48 },
      applicationSet: 12,
      unknown: 0,
    });
  });

  test('is clean whatever the application wrote, and what it hid still counts as set by the tool', async () => {
    await write({ kind: 'delete', key: keyAt(WITHOUT) });
    await write({ kind: 'update', key: keyAt(2), set: { test: TWO } });
    await write({ kind: 'put', item: { ...places.itemAt(3), test: { NULL: true } } });
    await write({ kind: 'update', key: keyAt(4), set: { population: { N: '0012.50' } } });
    await write({ kind: 'update', key: keyAt(WITH_NULL), set: { test: TWO } });
    await write({ kind: 'delete', key: keyAt(WITH_NUMBER) });
    const report = await judge();
    expect(describeDeviations(report)).toStrictEqual([]);
    expect(report).toMatchObject({
      clean: true,
      live: ITEMS - 2,
      filled: { atLeast: 48, atMost: 48 },
      applicationSet: 13,
    });
  });

  test('is clean when several runs with different values did it', async () => {
    await setBehindTheJournal(WITHOUT, 'test', { N: '9' });
    expect((await judge()).counts).toStrictEqual({ 'not-the-tools-value': 1 });
    expect((await judge([ONE, { N: '9' }])).clean).toBe(true);
  });
});

describe('each deviation has its name', () => {
  async function expectOnly(kind: string, detail: RegExp, count = 1): Promise<void> {
    const report = await judge();
    expect(report.clean).toBe(false);
    expect(report.counts).toStrictEqual({ [kind]: count });
    expect(report.examples).toHaveLength(1);
    expect(report.examples[0]?.detail).toMatch(detail);
  }

  test('an item that still lacks the attribute', async () => {
    await putBehindTheJournal(withoutTest(places.itemAt(WITHOUT)));
    await expectOnly('attribute-missing', /never set/);
  });

  test('an item whose attribute got lost', async () => {
    await putBehindTheJournal(withoutTest(places.itemAt(WITH_NUMBER)));
    await expectOnly('attribute-missing', /was \{"N":"7"\}/);
  });

  test('an application’s value overwritten', async () => {
    await write({ kind: 'update', key: keyAt(WITHOUT), set: { test: TWO } });
    await setBehindTheJournal(WITHOUT, 'test', ONE);
    await expectOnly('application-value-overwritten', /should be \{"N":"2"\} and is \{"N":"1"\}/);
  });

  test('a NULL replaced', async () => {
    await setBehindTheJournal(WITH_NULL, 'test', ONE);
    await expectOnly('null-replaced', /should be \{"NULL":true\} and is \{"N":"1"\}/);
  });

  test('a value that the tool was not to set', async () => {
    await setBehindTheJournal(WITHOUT, 'test', { S: '1' });
    await expectOnly('not-the-tools-value', /\{"S":"1"\}/);
  });

  test('a value that the tool was not to set, since deleted', async () => {
    await setBehindTheJournal(WITHOUT, 'test', { S: '1' });
    await write({ kind: 'delete', key: keyAt(WITHOUT) });
    await expectOnly('not-the-tools-value', /since overwritten or deleted/);
  });

  test('a deleted item back', async () => {
    await write({ kind: 'delete', key: keyAt(WITHOUT) });
    await setBehindTheJournal(WITHOUT, 'test', ONE);
    await expectOnly('deleted-item-exists', /"test":\{"N":"1"\}/);
  });

  test('a deleted item back, though deleted once more since', async () => {
    await write({ kind: 'delete', key: keyAt(WITHOUT) });
    await setBehindTheJournal(WITHOUT, 'test', ONE);
    await write({ kind: 'put', item: places.itemAt(WITH_NUMBER) });
    await write({ kind: 'delete', key: keyAt(WITHOUT) });
    await expectOnly('deleted-item-exists', /before a delete/);
  });

  test('an item gone', async () => {
    await deleteBehindTheJournal(WITHOUT);
    await expectOnly('item-lost', /"cityId"/);
  });

  test('another attribute changed', async () => {
    await setBehindTheJournal(WITHOUT, 'population', { N: '-1' });
    await expectOnly('item-changed', /"population" should be .* and is \{"N":"-1"\}/);
  });

  test('an application’s update lost', async () => {
    await write({ kind: 'update', key: keyAt(WITHOUT), set: { population: { N: '42' } } });
    await putBehindTheJournal({ ...places.itemAt(WITHOUT), test: ONE });
    await expectOnly('item-changed', /"population" should be \{"N":"42"\}/);
  });

  test('an application’s update lost, though the item was replaced since', async () => {
    await write({ kind: 'update', key: keyAt(WITHOUT), set: { population: { N: '42' } } });
    await putBehindTheJournal({ ...places.itemAt(WITHOUT), test: ONE });
    await write({ kind: 'put', item: { ...places.itemAt(WITHOUT), test: TWO } });
    await expectOnly('item-changed', /before a put: "population" should be \{"N":"42"\}/);
  });

  test('an attribute added', async () => {
    await setBehindTheJournal(WITHOUT, 'extra', { BOOL: true });
    await expectOnly('item-changed', /"extra" should be absent/);
  });

  test('an item that nobody wrote', async () => {
    await putBehindTheJournal({ ...places.itemAt(ITEMS), test: ONE });
    await expectOnly('unknown-item', /"cityId"/);
  });

  test('several at once, each with its count', async () => {
    for (const index of [1, 2, 3]) await putBehindTheJournal(withoutTest(places.itemAt(index)));
    await deleteBehindTheJournal(4);
    await setBehindTheJournal(WITH_NULL, 'test', ONE);
    const report = await judge();
    expect(report.counts).toStrictEqual({ 'attribute-missing': 3, 'item-lost': 1, 'null-replaced': 1 });
    expect(describeDeviations(report)).toHaveLength(3 + 5);
  });
});

describe('replies that were lost', () => {
  test('a write whose outcome never became known is right either way', async () => {
    const lost: Write[] = [
      { kind: 'delete', key: keyAt(1) },
      { kind: 'delete', key: keyAt(2) },
      { kind: 'update', key: keyAt(3), set: { test: TWO } },
      { kind: 'update', key: keyAt(4), set: { test: TWO } },
    ];
    for (const one of lost) {
      journal.begin(one);
      journal.leaveUnknown(one);
    }
    await deleteBehindTheJournal(1);
    await setBehindTheJournal(3, 'test', TWO);
    const report = await judge();
    expect(report.counts).toStrictEqual({});
    expect(report).toMatchObject({ unknown: 4, live: ITEMS - 2, filled: { atLeast: 46, atMost: 50 } });
    await setBehindTheJournal(3, 'test', { N: '5' });
    expect((await judge()).clean).toBe(false);
  });

  test('a reply to a repeated write that shows the write itself is no deviation', async () => {
    const remove: Write = { kind: 'delete', key: keyAt(1) };
    const set: Write = { kind: 'update', key: keyAt(2), set: { test: TWO } };
    await deleteBehindTheJournal(1);
    await setBehindTheJournal(2, 'test', TWO);
    journal.begin(remove);
    journal.applied(remove, { old: undefined, repeated: true });
    journal.begin(set);
    journal.applied(set, { old: { ...places.itemAt(2), test: TWO }, repeated: true });
    expect(await judge()).toMatchObject({ clean: true, filled: { atLeast: 46, atMost: 48 } });
  });

  test('nothing is compared while a write is in flight', async () => {
    journal.begin({ kind: 'delete', key: keyAt(1) });
    await expect(judge()).rejects.toThrow(/still writing/);
    expect(() => journal.begin({ kind: 'delete', key: keyAt(1) })).toThrow(/one write in flight/);
  });
});

describe('other key schemas', () => {
  const schemas: [string, KeySchema, Item][] = [
    [
      'a number',
      { partition: { name: 'n', type: 'N' } },
      { n: { N: '12345678901234567890123456789012345678' } },
    ],
    ['bytes', { partition: { name: 'b', type: 'B' } }, { b: { B: Uint8Array.of(0, 255) } }],
    [
      'a reserved name, sorted by bytes',
      { partition: { name: 'a.b', type: 'S' }, sort: { name: 'select', type: 'B' } },
      { 'a.b': { S: '\u0000é' }, select: { B: Uint8Array.of(1) } },
    ],
  ];
  test.each(schemas)('%s', async (_, key, keyItem) => {
    const own = await engine.createTable(key);
    const keyed = new Journal({ attribute: 'test', key });
    const item = { ...keyItem, other: { S: 'x' } };
    keyed.recordFill(item);
    const put = { PutRequest: { Item: { ...item, test: ONE } } };
    await engine.client.send(new BatchWriteItemCommand({ RequestItems: { [own]: [put] } }));
    const report = await compare(engine.client, own, keyed, { attribute: 'test', value: ONE });
    expect(report).toMatchObject({ clean: true, filled: { atLeast: 1, atMost: 1 } });
  });
});

function withoutTest(item: Item): Item {
  const { test: _, ...others } = item;
  return others;
}
