import { BatchGetItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { type ItemWrite, itemProjection, keyProjection } from '../../core/item-write.ts';
import type { CapacityLimiter } from '../../core/rate/capacity-limiter.ts';
import { retryUntilAnswered } from '../../core/retry-until-answered.ts';

export interface ReadItemsRequest {
  readonly client: Pick<DynamoDBClient, 'send'>;
  /** Without a rule, only keys are read. */
  readonly table: Pick<ItemWrite, 'table' | 'keySchema'> & Partial<Pick<ItemWrite, 'rule'>>;
  /** 100 at most [API reference, BatchGetItem]. */
  readonly keys: readonly AttributeMap[];
  readonly limiter: CapacityLimiter;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * The items that stand at these keys, read with strong consistency: their keys, and what the rule reads of them.
 * @throws as {@link retryUntilAnswered}
 */
export async function readItems(what: string, request: ReadItemsRequest): Promise<AttributeMap[]> {
  const { client, table, keys, limiter, clock, signal } = request;
  const { keySchema, rule } = table;
  const projection = rule ? itemProjection({ keySchema, rule }) : keyProjection({ keySchema });
  const found: AttributeMap[] = [];
  let open = [...keys];
  for (let rounds = 1; open.length > 0; rounds++) {
    const asked = open;
    const reply = await retryUntilAnswered(what, { clock, signal }, async () => {
      await limiter.reserve(asked.length, signal);
      return client.send(
        new BatchGetItemCommand({
          RequestItems: {
            [table.table]: { Keys: asked, ConsistentRead: true, ...projection },
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
