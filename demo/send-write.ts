import { setTimeout as sleep } from 'node:timers/promises';
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  DynamoDBServiceException,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { Item, KeySchema } from './item.ts';
import type { Write } from './write.ts';

export interface WriteTarget {
  /** With `maxAttempts: 1`, because a retry inside the client would hide that an earlier request got no reply. */
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly key: KeySchema;
}

export type WriteOutcome = Attempts &
  (
    | { readonly result: 'applied'; readonly old: Item | undefined }
    | { readonly result: 'found-nothing' }
    | { readonly result: 'refused'; readonly error: Error }
    | { readonly result: 'unknown'; readonly error: Error }
  );

interface Attempts {
  /** Requests that DynamoDB throttled. None of them took effect. */
  readonly throttled: number;
  /** Requests without a usable reply. Each one may have taken effect, at any time until it arrived. */
  readonly unanswered: number;
}

export interface SendOptions {
  /** After this long without a reply, the outcome is left unknown. */
  readonly giveUpAfterMs: number;
  /** A request without a reply for this long is sent again. */
  readonly requestTimeoutMs: number;
}

const FIRST_BACKOFF_MS = 25;
const LONGEST_BACKOFF_MS = 2000;

const THROTTLING_ERRORS = new Set([
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'ThrottlingException',
]);

/** Temporary refusals without effect [API reference, Error handling]. */
const TRANSIENT_REFUSALS = new Set([
  ...THROTTLING_ERRORS,
  'TransactionConflictException',
  'ReplicatedWriteConflictException',
]);

/** Sends one write repeatedly until DynamoDB tells its outcome. Never rejects. */
export async function sendWrite(
  target: WriteTarget,
  write: Write,
  options: SendOptions,
): Promise<WriteOutcome> {
  const giveUpAt = performance.now() + options.giveUpAfterMs;
  let throttled = 0;
  let unanswered = 0;
  for (let backoffMs = FIRST_BACKOFF_MS; ; backoffMs = Math.min(2 * backoffMs, LONGEST_BACKOFF_MS)) {
    try {
      const old = await sendOnce(target, write, options.requestTimeoutMs);
      return { result: 'applied', old, throttled, unanswered };
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      if (error instanceof ConditionalCheckFailedException) {
        return { result: 'found-nothing', throttled, unanswered };
      }
      const isRefusal = error instanceof DynamoDBServiceException && error.$fault === 'client';
      if (THROTTLING_ERRORS.has(error.name)) throttled += 1;
      else if (!isRefusal) unanswered += 1;
      else if (!TRANSIENT_REFUSALS.has(error.name)) return noEffect(error, throttled, unanswered);
      if (performance.now() + backoffMs > giveUpAt) return noEffect(error, throttled, unanswered);
    }
    await sleep(backoffMs);
  }
}

/** A refusal of the last request says nothing about an earlier one without a reply. */
function noEffect(error: Error, throttled: number, unanswered: number): WriteOutcome {
  return { result: unanswered > 0 ? 'unknown' : 'refused', error, throttled, unanswered };
}

/** @returns the item before the write. */
async function sendOnce(
  { client, table, key }: WriteTarget,
  write: Write,
  requestTimeoutMs: number,
): Promise<Item | undefined> {
  const options = { abortSignal: AbortSignal.timeout(requestTimeoutMs) };
  switch (write.kind) {
    case 'put': {
      const put = new PutItemCommand({ TableName: table, Item: write.item, ReturnValues: 'ALL_OLD' });
      return (await client.send(put, options)).Attributes;
    }
    case 'delete': {
      const remove = new DeleteItemCommand({ TableName: table, Key: write.key, ReturnValues: 'ALL_OLD' });
      return (await client.send(remove, options)).Attributes;
    }
    case 'update': {
      const update = new UpdateItemCommand({
        TableName: table,
        Key: write.key,
        ...updateExpression(write.set, key),
        ReturnValues: 'ALL_OLD',
      });
      return (await client.send(update, options)).Attributes;
    }
  }
}

/** Without its condition, an update of a deleted item would create an item with only its key and these attributes. */
function updateExpression(set: Item, key: KeySchema) {
  const names: Record<string, string> = { '#partition': key.partition.name };
  const values: Item = {};
  const assignments = Object.entries(set).map(([name, value], index) => {
    names[`#a${index}`] = name;
    values[`:v${index}`] = value;
    return `#a${index} = :v${index}`;
  });
  return {
    UpdateExpression: `SET ${assignments.join(', ')}`,
    ConditionExpression: 'attribute_exists(#partition)',
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  };
}
