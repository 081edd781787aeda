import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, paginateScan, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { readRowSettings, writeRowCounts } from '../row-settings.ts';

/** The script that anyone would write first: one UpdateItem after the other. */
const { table, attribute } = readRowSettings();
const client = DynamoDBDocumentClient.from(new DynamoDBClient({}));
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
  for (const { id, created } of page.Items ?? []) {
    const { ConsumedCapacity } = await client.send(
      new UpdateCommand({
        TableName: table,
        Key: { id, created },
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
}
writeRowCounts({ items, readUnits, writeUnits });
process.exit();
