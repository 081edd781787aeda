import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { parallelScanAsStream } from '@shelf/dynamodb-parallel-scan';
import { readRowSettings, writeRowCounts } from '../row-settings.ts';

/** The most used library for parallel Scans, used as in its readme, with an UpdateItem for each item of a chunk. */
const SEGMENTS = 4;
const CHUNK_ITEMS = 50;

const { table, attribute } = readRowSettings();
const client = DynamoDBDocument.from(new DynamoDBClient({}));
let [items, writeUnits] = [0, 0];

const stream = await parallelScanAsStream(
  {
    TableName: table,
    FilterExpression: 'attribute_not_exists(#attribute)',
    ProjectionExpression: 'id, created',
    ExpressionAttributeNames: { '#attribute': attribute },
  },
  { concurrency: SEGMENTS, chunkSize: CHUNK_ITEMS, highWaterMark: 100, client },
);
for await (const chunk of stream) {
  await Promise.all((chunk as Record<string, unknown>[]).map(update));
}
// The library does not report what the Scan consumed.
writeRowCounts({ items, readUnits: Number.NaN, writeUnits });
process.exit();

async function update({ id, created }: Record<string, unknown>): Promise<void> {
  const { ConsumedCapacity } = await client.update({
    TableName: table,
    Key: { id, created },
    UpdateExpression: 'SET #attribute = :value',
    ConditionExpression: 'attribute_exists(id) AND attribute_not_exists(#attribute)',
    ExpressionAttributeNames: { '#attribute': attribute },
    ExpressionAttributeValues: { ':value': 1 },
    ReturnConsumedCapacity: 'TOTAL',
  });
  items += 1;
  writeUnits += ConsumedCapacity?.CapacityUnits ?? 0;
}
