import { type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { type AttributeMap, encodeAttributeMap } from '../../core/attribute-value.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { AuthorityLostError, SystemicError } from '../../core/errors.ts';
import { type ItemWrite, updateItemInput } from '../../core/item-write.ts';
import type { RateControl } from '../../core/rate/rate-control.ts';
import type { Counters } from '../../core/records.ts';
import { settleCall } from '../../core/settle.ts';

export interface RepairRequest {
  readonly client: DynamoDBClient;
  readonly write: ItemWrite;
  readonly keys: readonly AttributeMap[];
  readonly rate: RateControl;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Resolves when there is authority to send. */
  readonly held: (signal: AbortSignal) => Promise<void>;
  readonly onQuarantine: (key: string, reason: string, attempts: number) => Promise<void>;
  /** Hears what was done and consumed so far. */
  readonly onProgress?: (done: RepairCounters) => void;
}

export type RepairCounters = Pick<
  Counters,
  'matched' | 'updated' | 'alreadySet' | 'deleted' | 'quarantined' | 'writeUnits'
>;

export type RepairOutcome = 'updated' | 'alreadySet' | 'deleted' | 'quarantined';

/** Lanes of a repair; the rate control says how many of them may send. */
const LANES = 8;

/**
 * Sets the attribute on exactly these items, one conditional UpdateItem each. The verification scan that follows
 * reads them again with strong consistency, and everything else with them.
 *
 * @throws SystemicError for what holds for every item; the signal's reason when it aborts.
 */
export async function repair(request: RepairRequest): Promise<RepairCounters> {
  const done = { matched: 0, updated: 0, alreadySet: 0, deleted: 0, quarantined: 0, writeUnits: 0 };
  const failed = new AbortController();
  const signal = AbortSignal.any([request.signal, failed.signal]);
  const onConsumed = (writeUnits: number) => {
    done.writeUnits += writeUnits;
    request.onProgress?.(done);
  };
  const waiting = [...request.keys];
  const lane = async () => {
    for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) {
      const outcome = await repairItem(key, { ...request, signal, onConsumed });
      done.matched += 1;
      done[outcome] += 1;
      request.onProgress?.(done);
    }
  };
  await Promise.all(
    Array.from({ length: LANES }, () =>
      lane().catch(error => {
        failed.abort(error);
        throw error;
      }),
    ),
  );
  return done;
}

/** An item that is refused, though it lacks the attribute, gets this many tries before it is put in quarantine. */
const MAX_TRIES = 5;

export interface ItemRepairRequest extends Omit<RepairRequest, 'keys' | 'onProgress'> {
  /** Hears what each try consumed. */
  readonly onConsumed: (writeUnits: number) => void;
}

/** One of them, and what became of it. */
export async function repairItem(key: AttributeMap, request: ItemRepairRequest): Promise<RepairOutcome> {
  const { write, rate, clock, signal, onQuarantine } = request;
  let refusals = 0;
  for (let tries = 1; ; tries++) {
    await rate.writesInFlight.enter();
    let error: unknown;
    try {
      error = await tryOnce(key, request);
    } finally {
      rate.writesInFlight.leave();
    }
    if (error === undefined) return 'updated';
    signal.throwIfAborted();
    // It was not sent: the next try waits for authority.
    if (error instanceof AuthorityLostError) continue;
    const verdict = settleCall(error, 1);
    if (verdict.kind === 'systemic')
      throw new SystemicError(`Repair failed: ${verdict.reason}`, { cause: error });
    if (verdict.kind === 'refused') {
      const item = (error as { Item?: AttributeMap }).Item;
      if (!item) return 'deleted';
      if (Object.hasOwn(item, write.attribute)) return 'alreadySet';
      refusals += 1;
    }
    if (verdict.kind === 'quarantine' || verdict.kind === 'bisect' || refusals >= MAX_TRIES) {
      const reason =
        'reason' in verdict ? verdict.reason : 'refused, although the item is there and lacks the attribute';
      await onQuarantine(encodeAttributeMap(key), reason, tries);
      return 'quarantined';
    }
    if (verdict.kind === 'retry' && verdict.cause === 'throttled') rate.throttled(verdict.reason);
    await clock.sleep(backoffMs(tries), signal);
  }
}

/** One HTTP attempt. Returns what it failed with. */
async function tryOnce(
  key: AttributeMap,
  { client, write, rate, clock, signal, held, onConsumed }: ItemRepairRequest,
): Promise<unknown> {
  await held(signal);
  const reserved = await rate.reserveWrites(1, signal);
  await held(signal);
  const startedAtMs = clock.monotonicMs();
  try {
    const reply = await client.send(new UpdateItemCommand(updateItemInput(write, key)));
    rate.writesInFlight.observe(clock.monotonicMs() - startedAtMs);
    onConsumed(rate.settleWrites(reserved, reply.ConsumedCapacity?.CapacityUnits, 1));
    return undefined;
  } catch (error) {
    // A failed condition consumes too, and so may what was answered with an error or not at all.
    if (error instanceof AuthorityLostError) rate.write.settle(reserved, 0);
    else onConsumed(rate.settleRefusal(reserved));
    return error;
  }
}
