import { setMaxListeners } from 'node:events';
import { encodeAttributeMap } from '../core/attribute-value.ts';
import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { AuthorityLostError, describeError, SystemicError } from '../core/errors.ts';
import type { QuarantineStore } from '../core/quarantine-store.ts';
import type { RateControl } from '../core/rate/rate-control.ts';
import { settleCall } from '../core/settle.ts';
import type { Standing } from '../core/undo/item-removal.ts';
import type { LoggedValue } from '../core/undo/log-reader.ts';
import type { ItemOutcome } from './segment-counters.ts';
import type { SegmentWork } from './segment-work.ts';
import type { UserTable } from './user-table.ts';
import type { WriteQueue } from './write-queue.ts';

/**
 * A value whose removal fails with an internal error more often than this goes to quarantine. With the backoff in
 * between, that takes about half a minute.
 */
const MAX_INTERNAL_ERRORS = 15;

/** A value that is still the run's and was not removed after this many tries is not tried again. */
const MAX_UNEXPLAINED_REFUSALS = 4;

/** One value that a run set, until it reaches an outcome. */
export interface Removal {
  readonly value: LoggedValue;
  readonly attribute: string;
  readonly work: SegmentWork;
  /** An earlier launch may have removed it, so a missing value says nothing about the application. */
  readonly repeated: boolean;
  readonly onEnd: (outcome: ItemOutcome) => void;
  tries: number;
  internalErrors: number;
  unexplainedRefusals: number;
  /** A request that may have removed it got no answer. */
  unanswered: boolean;
}

export interface RemoveStageOptions {
  readonly table: UserTable;
  readonly queue: WriteQueue<Removal>;
  readonly rate: RateControl;
  readonly quarantine: QuarantineStore;
  readonly clock: Clock;
  readonly runId: string;
  /** The most requests in flight. */
  readonly writers: number;
  /** Called with why an item's record could not be written to the quarantine. */
  readonly onUnrecorded?: (reason: string) => void;
}

/**
 * Takes the values that a run set from the queue and removes each one that is unchanged. The run's counters count the
 * outcomes: `updated` means removed, `alreadySet` means changed, then `deleted` and `quarantined`.
 */
export class RemoveStage {
  readonly #options: RemoveStageOptions;
  #removed = 0;

  constructor(options: RemoveStageOptions) {
    this.#options = options;
  }

  /**
   * Works until the queue is closed or the signal aborts.
   * @throws SystemicError for an error that holds for every item.
   */
  async run(signal: AbortSignal): Promise<void> {
    setMaxListeners(0, signal);
    await Promise.all(Array.from({ length: this.#options.writers }, () => this.#work(signal)));
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { queue, rate } = this.#options;
    while (!signal.aborted) {
      await queue.arrival();
      await rate.writesInFlight.enter();
      try {
        if (queue.closed || signal.aborted) return;
        const [removal] = queue.take(1);
        if (removal) await this.#remove(removal, signal);
      } finally {
        rate.writesInFlight.leave();
      }
    }
  }

  async #remove(removal: Removal, signal: AbortSignal): Promise<void> {
    const { table, queue, rate } = this.#options;
    const { value, attribute, work } = removal;
    try {
      await table.remove(value, attribute, work, signal);
    } catch (error) {
      // It was not sent, or the stage is ending. It has no outcome, and its page stays open.
      if (signal.aborted) return;
      if (error instanceof AuthorityLostError) return queue.addAgain([removal]);
      const verdict = settleCall(error, 1);
      switch (verdict.kind) {
        case 'refused':
          return this.#settleRefused(removal, signal);
        case 'retry':
          if (verdict.cause === 'throttled') rate.throttled(verdict.reason);
          if (verdict.cause === 'transport' || verdict.cause === 'internal') removal.unanswered = true;
          if (verdict.cause === 'internal') removal.internalErrors += 1;
          if (removal.internalErrors > MAX_INTERNAL_ERRORS)
            return this.#quarantine(removal, verdict.reason, signal);
          return this.#tryAgain(removal, signal);
        case 'quarantine':
        case 'bisect':
          return this.#quarantine(removal, verdict.reason, signal);
        case 'systemic':
          throw new SystemicError(`DynamoDB refuses the removals: ${verdict.reason}`);
      }
    }
    this.#removed += 1;
    removal.onEnd('updated');
  }

  /** Finds out what the item has instead, and whether an unanswered request of this undo has removed the value. */
  async #settleRefused(removal: Removal, signal: AbortSignal): Promise<void> {
    const { table, queue, rate } = this.#options;
    let standing: Standing | undefined;
    try {
      standing = await table.standing(removal.value, removal.attribute, removal.work, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof AuthorityLostError) return queue.addAgain([removal]);
      const verdict = settleCall(error, 1);
      if (verdict.kind !== 'retry') {
        throw new SystemicError(`Reading refused items back failed: ${String(error)}`, { cause: error });
      }
      if (verdict.cause === 'throttled') rate.throttled(verdict.reason);
      return this.#tryAgain(removal, signal);
    }
    switch (standing) {
      case undefined:
        return this.#tryAgain(removal, signal);
      case 'deleted':
        return removal.onEnd('deleted');
      case 'changed':
        return removal.onEnd('alreadySet');
      case 'removed':
        return removal.onEnd(removal.unanswered || removal.repeated ? 'updated' : 'alreadySet');
      case 'ours':
        return this.#settleUnexplained(removal, signal);
    }
  }

  async #settleUnexplained(removal: Removal, signal: AbortSignal): Promise<void> {
    removal.unexplainedRefusals += 1;
    if (removal.unexplainedRefusals < MAX_UNEXPLAINED_REFUSALS) return this.#tryAgain(removal, signal);
    if (this.#removed === 0) {
      throw new SystemicError(
        `DynamoDB refused to remove "${removal.attribute}" from an item that has the run's value: ` +
          `${encodeAttributeMap(removal.value.key)}. The condition does not work here as it must.`,
      );
    }
    await this.#quarantine(
      removal,
      "DynamoDB refused the removal, although the item has the run's value",
      signal,
    );
  }

  async #quarantine(removal: Removal, reason: string, signal: AbortSignal): Promise<void> {
    const { quarantine, runId, clock } = this.#options;
    try {
      await quarantine.add({
        runId,
        key: encodeAttributeMap(removal.value.key),
        reason,
        attempts: removal.tries + 1,
        segment: removal.work.segment,
        at: clock.nowIso(),
      });
    } catch (error) {
      const verdict = settleCall(error, 1);
      if (verdict.kind !== 'retry') {
        const why = `An item cannot be written, and its quarantine record cannot be written either: ${describeError(error)}`;
        throw new SystemicError(why, { cause: error });
      }
      this.#options.onUnrecorded?.(verdict.reason);
      // It is settled only once its record is stored; until then its page stays open.
      return this.#tryAgain(removal, signal);
    }
    removal.onEnd('quarantined');
  }

  #tryAgain(removal: Removal, signal: AbortSignal): void {
    const { clock, queue } = this.#options;
    removal.tries += 1;
    void clock.sleep(backoffMs(removal.tries), signal).then(() => queue.addAgain([removal]));
  }
}
