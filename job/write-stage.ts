import { setMaxListeners } from 'node:events';
import type { BatchStatementError } from '@aws-sdk/client-dynamodb';
import { type AttributeMap, encodeAttributeMap } from '../core/attribute-value.ts';
import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { AuthorityLostError, describeError, SystemicError } from '../core/errors.ts';
import { isBatchable, MAX_BATCH_STATEMENTS, PLAIN_FORMS } from '../core/item-write.ts';
import type { QuarantineStore } from '../core/quarantine-store.ts';
import type { RateControl } from '../core/rate/rate-control.ts';
import type { BatchForms, WriteApi } from '../core/records.ts';
import { mayHaveWritten, settleCall, settleStatement, type Verdict } from '../core/settle.ts';
import type { UndoLogWriter } from '../core/undo/log-writer.ts';
import {
  type Assignment,
  MOST_RECOMPUTATIONS,
  SOURCES_KEEP_CHANGING,
  sameAssignment,
} from '../core/write-rule.ts';
import { logItems } from './log-items.ts';
import type { ItemOutcome } from './segment-counters.ts';
import type { ReadBack, UserTable } from './user-table.ts';
import type { WorkItem, WriteQueue } from './write-queue.ts';

/** The most requests in flight: enough to use the share with slow replies, few enough to stop soon. */
export const MOST_IN_FLIGHT: Readonly<Record<WriteApi, number>> = { batch: 16, single: 64 };

/** After throttling, the lower rate is the pause. An item that waited longer would only keep its page open. */
const THROTTLED_PAUSE_MS = 100;

/**
 * An item whose own statement fails with an internal error more often than this goes to quarantine. With the backoff in
 * between, that takes about half a minute.
 */
const MAX_INTERNAL_ERRORS = 15;

/** An item that exists, lacks the attribute, and is refused this often is not tried again. */
const MAX_UNEXPLAINED_REFUSALS = 4;

/** If this many items are refused for good without a success in between, the items are not the cause. */
const SYSTEMIC_REFUSALS = 25;

export interface WriteStageOptions {
  readonly table: UserTable;
  readonly queue: WriteQueue;
  readonly rate: RateControl;
  readonly quarantine: QuarantineStore;
  readonly clock: Clock;
  readonly runId: string;
  readonly writeApi: WriteApi;
  /** With `batch`: what a batch may contain beyond one target without sources. */
  readonly batchForms?: BatchForms | undefined;
  readonly undoLog?: UndoLogWriter | undefined;
  /** Called with why an item's record could not be written to the quarantine. */
  readonly onUnrecorded?: (reason: string, tries: number) => void;
}

/** An item with values to write. */
type ComputedItem = WorkItem & { readonly assignment: Assignment };

/**
 * Takes items from the queue and brings each to an outcome: updated, already set, deleted, or quarantined.
 * core/settle.ts says what each reply means.
 */
export class WriteStage {
  readonly #options: WriteStageOptions;
  #updates = 0;
  #refusalsInARow = 0;

  constructor(options: WriteStageOptions) {
    this.#options = options;
  }

  /**
   * Works until the queue is closed or the signal aborts. Requests in flight still settle.
   * @throws SystemicError for an error that concerns every item.
   */
  async run(signal: AbortSignal): Promise<void> {
    const writers = MOST_IN_FLIGHT[this.#options.writeApi];
    // Every writer that waits for the budget listens, and so does every item that waits for its next try. Node reports
    // more than ten listeners as a leak.
    setMaxListeners(0, signal);
    await Promise.all(Array.from({ length: writers }, () => this.#write(signal)));
  }

  async #write(signal: AbortSignal): Promise<void> {
    const { queue, writeApi, rate } = this.#options;
    while (!signal.aborted) {
      await queue.arrival();
      await rate.writesInFlight.enter();
      try {
        if (queue.closed || signal.aborted) return;
        const items = queue.take(writeApi === 'batch' ? rate.batchItems(MAX_BATCH_STATEMENTS) : 1);
        await this.#writeItems(items, signal);
      } finally {
        rate.writesInFlight.leave();
      }
    }
  }

  /** Sorts items by how they are written: in a batch, alone, or not yet if there is nothing to write. */
  async #writeItems(items: readonly WorkItem[], signal: AbortSignal): Promise<void> {
    const { writeApi, batchForms = PLAIN_FORMS } = this.#options;
    const batch: ComputedItem[] = [];
    const alone: ComputedItem[] = [];
    const uncomputed: WorkItem[] = [];
    for (const item of items) {
      if (!isComputed(item)) uncomputed.push(item);
      else if (writeApi === 'batch' && isBatchable(item.assignment, batchForms)) batch.push(item);
      else alone.push(item);
    }
    if (batch.length > 0) await this.#writeBatch(batch, signal);
    for (const item of alone) await this.#writeSingle(item, signal);
    if (uncomputed.length > 0) await this.#settleRefused(uncomputed, signal);
  }

  async #writeBatch(batch: ComputedItem[], signal: AbortSignal): Promise<void> {
    const { table, queue } = this.#options;
    const [head] = batch;
    if (head === undefined) return;
    let errors: (BatchStatementError | undefined)[];
    try {
      errors = await table.writeBatch(batch, head.work, signal, tooMany => queue.addAgain(tooMany));
    } catch (error) {
      return this.#settleFailedCall(error, batch, signal);
    }
    if (errors.length !== batch.length) {
      throw new SystemicError(
        `A batch of ${batch.length} statements was answered with ${errors.length} replies.`,
      );
    }
    this.#settleUpdated(batch.filter((_, index) => errors[index] === undefined));
    const refused: WorkItem[] = [];
    for (const [index, error] of errors.entries()) {
      const item = batch[index];
      if (error === undefined || item === undefined) continue;
      const verdict = settleStatement(error);
      if (mayHaveWritten(verdict)) item.unanswered = true;
      if (verdict.kind === 'refused') refused.push(item);
      else await this.#settleVerdict(verdict, [item], signal, true);
    }
    if (refused.length > 0) await this.#settleRefused(refused, signal);
  }

