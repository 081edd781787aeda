import {
  BatchExecuteStatementCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { createTable } from '../../demo/create-table.ts';
import { type Item, STUFF_KEY } from '../../demo/item.ts';

/** What AWS itself does. */
export interface OnAws {
  /** The answer of AWS, in the same JSON as the probe's. */
  readonly answer: unknown;
  /** Where it is documented: AWS's own words, or who recorded it on AWS. */
  readonly source: string;
}

/** dynoxide's authors compare it with AWS and name the Region in which they recorded each answer. */
const changelog = (words: string) => `dynoxide-rs 3.2.0, CHANGELOG: "${words}"`;
const recorded = (words: string) => `recorded in eu-west-2; ${changelog(words)}`;
const guide = (page: string) => `developer guide, ${page}`;
const reference = (operation: string) => `API reference, ${operation}`;

/** A question to an engine, on a separate table with the founding case's keys. The answer is JSON. */
export interface Probe {
  readonly name: string;
  readonly ask: (client: DynamoDBClient, table: string) => Promise<unknown>;
  readonly aws: OnAws;
  /** If engines are known to differ: what this project does so that it does not matter. */
  readonly handled?: string;
}

const key = (index: number): Item => ({ id: { S: `id-${index}` }, created: { N: String(1_000 + index) } });
const VALUE = { N: '1' };

/** Four items, by their attribute: missing, another value, NULL, and no item at all. */
const KINDS = { missing: 1, present: 2, null: 3, absent: 4 } as const;

async function putKinds(client: DynamoDBClient, TableName: string): Promise<void> {
  const items: Item[] = [
    { ...key(KINDS.missing), other: { S: 'untouched' } },
    { ...key(KINDS.present), test: { S: 'theirs' } },
    { ...key(KINDS.null), test: { NULL: true } },
  ];
  for (const Item of items) await client.send(new PutItemCommand({ TableName, Item }));
}

async function standing(client: DynamoDBClient, TableName: string): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [name, index] of Object.entries(KINDS)) {
    const { Item } = await client.send(
      new GetItemCommand({ TableName, Key: key(index), ConsistentRead: true }),
    );
    found[name] = Item ? (Item['test'] ?? 'no attribute') : 'no item';
  }
  return found;
}

const AFTER = { missing: { N: '1' }, present: { S: 'theirs' }, null: { NULL: true }, absent: 'no item' };

function statement(table: string, at: Item, attribute = 'test') {
  return {
    Statement: `UPDATE "${table}" SET "${attribute}" = ? WHERE "id" = ? AND "created" = ? AND "${attribute}" IS MISSING`,
    Parameters: [VALUE, ...Object.values(at)],
  };
}

async function nameOfError(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
    return 'accepted';
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}

function conditional(TableName: string, Key: Item) {
  return new UpdateItemCommand({
    TableName,
    Key,
    UpdateExpression: 'SET #a = :v',
    ConditionExpression: 'attribute_exists(#p) AND attribute_not_exists(#a)',
    ExpressionAttributeNames: { '#a': 'test', '#p': 'id' },
    ExpressionAttributeValues: { ':v': VALUE },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  });
}

async function fillNumbered(
  client: DynamoDBClient,
  TableName: string,
  count: number,
  more: Item = {},
): Promise<void> {
  for (let index = 0; index < count; index++) {
    await client.send(new PutItemCommand({ TableName, Item: { ...key(index), ...more } }));
  }
}

/** Every key of a parallel Scan, in pages of `Limit` items. */
async function scanAll(client: DynamoDBClient, TableName: string, TotalSegments: number, Limit?: number) {
  const keys: string[] = [];
  let scanned = 0;
  for (let Segment = 0; Segment < TotalSegments; Segment++) {
    let from: Item | undefined;
    do {
      const page = await client.send(
        new ScanCommand({
          TableName,
          Segment,
          TotalSegments,
          Limit,
          ConsistentRead: true,
          ExclusiveStartKey: from,
        }),
      );
      keys.push(...(page.Items ?? []).map(({ id }) => id?.S ?? ''));
      scanned += page.ScannedCount ?? 0;
      from = page.LastEvaluatedKey;
    } while (from);
  }
  return { keys, scanned };
}

