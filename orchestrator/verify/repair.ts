import { type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { type AttributeMap, encodeAttributeMap } from '../../core/attribute-value.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { AuthorityLostError, SystemicError } from '../../core/errors.ts';
import { type ItemWrite, updateItemInput } from '../../core/item-write.ts';
import type { RateControl } from '../../core/rate/rate-control.ts';
import type { Counters } from '../../core/records.ts';
import { mayHaveWritten, settleCall, type Verdict } from '../../core/settle.ts';
import type { LogReference, UndoLogWriter } from '../../core/undo/log-writer.ts';
import {
  type Assignment,
  type Decision,
  MOST_RECOMPUTATIONS,
  SOURCES_KEEP_CHANGING,
  sameAssignment,
} from '../../core/write-rule.ts';
import { readItems } from '../user-table/read-items.ts';

export interface RepairRequest {
  readonly client: DynamoDBClient;
  readonly write: ItemWrite;
  readonly keys: readonly AttributeMap[];
  readonly rate: RateControl;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Resolves once there is authority to send. */
  readonly held: (signal: AbortSignal) => Promise<void>;
  readonly onQuarantine: (key: string, reason: string, attempts: number) => Promise<void>;
  readonly undoLog?: UndoLogWriter | undefined;
  /** Called with the totals done and consumed so far. */
  readonly onProgress?: (done: RepairCounters) => void;
}

export type RepairCounters = Pick<
  Counters,
  RepairOutcome | 'matched' | 'recomputed' | 'readUnits' | 'writeUnits'
>;

export type RepairOutcome = 'updated' | 'alreadySet' | 'deleted' | 'quarantined' | 'outOfScope';

export interface RepairedItem {
  readonly outcome: RepairOutcome;
  /** How often its values were computed again because its sources had changed. */
  readonly recomputed: number;
}

/** Concurrent lanes of a repair. The rate control decides how many of them may send. */
const LANES = 8;

/**
 * Sets the missing attributes on exactly these items, with one conditional UpdateItem for each. The verification that
 * follows reads these items and the rest of the table again, with strong consistency.
 *
 * @throws SystemicError for an error that would stop every item; the signal's reason when it aborts.
 */
export async function repair(request: RepairRequest): Promise<RepairCounters> {
  const done = {
    ...{ matched: 0, updated: 0, alreadySet: 0, deleted: 0, quarantined: 0, outOfScope: 0 },
    ...{ recomputed: 0, readUnits: 0, writeUnits: 0 },
  };
  const failed = new AbortController();
  const signal = AbortSignal.any([request.signal, failed.signal]);
  const onConsumed = (units: Consumed) => {
    done.readUnits += units.readUnits ?? 0;
    done.writeUnits += units.writeUnits ?? 0;
    request.onProgress?.(done);
  };
  const waiting = [...request.keys];
  const lane = async () => {
    for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) {
      const { outcome, recomputed } = await repairItem(key, { ...request, signal, onConsumed });
      if (outcome !== 'outOfScope') done.matched += 1;
      done[outcome] += 1;
      done.recomputed += recomputed;
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

type Consumed = Partial<Pick<Counters, 'readUnits' | 'writeUnits'>>;

/** An item in scope whose write is refused goes to quarantine after this many tries. */
const MAX_TRIES = 5;

export interface ItemRepairRequest extends Omit<RepairRequest, 'keys' | 'onProgress'> {
  /** Called with what each try consumed. */
  readonly onConsumed: (units: Consumed) => void;
}

/** Brings one item to an outcome, whatever its state is now. */
export async function repairItem(key: AttributeMap, request: ItemRepairRequest): Promise<RepairedItem> {
  return new ItemRepair(key, request).run();
}

class ItemRepair {
  readonly #key: AttributeMap;
  readonly #request: ItemRepairRequest;
  #tries = 0;
  #refusals = 0;
  #recomputed = 0;
  /** The item's entry in the undo log, and what the entry says. */
  #entry: { readonly reference: LogReference; readonly assignment: Assignment } | undefined;
  /** A request that may have written the entry's values got no answer. */
  #unanswered = false;

  constructor(key: AttributeMap, request: ItemRepairRequest) {
    this.#key = key;
    this.#request = request;
  }

  async run(): Promise<RepairedItem> {
    const { clock, signal, write } = this.#request;
    // A constant needs no read of the item first, because the write's condition decides.
    let decision = write.rule.sources.length === 0 ? write.rule.decide(this.#key) : await this.#decide();
    for (;;) {
      if (decision === 'deleted') return this.#end('deleted');
      if (decision.kind === 'has-targets') return this.#end('alreadySet');
      if (decision.kind === 'out-of-scope') return this.#end('outOfScope');
      if (decision.kind === 'not-computable') return this.#quarantine(decision.reason);
      await this.#log(decision.assignment);
      this.#tries += 1;
      const verdict = await this.#write(decision.assignment);
      if (verdict === 'set') return this.#end('updated');
      // Nothing was sent without authority. The next try waits for it.
      if (verdict === 'not-sent') continue;
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
        return this.#quarantine(
          'DynamoDB refused the write, although the item exists and lacks the attribute',
        );
      }
      if (this.#recomputed > MOST_RECOMPUTATIONS) {
        return this.#quarantine(SOURCES_KEEP_CHANGING);
      }
      if (verdict.kind === 'retry' || this.#refusals > 0 || this.#recomputed > 1) {
        await clock.sleep(backoffMs(this.#tries), signal);
      }
    }
  }

  async #write(assignment: Assignment): Promise<'set' | 'not-sent' | Exclude<Verdict, { kind: 'systemic' }>> {
    const { rate, signal } = this.#request;
    await rate.writesInFlight.enter();
    let error: unknown;
    try {
      error = await this.#attempt(assignment);
    } finally {
      rate.writesInFlight.leave();
    }
    if (error === undefined) return 'set';
    signal.throwIfAborted();
    if (error instanceof AuthorityLostError) return 'not-sent';
    const verdict = settleCall(error, 1);
    if (verdict.kind === 'systemic') {
      throw new SystemicError(`Repair failed: ${verdict.reason}`, { cause: error });
    }
    if (verdict.kind === 'retry' && verdict.cause === 'throttled') rate.throttled(verdict.reason);
    if (mayHaveWritten(verdict)) this.#unanswered = true;
    return verdict;
  }

  /**
   * Sends one HTTP request.
   * @returns the error, if it failed.
   */
  async #attempt(assignment: Assignment): Promise<unknown> {
    const { client, write, rate, clock, signal, held, onConsumed, undoLog } = this.#request;
    await held(signal);
    const reserved = await rate.reserveWrites(1, signal, async () => {
      await undoLog?.mayWrite(signal);
      await held(signal);
    });
    const startedAtMs = clock.monotonicMs();
    try {
      const reply = await client.send(new UpdateItemCommand(updateItemInput(write, this.#key, assignment)));
      rate.writesInFlight.observe(clock.monotonicMs() - startedAtMs);
      onConsumed({ writeUnits: rate.settleWrites(reserved, reply.ConsumedCapacity?.CapacityUnits, 1) });
      return undefined;
    } catch (error) {
      // A failed condition consumes units. So may a request that failed or got no answer.
      if (error instanceof AuthorityLostError) rate.write.settle(reserved, 0);
      else onConsumed({ writeUnits: rate.settleRefusal(reserved) });
      return error;
    }
  }

  /** Decides from a strongly consistent read what to do with the item. */
  async #decide(): Promise<Decision | 'deleted'> {
    const { client, write, rate, clock, signal, held, onConsumed } = this.#request;
    const [item] = await readItems('Reading an item that still lacks a value', {
      ...{ client, table: write, keys: [this.#key], rate, clock, signal, held },
      onConsumed: readUnits => onConsumed({ readUnits }),
    });
    return item ? write.rule.decide(item) : 'deleted';
  }

  async #quarantine(reason: string): Promise<RepairedItem> {
    await this.#request.onQuarantine(encodeAttributeMap(this.#key), reason, Math.max(1, this.#tries));
    return this.#end('quarantined');
  }

  /** Stores what is about to be written in the undo log. */
  async #log(assignment: Assignment): Promise<void> {
    const { undoLog, signal } = this.#request;
    if (!undoLog || this.#entry?.assignment === assignment) return;
    this.#settleEntry('notSet');
    const [reference] = await undoLog.putOwn([undoLog.entryOf(this.#key, assignment.set)], signal);
    this.#entry = reference && { reference, assignment };
    this.#unanswered = false;
  }

  /**
   * An entry with an unanswered request can become known only as set. That the item lacks the value now proves nothing.
   */
  #settleEntry(outcome: 'set' | 'notSet'): void {
    if (this.#entry === undefined || (outcome === 'notSet' && this.#unanswered)) return;
    this.#request.undoLog?.settled(this.#entry.reference, outcome);
  }

  #end(outcome: RepairOutcome): RepairedItem {
    this.#settleEntry(outcome === 'updated' ? 'set' : 'notSet');
    return { outcome, recomputed: this.#recomputed };
  }
}
