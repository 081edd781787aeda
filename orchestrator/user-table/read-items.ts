import { BatchGetItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { type ItemWrite, itemProjection, keyProjection } from '../../core/item-write.ts';
import type { RateControl } from '../../core/rate/rate-control.ts';
import { retryUntilAnswered } from '../../core/retry-until-answered.ts';

export interface ReadItemsRequest {
  readonly client: Pick<DynamoDBClient, 'send'>;
  /** Without a rule, only keys are read. */
  readonly table: Pick<ItemWrite, 'table' | 'keySchema'> & Partial<Pick<ItemWrite, 'rule'>>;
  /** At most 100 [API reference, BatchGetItem]. */
  readonly keys: readonly AttributeMap[];
  readonly rate: RateControl;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Resolves once the caller has authority to send requests. */
  readonly held?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Called with the consumed read units of each call. */
  readonly onConsumed?: ((readUnits: number) => void) | undefined;
}

/**
 * Reads the items with these keys, with strong consistency. It returns their keys and what the rule reads of them.
 * @throws as {@link retryUntilAnswered}
 */
export async function readItems(what: string, request: ReadItemsRequest): Promise<AttributeMap[]> {
  const { client, table, keys, rate, clock, signal, held, onConsumed } = request;
  const { keySchema, rule } = table;
  const projection = rule ? itemProjection({ keySchema, rule }) : keyProjection({ keySchema });
  const found: AttributeMap[] = [];
  let open = [...keys];
  const onThrottled = (reason: string) => rate.throttled(reason);
  for (let rounds = 1; open.length > 0; rounds++) {
    const asked = open;
    const reply = await retryUntilAnswered(what, { clock, signal, onThrottled }, async () => {
      const reserved = await rate.reserveReads(asked.length, signal, held);
      const answer = await client.send(
        new BatchGetItemCommand({
          RequestItems: {
            [table.table]: { Keys: asked, ConsistentRead: true, ...projection },
          },
          ReturnConsumedCapacity: 'TOTAL',
        }),
      );
      const answered = asked.length - (answer.UnprocessedKeys?.[table.table]?.Keys?.length ?? 0);
      onConsumed?.(
        rate.settleReads(reserved, answer.ConsumedCapacity?.[0]?.CapacityUnits ?? undefined, answered),
      );
      return answer;
    });
    found.push(...(reply.Responses?.[table.table] ?? []));
    open = reply.UnprocessedKeys?.[table.table]?.Keys ?? [];
    if (open.length === 0) break;
    rate.throttled('UnprocessedKeys');
    await clock.sleep(backoffMs(rounds), signal);
  }
  return found;
}
