import { randomUUID } from 'node:crypto';
import {
  BatchWriteItemCommand,
  CreateTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  type WriteRequest,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';

const CREATE_TIMEOUT_SECONDS = 30;

/** The most items in one call [API reference, BatchWriteItem]. */
const BATCH_ITEMS = 25;

/** Enough for several segments, and few enough to write in a second. */
export const DEMONSTRATION_ITEMS = 1_000;

/** Every tenth item already has the attribute, with a value that must stay. */
const EVERY_SO_MANY = 10;

/** Creates the table of the founding case and fills it with items, most of them without `test`. */
export async function createDemonstrationTable(settings: DynamoDBClientConfig, table: string): Promise<void> {
  const client = new DynamoDBClient(settings);
  try {
    await client.send(
      new CreateTableCommand({
        TableName: table,
        AttributeDefinitions: [
          { AttributeName: 'id', AttributeType: 'S' },
          { AttributeName: 'created', AttributeType: 'N' },
        ],
        KeySchema: [
          { AttributeName: 'id', KeyType: 'HASH' },
          { AttributeName: 'created', KeyType: 'RANGE' },
        ],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
    await waitUntilTableExists(
      { client, maxWaitTime: CREATE_TIMEOUT_SECONDS, minDelay: 1 },
      { TableName: table },
    );
    for (let first = 0; first < DEMONSTRATION_ITEMS; first += BATCH_ITEMS) {
      let open: WriteRequest[] = Array.from({ length: BATCH_ITEMS }, (_, index) => putOf(first + index));
      while (open.length > 0) {
        const { UnprocessedItems } = await client.send(
          new BatchWriteItemCommand({ RequestItems: { [table]: open } }),
        );
        open = UnprocessedItems?.[table] ?? [];
      }
    }
  } finally {
    client.destroy();
  }
}

function putOf(index: number): WriteRequest {
  return {
    PutRequest: {
      Item: {
        id: { S: randomUUID() },
        created: { N: String(Date.now() - (index + 1) * 3_600_000) },
        number: { N: String(index) },
        ...(index % EVERY_SO_MANY === 0 && { test: { N: '0' } }),
      },
    },
  };
}
