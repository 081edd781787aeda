import { type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RateControl } from '../../core/rate/rate-control.ts';
import { type Counters, type KeySchema, NO_COUNTERS } from '../../core/records.ts';
import { constantRule } from '../../core/write-rule.ts';
import type { Authority } from '../../job/authority.ts';
import { SegmentCounters } from '../../job/segment-counters.ts';
import { type ReadBack, UserTable } from '../../job/user-table.ts';
import { type Item, STUFF_KEY, stuffItems, stuffKey, useEngine } from '../support/engine.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { type HttpFront, startHttpFront } from '../support/http-front.ts';
import { rates } from '../support/records.ts';

const engine = useEngine();
const NEVER = new AbortController().signal;
const NONE = () => {};

let front: HttpFront;
let client: DynamoDBClient;
let rate: RateControl;
let clock: FakeClock;
let tally: SegmentCounters;
let authority: { held: (signal: AbortSignal) => Promise<void> };
let latencies: number[];

beforeEach(async () => {
  front = await startHttpFront(engine.endpoint);
  client = engine.connect(front.endpoint);
  clock = new FakeClock();
  rate = new RateControl({ clock });
  rate.grant(rates(10_000), 1);
  await clock.advance(1_000);
  tally = new SegmentCounters(NO_COUNTERS, () => {});
  authority = { held: async () => {} };
  latencies = [];
});

afterEach(async () => {
  client.destroy();
  await front.close();
});

function userTable(table: string, keySchema: KeySchema = STUFF_KEY, attribute = 'test'): UserTable {
  return new UserTable({
    client,
    write: { table, keySchema, rule: constantRule(attribute, { N: '1' }) },
    authority: authority as unknown as Authority,
    rate,
    onWriteLatency: ms => latencies.push(ms),
  });
}

const assigned = (index: number) => ({
  key: stuffKey(index),
  assignment: { set: { test: { N: '1' } }, sources: [] },
});

const position = (given: Partial<Parameters<UserTable['scan']>[0]> = {}) => ({
  segment: 0,
  totalSegments: 1,
  exclusiveStartKey: undefined,
  itemsNow: () => undefined,
  ...given,
});

const consumed = (): Counters => tally.snapshot();

describe('a scan', () => {
  test('finds the keys of the items that lack the attribute, and nothing else of them', async () => {
    const table = await engine.createTable();
    const items = stuffItems(6).map((item, index) =>
      index % 2 === 0 ? { ...item, test: { NULL: true } } : item,
    );
    await engine.fill(table, items as Item[]);
    const page = await userTable(table).scan(position(), { tally }, NEVER);
    const byId = (a: Item, b: Item) => String(a['id']?.S).localeCompare(String(b['id']?.S));
    expect([...(page.Items ?? [])].sort(byId)).toEqual([1, 3, 5].map(stuffKey).sort(byId));
    expect(page.ScannedCount).toBe(6);
  });

  test('is eventually consistent, projected onto the key, and says segment and total together', async () => {
    const table = await engine.createTable();
    await userTable(table).scan(
      position({ segment: 2, totalSegments: 5, itemsNow: () => 7 }),
      { tally },
      NEVER,
    );
    expect(front.calls[0]?.body).toEqual({
      TableName: table,
      Segment: 2,
      TotalSegments: 5,
      Limit: 7,
      Select: 'SPECIFIC_ATTRIBUTES',
      ProjectionExpression: '#name0, #name1',
      FilterExpression: 'attribute_not_exists(#name2)',
      ExpressionAttributeNames: { '#name0': 'id', '#name1': 'created', '#name2': 'test' },
      ReturnConsumedCapacity: 'TOTAL',
    });
  });

  test('continues after the raw key that it is given: a number of 38 digits stays exact', async () => {
    const table = await engine.createTable();
    const created = { N: '99999999999999999999999999999999999999' };
    const exclusiveStartKey = { id: { S: 'a' }, created };
    await userTable(table).scan(position({ exclusiveStartKey }), { tally }, NEVER);
    expect(front.calls[0]?.body.ExclusiveStartKey).toEqual(exclusiveStartKey);
  });

  test('counts what was consumed, and the limiter with it', async () => {
    const table = await engine.createTable();
    front.script = (_, answer) =>
      answer.reply(200, { Items: [], Count: 0, ScannedCount: 0, ConsumedCapacity: { CapacityUnits: 77.5 } });
    await userTable(table).scan(position(), { tally }, NEVER);
    expect(consumed().readUnits).toBe(77.5);
  });

  test('that says nothing about capacity is counted by the estimate', async () => {
    const table = await engine.createTable();
    front.script = (_, answer) => answer.reply(200, { Items: [], Count: 0, ScannedCount: 0 });
    await userTable(table).scan(position({ itemsNow: () => 80 }), { tally }, NEVER);
    expect(consumed().readUnits).toBe(10);
  });
});

