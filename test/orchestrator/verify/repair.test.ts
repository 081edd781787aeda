import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeAttributeMap } from '../../../core/attribute-value.ts';
import { SystemicError } from '../../../core/errors.ts';
import { RateControl } from '../../../core/rate/rate-control.ts';
import { constantRule } from '../../../core/write-rule.ts';
import { type RepairRequest, repair } from '../../../orchestrator/verify/repair.ts';
import { type Item, STUFF_KEY, stuffItems, stuffKey, useEngine } from '../../support/engine.ts';
import { type HttpFront, startHttpFront } from '../../support/http-front.ts';
import { quickClock } from '../../support/quick-clock.ts';
import { rates } from '../../support/records.ts';

const engine = useEngine();
const NEVER = new AbortController().signal;

let front: HttpFront;
let client: DynamoDBClient;
let quarantined: [key: string, reason: string, attempts: number][];

beforeEach(async () => {
  front = await startHttpFront(engine.endpoint);
  client = engine.connect(front.endpoint);
  quarantined = [];
});

afterEach(() => front.close());

function mend(table: string, keys: readonly Item[], given: Partial<RepairRequest> = {}) {
  const clock = quickClock(100);
  const rate = new RateControl({ clock, mostWritesInFlight: 8 });
  rate.grant(rates(100_000), 1);
  return repair({
    client,
    write: { table, keySchema: STUFF_KEY, rule: constantRule('test', { N: '1' }) },
    keys,
    rate,
    held: async () => {},
    clock,
    signal: NEVER,
    onQuarantine: async (...of) => {
      quarantined.push(of);
    },
    ...given,
  });
}

const REFUSED = 'DynamoDB refused the write, although the item exists and lacks the attribute';

