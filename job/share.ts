import { CapacityLimiter } from '../core/capacity-limiter.ts';
import type { Clock } from '../core/clock.ts';
import type { Rates } from '../core/records.ts';

/** A throttled worker halves its rate at most this often: replies of one burst are one event. */
const HALVING_INTERVAL_MS = 1_000;

/** A rate that was halved climbs back by this part of the share a second: from half to whole in 25 seconds. */
const CLIMB_PER_SECOND = 0.02;

/** However hard the table throttles, a worker keeps trying at this part of its share. */
const LOWEST_FACTOR = 1 / 64;

/** Nobody renewed the grant for this long: nobody watches live traffic. */
const UNATTENDED_AFTER_MS = 120_000;

/** From then on the rate falls to the floor over this long. */
const DECAY_MS = 30_000;

export interface ShareOptions {
  readonly clock: Clock;
  /** What this worker may use, write units a second, when nobody renews its grant. */
  readonly floorWriteUnitsPerSecond: number;
}

/**
 * This worker's share of the fleet's budget: what the supervisor grants, lowered while the table throttles and when
 * the supervisor is gone. Two limiters hold to it.
 */
export class Share {
  readonly write: CapacityLimiter;
  readonly read: CapacityLimiter;
  readonly #options: ShareOptions;
  #granted: Rates = { writeUnitsPerSecond: 0, readUnitsPerSecond: 0 };
  #renewal = -1;
  #renewedAtMs: number;
  #factor = 1;
  #halvedAtMs = Number.NEGATIVE_INFINITY;
  #adjustedAtMs: number;
  #throttledCount = 0;
  #throttledReason = '';

  constructor(options: ShareOptions) {
    this.#options = options;
    this.write = new CapacityLimiter(options.clock, 0);
    this.read = new CapacityLimiter(options.clock, 0);
    this.#renewedAtMs = options.clock.monotonicMs();
    this.#adjustedAtMs = this.#renewedAtMs;
  }

  /** The number of the grant that this worker goes by; 0 is the one that its launch was created with. */
  get seenRenewal(): number {
    return Math.max(0, this.#renewal);
  }

  /** Takes the grant of a heartbeat's record. */
  grant(granted: Rates, renewal: number): void {
    if (renewal !== this.#renewal) {
      this.#renewal = renewal;
      this.#renewedAtMs = this.#options.clock.monotonicMs();
    }
    this.#granted = granted;
    this.adjust();
  }

  /** The table throttled a call or a statement of ours. */
  throttled(reason: string): void {
    this.#throttledCount += 1;
    this.#throttledReason = reason;
    const now = this.#options.clock.monotonicMs();
    if (now - this.#halvedAtMs < HALVING_INTERVAL_MS) return;
    this.#halvedAtMs = now;
    this.#factor = Math.max(LOWEST_FACTOR, this.#factor / 2);
    this.adjust();
  }

  /** How often, and why, the table throttled since the last call of this method. */
  takeThrottled(): { count: number; reason: string } | undefined {
    if (this.#throttledCount === 0) return undefined;
    const seen = { count: this.#throttledCount, reason: this.#throttledReason };
    this.#throttledCount = 0;
    return seen;
  }

  /** Climbs back after throttling and decays without a supervisor; to be called a few times a second. */
  adjust(): void {
    const now = this.#options.clock.monotonicMs();
    const elapsedSeconds = (now - this.#adjustedAtMs) / 1_000;
    this.#adjustedAtMs = now;
    if (now - this.#halvedAtMs >= HALVING_INTERVAL_MS) {
      this.#factor = Math.min(1, this.#factor + CLIMB_PER_SECOND * elapsedSeconds);
    }
    const attended = this.#attendance(now);
    this.write.setRate(this.#granted.writeUnitsPerSecond * this.#factor * attended);
    this.read.setRate(this.#granted.readUnitsPerSecond * this.#factor * attended);
  }

  /** 1 while a supervisor renews the grant; falls to the part of the grant that the floor is. */
  #attendance(now: number): number {
    const aloneMs = now - this.#renewedAtMs - UNATTENDED_AFTER_MS;
    const granted = this.#granted.writeUnitsPerSecond;
    if (aloneMs <= 0 || granted <= this.#options.floorWriteUnitsPerSecond) return 1;
    const floor = this.#options.floorWriteUnitsPerSecond / granted;
    return floor + (1 - floor) * Math.max(0, 1 - aloneMs / DECAY_MS);
  }
}
