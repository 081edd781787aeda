import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { describeDeviations } from '../../demo/oracle.ts';
import { openPlaces, type Places } from '../../demo/places.ts';
import { useEngine } from './support/engine-table.ts';
import { FinishedTable, ITEMS, ONE, TWO, WITH_NULL, WITH_NUMBER, WITHOUT } from './support/finished-table.ts';

const engine = useEngine();
let places: Places;
let table: FinishedTable;

beforeAll(async () => {
  places = await openPlaces({ seed: 'oracle', attribute: 'test' });
});
beforeEach(async () => {
  table = await FinishedTable.make(engine, places);
});

describe('a faultless run', () => {
  test('is clean, and every item that lacked the attribute counts as set by the tool', async () => {
    expect(await table.judge()).toStrictEqual({
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

  test('is clean whatever the application wrote; values that it hid still count as set by the tool', async () => {
    await table.write({ kind: 'delete', key: table.keyAt(WITHOUT) });
    await table.write({ kind: 'update', key: table.keyAt(2), set: { test: TWO } });
    await table.write({ kind: 'put', item: { ...table.itemAt(3), test: { NULL: true } } });
    await table.write({ kind: 'update', key: table.keyAt(4), set: { population: { N: '0012.50' } } });
    await table.write({ kind: 'update', key: table.keyAt(WITH_NULL), set: { test: TWO } });
    await table.write({ kind: 'delete', key: table.keyAt(WITH_NUMBER) });
    const report = await table.judge();
    expect(describeDeviations(report)).toStrictEqual([]);
    expect(report).toMatchObject({
      clean: true,
      live: ITEMS - 2,
      filled: { atLeast: 48, atMost: 48 },
      applicationSet: 13,
    });
  });

  test('is clean when several runs with different values did it', async () => {
    await table.setBehindTheJournal(WITHOUT, 'test', { N: '9' });
    expect((await table.judge()).counts).toStrictEqual({ 'not-the-tools-value': 1 });
    expect((await table.judge([ONE, { N: '9' }])).clean).toBe(true);
  });
});

describe('each deviation has its name', () => {
  async function expectOnly(kind: string, detail: RegExp, count = 1): Promise<void> {
    const report = await table.judge();
    expect(report.clean).toBe(false);
    expect(report.counts).toStrictEqual({ [kind]: count });
    expect(report.examples).toHaveLength(1);
    expect(report.examples[0]?.detail).toMatch(detail);
  }

  test('an item that still lacks the attribute', async () => {
    await table.putBehindTheJournal(table.itemWithoutTest(WITHOUT));
    await expectOnly('attribute-missing', /never set/);
  });

  test('an item whose attribute got lost', async () => {
    await table.putBehindTheJournal(table.itemWithoutTest(WITH_NUMBER));
    await expectOnly('attribute-missing', /was \{"N":"7"\}/);
  });

  test('an application’s value overwritten', async () => {
    await table.write({ kind: 'update', key: table.keyAt(WITHOUT), set: { test: TWO } });
    await table.setBehindTheJournal(WITHOUT, 'test', ONE);
    await expectOnly('application-value-overwritten', /should be \{"N":"2"\} and is \{"N":"1"\}/);
  });

  test('a NULL replaced', async () => {
    await table.setBehindTheJournal(WITH_NULL, 'test', ONE);
    await expectOnly('null-replaced', /should be \{"NULL":true\} and is \{"N":"1"\}/);
  });

  test('a value that the tool was not to set', async () => {
    await table.setBehindTheJournal(WITHOUT, 'test', { S: '1' });
    await expectOnly('not-the-tools-value', /\{"S":"1"\}/);
  });

  test('a value that the tool was not to set, since deleted', async () => {
    await table.setBehindTheJournal(WITHOUT, 'test', { S: '1' });
    await table.write({ kind: 'delete', key: table.keyAt(WITHOUT) });
    await expectOnly('not-the-tools-value', /overwritten or deleted later/);
  });

  test('a deleted item back', async () => {
    await table.write({ kind: 'delete', key: table.keyAt(WITHOUT) });
    await table.setBehindTheJournal(WITHOUT, 'test', ONE);
    await expectOnly('deleted-item-exists', /"test":\{"N":"1"\}/);
  });

  test('a deleted item that came back, although it was deleted again', async () => {
    await table.write({ kind: 'delete', key: table.keyAt(WITHOUT) });
    await table.setBehindTheJournal(WITHOUT, 'test', ONE);
    await table.write({ kind: 'put', item: table.itemAt(WITH_NUMBER) });
    await table.write({ kind: 'delete', key: table.keyAt(WITHOUT) });
    await expectOnly('deleted-item-exists', /before a delete/);
  });

  test('an item gone', async () => {
    await table.deleteBehindTheJournal(WITHOUT);
    await expectOnly('item-lost', /"cityId"/);
  });

  test('another attribute changed', async () => {
    await table.setBehindTheJournal(WITHOUT, 'population', { N: '-1' });
    await expectOnly('item-changed', /"population" should be .* and is \{"N":"-1"\}/);
  });

  test('an application’s update lost', async () => {
    await table.write({ kind: 'update', key: table.keyAt(WITHOUT), set: { population: { N: '42' } } });
    await table.putBehindTheJournal({ ...table.itemAt(WITHOUT), test: ONE });
    await expectOnly('item-changed', /"population" should be \{"N":"42"\}/);
  });

  test('an application’s update lost, although the item was replaced later', async () => {
    await table.write({ kind: 'update', key: table.keyAt(WITHOUT), set: { population: { N: '42' } } });
    await table.putBehindTheJournal({ ...table.itemAt(WITHOUT), test: ONE });
    await table.write({ kind: 'put', item: { ...table.itemAt(WITHOUT), test: TWO } });
    await expectOnly('item-changed', /before a put: "population" should be \{"N":"42"\}/);
  });

  test('an attribute added', async () => {
    await table.setBehindTheJournal(WITHOUT, 'extra', { BOOL: true });
    await expectOnly('item-changed', /"extra" should be absent/);
  });

  test('an item that nobody wrote', async () => {
    await table.putBehindTheJournal({ ...table.itemAt(ITEMS), test: ONE });
    await expectOnly('unknown-item', /"cityId"/);
  });

  test('several at once, each with its count', async () => {
    for (const index of [1, 2, 3]) await table.putBehindTheJournal(table.itemWithoutTest(index));
    await table.deleteBehindTheJournal(4);
    await table.setBehindTheJournal(WITH_NULL, 'test', ONE);
    const report = await table.judge();
    expect(report.counts).toStrictEqual({ 'attribute-missing': 3, 'item-lost': 1, 'null-replaced': 1 });
    expect(describeDeviations(report)).toHaveLength(3 + 5);
  });
});
