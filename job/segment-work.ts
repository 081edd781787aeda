import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { checkpointIntervalMs as checkpointPace } from '../core/control-pace.ts';
import { AuthorityLostError, describeError, SystemicError } from '../core/errors.ts';
import type { ItemSize } from '../core/rate/capacity-estimate.ts';
import type { Counters, SegmentRecord } from '../core/records.ts';
import type { SegmentOwner, SegmentStore } from '../core/segment-store.ts';
import { settleCall } from '../core/settle.ts';
import { type ItemOutcome, SegmentCounters } from './segment-counters.ts';
import { type Page, SettledPrefix } from './settled-prefix.ts';

export interface SegmentWorkOptions {
  readonly owner: SegmentOwner;
  /** The record as the claim returned it. */
  readonly claimed: SegmentRecord;
  readonly segments: SegmentStore;
  readonly clock: Clock;
  /** Checkpoints of a segment are at least this far apart, except the first and the last one. */
  readonly checkpointIntervalMs?: number;
  /** Called with why a checkpoint must be repeated. */
  readonly onRetry?: ((reason: string) => void) | undefined;
  /** What the launch has learned of the items, for the next one. */
  readonly itemSize?: () => ItemSize | undefined;
  readonly onCounters: (segment: number, change: Partial<Counters>) => void;
  readonly records?: CheckpointRecords | undefined;
}

/** Records that must be stored before a checkpoint may pass their pages. */
export interface CheckpointRecords {
  /** Resolves when they are stored. `urgent`: now, instead of together with the next record. */
  recorded(urgent: boolean): Promise<void>;
  /** How many chunks of the undo log are stored. */
  chunks?(): number;
}

/**
 * One segment that this worker owns: its pages, its counters and its checkpoints, of which only one is in flight at a
 * time. The first checkpoint is written as soon as there is progress, so that even a very short launch makes some.
 */
export class SegmentWork {
  readonly segment: number;
  readonly tally: SegmentCounters;
  readonly #options: SegmentWorkOptions;
  readonly #prefix: SettledPrefix;
  #sequence: number;
  #savedPages = 0;
  #savedAtMs = Number.NEGATIVE_INFINITY;
  #saving: Promise<void> | undefined;
  #closed = false;
  #failure: unknown;
  readonly #ended = new AbortController();
  /** Ends the wait before the next checkpoint, because the last one must not wait. */
  #hurry: AbortController | undefined;
  readonly #waiting: (() => void)[] = [];

  constructor(options: SegmentWorkOptions) {
    const { owner, claimed, onCounters } = options;
    this.#options = options;
    this.segment = owner.segment;
    this.#sequence = claimed.sequence;
    this.#prefix = new SettledPrefix(claimed.lastEvaluatedKey);
    this.tally = new SegmentCounters(claimed.counters, change => onCounters(owner.segment, change));
  }

  /** Adds the page that was just read, with its open items. */
  append(page: Page): void {
    this.#prefix.append(page);
    this.#progressed();
  }

