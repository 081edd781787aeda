import { BatchGetItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { type ItemWrite, keyProjection } from '../../core/item-write.ts';
import type { CapacityLimiter } from '../../core/rate/capacity-limiter.ts';
import { retryUntilAnswered } from '../../core/retry-until-answered.ts';

export interface ReadItemsRequest {
  readonly client: Pick<DynamoDBClient, 'send'>;
  readonly table: Pick<ItemWrite, 'table' | 'keySchema' | 'attribute'>;
  /** 100 at most [API reference, BatchGetItem]. */
  readonly keys: readonly AttributeMap[];
  readonly limiter: CapacityLimiter;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * The items that stand at these keys, read with strong consistency: their keys, and the attribute where they have it.
 * @throws as {@link retryUntilAnswered}
 */
export async function readItems(what: string, request: ReadItemsRequest): Promise<AttributeMap[]> {
  const { client, table, keys, limiter, clock, signal } = request;
  const found: AttributeMap[] = [];
  let open = [...keys];
  for (let rounds = 1; open.length > 0; rounds++) {
    const asked = open;
    const reply = await retryUntilAnswered(what, { clock, signal }, async () => {
      await limiter.reserve(asked.length, signal);
      return client.send(
        new BatchGetItemCommand({
          RequestItems: {
            [table.table]: { Keys: asked, ConsistentRead: true, ...keyProjection(table, true) },
          },
        }),
      );
    });
    found.push(...(reply.Responses?.[table.table] ?? []));
    open = reply.UnprocessedKeys?.[table.table]?.Keys ?? [];
    if (open.length > 0) await clock.sleep(backoffMs(rounds), signal);
  }
  return found;
}
