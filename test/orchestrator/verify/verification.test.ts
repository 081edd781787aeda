import {
  type AttributeValue,
  DeleteItemCommand,
  type DynamoDBClient,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { encodeAttributeMap } from '../../../core/attribute-value.ts';
import { SystemicError } from '../../../core/errors.ts';
import { RateControl } from '../../../core/rate/rate-control.ts';
import { loadRule } from '../../../core/recipe/load.ts';
import type { IndexKey, KeySchema } from '../../../core/records.ts';
import { verificationSegments } from '../../../core/verification-segments.ts';
import { lacksAttribute, missesByRule } from '../../../orchestrator/verify/subject.ts';
import {
  type VerificationRequest,
  type VerifiedPage,
  verifyTable,
} from '../../../orchestrator/verify/verification.ts';
import { type Item, STUFF_KEY, stuffItems, stuffKey, useEngine } from '../../support/engine.ts';
import { type HttpFront, startHttpFront } from '../../support/http-front.ts';
import { quickClock } from '../../support/quick-clock.ts';
import { rates } from '../../support/records.ts';

const engine = useEngine();
const NEVER = new AbortController().signal;
const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Given extends Partial<VerificationRequest> {
  readonly attribute?: string;
  readonly alsoRead?: string;
  readonly indexKeys?: readonly IndexKey[];
  /** Read units a second. */
  readonly budget?: number;
}

function verify(
  table: string,
  { attribute = 'test', alsoRead, indexKeys, budget = 100_000, ...given }: Given = {},
) {
  const clock = given.clock ?? quickClock(50);
  const rate = new RateControl({ clock, paces: 'reads', seed: { bytes: 1_024 } });
  rate.grant(rates(0, budget), 1);
  const keySchema = given.keySchema ?? STUFF_KEY;
  return verifyTable({
    client: engine.client,
    table,
    keySchema,
    subject: lacksAttribute(keySchema, attribute, { alsoRead, indexKeys }),
    totalSegments: 3,
    rate,
    clock,
    signal: NEVER,
    ...given,
  });
}

async function inFront(): Promise<{ front: HttpFront; client: DynamoDBClient }> {
  const front = await startHttpFront(engine.endpoint);
  const client = engine.connect(front.endpoint);
  closers.push(() => front.close());
  return { front, client };
}

const texts = (keys: readonly Item[]) => keys.map(encodeAttributeMap).sort();

/** Items of `stuff` that have the attribute, except these. */
const withoutTest = (count: number, missing: readonly number[]): Item[] =>
  stuffItems(count).map((item, index) => (missing.includes(index) ? item : { ...item, test: { N: '1' } }));

describe('the verification scan', () => {
  test('finds exactly the items that lack the attribute, whichever they are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat({ max: 59 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 9 }),
        async (missing, totalSegments) => {
          const table = await engine.createTable();
          await engine.fill(table, withoutTest(60, missing));
          const result = await verify(table, { totalSegments });
          expect(result).toMatchObject({ missing: missing.length, nulls: 0 });
          expect(texts(result.open)).toEqual(texts(missing.map(stuffKey)));
          expect(result.readUnits).toBeGreaterThan(0);
        },
      ),
      { numRuns: 8 },
    );
  });

  test('of an empty table finds nothing', async () => {
    const table = await engine.createTable();
    expect(await verify(table)).toMatchObject({ scanned: 0, missing: 0, nulls: 0, open: [] });
  });

  test('counts every item once', async () => {
    const table = await engine.createTable();
    await engine.fill(table, withoutTest(50, [1]));
    expect((await verify(table)).scanned).toBe(50);
  });

  test('counts an attribute that is NULL as there, and says how many there are', async () => {
    const table = await engine.createTable();
    const items = withoutTest(20, [3]);
    for (const index of [1, 2]) items[index] = { ...(items[index] as Item), test: { NULL: true } };
    await engine.fill(table, items);
    const result = await verify(table);
    expect(result).toMatchObject({ missing: 1, nulls: 2 });
    expect(texts(result.open)).toEqual(texts([stuffKey(3)]));
  });

  test.each<[string, Item]>([
    ['an empty string', { test: { S: '' } }],
    ['false', { test: { BOOL: false } }],
    ['zero', { test: { N: '0' } }],
    ['an empty map', { test: { M: {} } }],
    ['an empty list', { test: { L: [] } }],
    ['empty binary', { test: { B: new Uint8Array() } }],
  ])('takes %s for a value', async (_, value) => {
    const table = await engine.createTable();
    await engine.fill(
      table,
      stuffItems(3).map(item => ({ ...item, ...value })),
    );
    expect(await verify(table)).toMatchObject({ missing: 0, nulls: 0 });
  });

  describe('of the key of an index', () => {
    const key = (type: IndexKey['type']): IndexKey[] => [
      { index: 'by-test', name: 'test', kind: 'HASH', type },
      { index: 'by-test-too', name: 'test', kind: 'RANGE', type },
    ];
    const one = Uint8Array.of(0);
    test.each<[IndexKey['type'], AttributeValue[], AttributeValue[]]>([
      ['S', [{ S: 'a' }, { S: '\0' }, { S: '0' }], [{ S: '' }, { N: '1' }, { M: {} }, { BOOL: false }]],
      ['N', [{ N: '0' }, { N: '-1' }], [{ S: '1' }, { S: '' }, { L: [] }, { SS: ['1'] }]],
      ['B', [{ B: one }], [{ B: new Uint8Array() }, { S: 'a' }, { BS: [one] }]],
    ])('%s: counts what no index can hold, and lacks nothing by that', async (type, fit, unfit) => {
      const table = await engine.createTable();
      const values = [...fit, ...unfit, { NULL: true as const }, undefined];
      const items = stuffItems(values.length).map((item, index) => {
        const test = values[index];
        return { ...item, ...(test && { test }) };
      });
      await engine.fill(table, items);
      const result = await verify(table, { indexKeys: key(type) });
      expect(result).toMatchObject({ missing: 1, nulls: 1, notIndexed: unfit.length + 1 });
      expect(texts(result.open)).toEqual(texts([stuffKey(values.length - 1)]));
      expect(await verify(table)).toMatchObject({ missing: 1, nulls: 1, notIndexed: 0 });
    });

    test('asks it of the items of a recipe alone', async () => {
      const table = await engine.createTable();
      const recipe = {
        set: [
          { name: 'pk', expression: '"STATUS#" + status' },
          { name: 'n', expression: '1' },
        ],
        where: 'kind == "ORDER"',
      };
      const more: Item[] = [
        { kind: { S: 'ORDER' }, status: { S: 'a' }, pk: { S: 'x' }, n: { N: '1' } },
        { kind: { S: 'ORDER' }, status: { S: 'a' }, pk: { NULL: true }, n: { N: '1' } },
        { kind: { S: 'ORDER' }, pk: { S: '' }, n: { N: '1' } },
        { kind: { S: 'ORDER' }, status: { S: 'a' }, pk: { S: '' } },
        { kind: { S: 'ORDER' }, status: { S: 'a' }, pk: { S: 'x' }, n: { NULL: true } },
        { kind: { S: 'USER' }, pk: { NULL: true }, n: { N: '1' } },
        { kind: { S: 'USER' }, pk: { S: '' } },
      ];
      await engine.fill(
        table,
        stuffItems(more.length).map((item, index) => ({ ...item, ...more[index] })),
      );
      const rule = await loadRule({ recipe }, STUFF_KEY);
      const result = await verify(table, {
        subject: missesByRule({ keySchema: STUFF_KEY, rule }, 'a recipe', {
          indexKeys: [{ index: 'by-pk', name: 'pk', kind: 'HASH', type: 'S' }],
        }),
      });
      expect(result).toMatchObject({ missing: 1, nulls: 2, notIndexed: 3 });
      expect(texts(result.open)).toEqual(texts([stuffKey(3)]));
    });
  });

  const LONG = '9'.repeat(38);
  test.each<[string, KeySchema, Item[]]>([
    ['a string', [{ name: 'id', type: 'S' }], [{ id: { S: 'ä "x" \u0001' } }]],
    [
      'numbers of 38 digits',
      [{ name: 'n', type: 'N' }],
      [{ n: { N: LONG } }, { n: { N: `-${LONG}` } }, { n: { N: '0.5' } }],
    ],
    ['binary', [{ name: 'b', type: 'B' }], [{ b: { B: Uint8Array.from([0, 255, 1]) } }]],
    [
      'binary and a number',
      [
        { name: 'b', type: 'B' },
        { name: 'n', type: 'N' },
      ],
      [{ b: { B: Uint8Array.from([7]) }, n: { N: '-1.25' } }],
    ],
    [
      'names that need placeholders',
      [
        { name: 'se.lect', type: 'S' },
        { name: '#a', type: 'S' },
      ],
      [{ 'se.lect': { S: 'a' }, '#a': { S: 'b' } }],
    ],
  ])('names keys of %s as they are', async (_, keySchema, keys) => {
    const table = await engine.createTable(keySchema);
    await engine.fill(
      table,
      keys.map(key => ({ ...key, other: { S: 'x' } })),
    );
    const result = await verify(table, { keySchema });
    expect(result.missing).toBe(keys.length);
    expect(texts(result.open)).toEqual(texts(keys));
  });

  test.each([
    'constructor',
    'toString',
    'hasOwnProperty',
    'a.b',
    'select',
    'with "quotes"',
    '#a',
    ':null',
    'ä',
  ])('looks for an attribute named %s in the item and nowhere else', async attribute => {
    const table = await engine.createTable();
    const [has, lacks, empty] = stuffItems(3) as [Item, Item, Item];
    await engine.fill(table, [
      { ...has, [attribute]: { N: '1' } },
      lacks,
      { ...empty, [attribute]: { NULL: true } },
    ]);
    const result = await verify(table, { attribute });
    expect(result).toMatchObject({ scanned: 3, missing: 1, nulls: 1 });
    expect(texts(result.open)).toEqual(texts([stuffKey(1)]));
  });

  test('keeps a thousand keys for a repair, and counts the others too', async () => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(1_010));
    const result = await verify(table);
    expect(result.missing).toBe(1_010);
    expect(result.open).toHaveLength(1_000);
  });

  test('reads another attribute too when asked to', async () => {
    const table = await engine.createTable();
    await engine.fill(
      table,
      stuffItems(1).map(item => ({ ...item, madeAt: { N: '5' } })),
    );
    const { open: keys } = await verify(table, { alsoRead: 'madeAt' });
    expect(keys).toEqual([{ ...stuffKey(0), madeAt: { N: '5' } }]);
  });

  test('may be asked to read the attribute that it looks for', async () => {
    const table = await engine.createTable();
    await engine.fill(table, stuffItems(2));
    expect((await verify(table, { alsoRead: 'test' })).missing).toBe(2);
  });
});

