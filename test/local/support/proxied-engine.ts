import { CreateTableCommand, DynamoDBClient, type KeySchemaElement } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll } from 'vitest';
import { type Engine, startEngine } from '../../../local/engine.ts';
import type { Exchange } from '../../../local/proxy/exchange.ts';
import { type Forwarder, forwardTo } from '../../../local/proxy/forward.ts';
import { type ProxyServer, serveExchange } from '../../../local/proxy/server.ts';

export interface ProxiedEngine {
  /** A client of the engine without any proxy. */
  readonly direct: DynamoDBClient;
  /** The end of a chain of proxies. */
  readonly exchange: Exchange;
  /** Creates a client that reaches an exchange on a separate port, with one attempt for each call. */
  connect(exchange: Exchange, name?: string): Promise<DynamoDBClient>;
  /** Creates an empty table with a new name and the key `id` (S) and, unless `simple`, `created` (N). */
  createTable(simple?: boolean): Promise<string>;
}

/** A real engine for the tests of one file, and servers for whatever is put before it. */
export function useProxiedEngine(): ProxiedEngine {
  const clients: DynamoDBClient[] = [];
  const servers: ProxyServer[] = [];
  let engine: Engine;
  let forwarder: Forwarder;
  let direct: DynamoDBClient;
  let tables = 0;

  beforeAll(async () => {
    engine = await startEngine();
    forwarder = forwardTo(engine.endpoint);
    direct = clientOf(engine.endpoint);
    clients.push(direct);
  });
  afterAll(async () => {
    for (const client of clients) client.destroy();
    for (const server of servers) await server.close();
    forwarder.close();
    await engine.stop();
  });

  return {
    get direct() {
      return direct;
    },
    get exchange() {
      return forwarder.exchange;
    },
    async connect(exchange, name = 'fleet') {
      const server = await serveExchange(exchange, name);
      const client = clientOf(server.endpoint);
      servers.push(server);
      clients.push(client);
      return client;
    },
    async createTable(simple = false) {
      tables += 1;
      const TableName = `stuff-${tables}`;
      const KeySchema: KeySchemaElement[] = [{ AttributeName: 'id', KeyType: 'HASH' }];
      if (!simple) KeySchema.push({ AttributeName: 'created', KeyType: 'RANGE' });
      const AttributeDefinitions = [
        { AttributeName: 'id', AttributeType: 'S' as const },
        { AttributeName: 'created', AttributeType: 'N' as const },
      ].slice(0, KeySchema.length);
      await direct.send(
        new CreateTableCommand({
          TableName,
          KeySchema,
          AttributeDefinitions,
          BillingMode: 'PAY_PER_REQUEST',
        }),
      );
      return TableName;
    },
  };
}

function clientOf(endpoint: string): DynamoDBClient {
  return new DynamoDBClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
}