  /** `items` of the page have reached this outcome. */
  settle(page: Page, outcome: ItemOutcome, items: number): void {
    this.tally.settled(outcome, items);
    if (this.#prefix.settle(page, items)) this.#progressed();
  }

  /** `items` of the page have reached an outcome that its owner counts. */
  settleUncounted(page: Page, items: number): void {
    if (this.#prefix.settle(page, items)) this.#progressed();
  }

  /** An item of the page should have been written but is now out of scope. */
  leaveScope(page: Page): void {
    this.tally.add({ outOfScope: 1 });
    if (this.#prefix.settle(page, 1)) this.#progressed();
  }

  /** Items that a dry run leaves alone. */
  pass(page: Page, items: number): void {
    this.tally.add({ matched: items });
    if (this.#prefix.settle(page, items)) this.#progressed();
  }

  /**
   * Resolves when fewer than `pages` pages are open.
   * @throws what made this segment's checkpoints fail; the signal's reason when it aborts first.
   */
  async belowOpenPages(pages: number, signal: AbortSignal): Promise<void> {
    await this.#until(() => this.#prefix.openPages < pages, signal);
  }

  /**
   * Resolves when the completion marker is written.
   * @throws as {@link belowOpenPages}.
   */
  async completion(signal: AbortSignal): Promise<void> {
    await this.#until(
      () => this.#prefix.read().complete && this.#saving === undefined && this.#isSaved(),
      signal,
    );
  }

  /**
   * Writes the last checkpoint of work that stops midway, with the counters of everything that has settled, and
   * releases the segment. A launch that `failed` without progress keeps the segment and writes nothing, so that the
   * supervisor counts this launch against the segment's attempts. The supervisor gets the segment back just as soon,
   * because the launch has ended.
   */
  async giveUp({ failed = false }: { failed?: boolean } = {}): Promise<void> {
    this.#closed = true;
    this.#ended.abort();
    this.#hurry?.abort();
    await this.#saving;
    if (this.#failure instanceof AuthorityLostError) return;
    const { segments, owner } = this.#options;
    if (this.#isSaved() && (failed || this.#prefix.read().complete)) return;
    await this.#save();
    if (!failed && !this.#prefix.read().complete) await segments.release(owner);
  }

  async #until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    while (!holds()) {
      if (this.#failure !== undefined) throw this.#failure;
      signal.throwIfAborted();
      await new Promise<void>(resolve => {
        const wake = () => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        signal.addEventListener('abort', wake, { once: true });
        this.#waiting.push(wake);
      });
    }
  }

  #progressed(): void {
    this.#wakeAll();
    if (this.#prefix.read().complete) {
      // The last checkpoint takes what is ready without waiting. The caller that saves gets the error.
      this.#hurry?.abort();
      this.#options.records?.recorded(true).catch(() => {});
    }
    if (!this.#saving && !this.#closed && !this.#isSaved()) {
      this.#saving = this.#saveUntilCurrent().finally(() => {
        this.#saving = undefined;
        this.#wakeAll();
      });
    }
  }

  #wakeAll(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #isSaved(): boolean {
    return this.#savedPages === this.#prefix.read().pages;
  }

  async #saveUntilCurrent(): Promise<void> {
    const { clock, checkpointIntervalMs = checkpointPace(1), onRetry } = this.#options;
    let failures = 0;
    while (!this.#isSaved() && !this.#closed) {
      const dueInMs = this.#savedAtMs + checkpointIntervalMs - clock.monotonicMs();
      if (dueInMs > 0 && !this.#prefix.read().complete) {
        this.#hurry = new AbortController();
        await clock.sleep(dueInMs, this.#hurry.signal);
        continue;
      }
      try {
        await this.#save();
        failures = 0;
      } catch (error) {
        const verdict = settleCall(error, 1);
        if (error instanceof AuthorityLostError || verdict.kind !== 'retry') {
          this.#failure =
            error instanceof AuthorityLostError
              ? error
              : new SystemicError(`The control table refused a checkpoint: ${describeError(error)}`, {
                  cause: error,
                });
          return;
        }
        failures += 1;
        onRetry?.(verdict.reason);
        await clock.sleep(backoffMs(failures), this.#ended.signal);
      }
    }
  }

  async #save(): Promise<void> {
    const { segments, owner, clock, itemSize, records } = this.#options;
    const prefix = this.#prefix.read();
    // The counters of this moment. Later counts belong to pages that this checkpoint does not pass.
    const counters = this.tally.snapshot();
    await records?.recorded(this.#savedPages === 0 || prefix.complete || this.#closed);
    this.#sequence += 1;
    const checkpoint = {
      sequence: this.#sequence,
      ...(prefix.lastEvaluatedKey !== undefined && { lastEvaluatedKey: prefix.lastEvaluatedKey }),
      counters,
      undoChunks: records?.chunks?.(),
      itemSize: itemSize?.(),
      at: clock.nowIso(),
    };
    await (prefix.complete ? segments.complete(owner, checkpoint) : segments.checkpoint(owner, checkpoint));
    this.#savedPages = prefix.pages;
    this.#savedAtMs = clock.monotonicMs();
  }
}
