/** A page of a segment's Scan, from when it was read until all its items have settled. */
export interface Page {
  /** Items that have not settled yet. */
  unsettled: number;
  /** Where the Scan continues; undefined after the segment's last page. */
  readonly lastEvaluatedKey: string | undefined;
  /** Called when this page and every page before it have settled. */
  readonly passed?: () => void;
}

/** How far a checkpoint of the segment may go. */
export interface Prefix {
  /** Consecutive settled pages since the claim. */
  readonly pages: number;
  readonly lastEvaluatedKey: string | undefined;
  /** The segment's last page is part of the prefix. */
  readonly complete: boolean;
}

/**
 * The pages of a segment in scan order. Pages settle in any order. A checkpoint may name only the last page up to which
 * *every* page has settled, because a crash would otherwise skip an open one for good.
 */
export class SettledPrefix {
  readonly #open: Page[] = [];
  #pages = 0;
  #lastEvaluatedKey: string | undefined;
  #complete = false;

  constructor(lastEvaluatedKey: string | undefined) {
    this.#lastEvaluatedKey = lastEvaluatedKey;
  }

  /** Pages that were read and are not part of the prefix yet. */
  get openPages(): number {
    return this.#open.length;
  }

  append(page: Page): void {
    this.#open.push(page);
    this.#advance();
  }

  /**
   * Some items of a page have settled.
   * @returns whether that made the prefix longer.
   */
  settle(page: Page, items: number): boolean {
    page.unsettled -= items;
    return page.unsettled === 0 && this.#advance();
  }

  read(): Prefix {
    return { pages: this.#pages, lastEvaluatedKey: this.#lastEvaluatedKey, complete: this.#complete };
  }

  #advance(): boolean {
    const before = this.#pages;
    for (let head = this.#open[0]; head?.unsettled === 0; head = this.#open[0]) {
      this.#open.shift();
      head.passed?.();
      this.#pages += 1;
      this.#complete = head.lastEvaluatedKey === undefined;
      if (head.lastEvaluatedKey !== undefined) this.#lastEvaluatedKey = head.lastEvaluatedKey;
    }
    return this.#pages > before;
  }
}