describe('a write', () => {
  test('of a batch tells the error of each statement in its place', async () => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(2));
    const errors = await userTable(table).writeBatch([0, 9, 1].map(assigned), { tally }, NEVER, NONE);
    expect(errors).toEqual([
      undefined,
      expect.objectContaining({ Code: 'ConditionalCheckFailed' }),
      undefined,
    ]);
    expect(latencies).toHaveLength(1);
    expect(consumed().writeUnits).toBeGreaterThanOrEqual(2);
  });

  test('alone throws its refusal, and does not ask for the stored item', async () => {
    const table = await engine.createTable();
    const item = { ...(stuffItems(1)[0] as Item), test: { S: 'theirs' } };
    await engine.fill(table, [item]);
    await expect(userTable(table).writeSingle(assigned(0), { tally }, NEVER)).rejects.toMatchObject({
      name: 'ConditionalCheckFailedException',
      Item: undefined,
    });
  });

  test('alone counts what its refusal consumed, which no error says', async () => {
    const table = await engine.createTable();
    await engine.fill(
      table,
      stuffItems(4).map(item => ({ ...item, test: { N: '9' } })),
    );
    const users = userTable(table);
    for (const index of [0, 1, 2, 3]) {
      await expect(users.writeSingle(assigned(index), { tally }, NEVER)).rejects.toThrow();
    }
    expect(consumed().writeUnits).toBe(4);
  });

  test('asks for the capacity that it consumed', async () => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(1));
    const users = userTable(table);
    await users.writeSingle(assigned(0), { tally }, NEVER);
    await users.writeBatch([assigned(0)], { tally }, NEVER, NONE);
    expect(front.calls.map(({ body }) => body.ReturnConsumedCapacity)).toEqual(['TOTAL', 'TOTAL']);
  });

  test('waits for its part of the budget before it is sent', async () => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(3));
    rate.grant(rates(30), 2);
    rate.write.settle(0, 30);
    const writing = userTable(table).writeBatch([0, 1, 2].map(assigned), { tally }, NEVER, NONE);
    await settled();
    await new Promise(resolve => setTimeout(resolve, 50));
    expect(front.calls).toHaveLength(0);
    await clock.advance(1_200);
    expect(await writing).toEqual([undefined, undefined, undefined]);
  });

  test('that waits while the rate falls gives back the items that its batch may no longer hold', async () => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(3));
    rate.grant(rates(30), 2);
    rate.write.settle(0, 30);
    const tooMany: unknown[] = [];
    const batch = [0, 1, 2].map(assigned);
    const writing = userTable(table).writeBatch(batch, { tally }, NEVER, items => tooMany.push(...items));
    await settled();
    rate.grant(rates(10), 3);
    await clock.advance(4_000);
    expect(await writing).toEqual([undefined]);
    expect(batch).toEqual([assigned(0)]);
    expect(tooMany).toEqual([assigned(1), assigned(2)]);
  });

  test('keeps what it reserved when it fails: a refused condition has its price too', async () => {
    const table = await engine.createTable();
    front.script = (_, answer) => answer.refuse('ThrottlingException');
    // The write takes the one unit that was saved.
    rate.grant(rates(4), 2);
    await expect(userTable(table).writeSingle(assigned(0), { tally }, NEVER)).rejects.toThrow();
    let admitted = false;
    void rate.write.reserve(1, NEVER).then(() => {
      admitted = true;
    });
    await settled();
    expect(admitted).toBe(false);
    await clock.advance(2_000);
    expect(admitted).toBe(true);
  });
});

