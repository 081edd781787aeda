import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPlaces, type Places } from '../../demo/places.ts';
import type { Write } from '../../demo/write.ts';
import { useEngine } from './support/engine-table.ts';
import { FinishedTable, ITEMS, TWO } from './support/finished-table.ts';

const engine = useEngine();
let places: Places;
let table: FinishedTable;

beforeAll(async () => {
  places = await openPlaces({ seed: 'oracle', attribute: 'test' });
});
beforeEach(async () => {
  table = await FinishedTable.make(engine, places);
});

describe('replies that were lost', () => {
  test('a write whose outcome never became known is right either way', async () => {
    const lost: Write[] = [
      { kind: 'delete', key: table.keyAt(1) },
      { kind: 'delete', key: table.keyAt(2) },
      { kind: 'update', key: table.keyAt(3), set: { test: TWO } },
      { kind: 'update', key: table.keyAt(4), set: { test: TWO } },
    ];
    for (const one of lost) {
      table.journal.begin(one);
      table.journal.leaveUnknown(one);
    }
    await table.deleteBehindTheJournal(1);
    await table.setBehindTheJournal(3, 'test', TWO);
    const report = await table.judge();
    expect(report.counts).toStrictEqual({});
    expect(report).toMatchObject({ unknown: 4, live: ITEMS - 2, filled: { atLeast: 46, atMost: 50 } });
    await table.setBehindTheJournal(3, 'test', { N: '5' });
    expect((await table.judge()).clean).toBe(false);
  });

  test('a reply to a repeated write that shows the write itself is no deviation', async () => {
    const remove: Write = { kind: 'delete', key: table.keyAt(1) };
    const set: Write = { kind: 'update', key: table.keyAt(2), set: { test: TWO } };
    await table.deleteBehindTheJournal(1);
    await table.setBehindTheJournal(2, 'test', TWO);
    table.journal.begin(remove);
    table.journal.applied(remove, { old: undefined, repeated: true });
    table.journal.begin(set);
    table.journal.applied(set, { old: { ...table.itemAt(2), test: TWO }, repeated: true });
    expect(await table.judge()).toMatchObject({ clean: true, filled: { atLeast: 46, atMost: 48 } });
  });

  test('nothing is compared while a write is in flight', async () => {
    table.journal.begin({ kind: 'delete', key: table.keyAt(1) });
    await expect(table.judge()).rejects.toThrow(/still writing/);
    expect(() => table.journal.begin({ kind: 'delete', key: table.keyAt(1) })).toThrow(/one write in flight/);
  });
});
