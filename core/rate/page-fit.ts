import { largestPageUnits } from './capacity-estimate.ts';

/** The next page may read this part of a unit more while pages fit, and this part less after one that did not. */
const MORE_AT_FIRST = 0.15;
const MORE = 0.05;
const LESS = 0.35;

export interface FittedPage {
  /** The planned cost of the page, in units. */
  readonly aimed: number;
  readonly readUnits: number;
  readonly scanned: number;
  /** The page ended at its limit, not at the end of the segment. */
  readonly full: boolean;
}

/**
 * Learns how many items of a strongly consistent page cost this many units. Each page is rounded up to whole units, so
 * a hundred small pages, each with half a unit unused, waste fifty. No reply tells how much of the last unit was used.
 * So pages grow a little until one costs too much, and then shrink by more. One page in eight is one unit too large.
 */
export class PageFit {
  #itemsPerUnit: number | undefined;
  #more = MORE_AT_FIRST;

  /**
   * `unitsPerItem`: what is known of the items so far.
   * @returns undefined for a whole page of 1 MB.
   */
  items(units: number, unitsPerItem: number): number | undefined {
    if (units >= largestPageUnits(true)) return undefined;
    return Math.max(1, Math.floor(units * (this.#itemsPerUnit ?? 1 / unitsPerItem)));
  }

  learn({ aimed, readUnits, scanned, full }: FittedPage): void {
    if (scanned === 0 || readUnits === 0) return;
    const before = this.#itemsPerUnit ?? scanned / readUnits;
    if (readUnits > aimed) {
      this.#more = MORE;
      // All units but the last were used completely, so at most this many items fit.
      const most = scanned / Math.max(1, readUnits - 1);
      this.#itemsPerUnit = Math.min(before * (1 - LESS / aimed), most);
    } else if (full) {
      this.#itemsPerUnit = Math.max(before * (1 + this.#more / aimed), scanned / readUnits);
    }
  }
}