  async #writeSingle(item: ComputedItem, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.table.writeSingle(item, item.work, signal);
    } catch (error) {
      return this.#settleFailedCall(error, [item], signal);
    }
    this.#settleUpdated([item]);
  }

  async #settleFailedCall(
    error: unknown,
    batch: readonly ComputedItem[],
    signal: AbortSignal,
  ): Promise<void> {
    // It was not sent, or the stage is ending. The items have no outcome, and their pages stay open.
    if (signal.aborted) return;
    if (error instanceof AuthorityLostError) return this.#options.queue.addAgain(batch);
    const verdict = settleCall(error, batch.length);
    if (mayHaveWritten(verdict)) for (const item of batch) item.unanswered = true;
    if (verdict.kind === 'refused') return this.#settleRefused(batch, signal);
    await this.#settleVerdict(verdict, batch, signal, false);
  }

  async #settleVerdict(
    verdict: Exclude<Verdict, { kind: 'refused' }>,
    batch: readonly WorkItem[],
    signal: AbortSignal,
    itemsOwn: boolean,
  ): Promise<void> {
    switch (verdict.kind) {
      case 'retry': {
        if (verdict.cause === 'throttled') this.#options.rate.throttled(verdict.reason);
        const again: WorkItem[] = [];
        for (const item of batch) {
          item.tries += 1;
          if (itemsOwn && verdict.cause === 'internal') item.internalErrors += 1;
          if (item.internalErrors > MAX_INTERNAL_ERRORS) await this.#quarantine(item, verdict.reason, signal);
          else again.push(item);
        }
        return this.#tryAgain(again, signal, verdict.cause === 'throttled' ? THROTTLED_PAUSE_MS : undefined);
      }
      case 'bisect': {
        const half = Math.ceil(batch.length / 2);
        await this.#writeItems(batch.slice(0, half), signal);
        await this.#writeItems(batch.slice(half), signal);
        return;
      }
      case 'quarantine':
        for (const item of batch) await this.#quarantine(item, verdict.reason, signal);
        return;
      case 'systemic':
        throw new SystemicError(`DynamoDB refuses the writes: ${verdict.reason}`);
    }
  }

  /**
   * Finds out which refused items now have every target, which are gone or out of scope, which have other sources, and
   * which were refused without a reason.
   */
  async #settleRefused(refused: readonly WorkItem[], signal: AbortSignal): Promise<void> {
    const [head] = refused;
    if (head === undefined) return;
    let standing: Map<AttributeMap, ReadBack>;
    try {
      standing = await this.#readBackAll(refused, head, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof AuthorityLostError) return this.#options.queue.addAgain(refused);
      const verdict = settleCall(error, 1);
      if (verdict.kind !== 'retry') {
        throw new SystemicError(`Reading refused items back failed: ${String(error)}`, { cause: error });
      }
      return this.#settleVerdict(verdict, refused, signal, false);
    }
    for (const item of refused) {
      const found = standing.get(item.key);
      // The stage is ending. The item has no outcome, and its page stays open.
      if (found !== undefined) await this.#settleReadBack(item, found, signal);
    }
  }

  /**
   * Asks again for what a reply left out, because DynamoDB throttles parts of a BatchGetItem in this way. The items are
   * not written again meanwhile: that write would be refused and would consume units again.
   */
  async #readBackAll(
    refused: readonly WorkItem[],
    head: WorkItem,
    signal: AbortSignal,
  ): Promise<Map<AttributeMap, ReadBack>> {
    const { table, rate, clock } = this.#options;
    const standing = new Map<AttributeMap, ReadBack>();
    let open = refused.map(({ key }) => key);
    for (let rounds = 1; open.length > 0 && !signal.aborted; rounds++) {
      for (const [key, found] of await table.readBack(open, head.work, signal)) standing.set(key, found);
      open = open.filter(key => !standing.has(key));
      if (open.length === 0) break;
      rate.throttled('UnprocessedKeys');
      await clock.sleep(backoffMs(rounds), signal);
    }
    return standing;
  }

  async #settleReadBack(item: WorkItem, found: ReadBack, signal: AbortSignal): Promise<void> {
    if (found === 'absent') {
      this.#notSet(item);
      item.work.settle(item.page, 'deleted', 1);
      return;
    }
    const decision = this.#options.table.write.rule.decide(found);
    switch (decision.kind) {
      case 'has-targets':
        this.#notSet(item);
        item.work.settle(item.page, 'alreadySet', 1);
        return;
      case 'out-of-scope':
        this.#notSet(item);
        item.work.leaveScope(item.page);
        return;
      case 'not-computable':
        return this.#quarantine(item, decision.reason, signal);
      case 'write':
        return item.assignment && sameAssignment(item.assignment, decision.assignment)
          ? this.#settleUnexplained(item, signal)
          : this.#writeRecomputed(item, decision.assignment, signal);
    }
  }

  /** The item's sources have changed. It gets new values, up to a number of changes. */
  async #writeRecomputed(item: WorkItem, assignment: Assignment, signal: AbortSignal): Promise<void> {
    if (item.assignment === undefined) {
      // A consistent read made its values computable for the first time.
      item.assignment = assignment;
      await logItems(this.#options.undoLog, item.work.segment, [item], signal);
      return this.#tryAgain([item], signal, 0);
    }
    item.recomputations += 1;
    item.tries += 1;
    item.work.tally.add({ recomputed: 1 });
    if (item.recomputations > MOST_RECOMPUTATIONS) {
      return this.#quarantine(item, SOURCES_KEEP_CHANGING, signal);
    }
    this.#notSet(item);
    item.assignment = assignment;
    await logItems(this.#options.undoLog, item.work.segment, [item], signal);
    // The first recomputation need not wait.
    this.#tryAgain([item], signal, item.recomputations === 1 ? 0 : backoffMs(item.recomputations));
  }

  async #settleUnexplained(item: WorkItem, signal: AbortSignal): Promise<void> {
    item.tries += 1;
    item.unexplainedRefusals += 1;
    if (item.unexplainedRefusals < MAX_UNEXPLAINED_REFUSALS) return this.#tryAgain([item], signal);
    this.#refusalsInARow += 1;
    if (this.#updates === 0 || this.#refusalsInARow >= SYSTEMIC_REFUSALS) {
      throw new SystemicError(
        `DynamoDB refused to set "${this.#options.table.write.rule.targets.join('", "')}" on an item that exists and lacks it: ` +
          `${encodeAttributeMap(item.key)}. The condition does not work here as it must.`,
      );
    }
    await this.#quarantine(
      item,
      'DynamoDB refused the write, although the item exists and lacks the attribute',
      signal,
    );
  }

  #settleUpdated(items: readonly WorkItem[]): void {
    if (items.length === 0) return;
    this.#updates += items.length;
    this.#refusalsInARow = 0;
    for (const { entry } of items) if (entry) this.#options.undoLog?.settled(entry, 'set');
    settleByPage(items, 'updated');
  }

  async #quarantine(item: WorkItem, reason: string, signal: AbortSignal): Promise<void> {
    const { quarantine, runId: run, clock } = this.#options;
    try {
      await quarantine.add({
        runId: run,
        key: encodeAttributeMap(item.key),
        reason,
        attempts: item.tries + 1,
        segment: item.work.segment,
        at: clock.nowIso(),
      });
    } catch (error) {
      const verdict = settleCall(error, 1);
      if (verdict.kind !== 'retry') {
        throw new SystemicError(
          `An item cannot be written, and its quarantine record cannot be written either: ${describeError(error)}`,
          { cause: error },
        );
      }
      item.tries += 1;
      this.#options.onUnrecorded?.(verdict.reason, item.tries);
      // An item is settled as quarantined only once its record is stored. Until then its page stays open.
      return this.#tryAgain([item], signal);
    }
    this.#notSet(item);
    item.work.settle(item.page, 'quarantined', 1);
  }

  /**
   * This launch did not set it, if each of its requests was answered. Otherwise nobody can tell who set the current
   * value, and the undo log records nothing.
   */
  #notSet({ entry, unanswered }: WorkItem): void {
    if (entry && !unanswered) this.#options.undoLog?.settled(entry, 'notSet');
  }

  #tryAgain(items: readonly WorkItem[], signal: AbortSignal, pauseMs?: number): void {
    const [head] = items;
    if (head === undefined) return;
    const { clock, queue } = this.#options;
    void clock.sleep(pauseMs ?? backoffMs(head.tries), signal).then(() => queue.addAgain(items));
  }
}

function isComputed(item: WorkItem): item is ComputedItem {
  return item.assignment !== undefined;
}

/** Settles once for each run of items from the same page, not once for each item. */
function settleByPage(items: readonly WorkItem[], outcome: ItemOutcome): void {
  let from = 0;
  for (let to = 1; to <= items.length; to++) {
    const first = items[from] as WorkItem;
    if (to < items.length && items[to]?.page === first.page) continue;
    first.work.settle(first.page, outcome, to - from);
    from = to;
  }
}
