import type { AttributeMap } from '../core/attribute-value.ts';
import type { LogReference } from '../core/undo/log-writer.ts';
import type { Assignment } from '../core/write-rule.ts';
import type { SegmentWork } from './segment-work.ts';
import type { Page } from './settled-prefix.ts';

/** An item that lacked the attribute when its page was read, until it reaches an outcome. */
export interface WorkItem {
  readonly key: AttributeMap;
  readonly page: Page;
  readonly work: SegmentWork;
  /** What to write; undefined if no values can be computed from the item as it was read. */
  assignment: Assignment | undefined;
  /** Tries so far without an outcome, for the backoff. */
  tries: number;
  /** How many of them ended in an internal error of this particular item. */
  internalErrors: number;
  /** Refused tries although the item existed and lacked the attribute. */
  unexplainedRefusals: number;
  /** How often its values were computed again because its sources had changed. */
  recomputations: number;
  /** Its entry in the undo log, if the run keeps one and there is something to write. */
  entry?: LogReference | undefined;
  /** A request that may have written the entry's values got no answer. */
  unanswered?: boolean;
}

/** A new item without any tries. */
export function workItem({
  key,
  page,
  work,
  assignment,
}: Pick<WorkItem, 'key' | 'page' | 'work' | 'assignment'>): WorkItem {
  return {
    ...{ key, page, work, assignment },
    ...{ tries: 0, internalErrors: 0, unexplainedRefusals: 0, recomputations: 0 },
    // All fields exist from the start, because later additions would give each item another object shape.
    ...{ entry: undefined, unanswered: false },
  };
}

/** Items that wait for a writer, first come first served. Items for another try go first. */
export class WriteQueue<T = WorkItem> {
  #items: T[] = [];
  /** How many of #items were taken. Moving the rest forward for every batch would cost as much as the batch. */
  #taken = 0;
  #again: T[] = [];
  #closed = false;
  readonly #waiting: (() => void)[] = [];

  get length(): number {
    return this.#items.length - this.#taken + this.#again.length;
  }

  get closed(): boolean {
    return this.#closed;
  }

  add(items: readonly T[]): void {
    // Even a queue that is never empty must drop the taken items, or it would hold the whole table in the end.
    this.#items = this.#items.slice(this.#taken);
    this.#taken = 0;
    for (const item of items) this.#items.push(item);
    this.#wakeAll();
  }

  addAgain(items: readonly T[]): void {
    for (const item of items) this.#again.push(item);
    this.#wakeAll();
  }

  take(count: number): T[] {
    const batch = this.#again.splice(0, count);
    const end = Math.min(this.#items.length, this.#taken + count - batch.length);
    for (; this.#taken < end; this.#taken++) batch.push(this.#items[this.#taken] as T);
    return batch;
  }

  /** Resolves when there is an item to take, or the queue was closed. */
  async arrival(): Promise<void> {
    while (this.length === 0 && !this.#closed) {
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
  }

  /** No more items may be taken; waiting writers are woken. */
  close(): void {
    this.#closed = true;
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