describe('a repair', () => {
  test('sets the attribute on exactly the items that it is given', async () => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(5));
    const done = await mend(table, [1, 3].map(stuffKey));
    expect(done).toMatchObject({ matched: 2, updated: 2, alreadySet: 0, deleted: 0, quarantined: 0 });
    expect(done.writeUnits).toBeGreaterThanOrEqual(2);
    for (const [index, item] of stuffItems(5).entries()) {
      const expected = index === 1 || index === 3 ? { ...item, test: { N: '1' } } : item;
      expect(await engine.read(table, stuffKey(index))).toEqual(expected);
    }
  });

  test('leaves another writer’s value, and does not bring back a deleted item', async () => {
    const table = await engine.createTable();
    const [item] = stuffItems(1) as [Item];
    const theirs = { ...item, test: { NULL: true as const } };
    await engine.fill(table, [theirs]);
    expect(await mend(table, [0, 9].map(stuffKey))).toMatchObject({ alreadySet: 1, deleted: 1, updated: 0 });
    expect(await engine.items(table)).toEqual([theirs]);
  });

  test('reads back refused items with strong consistency, only their key and the attribute', async () => {
    const table = await engine.createTable();
    await engine.fill(
      table,
      stuffItems(1).map(item => ({ ...item, test: { N: '7' } })),
    );
    expect(await mend(table, [stuffKey(0)])).toMatchObject({ alreadySet: 1 });
    const [write, read, ...others] = front.calls.map(({ operation, body }) => ({ operation, body }));
    expect(others).toEqual([]);
    expect(write?.body).not.toHaveProperty('ReturnValuesOnConditionCheckFailure');
    expect(read?.operation).toBe('BatchGetItem');
    const { ConsistentRead, ExpressionAttributeNames } = read?.body.RequestItems[table] ?? {};
    expect(ConsistentRead).toBe(true);
    expect(Object.values(ExpressionAttributeNames ?? {})).toEqual(['id', 'created', 'test']);
  });

  test('whose reply was lost finds its own write, and counts it as set by someone', async () => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(1));
    let calls = 0;
    front.script = async (_, answer) => {
      if (calls++ > 0) return answer.pass();
      await answer.forward();
      answer.cut();
    };
    expect(await mend(table, [stuffKey(0)])).toMatchObject({ matched: 1, updated: 0, alreadySet: 1 });
  });

  test.each([
    ['ThrottlingException', 400],
    ['TransactionConflictException', 400],
    ['InternalServerError', 500],
  ])('tries again after %s', async (type, status) => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(2));
    let calls = 0;
    front.script = (_, answer) => (calls++ < 5 ? answer.refuse(type, 'm', {}, status) : answer.pass());
    expect(await mend(table, [0, 1].map(stuffKey))).toMatchObject({ updated: 2 });
    expect(quarantined).toEqual([]);
  });

  test('sets an item aside that cannot be written, with the reason, and goes on', async () => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(2));
    front.script = ({ body }, answer) =>
      body.Key.id.S === 'id-0' ? answer.refuse('ValidationException', 'Item size') : answer.pass();
    expect(await mend(table, [0, 1].map(stuffKey))).toMatchObject({ updated: 1, quarantined: 1 });
    expect(quarantined).toEqual([[encodeAttributeMap(stuffKey(0)), 'Validation: Item size', 1]]);
  });

  test('sets an item aside that is refused without a reason, again and again', async () => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(1));
    front.script = ({ operation }, answer) =>
      operation === 'UpdateItem' ? answer.refuse('ConditionalCheckFailedException') : answer.pass();
    expect(await mend(table, [stuffKey(0)])).toMatchObject({ quarantined: 1 });
    expect(quarantined).toEqual([[encodeAttributeMap(stuffKey(0)), REFUSED, 5]]);
  });

  test('is not misled by an attribute that every JavaScript object has', async () => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(1));
    let calls = 0;
    front.script = (_, answer) =>
      calls++ === 0 ? answer.refuse('ConditionalCheckFailedException', 'm') : answer.pass();
    const write = { table, keySchema: STUFF_KEY, rule: constantRule('constructor', { N: '1' }) };
    expect(await mend(table, [stuffKey(0)], { write })).toMatchObject({ updated: 1, alreadySet: 0 });
    expect((await engine.read(table, stuffKey(0)))?.['constructor']).toEqual({ N: '1' });
  });

  test.each(['AccessDeniedException', 'ResourceNotFoundException', 'SomethingNew'])(
    'ends with %s, which holds for every item',
    async type => {
      const table = await engine.createTable();
      await engine.fill(table, stuffItems(2));
      front.script = (_, answer) => answer.refuse(type, 'said so');
      const mending = mend(table, [0, 1].map(stuffKey));
      await expect(mending).rejects.toThrow(SystemicError);
      await expect(mending).rejects.toThrow(/said so/);
      expect(front.calls).toHaveLength(1);
    },
  );

  test.each([
    ['at first', 0],
    ['after the wait for its part of the budget', 1],
  ])('sends nothing without authority %s', async (_, allowed) => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(1));
    const stop = new AbortController();
    let asked = 0;
    const held = (signal: AbortSignal) =>
      asked++ < allowed
        ? Promise.resolve()
        : new Promise<void>((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason), { once: true });
          });
    const mending = mend(table, [stuffKey(0)], { held, signal: stop.signal });
    await new Promise(resolve => setTimeout(resolve, 100));
    expect(asked).toBe(allowed + 1);
    expect(front.calls).toHaveLength(0);
    stop.abort(new Error('ended'));
    await expect(mending).rejects.toThrow('ended');
  });

  test('sends nothing more when it is to end', async () => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(3));
    const stop = new AbortController();
    front.script = (_, answer) => {
      stop.abort(new Error('superseded'));
      return answer.pass();
    };
    await expect(mend(table, [0, 1, 2].map(stuffKey), { signal: stop.signal })).rejects.toThrow('superseded');
    // At most those that were in flight with it.
    expect(front.calls.length).toBeLessThanOrEqual(2);
  });
});