describe('each request', () => {
  test('is strongly consistent, in one of the segments, over keys and the attribute', async () => {
    const table = await engine.createTable();
    await engine.fill(table, withoutTest(10, [0]));
    const { front, client } = await inFront();
    await verify(table, { client, totalSegments: 4 });
    expect(front.calls.map(({ body }) => body.Segment).sort()).toEqual([0, 1, 2, 3]);
    for (const { operation, body } of front.calls) {
      expect(operation).toBe('Scan');
      expect(body).toMatchObject({
        ConsistentRead: true,
        TotalSegments: 4,
        Select: 'SPECIFIC_ATTRIBUTES',
        ProjectionExpression: '#k0, #k1, #a',
        ReturnConsumedCapacity: 'TOTAL',
      });
    }
  });

  test('is small when the budget is, and continues after the last one', async () => {
    const table = await engine.createTable();
    await engine.fill(table, withoutTest(30, [4, 20]));
    const { front, client } = await inFront();
    const clock = quickClock(200);
    const result = await verify(table, {
      client,
      clock,
      totalSegments: 1,
      budget: 1,
    });
    expect(front.calls.length).toBeGreaterThanOrEqual(3);
    const limits = front.calls.flatMap(({ body, operation }) => (operation === 'Scan' ? [body.Limit] : []));
    // The minimum is one unit: 4 KB.
    expect(limits[0]).toBe(4);
    expect(Math.max(...limits)).toBeLessThanOrEqual(16);
    expect(texts(result.open)).toEqual(texts([stuffKey(4), stuffKey(20)]));
  });

  test('keeps within the budget', async () => {
    const table = await engine.createTable();
    await engine.fill(table, withoutTest(40, []));
    const { front, client } = await inFront();
    const speed = 50;
    const clock = quickClock(speed);
    front.script = async (_, answer) => {
      const { status, body } = await answer.forward();
      answer.reply(status, { ...body, ConsumedCapacity: { TableName: table, CapacityUnits: 10 } });
    };
    const startedAt = clock.monotonicMs();
    const { readUnits } = await verify(table, {
      client,
      clock,
      totalSegments: 2,
      budget: 2,
    });
    const seconds = (clock.monotonicMs() - startedAt) / 1_000;
    // Nobody waits for the units that were consumed last.
    expect((readUnits - 2 * 10) / 2).toBeLessThanOrEqual(seconds);
  });

  test.each([
    ['ThrottlingException', 400],
    ['ProvisionedThroughputExceededException', 400],
    ['InternalServerError', 500],
  ])('that fails with %s is sent again, and the page is not lost or counted twice', async (type, status) => {
    const table = await engine.createTable();
    await engine.fill(table, withoutTest(30, [7]));
    const { front, client } = await inFront();
    let calls = 0;
    front.script = (_, answer) => (calls++ % 2 === 0 ? answer.refuse(type, 'm', {}, status) : answer.pass());
    expect(await verify(table, { client })).toMatchObject({ scanned: 30, missing: 1 });
  });

  test('whose reply is cut off is sent again', async () => {
    const table = await engine.createTable();
    await engine.fill(table, withoutTest(30, [7]));
    const { front, client } = await inFront();
    let calls = 0;
    front.script = async (_, answer) => {
      if (calls++ > 2) return answer.pass();
      await answer.forward();
      answer.cut();
    };
    expect(await verify(table, { client })).toMatchObject({ scanned: 30, missing: 1 });
  });

  test.each(['AccessDeniedException', 'ResourceNotFoundException', 'ValidationException', 'SomethingNew'])(
    'that is answered with %s ends the verification: nothing is proved',
    async type => {
      const table = await engine.createTable();
      const { front, client } = await inFront();
      front.script = (_, answer) => answer.refuse(type, 'said so');
      const verifying = verify(table, { client });
      await expect(verifying).rejects.toThrow(SystemicError);
      await expect(verifying).rejects.toThrow(/said so/);
    },
  );

  test('is not sent any more when the verification is to end', async () => {
    const table = await engine.createTable();
    const { front, client } = await inFront();
    const stop = new AbortController();
    front.script = (_, answer) => {
      stop.abort(new Error('superseded'));
      answer.refuse('ThrottlingException');
    };
    await expect(verify(table, { client, signal: stop.signal, totalSegments: 1 })).rejects.toThrow(
      'superseded',
    );
    expect(front.calls).toHaveLength(1);
  });
});

