import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BatchExecuteStatementCommand,
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  ListTablesCommand,
  ListTagsOfResourceCommand,
  PutItemCommand,
  ScanCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTable } from '../../demo/create-table.ts';
import type { KeySchema } from '../../demo/item.ts';
import { type LocalStack, type LocalStackOptions, startLocalStack } from '../../local/local-stack.ts';

const CONTROL = 'fleetfill-control';
const RECORD = { run: { S: 'a' }, item: { S: 'RUN' } };
const RUN_KEY: KeySchema = { partition: { name: 'run', type: 'S' }, sort: { name: 'item', type: 'S' } };
const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

let directory: string;
let stack: LocalStack;
const clients: DynamoDBClient[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleetfill-control-'));
  stack = await start();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await stack.stop();
  await rm(directory, { recursive: true, force: true });
});

const start = (options: Partial<LocalStackOptions> = {}) =>
  startLocalStack({
    jobBundle: join(directory, 'job.mjs'),
    directory: join(directory, 'database'),
    ...options,
  });

function connect(endpoint = stack.environment['AWS_ENDPOINT_URL_DYNAMODB'] ?? ''): DynamoDBClient {
  const client = new DynamoDBClient({
    endpoint,
    region: 'us-east-1',
    credentials: CREDENTIALS,
    maxAttempts: 1,
  });
  clients.push(client);
  return client;
}

const tablesOf = async (client: DynamoDBClient) =>
  (await client.send(new ListTablesCommand({}))).TableNames ?? [];

const createStuff = (client: DynamoDBClient) =>
  createTable(client, 'stuff', { partition: { name: 'id', type: 'S' } });

test('one endpoint serves both engines, and each table is in its own engine', async () => {
  const client = connect();
  await createStuff(client);
  // A colleague's control table is recognised by its key, the lock table by its name.
  await createTable(client, 'another-control', RUN_KEY);
  await createTable(client, 'fleetfill-locks', { partition: { name: 'table', type: 'S' } });
  const ofControl = ['another-control', CONTROL, 'fleetfill-locks'];
  expect(await tablesOf(connect(stack.engine.endpoint))).toEqual(['stuff']);
  expect(await tablesOf(connect(stack.controlEngine.endpoint))).toEqual(ofControl);
  expect(await tablesOf(client)).toEqual([...ofControl, 'stuff']);
  const { TableNames, LastEvaluatedTableName } = await client.send(
    new ListTablesCommand({ ExclusiveStartTableName: CONTROL, Limit: 1 }),
  );
  expect({ TableNames, LastEvaluatedTableName }).toEqual({
    TableNames: ['fleetfill-locks'],
    LastEvaluatedTableName: 'fleetfill-locks',
  });
});

test('a control table answers while the engine of the data is frozen', async () => {
  const client = connect();
  await createStuff(client);
  await client.send(new PutItemCommand({ TableName: CONTROL, Item: RECORD }));
  const { pid = 0 } = stack.engine;
  process.kill(pid, 'SIGSTOP');
  try {
    const scan = client.send(new ScanCommand({ TableName: 'stuff' }), {
      abortSignal: AbortSignal.timeout(300),
    });
    const { Item } = await client.send(new GetItemCommand({ TableName: CONTROL, Key: RECORD }));
    expect(Item).toEqual(RECORD);
    await expect(scan).rejects.toThrow(/abort/i);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
});

test('statements, transactions and ARNs find their engine, and a request across both is refused', async () => {
  const client = connect();
  await createStuff(client);
  await createTable(client, 'fleetfill-locks', { partition: { name: 'table', type: 'S' } });
  const put = (TableName: string, Item: typeof RECORD | Record<string, { S: string }>) => ({
    Put: { TableName, Item },
  });
  await client.send(
    new TransactWriteItemsCommand({
      TransactItems: [put(CONTROL, RECORD), put('fleetfill-locks', { table: { S: 'stuff' } })],
    }),
  );
  const { Responses } = await client.send(
    new BatchExecuteStatementCommand({
      Statements: [
        {
          Statement: `UPDATE "${CONTROL}" SET "probe" = ? WHERE "run" = ? AND "item" = ? AND "probe" IS MISSING`,
          Parameters: [{ N: '1' }, RECORD.run, RECORD.item],
        },
      ],
    }),
  );
  expect(Responses?.map(({ Error: error }) => error)).toEqual([undefined]);
  const { Item } = await client.send(new GetItemCommand({ TableName: CONTROL, Key: RECORD }));
  expect(Item).toEqual({ ...RECORD, probe: { N: '1' } });
  const arn = `arn:aws:dynamodb:us-east-1:000000000000:table/${CONTROL}`;
  expect((await client.send(new ListTagsOfResourceCommand({ ResourceArn: arn }))).Tags).toEqual([]);
  await expect(
    client.send(
      new TransactWriteItemsCommand({
        TransactItems: [put(CONTROL, RECORD), put('stuff', { id: { S: 'a' } })],
      }),
    ),
  ).rejects.toMatchObject({
    name: 'ValidationException',
    message: expect.stringContaining('fleetfill-control and stuff'),
  });
});

test('a database directory holds both, and a later stack finds each table where it was', async () => {
  const client = connect();
  await createStuff(client);
  await createTable(client, 'another-control', RUN_KEY);
  await client.send(new PutItemCommand({ TableName: 'another-control', Item: RECORD }));
  await stack.stop();
  expect(await readdir(join(directory, 'database'))).not.toContain('engine.json');
  stack = await start();
  const later = connect();
  expect(await tablesOf(later)).toEqual(['another-control', CONTROL, 'stuff']);
  const { Item } = await later.send(new GetItemCommand({ TableName: 'another-control', Key: RECORD }));
  expect(Item).toEqual(RECORD);
});

test('an engine that was running before serves every table by itself', async () => {
  const other = await start({ directory: undefined, dynamodbEndpoint: stack.engine.endpoint });
  try {
    expect(other.controlEngine).toBe(other.engine);
    expect(other.environment['AWS_ENDPOINT_URL_DYNAMODB']).toBe(stack.engine.endpoint);
    expect(await tablesOf(connect(stack.engine.endpoint))).toEqual([CONTROL]);
  } finally {
    await other.stop();
  }
});

test('a request that is not DynamoDB’s gets the answer of the engine', async () => {
  const endpoint = stack.environment['AWS_ENDPOINT_URL_DYNAMODB'] ?? '';
  const [here, there] = await Promise.all(
    [endpoint, stack.engine.endpoint].map(async url => {
      const reply = await fetch(url, { method: 'POST', body: 'not JSON' });
      return { status: reply.status, text: await reply.text() };
    }),
  );
  expect(here).toEqual(there);
  await expect(
    connect().send(new CreateTableCommand({ TableName: 'x', KeySchema: [], AttributeDefinitions: [] })),
  ).rejects.toMatchObject({ name: 'ValidationException' });
});
