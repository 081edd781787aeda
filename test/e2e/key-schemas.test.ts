import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AttributeValue,
  BatchWriteItemCommand,
  CreateTableCommand,
  DynamoDBClient,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { encodeAttributeMap } from '../../core/attribute-value.ts';
import type { KeySchema, KeyType, WriteApi } from '../../core/records.ts';
import { type LocalStack, startLocalStack } from '../../local/local-stack.ts';
import { JOB, ORCHESTRATE, runBundle } from '../support/command.ts';
import { CREDENTIALS, type Item } from '../support/engine.ts';

let stack: LocalStack;
let client: DynamoDBClient;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleetfill-keys-'));
  stack = await startLocalStack({ jobBundle: JOB, logDirectory: join(directory, 'logs') });
  client = new DynamoDBClient({
    endpoint: stack.endpoints.dynamodb,
    region: 'us-east-1',
    credentials: CREDENTIALS,
  });
});

afterAll(async () => {
  client.destroy();
  await stack.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Values of each type that something between Scan and write might change. */
const HARD: Readonly<Record<KeyType, readonly AttributeValue[]>> = {
  S: ['a', 'ä', ' ', '"quoted"', "it's", '\u0000', '😀', '{"N":"1"}', '1', 'a,b', 'x'.repeat(1_000)].map(
    S => ({ S }),
  ),
  N: [
    '0',
    '-1',
    '12345678901234567890123456789012345678',
    '-99999999999999999999999999999999999999',
    '0.00000000000000000000000000000000000001',
    '1.5',
    '-0.25',
    '1e30',
    '9007199254740993',
    '1700000000000',
    '3.1415926535897932384626433832795028841',
  ].map(N => ({ N })),
  B: [[0], [255], [0, 0], [1, 2, 3], [123, 34], [10, 13], [127], [128], [192, 128], [0, 255, 0], [7]].map(
    bytes => ({
      B: Uint8Array.from(bytes),
    }),
  ),
};

interface KeyCase {
  readonly name: string;
  readonly table: string;
  readonly keySchema: KeySchema;
  readonly attribute: string;
  /** What `auto` must choose and, if that is not the batch, the name that prevents it. */
  readonly chooses: WriteApi;
  readonly because?: string;
}

const keyed = (...keys: [string, KeyType][]): KeySchema => {
  return keys.map(([name, type]) => ({ name, type })) as unknown as KeySchema;
};

const CASES: KeyCase[] = [
  { name: 'S', table: 'keys-s', keySchema: keyed(['id', 'S']), attribute: 'test', chooses: 'batch' },
  { name: 'N', table: 'keys-n', keySchema: keyed(['n', 'N']), attribute: 'test', chooses: 'batch' },
  { name: 'B', table: 'keys-b', keySchema: keyed(['b', 'B']), attribute: 'test', chooses: 'batch' },
  {
    name: 'S and N',
    table: 'keys-s-n',
    keySchema: keyed(['id', 'S'], ['created', 'N']),
    attribute: 'test',
    chooses: 'batch',
  },
  {
    name: 'N and B',
    table: 'keys-n-b',
    keySchema: keyed(['n', 'N'], ['b', 'B']),
    attribute: 'test',
    chooses: 'batch',
  },
  {
    name: 'B and S',
    table: 'keys-b-s',
    keySchema: keyed(['b', 'B'], ['s', 'S']),
    attribute: 'test',
    chooses: 'batch',
  },
  {
    name: 'reserved words and dashes, which a batch may hold',
    table: 'select-me_1',
    keySchema: keyed(['table', 'S'], ['size', 'N']),
    attribute: 'set-where',
    chooses: 'batch',
  },
  {
    name: 'a table with a dot in its name',
    table: 'stuff.v2',
    keySchema: keyed(['id', 'S']),
    attribute: 'test',
    chooses: 'single',
    because: 'stuff.v2',
  },
  {
    name: 'a partition key with a dot, and an attribute like it',
    table: 'keys-dot',
    keySchema: keyed(['se.lect', 'S'], ['size', 'N']),
    attribute: 'se.t',
    chooses: 'single',
    because: 'se.t',
  },
  {
    name: 'a sort key with quotes and a space',
    table: 'keys-quote',
    keySchema: keyed(['id', 'S'], ['the "sort" key', 'N']),
    attribute: 'test',
    chooses: 'single',
    because: 'the "sort" key',
  },
  {
    name: 'unicode everywhere that it may be',
    table: 'keys-unicode',
    keySchema: keyed(['schlüssel', 'B']),
    attribute: '属性 #1:x',
    chooses: 'single',
    because: '属性 #1:x',
  },
  {
    name: 'an attribute that JavaScript objects have',
    table: 'keys-constructor',
    keySchema: keyed(['toString', 'S']),
    attribute: 'constructor',
    chooses: 'batch',
  },
];

/** Eleven keys that are hard to carry. Some of their items have the attribute, some have it as NULL. */
function itemsOf({ keySchema, attribute }: KeyCase): Item[] {
  return HARD.S.map((_, index): Item => {
    const key = keySchema.map(({ name, type }, place): [string, AttributeValue] => {
      const values = HARD[type];
      return [name, values[(index * (place + 1)) % values.length] as AttributeValue];
    });
    const given: Item =
      index % 5 === 1
        ? { [attribute]: { NULL: true } }
        : index % 5 === 3
          ? { [attribute]: { S: 'theirs' } }
          : {};
    return { ...Object.fromEntries(key), other: { M: { nested: { N: String(index) } } }, ...given };
  });
}

async function create({ keySchema, ...given }: KeyCase, table: string): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: keySchema.map(({ name }, index) => ({
        AttributeName: name,
        KeyType: index === 0 ? 'HASH' : 'RANGE',
      })),
      AttributeDefinitions: keySchema.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
    }),
  );
  const puts = itemsOf({ keySchema, ...given }).map(Item => ({ PutRequest: { Item } }));
  await client.send(new BatchWriteItemCommand({ RequestItems: { [table]: puts } }));
}

