import { type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { type AttributeMap, encodeAttributeMap } from '../../core/attribute-value.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { SystemicError } from '../../core/errors.ts';
import { type ItemWrite, updateItemInput } from '../../core/item-write.ts';
import type { CapacityLimiter } from '../../core/rate/capacity-limiter.ts';
import type { Counters } from '../../core/records.ts';
import { settleCall, type Verdict } from '../../core/settle.ts';
import { type Assignment, type Decision, sameAssignment } from '../../core/write-rule.ts';
import { readItems } from '../user-table/read-items.ts';

export interface RepairRequest {
  readonly client: DynamoDBClient;
  readonly write: ItemWrite;
  readonly keys: readonly AttributeMap[];
  readonly limiter: CapacityLimiter;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onQuarantine: (key: string, reason: string, attempts: number) => Promise<void>;
}

type RepairCounters = Pick<Counters, RepairOutcome | 'matched' | 'recomputed' | 'readUnits' | 'writeUnits'>;

export type RepairOutcome = 'updated' | 'alreadySet' | 'deleted' | 'quarantined' | 'outOfScope';

export interface RepairedItem {
  readonly outcome: RepairOutcome;
  /** How often its values were computed again, since its sources had changed. */
  readonly recomputed: number;
  /** Units that all its tries consumed. */
  readonly readUnits: number;
  readonly writeUnits: number;
}

/**
 * Sets what is missing on exactly these items, one conditional UpdateItem each. The verification scan that follows
 * reads them again with strong consistency, and everything else with them.
 *
 * @throws SystemicError for what holds for every item; the signal's reason when it aborts.
 */
export async function repair(request: RepairRequest): Promise<RepairCounters> {
  const done = {
    ...{ matched: 0, updated: 0, alreadySet: 0, deleted: 0, quarantined: 0, outOfScope: 0 },
    ...{ recomputed: 0, readUnits: 0, writeUnits: 0 },
  };
  for (const key of request.keys) {
    const { outcome, recomputed, readUnits, writeUnits } = await repairItem(key, request);
    if (outcome !== 'outOfScope') done.matched += 1;
    done[outcome] += 1;
    done.recomputed += recomputed;
    done.readUnits += readUnits;
    done.writeUnits += writeUnits;
  }
  return done;
}

/** An item that is refused, though it lacks what is to be set, gets this many tries before it goes to quarantine. */
const MAX_TRIES = 5;

/** An item whose sources change before each of so many writes never rests. */
const MOST_RECOMPUTATIONS = 20;

type ItemRequest = Omit<RepairRequest, 'keys'>;

/** One of them, from what it has now to its outcome. */
export async function repairItem(key: AttributeMap, request: ItemRequest): Promise<RepairedItem> {
  return new ItemRepair(key, request).run();
}

class ItemRepair {
  readonly #key: AttributeMap;
  readonly #request: ItemRequest;
  #tries = 0;
  #refusals = 0;
  #recomputed = 0;
  #readUnits = 0;
  #writeUnits = 0;

  constructor(key: AttributeMap, request: ItemRequest) {
    this.#key = key;
    this.#request = request;
  }

  async run(): Promise<RepairedItem> {
    const { clock, signal, write } = this.#request;
    // A constant needs no look at the item: its condition says all.
    let decision = write.rule.sources.length === 0 ? write.rule.decide(this.#key) : await this.#decide();
    for (;;) {
      if (decision === 'deleted') return this.#end('deleted');
      if (decision.kind === 'has-targets') return this.#end('alreadySet');
      if (decision.kind === 'out-of-scope') return this.#end('outOfScope');
      if (decision.kind === 'not-computable') return this.#quarantine(decision.reason);
      this.#tries += 1;
      const verdict = await this.#write(decision.assignment);
      if (verdict === 'set') return this.#end('updated');
      if (verdict.kind === 'refused') {
        const now = await this.#decide();
        const same =
          now !== 'deleted' && now.kind === 'write' && sameAssignment(now.assignment, decision.assignment);
        if (same) this.#refusals += 1;
        else if (now !== 'deleted' && now.kind === 'write') this.#recomputed += 1;
        decision = now;
      }
      if (verdict.kind === 'quarantine' || verdict.kind === 'bisect') return this.#quarantine(verdict.reason);
      if (this.#refusals >= MAX_TRIES) {
        return this.#quarantine('refused, although the item is there and lacks the attribute');
      }
      if (this.#recomputed > MOST_RECOMPUTATIONS) {
        return this.#quarantine(`its sources changed before each of ${MOST_RECOMPUTATIONS} writes`);
      }
      if (verdict.kind === 'retry' || this.#refusals > 0 || this.#recomputed > 1) {
        await clock.sleep(backoffMs(this.#tries), signal);
      }
    }
  }

  async #write(assignment: Assignment): Promise<'set' | Exclude<Verdict, { kind: 'systemic' }>> {
    const { client, write, limiter, signal } = this.#request;
    await limiter.reserve(1, signal);
    try {
      const reply = await client.send(new UpdateItemCommand(updateItemInput(write, this.#key, assignment)));
      const consumed = reply.ConsumedCapacity?.CapacityUnits ?? 1;
      limiter.settle(1, consumed);
      this.#writeUnits += consumed;
      return 'set';
    } catch (error) {
      signal.throwIfAborted();
      this.#writeUnits += 1;
      const verdict = settleCall(error, 1);
      if (verdict.kind === 'systemic') {
        throw new SystemicError(`Repair failed: ${verdict.reason}`, { cause: error });
      }
      return verdict;
    }
  }

  /** What is to be done with the item as it stands, read with strong consistency. */
  async #decide(): Promise<Decision | 'deleted'> {
    const { client, write, limiter, clock, signal } = this.#request;
    const [item] = await readItems('Reading an item that lacks what is to be set', {
      ...{ client, table: write, keys: [this.#key], limiter, clock, signal },
    });
    this.#readUnits += 1;
    return item ? write.rule.decide(item) : 'deleted';
  }

  async #quarantine(reason: string): Promise<RepairedItem> {
    await this.#request.onQuarantine(encodeAttributeMap(this.#key), reason, Math.max(1, this.#tries));
    return this.#end('quarantined');
  }

  #end(outcome: RepairOutcome): RepairedItem {
    return {
      outcome,
      recomputed: this.#recomputed,
      readUnits: this.#readUnits,
      writeUnits: this.#writeUnits,
    };
  }
}
