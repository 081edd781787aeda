import { CreateTableCommand, type DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { type KeySchema, keyAttributes } from './item.ts';

const LONGEST_WAIT_S = 60;

/**
 * Creates an on-demand table and waits until it accepts requests.
 * @throws the client's error.
 */
export async function createTable(client: DynamoDBClient, name: string, key: KeySchema): Promise<void> {
  const attributes = keyAttributes(key);
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: attributes.map((attribute, index) => ({
        AttributeName: attribute.name,
        KeyType: index === 0 ? 'HASH' : 'RANGE',
      })),
      AttributeDefinitions: attributes.map(attribute => ({
        AttributeName: attribute.name,
        AttributeType: attribute.type,
      })),
    }),
  );
  await waitUntilTableExists({ client, maxWaitTime: LONGEST_WAIT_S, minDelay: 1 }, { TableName: name });
}
