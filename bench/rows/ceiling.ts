import {
  type AttributeValue,
  BatchExecuteStatementCommand,
  DynamoDBClient,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { readRowSettings, writeRowCounts } from '../row-settings.ts';

/**
 * The ceiling: the same pages and batches as the worker's, sent by the plain SDK, and nothing else. There is no budget,
 * authority, checkpoint, metric or log, and a failure ends it. It reads the next page while it writes one.
 */
const BATCH_ITEMS = 25;
const IN_FLIGHT = 16;

type Key = Record<string, AttributeValue>;

const { table, attribute, segment, totalSegments } = readRowSettings();
const Statement = `UPDATE "${table}" SET "${attribute}" = ? WHERE "id" = ? AND "created" = ? AND "${attribute}" IS MISSING`;
const client = new DynamoDBClient({});
let [items, readUnits, writeUnits] = [0, 0, 0];

let next: ReturnType<typeof scan> | undefined = scan();
while (next) {
  const page: Awaited<typeof next> = await next;
  next = page.LastEvaluatedKey && scan(page.LastEvaluatedKey);
  readUnits += page.ConsumedCapacity?.CapacityUnits ?? 0;
  const keys = page.Items ?? [];
  let from = 0;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (from < keys.length) {
        const batch = keys.slice(from, from + BATCH_ITEMS);
        from += BATCH_ITEMS;
        await write(batch);
      }
    }),
  );
}
writeRowCounts({ items, readUnits, writeUnits });
process.exit();

function scan(ExclusiveStartKey?: Key) {
  return client.send(
    new ScanCommand({
      TableName: table,
      Segment: segment,
      TotalSegments: totalSegments,
      ExclusiveStartKey,
      Select: 'SPECIFIC_ATTRIBUTES',
      ProjectionExpression: 'id, created',
      FilterExpression: 'attribute_not_exists(#attribute)',
      ExpressionAttributeNames: { '#attribute': attribute },
      ReturnConsumedCapacity: 'TOTAL',
    }),
  );
}

async function write(keys: readonly Key[]): Promise<void> {
  const reply = await client.send(
    new BatchExecuteStatementCommand({
      Statements: keys.map(({ id, created }) => ({
        Statement,
        Parameters: [{ N: '1' }, id as AttributeValue, created as AttributeValue],
      })),
      ReturnConsumedCapacity: 'TOTAL',
    }),
  );
  const failed = reply.Responses?.find(response => response.Error);
  if (failed) throw new Error(`A statement failed: ${failed.Error?.Code}`);
  items += keys.length;
  for (const { CapacityUnits = 0 } of reply.ConsumedCapacity ?? []) writeUnits += CapacityUnits;
}
