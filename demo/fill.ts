import { BatchWriteItemCommand, type DynamoDBClient, type WriteRequest } from '@aws-sdk/client-dynamodb';
import pRetry from 'p-retry';
import type { Item } from './item.ts';

export interface FillOptions {
  /** BatchWriteItem calls in flight. */
  readonly concurrency?: number;
  /** Called after each batch that is completely in the table, with its items and the number written so far. */
  readonly onWritten?: (items: readonly Item[], total: number) => void;
  readonly signal?: AbortSignal;
}

export interface FillResult {
  readonly items: number;
  readonly durationMs: number;
  /** Items that DynamoDB returned as unprocessed, counted each time. */
  readonly unprocessed: number;
}

/** The most items in one BatchWriteItem [API reference]. */
const ITEMS_PER_BATCH = 25;

/**
 * Calls in flight. Two are enough for one process to saturate the embedded engine. More of them help against DynamoDB,
 * whose replies take longer.
 */
const DEFAULT_CONCURRENCY = 8;

/** How long unprocessed items are sent again: about 40 s, which outlasts a burst above the capacity. */
const UNPROCESSED_RETRIES = { retries: 12, minTimeout: 50, maxTimeout: 5000, factor: 2, randomize: true };

/**
 * Puts all of `items` into the table and replaces items with the same keys. It reads the iterable as it sends the calls
 * and never holds all items. Any 25 neighbours must have different keys.
 * @throws the client's error when a call fails after its retries; Error when items stay unprocessed. Everything
 * reported to `onWritten` by then is in the table.
 */
export async function fill(
  client: DynamoDBClient,
  table: string,
  items: Iterable<Item>,
  { concurrency = DEFAULT_CONCURRENCY, onWritten, signal }: FillOptions = {},
): Promise<FillResult> {
  const startedAt = performance.now();
  const batches = inBatches(items);
  const failure = new AbortController();
  let total = 0;
  let unprocessed = 0;

  async function putBatches(): Promise<void> {
    for (const batch of batches) {
      signal?.throwIfAborted();
      if (failure.signal.aborted) return;
      unprocessed += await putBatch(client, table, batch, signal);
      total += batch.length;
      onWritten?.(batch, total);
    }
  }

  const lanes = Array.from({ length: concurrency }, () =>
    putBatches().catch(error => {
      failure.abort();
      throw error;
    }),
  );
  const outcomes = await Promise.allSettled(lanes);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return { items: total, durationMs: performance.now() - startedAt, unprocessed };
}

/** One iterator for all lanes. A `for` loop that ends early would close a plain generator for all of them. */
function inBatches(items: Iterable<Item>): Iterable<Item[]> {
  const source = items[Symbol.iterator]();
  return {
    *[Symbol.iterator]() {
      for (;;) {
        const batch: Item[] = [];
        for (let next = source.next(); !next.done; next = source.next()) {
          batch.push(next.value);
          if (batch.length === ITEMS_PER_BATCH) break;
        }
        if (batch.length === 0) return;
        yield batch;
      }
    },
  };
}

/** @returns how many items came back unprocessed. */
async function putBatch(
  client: DynamoDBClient,
  table: string,
  batch: readonly Item[],
  signal: AbortSignal | undefined,
): Promise<number> {
  let requests: WriteRequest[] = batch.map(item => ({ PutRequest: { Item: item } }));
  let unprocessed = 0;
  await pRetry(
    async () => {
      const options = signal === undefined ? {} : { abortSignal: signal };
      const reply = await client.send(
        new BatchWriteItemCommand({ RequestItems: { [table]: requests } }),
        options,
      );
      requests = reply.UnprocessedItems?.[table] ?? [];
      unprocessed += requests.length;
      if (requests.length > 0) throw new UnprocessedItemsError(requests.length);
    },
    { ...UNPROCESSED_RETRIES, shouldRetry: ({ error }) => error instanceof UnprocessedItemsError },
  );
  return unprocessed;
}

class UnprocessedItemsError extends Error {
  constructor(count: number) {
    super(
      `DynamoDB left ${count} items of a batch unprocessed at every attempt, because it throttles the table.`,
    );
    this.name = 'UnprocessedItemsError';
  }
}
