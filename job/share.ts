import { CapacityLimiter } from '../core/capacity-limiter.ts';
import type { Clock } from '../core/clock.ts';
import type { Rates } from '../core/records.ts';
import { ThrottleResponse } from './throttle-response.ts';

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
  readonly #throttling: ThrottleResponse;
  #granted: Rates = { writeUnitsPerSecond: 0, readUnitsPerSecond: 0 };
  #renewal = -1;
  #renewedAtMs: number;
  #throttledCount = 0;
  #throttledReason = '';

  constructor(options: ShareOptions) {
    this.#options = options;
    this.write = new CapacityLimiter(options.clock, 0);
    this.read = new CapacityLimiter(options.clock, 0);
    this.#renewedAtMs = options.clock.monotonicMs();
    this.#throttling = new ThrottleResponse(options.clock);
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

  /** The table took so many write units of ours. */
  wrote(units: number): void {
    this.#throttling.wrote(units);
  }

  /** The table throttled a call or a statement of ours. */
  throttled(reason: string): void {
    this.#throttledCount += 1;
    this.#throttledReason = reason;
    this.#throttling.throttled(this.#granted.writeUnitsPerSecond);
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
    this.#throttling.climb();
    const factor = this.#throttling.factor * this.#attendance(this.#options.clock.monotonicMs());
    this.write.setRate(this.#granted.writeUnitsPerSecond * factor);
    this.read.setRate(this.#granted.readUnitsPerSecond * factor);
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
