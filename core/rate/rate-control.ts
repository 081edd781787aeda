import type { Clock } from '../clock.ts';
import type { Rates } from '../records.ts';
import {
  CapacityEstimate,
  type ItemSize,
  largestPageUnits,
  type PageConsumption,
} from './capacity-estimate.ts';
import { CapacityLimiter, type Held } from './capacity-limiter.ts';
import { InFlightLimit } from './in-flight-limit.ts';
import { ThrottleResponse } from './throttle-response.ts';

/** If nobody has renewed the grant for this long, nobody watches live traffic. */
const UNATTENDED_AFTER_MS = 120_000;

/** After that, the rate falls to the floor over this time. */
const DECAY_MS = 30_000;

/** A batch is at most what the share earns in this time, so that a small share is used evenly. */
const BATCH_SECONDS = 0.1;

/** A page costs at most what the share earns in this time. A larger page would show in a window of ten seconds. */
const PAGE_SECONDS = 0.4;

/**
 * Pages in flight exceed what the latency requires by this factor, so that a late page does not leave budget unused.
 */
const PAGES_IN_RESERVE = 1.3;

/** At 150 ms a page and 256 units each, 24 pages keep 40,000 units a second busy; a busy machine is slower. */
const MOST_PAGES_IN_FLIGHT = 64;

/** A page that got its part of the budget sooner than this did not wait for it. */
const NO_WAIT_MS = 1;

/** The weight of a new page in the average latency. */
const LATENCY_WEIGHT = 0.2;

export interface RateControlOptions {
  readonly clock: Clock;
  /**
   * The rate, in write units a second, that may be used if nobody renews the grant. By default the grant needs no
   * renewal.
   */
  readonly floorWriteUnitsPerSecond?: number;
  /** Global secondary indexes into which the attribute is projected. */
  readonly indexes?: number;
  /** What is known of the item size. */
  readonly seed?: ItemSize | undefined;
  /** The most write requests in flight, at any latency. */
  readonly mostWritesInFlight?: number;
  /** The rate that measures throughput when the table throttles. */
  readonly paces?: 'writes' | 'reads';
  /**
   * From 0 to below 1, different for each worker of those that begin together with equal shares. If one item costs more
   * than a share earns in a moment, they would otherwise all send at the same moments.
   */
  readonly phase?: number;
}

/**
 * The rate control of every sender to the user's table: worker, verification and repair. It decides whether a request
 * may be sent now, how large it may be, and how many may be in flight. It learns from each reply.
 *
 *     grant ──► share × response to throttling × attendance ──► two limiters ──► a request may be sent
 *     page or write settled ──► estimate ──► the size of the next one, and what it reserves
 *     latency ──► requests in flight
 */
export class RateControl {
  readonly write: CapacityLimiter;
  readonly read: CapacityLimiter;
  readonly estimate: CapacityEstimate;
  readonly writesInFlight: InFlightLimit;
  readonly #options: RateControlOptions;
  readonly #paced: keyof Rates;
  readonly #throttling: ThrottleResponse;
  #granted: Rates = { writeUnitsPerSecond: 0, readUnitsPerSecond: 0 };
  #renewal = -1;
  #renewedAtMs: number;
  #throttledCount = 0;
  #throttledReason = '';
  #pageMs: number | undefined;
  #morePages = 0;
  #inPhase: boolean;

  constructor(options: RateControlOptions) {
    const { clock, indexes = 0, seed, mostWritesInFlight = 1, paces = 'writes', phase = 0 } = options;
    this.#options = options;
    this.#paced = paces === 'writes' ? 'writeUnitsPerSecond' : 'readUnitsPerSecond';
    this.write = new CapacityLimiter(clock, 0);
    this.read = new CapacityLimiter(clock, 0);
    this.estimate = new CapacityEstimate(indexes, seed);
    this.writesInFlight = new InFlightLimit(mostWritesInFlight);
    this.#renewedAtMs = clock.monotonicMs();
    this.#throttling = new ThrottleResponse(clock);
    this.#inPhase = phase === 0;
  }

