import { Agent } from 'node:http';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, paginateScan, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { readRowSettings, writeRowCounts } from '../row-settings.ts';

/** The second script that anyone would write: UpdateItem through the DocumentClient, 64 in flight. */
const IN_FLIGHT = 64;

const { table, attribute } = readRowSettings();
const httpAgent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
const client = DynamoDBDocumentClient.from(new DynamoDBClient({ requestHandler: { httpAgent } }));
let [items, readUnits, writeUnits] = [0, 0, 0];

const pages = paginateScan(
  { client },
  {
    TableName: table,
    FilterExpression: 'attribute_not_exists(#attribute)',
    ProjectionExpression: 'id, created',
    ExpressionAttributeNames: { '#attribute': attribute },
    ReturnConsumedCapacity: 'TOTAL',
  },
);
for await (const page of pages) {
  readUnits += page.ConsumedCapacity?.CapacityUnits ?? 0;
  const waiting = (page.Items ?? []).values();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (const { id, created } of waiting) await update({ id, created });
    }),
  );
}
writeRowCounts({ items, readUnits, writeUnits });
process.exit();

async function update(key: Record<string, unknown>): Promise<void> {
  const { ConsumedCapacity } = await client.send(
    new UpdateCommand({
      TableName: table,
      Key: key,
      UpdateExpression: 'SET #attribute = :value',
      ConditionExpression: 'attribute_exists(id) AND attribute_not_exists(#attribute)',
      ExpressionAttributeNames: { '#attribute': attribute },
      ExpressionAttributeValues: { ':value': 1 },
      ReturnConsumedCapacity: 'TOTAL',
    }),
  );
  items += 1;
  writeUnits += ConsumedCapacity?.CapacityUnits ?? 0;
}
