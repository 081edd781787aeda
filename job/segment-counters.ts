import { type Counters, NO_COUNTERS } from '../core/records.ts';

/** The outcomes of an item that lacked the attribute. */
export type ItemOutcome = 'updated' | 'alreadySet' | 'deleted' | 'quarantined';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * The absolute counters of one segment. Every change also goes to the metrics. An item counts as matched when it
 * settles, so `matched` is always the sum of the outcomes, even if the work stops midway.
 */
export class SegmentCounters {
  readonly #counters: Mutable<Counters>;
  readonly #onChange: (change: Partial<Counters>) => void;

  constructor(base: Counters, onChange: (change: Partial<Counters>) => void) {
    this.#counters = { ...NO_COUNTERS, ...base };
    this.#onChange = onChange;
  }

  add(change: Partial<Counters>): void {
    for (const [name, amount] of Object.entries(change) as [keyof Counters, number][]) {
      this.#counters[name] += amount;
    }
    this.#onChange(change);
  }

  settled(outcome: ItemOutcome, items: number): void {
    this.add({ matched: items, [outcome]: items });
  }

  snapshot(): Counters {
    return { ...this.#counters };
  }
}
