import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  ResourceInUseException,
  ResourceNotFoundException,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';

const CREATE_TIMEOUT_SECONDS = 30;

/**
 * Creates the control table like infra/table.yaml does on AWS, unless it exists, and waits until it is active.
 * @throws what the engine throws
 */
export async function ensureControlTable(client: DynamoDBClient, table: string): Promise<void> {
  try {
    await client.send(new DescribeTableCommand({ TableName: table }));
    return;
  } catch (error) {
    if (!(error instanceof ResourceNotFoundException)) throw error;
  }
  try {
    await client.send(
      new CreateTableCommand({
        TableName: table,
        AttributeDefinitions: [
          { AttributeName: 'run', AttributeType: 'S' },
          { AttributeName: 'item', AttributeType: 'S' },
        ],
        KeySchema: [
          { AttributeName: 'run', KeyType: 'HASH' },
          { AttributeName: 'item', KeyType: 'RANGE' },
        ],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
  } catch (error) {
    // Another process on the same engine has just created the table.
    if (!(error instanceof ResourceInUseException)) throw error;
  }
  await waitUntilTableExists(
    { client, maxWaitTime: CREATE_TIMEOUT_SECONDS, minDelay: 1 },
    { TableName: table },
  );
  await client.send(
    new UpdateTimeToLiveCommand({
      TableName: table,
      TimeToLiveSpecification: { Enabled: true, AttributeName: 'expiresAt' },
    }),
  );
}

/** Like {@link ensureControlTable}, with its own client. */
export async function createControlTable(settings: DynamoDBClientConfig, table: string): Promise<void> {
  const client = new DynamoDBClient(settings);
  try {
    await ensureControlTable(client, table);
  } finally {
    client.destroy();
  }
}
