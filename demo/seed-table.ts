import {
  DescribeTableCommand,
  type DynamoDBClient,
  ScanCommand,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { oneLine } from './command-line.ts';
import { createTable } from './create-table.ts';
import { STUFF_KEY } from './item.ts';

/** The table cannot take the seed, and nothing was written. The message is one line for people. */
export class SeedRefusedError extends Error {
  override readonly name = 'SeedRefusedError';
}

/**
 * Checks that a table can take items of the founding case: it exists, is ready, has the right key, and is empty.
 * @param append accept a table that is not empty.
 * @throws SeedRefusedError that says what is wrong and what to do.
 */
export async function checkTableToSeed(
  client: DynamoDBClient,
  table: string,
  append: boolean,
): Promise<void> {
  const description = await describe(client, table);
  if (description.TableStatus !== 'ACTIVE' && description.TableStatus !== 'UPDATING') {
    throw new SeedRefusedError(
      `Table "${table}" is ${description.TableStatus}, not ACTIVE. Try again when it is.`,
    );
  }
  const found = printKey(description);
  const wanted = `${STUFF_KEY.partition.name} (S), ${STUFF_KEY.sort?.name} (N)`;
  if (found !== wanted) {
    throw new SeedRefusedError(
      `The key of table "${table}" is ${found}. The seed fits tables whose key is ${wanted}.`,
    );
  }
  if (append) return;
  const { Count = 0 } = await client.send(
    new ScanCommand({ TableName: table, Limit: 1, ConsistentRead: true }),
  );
  if (Count > 0) {
    throw new SeedRefusedError(
      `Table "${table}" is not empty. Add --append to put the items beside what it holds.`,
    );
  }
}

/**
 * Creates the table of the founding case unless one of this name exists.
 * @throws the client's error.
 */
export async function createIfAbsent(client: DynamoDBClient, table: string): Promise<void> {
  try {
    await createTable(client, table, STUFF_KEY);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ResourceInUseException') throw error;
  }
}

async function describe(client: DynamoDBClient, table: string): Promise<TableDescription> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
    return Table ?? {};
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException') {
      const region = await client.config.region();
      throw new SeedRefusedError(`There is no table "${table}" in ${region} for these credentials.`, {
        cause: error,
      });
    }
    throw new SeedRefusedError(`Table "${table}" cannot be described: ${oneLine(error)}`, { cause: error });
  }
}

function printKey({ KeySchema = [], AttributeDefinitions = [] }: TableDescription): string {
  return KeySchema.map(({ AttributeName: name }) => {
    const type = AttributeDefinitions.find(definition => definition.AttributeName === name)?.AttributeType;
    return `${name} (${type})`;
  }).join(', ');
}
