import {
  type AttributeValue,
  BatchWriteItemCommand,
  CreateTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll } from 'vitest';
import { ControlTable, type ControlTableClient } from '../../core/control-table.ts';
import type { KeySchema } from '../../core/records.ts';
import { ensureControlTable } from '../../local/control-table.ts';
import { type Engine, startEngine } from '../../local/engine.ts';

export type Item = Record<string, AttributeValue>;

export const STUFF_KEY: KeySchema = [
  { name: 'id', type: 'S' },
  { name: 'created', type: 'N' },
];

export interface EngineForTests {
  readonly endpoint: string;
  /** With one attempt for each call, like the data plane's client. */
  readonly client: DynamoDBClient;
  /** Creates another client of the same engine, or of a proxy before it. */
  connect(endpoint?: string): DynamoDBClient;
  /** Creates an empty control table and uses it through the DocumentClient. `around` may wrap the client. */
  createControlTable(around?: (client: ControlTableClient) => ControlTableClient): Promise<ControlTable>;
  /**
   * Creates an empty table.
   * @returns its name, which is new unless given.
   */
  createTable(keySchema?: KeySchema, name?: string): Promise<string>;
  fill(table: string, items: readonly Item[]): Promise<void>;
  read(table: string, key: Item): Promise<Item | undefined>;
  /** Every item as a whole, in no particular order. */
  items(table: string): Promise<Item[]>;
}

export const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

/** A real engine for the tests of one file. It starts before the first test and ends after the last. */
export function useEngine(): EngineForTests {
  let engine: Engine | undefined;
  const clients: DynamoDBClient[] = [];
  let tables = 0;

  const connect = (endpoint?: string): DynamoDBClient => {
    const config: DynamoDBClientConfig = {
      endpoint: endpoint ?? running().endpoint,
      region: 'us-east-1',
      credentials: CREDENTIALS,
      maxAttempts: 1,
    };
    const client = new DynamoDBClient(config);
    clients.push(client);
    return client;
  };
  const running = (): Engine => {
    if (engine === undefined) throw new Error('The engine runs only inside tests.');
    return engine;
  };
  let shared: DynamoDBClient | undefined;

  beforeAll(async () => {
    engine = await startEngine();
    shared = connect();
  });
  afterAll(async () => {
    for (const client of clients) client.destroy();
    await engine?.stop();
  });

  const suite: EngineForTests = {
    get endpoint() {
      return running().endpoint;
    },
    get client() {
      return shared ?? connect();
    },
    connect,
    async createControlTable(around = client => client) {
      const name = `control-${tables++}`;
      await ensureControlTable(suite.client, name);
      return new ControlTable(around(documentClient(suite.client)), name);
    },
    async createTable(keySchema = STUFF_KEY, name = `stuff-${tables++}`) {
      await suite.client.send(
        new CreateTableCommand({
          TableName: name,
          BillingMode: 'PAY_PER_REQUEST',
          KeySchema: keySchema.map((key, index) => ({
            AttributeName: key.name,
            KeyType: index === 0 ? 'HASH' : 'RANGE',
          })),
          AttributeDefinitions: keySchema.map(key => ({
            AttributeName: key.name,
            AttributeType: key.type,
          })),
        }),
      );
      return name;
    },
    async fill(table, items) {
      for (let from = 0; from < items.length; from += 25) {
        const puts = items.slice(from, from + 25).map(Item => ({ PutRequest: { Item } }));
        await suite.client.send(new BatchWriteItemCommand({ RequestItems: { [table]: puts } }));
      }
    },
    async read(table, Key) {
      const { Item } = await suite.client.send(
        new GetItemCommand({ TableName: table, Key, ConsistentRead: true }),
      );
      return Item;
    },
    async items(table) {
      const all: Item[] = [];
      let start: Item | undefined;
      do {
        const page = await suite.client.send(
          new ScanCommand({ TableName: table, ConsistentRead: true, ExclusiveStartKey: start }),
        );
        all.push(...(page.Items ?? []));
        start = page.LastEvaluatedKey;
      } while (start);
      return all;
    },
  };
  return suite;
}

/** Wraps a client as core/aws-clients.ts does. */
export function documentClient(client: DynamoDBClient): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
}

/** Items of `stuff` that lack the attribute. */
export function stuffItems(count: number): Item[] {
  return Array.from({ length: count }, (_, index) => ({
    ...stuffKey(index),
    name: { S: `thing ${index}` },
  }));
}

export function stuffKey(index: number): Item {
  return { id: { S: `id-${index}` }, created: { N: String(1_700_000_000_000 + index) } };
}