describe('reading back', () => {
  const schemas: [string, KeySchema, Item, Item, Item][] = [
    [
      'strings and numbers',
      STUFF_KEY,
      { id: { S: 'a' }, created: { N: '12345678901234567890123456789012345678' } },
      { id: { S: 'a' }, created: { N: '12345678901234567890123456789012345679' } },
      { id: { S: 'a,1' }, created: { N: '1' } },
    ],
    [
      'binary',
      [{ name: 'bin', type: 'B' }],
      { bin: { B: Uint8Array.from([0, 1]) } },
      { bin: { B: Uint8Array.from([0, 2]) } },
      { bin: { B: Uint8Array.from([0]) } },
    ],
    [
      'strings that could run together',
      [
        { name: 'p', type: 'S' },
        { name: 's', type: 'S' },
      ],
      { p: { S: 'a:1' }, s: { S: 'b' } },
      { p: { S: 'a' }, s: { S: '1:b' } },
      { p: { S: 'a' }, s: { S: '1' } },
    ],
  ];

  test.each(schemas)(
    'distinguishes items with the attribute, without it, and deleted ones: %s',
    async (_, keySchema, has, lacks, absent) => {
      const table = await engine.createTable(keySchema);
      await engine.fill(table, [{ ...has, test: { NULL: true } }, lacks]);
      const keys = [has, lacks, absent];
      const found = await userTable(table, keySchema).readBack(keys, { tally }, NEVER);
      expect(keys.map(key => found.get(key))).toEqual<ReadBack[]>([
        { ...has, test: { NULL: true } },
        lacks,
        'absent',
      ]);
    },
  );

  test('sees a write that was complete before it', async () => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(1));
    await engine.client.send(
      new UpdateItemCommand({
        TableName: table,
        Key: stuffKey(0),
        UpdateExpression: 'SET test = :v',
        ExpressionAttributeValues: { ':v': { N: '2' } },
      }),
    );
    const key = stuffKey(0);
    expect((await userTable(table).readBack([key], { tally }, NEVER)).get(key)).toEqual({
      ...key,
      test: { N: '2' },
    });
    expect(front.calls[0]?.body.RequestItems[table].ConsistentRead).toBe(true);
    expect(consumed().readUnits).toBeGreaterThan(0);
  });
});

describe('without authority', () => {
  const calls = {
    scan: (users: UserTable, signal: AbortSignal) => users.scan(position(), { tally }, signal),
    writeBatch: (users: UserTable, signal: AbortSignal) =>
      users.writeBatch([assigned(0)], { tally }, signal, NONE),
    writeSingle: (users: UserTable, signal: AbortSignal) => users.writeSingle(assigned(0), { tally }, signal),
    readBack: (users: UserTable, signal: AbortSignal) => users.readBack([stuffKey(0)], { tally }, signal),
  };

  test.each(Object.entries(calls))('%s waits and sends nothing', async (_, call) => {
    const table = await engine.createTable();
    let give = () => {};
    authority.held = () =>
      new Promise(resolve => {
        give = resolve;
      });
    const stop = new AbortController();
    const waiting = call(userTable(table), stop.signal).catch(() => {});
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(front.calls).toHaveLength(0);
    authority.held = async () => {};
    give();
    await waiting;
    expect(front.calls).toHaveLength(1);
  });
});