export const PROBES: readonly Probe[] = [
  {
    name: 'batch: attribute missing, present, NULL, item absent; what stands afterwards',
    ask: async (client, table) => {
      await putKinds(client, table);
      const Statements = Object.values(KINDS).map(index => statement(table, key(index)));
      await client.send(new BatchExecuteStatementCommand({ Statements }));
      return standing(client, table);
    },
    aws: {
      answer: AFTER,
      source: guide('Best practices: conditional batch update; PartiQL update statements'),
    },
  },
  {
    name: 'batch: the reply to each statement, in order',
    ask: async (client, table) => {
      await putKinds(client, table);
      const Statements = Object.values(KINDS).map(index => statement(table, key(index)));
      const { Responses = [] } = await client.send(new BatchExecuteStatementCommand({ Statements }));
      return Responses.map(({ Error: error }) => error?.Code ?? 'done');
    },
    aws: {
      answer: ['done', 'ConditionalCheckFailed', 'ConditionalCheckFailed', 'ConditionalCheckFailed'],
      source: reference('BatchExecuteStatement and BatchStatementError'),
    },
  },
  {
    name: 'UpdateItem: missing, present, NULL, absent; what stands afterwards',
    ask: async (client, table) => {
      await putKinds(client, table);
      for (const index of Object.values(KINDS))
        await client.send(conditional(table, key(index))).catch(() => undefined);
      return standing(client, table);
    },
    aws: { answer: AFTER, source: guide('Condition expressions: attribute_exists and attribute_not_exists') },
  },
  {
    name: 'UpdateItem: a refusal carries the item that stands there',
    ask: async (client, table) => {
      await putKinds(client, table);
      const seen: unknown[] = [];
      for (const index of [KINDS.present, KINDS.null, KINDS.absent]) {
        await client.send(conditional(table, key(index))).catch(error => {
          const { name, Item } = error as { name: string; Item?: Item };
          seen.push([name, Item?.['test'] ?? 'no item']);
        });
      }
      return seen;
    },
    aws: {
      answer: [
        ['ConditionalCheckFailedException', { S: 'theirs' }],
        ['ConditionalCheckFailedException', { NULL: true }],
        ['ConditionalCheckFailedException', 'no item'],
      ],
      source: reference('UpdateItem, ReturnValuesOnConditionCheckFailure'),
    },
  },
  {
    name: 'Scan: segments hold every item once, for 1, 2, 7 and 32 of them',
    ask: async (client, table) => {
      await fillNumbered(client, table, 100);
      const counts: number[][] = [];
      for (const segments of [1, 2, 7, 32]) {
        const { keys } = await scanAll(client, table, segments);
        counts.push([keys.length, new Set(keys).size]);
      }
      return counts;
    },
    aws: {
      answer: [
        [100, 100],
        [100, 100],
        [100, 100],
        [100, 100],
      ],
      source: guide('Scanning tables: parallel scan'),
    },
  },
  {
    name: 'Scan: small pages hold every item once',
    ask: async (client, table) => {
      await fillNumbered(client, table, 50);
      const { keys } = await scanAll(client, table, 3, 4);
      return [keys.length, new Set(keys).size];
    },
    aws: { answer: [50, 50], source: guide('Scanning tables: paginating the results') },
  },
  {
    name: 'Scan: ScannedCount, summed over small pages',
    ask: async (client, table) => {
      await fillNumbered(client, table, 50);
      return (await scanAll(client, table, 1, 7)).scanned;
    },
    aws: { answer: 50, source: reference('Scan, ScannedCount') },
    handled:
      'dynoxide counts one too many at a page boundary; `scanned` is told as what the engine counted, and nothing is decided by it',
  },
  {
    name: 'Scan: a page without a match can still have a LastEvaluatedKey',
    ask: async (client, table) => {
      await fillNumbered(client, table, 20, { test: { N: '7' } });
      const page = await client.send(
        new ScanCommand({
          TableName: table,
          Limit: 5,
          FilterExpression: 'attribute_not_exists(#a)',
          ExpressionAttributeNames: { '#a': 'test' },
        }),
      );
      return [page.Items?.length, page.LastEvaluatedKey !== undefined];
    },
    aws: {
      answer: [0, true],
      source: guide('Scanning tables: limiting the number of items, filter expressions'),
    },
  },
  {
    name: 'Scan: consistent, right after a write',
    ask: async (client, table) => {
      let seen = 0;
      for (let index = 0; index < 20; index++) {
        await client.send(new PutItemCommand({ TableName: table, Item: key(index) }));
        const { Count } = await client.send(new ScanCommand({ TableName: table, ConsistentRead: true }));
        if (Count === index + 1) seen += 1;
      }
      return seen;
    },
    aws: { answer: 20, source: guide('Scanning tables: read consistency for scan') },
  },
  {
    name: 'Scan: filter of the verification, which keeps NULL apart',
    ask: async (client, table) => {
      await putKinds(client, table);
      const { Items = [] } = await client.send(
        new ScanCommand({
          TableName: table,
          ConsistentRead: true,
          FilterExpression: 'attribute_not_exists(#a) OR attribute_type(#a, :null)',
          ExpressionAttributeNames: { '#a': 'test' },
          ExpressionAttributeValues: { ':null': { S: 'NULL' } },
        }),
      );
      return Items.map(({ id, test }) => [id?.S, test ?? 'no attribute']).sort();
    },
    aws: {
      answer: [
        ['id-1', 'no attribute'],
        ['id-3', { NULL: true }],
      ],
      source: guide('Condition expressions: attribute_not_exists and attribute_type'),
    },
  },
  {
    name: 'Scan: of a segment, behind a key whose item was deleted meanwhile; items found, of those there',
    ask: async (client, TableName) => {
      await fillNumbered(client, TableName, 40);
      const segment = { TableName, Segment: 0, TotalSegments: 1 };
      const first = await client.send(new ScanCommand({ ...segment, Limit: 10 }));
      const ExclusiveStartKey = first.LastEvaluatedKey;
      await client.send(new DeleteItemCommand({ TableName, Key: ExclusiveStartKey }));
      const { Count } = await client.send(new ScanCommand({ ...segment, ExclusiveStartKey }));
      return [Count, 30];
    },
    aws: {
      answer: [30, 30],
      source: changelog('A parallel Scan that deletes each page as it goes sees its whole segment'),
    },
    handled:
      'an end without an item is not believed where the last key is gone: the segment is read again from its beginning',
  },
  {
    name: 'Scan: a segment that does not exist',
    ask: (client, table) =>
      nameOfError(() => client.send(new ScanCommand({ TableName: table, Segment: 3, TotalSegments: 3 }))),
    aws: { answer: 'ValidationException', source: reference('Scan, Segment: less than TotalSegments') },
  },
  {
    name: 'batch: the same item twice',
    ask: async (client, table) => {
      await putKinds(client, table);
      const twice = [statement(table, key(1)), statement(table, key(1))];
      return nameOfError(() => client.send(new BatchExecuteStatementCommand({ Statements: twice })));
    },
    aws: {
      answer: 'ValidationException',
      source: recorded('may not name the same item twice, reads included'),
    },
    handled: 'a Scan names an item once, and an item waits for its outcome before it is sent again',
  },
  {
    name: 'batch: a statement of more than 8,192 characters',
    ask: async (client, table) => {
      await putKinds(client, table);
      const long = statement(table, key(1), 'a'.repeat(4_200));
      return nameOfError(() => client.send(new BatchExecuteStatementCommand({ Statements: [long] })));
    },
    aws: {
      answer: 'ValidationException',
      source: recorded('A PartiQL statement longer than 8,192 characters … is refused before it is parsed'),
    },
    handled: 'a statement that would be longer is never made: such names take UpdateItem',
  },
  {
    name: 'batch: an attribute name with a dot',
    ask: async (client, table) => {
      await putKinds(client, table);
      const dotted = statement(table, key(1), 'a.b');
      const reply = await nameOfError(() =>
        client.send(new BatchExecuteStatementCommand({ Statements: [dotted] })),
      );
      const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: key(1) }));
      return [reply, Object.keys(Item ?? {}).sort()];
    },
    aws: {
      answer: ['accepted', ['a.b', 'created', 'id', 'other']],
      source: recorded('A quoted name in a PartiQL statement is one attribute whatever it holds'),
    },
    handled:
      'only names of letters, digits, - and _ take the batch path, and the form is proved before the first write',
  },
  {
    name: 'batch: consumed capacity, of one update and of one refusal',
    ask: async (client, table) => {
      await putKinds(client, table);
      const units: unknown[] = [];
      for (const index of [1, 2]) {
        const { ConsumedCapacity = [] } = await client.send(
          new BatchExecuteStatementCommand({
            Statements: [statement(table, key(index))],
            ReturnConsumedCapacity: 'TOTAL',
          }),
        );
        units.push(ConsumedCapacity[0]?.CapacityUnits ?? 'not reported');
      }
      return units;
    },
    aws: {
      answer: [1, 'not reported'],
      source: recorded('a batch in which nothing succeeds reports no capacity'),
    },
    handled: 'where nothing is reported, an estimate from the size of the pages read stands in',
  },
  {
    name: 'numbers of 38 digits and bytes keep their key from write to Scan',
    ask: async (client, table) => {
      const created = '12345678901234567890123456789012345678';
      await client.send(
        new PutItemCommand({ TableName: table, Item: { id: { S: 'long' }, created: { N: created } } }),
      );
      const { Items = [] } = await client.send(new ScanCommand({ TableName: table }));
      const at = { id: { S: 'long' }, created: Items[0]?.['created'] ?? { N: '' } };
      const { Responses = [] } = await client.send(
        new BatchExecuteStatementCommand({ Statements: [statement(table, at)] }),
      );
      return [Items[0]?.['created']?.N, Responses[0]?.Error?.Code ?? 'done'];
    },
    aws: {
      answer: ['12345678901234567890123456789012345678', 'done'],
      source: guide('Supported data types: up to 38 digits of precision'),
    },
  },
  {
    name: 'an item of 400 KB takes no further attribute: batch, UpdateItem',
    ask: async (client, table) => {
      const overhead = 'id'.length + 'id-1'.length + 'created'.length + 21 + 'big'.length;
      const big = { S: 'x'.repeat(400 * 1_024 - overhead) };
      await client.send(new PutItemCommand({ TableName: table, Item: { ...key(1), big } }));
      let last = big.S.length;
      // Engines count the bytes of a number slightly differently. The test needs the item that just fits.
      for (; last < big.S.length + 40; last++) {
        const more = new PutItemCommand({
          TableName: table,
          Item: { ...key(1), big: { S: 'x'.repeat(last + 1) } },
        });
        if ((await nameOfError(() => client.send(more))) !== 'accepted') break;
      }
      const { Responses = [] } = await client.send(
        new BatchExecuteStatementCommand({ Statements: [statement(table, key(1))] }),
      );
      return [
        Responses[0]?.Error?.Code ?? 'done',
        await nameOfError(() => client.send(conditional(table, key(1)))),
      ];
    },
    aws: {
      answer: ['ValidationError', 'ValidationException'],
      source:
        recorded('the PartiQL write surfaces hold the 400KB item-size limit') +
        '; ' +
        reference('BatchStatementError and UpdateItem'),
    },
    handled:
      'both names are settled as quarantine; an engine that takes the write leaves nothing to quarantine',
  },
  {
    name: 'transaction: a condition that does not hold, with its reasons',
    ask: async (client, table) => {
      await putKinds(client, table);
      const Put = (index: number) => ({
        Put: {
          TableName: table,
          Item: key(index),
          ConditionExpression: 'attribute_not_exists(#p)',
          ExpressionAttributeNames: { '#p': 'id' },
        },
      });
      try {
        await client.send(new TransactWriteItemsCommand({ TransactItems: [Put(9), Put(1)] }));
        return 'accepted';
      } catch (error) {
        const { name, CancellationReasons = [] } = error as {
          name: string;
          CancellationReasons?: { Code?: string }[];
        };
        const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: key(9) }));
        return [name, CancellationReasons.map(({ Code }) => Code), Item ?? 'none of it'];
      }
    },
    aws: {
      answer: ['TransactionCanceledException', ['None', 'ConditionalCheckFailed'], 'none of it'],
      source: reference('TransactWriteItems, TransactionCanceledException'),
    },
  },
];

export interface Answer {
  readonly name: string;
  readonly answer: string;
}

/** Asks an engine all questions, each on a new table. */
export async function askAll(client: DynamoDBClient): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const [index, { name, ask }] of PROBES.entries()) {
    const table = `probe-${index}-${Date.now()}`;
    await createTable(client, table, STUFF_KEY);
    const answer = await ask(client, table).catch((error: unknown) => `broke off: ${String(error)}`);
    answers.push({ name, answer: JSON.stringify(answer) });
  }
  return answers;
}