test('deleting the item between two pages does not hide the items after it', async () => {
  const { front, client } = await inFront();
  const table = await engine.createTable();
  await engine.fill(table, withoutTest(60, [3, 30, 57]));
  let deleted = 0;
  front.script = async (call, answer) => {
    const Key = call.body.ExclusiveStartKey;
    if (Key && deleted < 2) {
      deleted += 1;
      await engine.client.send(new DeleteItemCommand({ TableName: table, Key }));
    }
    await answer.pass();
  };
  const pages: VerifiedPage[] = [];
  const result = await verify(table, {
    client,
    totalSegments: 2,
    budget: 2,
    onPage: page => pages.push(page),
  });
  const { Items = [] } = await engine.client.send(new ScanCommand({ TableName: table }));
  expect(result.scanned).toBe(Items.length);
  expect(result.missing).toBe(Items.filter(item => !item['test']).length);
  expect(texts(result.open)).toEqual(
    texts(Items.filter(item => !item['test']).map(({ id, created }) => ({ id, created }) as Item)),
  );
  expect(pages.reduce((sum, { scanned }) => sum + scanned, 0)).toBe(result.scanned);
  expect(pages.filter(({ last }) => last)).toHaveLength(2);
});

test('each page is reported once, and the last one of each segment is marked', async () => {
  const table = await engine.createTable();
  await engine.fill(table, withoutTest(30, [1, 2, 3]));
  const clock = quickClock(200);
  const pages: VerifiedPage[] = [];
  const result = await verify(table, {
    clock,
    budget: 1,
    onPage: page => pages.push(page),
  });
  const sum = (of: 'scanned' | 'missing' | 'readUnits') => pages.reduce((total, page) => total + page[of], 0);
  expect(sum('scanned')).toBe(result.scanned);
  expect(sum('missing')).toBe(3);
  expect(sum('readUnits')).toBeCloseTo(result.readUnits, 6);
  expect(
    pages
      .filter(({ last }) => last)
      .map(({ segment }) => segment)
      .sort(),
  ).toEqual([0, 1, 2]);
});

describe('the number of segments', () => {
  test('is never that of the backfill, and never more than one process can read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), backfill => {
        const verification = verificationSegments(backfill);
        expect(verification).not.toBe(backfill);
        expect(verification).toBeGreaterThanOrEqual(1);
        expect(verification).toBeLessThanOrEqual(64);
      }),
    );
  });
});

test('a message shows ten keys at most', async () => {
  const table = await engine.createTable();
  await engine.fill(table, stuffItems(12));
  const { sample, open } = await verify(table);
  expect(sample).toHaveLength(10);
  expect(open).toHaveLength(12);
});