  /** The number of the grant that this process applies. 0 is the grant of its launch. */
  get seenRenewal(): number {
    return Math.max(0, this.#renewal);
  }

  /** Applies a grant at once. A number that was seen before renews nothing. */
  grant(granted: Rates, renewal: number): void {
    if (renewal !== this.#renewal) {
      this.#renewal = renewal;
      this.#renewedAtMs = this.#options.clock.monotonicMs();
    }
    this.#granted = granted;
    this.adjust();
  }

  /** The table throttled one of our calls or statements. */
  throttled(reason: string): void {
    this.#throttledCount += 1;
    this.#throttledReason = reason;
    this.#throttling.throttled(this.#granted[this.#paced]);
    this.adjust();
  }

  /** How often the table has throttled since the last call of this method, and why. */
  takeThrottled(): { count: number; reason: string } | undefined {
    if (this.#throttledCount === 0) return undefined;
    const seen = { count: this.#throttledCount, reason: this.#throttledReason };
    this.#throttledCount = 0;
    return seen;
  }

  /** Raises the rate again after throttling, and lowers it without a supervisor. Call it a few times a second. */
  adjust(): void {
    this.#throttling.climb();
    const factor = this.#throttling.factor * this.#attendance(this.#options.clock.monotonicMs());
    this.write.setRate(this.#granted.writeUnitsPerSecond * factor);
    this.read.setRate(this.#granted.readUnitsPerSecond * factor);
  }

  /** Adjusts until the signal aborts. */
  async adjustUntil(signal: AbortSignal, everyMs = 250): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(everyMs, signal);
      this.adjust();
    }
  }

  /** How many items a batch may have now; at most `most`. */
  batchItems(most: number): number {
    const earned = (this.write.unitsPerSecond * BATCH_SECONDS) / this.estimate.writeUnitsPerItem;
    return Math.min(most, Math.max(1, Math.floor(earned)));
  }

  /**
   * How many units a strongly consistent page should cost now; at most `most`. Whole units, because a part costs as
   * much.
   */
  pageUnits(most = Number.POSITIVE_INFINITY): number {
    const earned = Math.min(largestPageUnits(true), this.read.unitsPerSecond * PAGE_SECONDS, most);
    return Math.max(1, Math.floor(earned));
  }

  /**
   * How many pages of this many units should be in flight to use the read budget at the measured latency [Little's
   * law]. If pages do not wait for their part of the budget, something else takes the time, and more pages are allowed.
   */
  pagesInFlight(pageUnits: number): number {
    const seconds = (this.#pageMs ?? 0) / 1_000;
    const needed = (this.read.unitsPerSecond * seconds * PAGES_IN_RESERVE) / pageUnits;
    return Math.min(MOST_PAGES_IN_FLIGHT, Math.max(1, Math.ceil(needed + this.#morePages)));
  }

  /**
   * Resolves with the reserved units once this many writes may be sent and `held` has resolved. `itemsNow` is called
   * again if the rate falls before that.
   * @throws the signal's reason when it aborts first.
   */
  async reserveWrites(itemsNow: number | (() => number), signal: AbortSignal, held?: Held): Promise<number> {
    const unitsPerItem = this.estimate.writeUnitsPerItem;
    if (!this.#inPhase) this.#stagger(unitsPerItem);
    const unitsNow = () => unitsPerItem * (typeof itemsNow === 'number' ? itemsNow : itemsNow());
    return this.write.reserve(unitsNow, signal, held);
  }

  /**
   * `reported`: the consumption in the reply.
   * @returns the units to count.
   */
  settleWrites(reserved: number, reported: number | undefined, items: number): number {
    if (reported !== undefined) this.estimate.learnFromWrite(reported, items);
    const units = reported ?? this.estimate.writeUnitsPerItem * items;
    this.write.settle(reserved, units);
    if (this.#paced === 'writeUnitsPerSecond') this.#throttling.took(units);
    return units;
  }

  /**
   * Settles a single write that its condition refused. No reply tells what it consumed.
   * @returns the units to count.
   */
  settleRefusal(reserved: number): number {
    const units = Math.min(reserved, this.estimate.writeUnitsPerRefusal);
    this.write.settle(reserved, units);
    return units;
  }

  /**
   * Resolves with its limit and the reserved units once a page may be read and `held` has resolved. `itemsNow` chooses
   * the number of items for the current rate; undefined means a whole page of 1 MB.
   */
  async reservePage(
    itemsNow: () => number | undefined,
    consistent: boolean,
    signal: AbortSignal,
    held?: Held,
  ): Promise<{ readonly limit: number | undefined; readonly reserved: number }> {
    let limit: number | undefined;
    const unitsNow = () => {
      limit = itemsNow();
      return this.estimate.readUnitsOfPage(limit, consistent);
    };
    const askedAtMs = this.#options.clock.monotonicMs();
    const reserved = await this.read.reserve(unitsNow, signal, async () => {
      const waited = this.#options.clock.monotonicMs() - askedAtMs > NO_WAIT_MS;
      this.#morePages = Math.min(
        MOST_PAGES_IN_FLIGHT,
        Math.max(0, this.#morePages + (waited ? -0.25 : 0.25)),
      );
      await held?.(signal);
    });
    return { limit, reserved };
  }

  settlePage(reserved: number, page: PageConsumption): void {
    this.read.settle(reserved, page.readUnits);
    this.estimate.learnFromPage(page);
    if (this.#paced === 'readUnitsPerSecond') this.#throttling.took(page.readUnits);
  }

  /** Takes how long a page was in flight: from sending it until the next one could follow. */
  observePage(ms: number): void {
    this.#pageMs = this.#pageMs === undefined ? ms : this.#pageMs + LATENCY_WEIGHT * (ms - this.#pageMs);
  }

  /** Resolves with the reserved units once this many items may be read back and `held` has resolved. */
  async reserveReads(items: number, signal: AbortSignal, held?: Held): Promise<number> {
    return this.read.reserve(this.estimate.readUnitsPerConsistentRead * items, signal, held);
  }

  /** @returns the units to count. */
  settleReads(reserved: number, reported: number | undefined, items: number): number {
    if (reported !== undefined) this.estimate.learnFromConsistentRead(reported, items);
    const units = reported ?? reserved;
    this.read.settle(reserved, units);
    return units;
  }

  /** If one item takes a while to earn, delays the first request by this worker's place among the others. */
  #stagger(unitsPerItem: number): void {
    this.#inPhase = true;
    if (unitsPerItem < this.write.unitsPerSecond * BATCH_SECONDS) return;
    this.write.settle(0, unitsPerItem * (this.#options.phase ?? 0));
  }

  /** 1 while a supervisor renews the grant. Without renewals it falls to the floor divided by the grant. */
  #attendance(now: number): number {
    const { floorWriteUnitsPerSecond = Number.POSITIVE_INFINITY } = this.#options;
    const aloneMs = now - this.#renewedAtMs - UNATTENDED_AFTER_MS;
    const granted = this.#granted.writeUnitsPerSecond;
    if (aloneMs <= 0 || granted <= floorWriteUnitsPerSecond) return 1;
    const floor = floorWriteUnitsPerSecond / granted;
    return floor + (1 - floor) * Math.max(0, 1 - aloneMs / DECAY_MS);
  }
}