/** Every whole item, as the engine returns it. */
async function itemsIn(TableName: string): Promise<Item[]> {
  const { Items = [] } = await client.send(new ScanCommand({ TableName, ConsistentRead: true }));
  return Items;
}

const texts = (items: readonly Item[]) => items.map(encodeAttributeMap).sort();

async function fill(table: string, { attribute }: KeyCase, ...more: string[]) {
  const args = [
    '--table',
    table,
    '--attribute',
    attribute,
    '--segments',
    '3',
    '--tasks',
    '1',
    '--yes',
    '--json',
    ...more,
  ];
  const { code, stdout, stderr } = await runBundle(ORCHESTRATE, args, stack.environment);
  const events = stdout
    .split('\n')
    .filter(line => line !== '')
    .map(
      line =>
        JSON.parse(line) as Record<string, unknown> & { event: string; options?: Record<string, unknown> },
    );
  const started = events.find(({ event }) => event === 'run.started');
  return { code, stderr, options: started?.options ?? {}, finished: events.at(-1) };
}

describe.concurrent('a run over a table whose keys are', () => {
  test.for(CASES)('$name', async (given, { expect }) => {
    const { table, attribute, chooses, because } = given;
    await create(given, table);
    const before = await itemsIn(table);
    const expected = texts(
      before.map(item => (Object.hasOwn(item, attribute) ? item : { ...item, [attribute]: { N: '1' } })),
    );
    const lacking = before.filter(item => !Object.hasOwn(item, attribute)).length;

    const { code, stderr, options, finished } = await fill(table, given);
    expect(stderr).toContain('Verified');
    expect(code).toBe(0);
    expect(texts(await itemsIn(table))).toEqual(expected);
    expect(finished).toMatchObject({
      event: 'run.finished',
      status: 'verified',
      matched: lacking,
      updated: lacking,
      alreadySet: 0,
      deleted: 0,
      quarantined: 0,
      missing: 0,
    });
    expect(options['writeApi']).toBe(chooses);
    if (because !== undefined) {
      const reason = `because the name "${because}" is not made of letters, digits, - and _ alone, and proved`;
      expect(options['writeApiReason']).toBe(reason);
      expect(stderr).toContain(`Writes: single, ${reason}.`);
    }
  });

  test.for(CASES.filter(({ chooses }) => chooses === 'batch'))(
    '$name: single writes leave what batches leave',
    async (given, { expect }) => {
      const { attribute, keySchema } = given;
      const [batch, single] = [`${given.table}-batch`, `${given.table}-single`];
      await Promise.all([create(given, batch), create(given, single)]);
      const ran = await Promise.all([
        fill(batch, given, '--write-api', 'batch'),
        fill(single, given, '--write-api', 'single', '--value', '1'),
      ]);
      for (const { code, stderr } of ran)
        expect([code, stderr]).toEqual([0, expect.stringContaining('Verified')]);
      expect(ran.map(({ options }) => options['writeApi'])).toEqual(['batch', 'single']);
      const left = texts(await itemsIn(batch));
      expect(left).toHaveLength(itemsOf({ ...given, keySchema, attribute }).length);
      expect(texts(await itemsIn(single))).toEqual(left);
    },
  );
});
