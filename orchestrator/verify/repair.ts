import { type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { type AttributeMap, encodeAttributeMap } from '../../core/attribute-value.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { SystemicError } from '../../core/errors.ts';
import { type ItemWrite, updateItemInput } from '../../core/item-write.ts';
import type { CapacityLimiter } from '../../core/rate/capacity-limiter.ts';
import type { Counters } from '../../core/records.ts';
import { settleCall } from '../../core/settle.ts';

export interface RepairRequest {
  readonly client: DynamoDBClient;
  readonly write: ItemWrite;
  readonly keys: readonly AttributeMap[];
  readonly limiter: CapacityLimiter;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onQuarantine: (key: string, reason: string, attempts: number) => Promise<void>;
}

type RepairCounters = Pick<
  Counters,
  'matched' | 'updated' | 'alreadySet' | 'deleted' | 'quarantined' | 'writeUnits'
>;

/**
 * Sets the attribute on exactly these items, one conditional UpdateItem each. The verification scan that follows
 * reads them again with strong consistency, and everything else with them.
 *
 * @throws SystemicError for what holds for every item; the signal's reason when it aborts.
 */
export async function repair(request: RepairRequest): Promise<RepairCounters> {
  const done = { matched: 0, updated: 0, alreadySet: 0, deleted: 0, quarantined: 0, writeUnits: 0 };
  for (const key of request.keys) {
    const { outcome, writeUnits } = await repairItem(key, request);
    done.matched += 1;
    done[outcome] += 1;
    done.writeUnits += writeUnits;
  }
  return done;
}

/** An item that is refused, though it lacks the attribute, gets this many tries before it is set aside. */
const MAX_TRIES = 5;

/** One of them: the outcome, and the write units that all its tries consumed. */
export async function repairItem(
  key: AttributeMap,
  { client, write, limiter, clock, signal, onQuarantine }: Omit<RepairRequest, 'keys'>,
): Promise<{ outcome: 'updated' | 'alreadySet' | 'deleted' | 'quarantined'; writeUnits: number }> {
  let writeUnits = 0;
  let refusals = 0;
  for (let tries = 1; ; tries++) {
    await limiter.reserve(1, signal);
    try {
      const reply = await client.send(new UpdateItemCommand(updateItemInput(write, key)));
      const consumed = reply.ConsumedCapacity?.CapacityUnits ?? 1;
      limiter.settle(1, consumed);
      return { outcome: 'updated', writeUnits: writeUnits + consumed };
    } catch (error) {
      signal.throwIfAborted();
      writeUnits += 1;
      const verdict = settleCall(error, 1);
      if (verdict.kind === 'systemic')
        throw new SystemicError(`Repair failed: ${verdict.reason}`, { cause: error });
      if (verdict.kind === 'refused') {
        const item = (error as { Item?: AttributeMap }).Item;
        if (!item) return { outcome: 'deleted', writeUnits };
        if (Object.hasOwn(item, write.attribute)) return { outcome: 'alreadySet', writeUnits };
        refusals += 1;
      }
      if (verdict.kind === 'quarantine' || verdict.kind === 'bisect' || refusals >= MAX_TRIES) {
        const reason =
          'reason' in verdict
            ? verdict.reason
            : 'refused, although the item is there and lacks the attribute';
        await onQuarantine(encodeAttributeMap(key), reason, tries);
        return { outcome: 'quarantined', writeUnits };
      }
      await clock.sleep(backoffMs(tries), signal);
    }
  }
}
