import type { Clock } from '../clock.ts';

/** A throttled worker halves its rate at most this often, because the replies of one burst are one event. */
const HALVING_INTERVAL_MS = 1_000;

/** Throttling that returns within this time belongs to the same episode. */
const EPISODE_GAP_MS = 5_000;

/** The rate returns quickly to this part of the throughput at the first throttling. Above that it probes. */
const KNOWN_GOOD = 0.95;

/** The part of the share by which the rate climbs each second. */
const QUICK_CLIMB = 0.04;

/**
 * Probing begins this slowly and doubles its speed while nothing is throttled, so it reaches a lasting limit gently.
 */
const PROBING_CLIMB = 0.0025;
const PROBING_DOUBLES_MS = 5_000;

/** The throughput is averaged over about this time. */
const THROUGHPUT_MS = 1_000;

/** A worker keeps trying at this part of its share, however hard the table throttles. */
const LOWEST_FACTOR = 1 / 64;

/**
 * How throttling changes a worker's share: by a factor that halves at once and climbs back additively. It climbs
 * quickly to just below the throughput at the first throttling, and slowly from there. So it meets a lasting limit
 * rarely and gently, and forgets one that ends within a minute. The factor multiplies the share and is not a rate of
 * its own. When the supervisor cuts the budget because other traffic suffers, the real use must fall at once, even if
 * it was far below the share.
 */
export class ThrottleResponse {
  readonly #clock: Clock;
  #factor = 1;
  #episodeFactor = 1;
  #throttledAtMs = Number.NEGATIVE_INFINITY;
  #halvedAtMs = Number.NEGATIVE_INFINITY;
  #climbedAtMs: number;
  #unitsPerSecond = 0;
  #tookAtMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#climbedAtMs = clock.monotonicMs();
    this.#tookAtMs = this.#climbedAtMs;
  }

  /** The part of the share that may be used now, from 1/64 to 1. */
  get factor(): number {
    return this.#factor;
  }

  /** The table accepted this many units. */
  took(units: number): void {
    const now = this.#clock.monotonicMs();
    this.#unitsPerSecond *= Math.exp((this.#tookAtMs - now) / THROUGHPUT_MS);
    this.#unitsPerSecond += units / (THROUGHPUT_MS / 1_000);
    this.#tookAtMs = now;
  }

  /** The table throttled. `share`: the granted units a second. */
  throttled(share: number): void {
    const now = this.#clock.monotonicMs();
    if (now - this.#throttledAtMs > EPISODE_GAP_MS) {
      this.took(0);
      const wentThrough = share > 0 ? this.#unitsPerSecond / share : 0;
      this.#episodeFactor = Math.min(this.#factor, Math.max(wentThrough, this.#factor / 2));
    }
    this.#throttledAtMs = now;
    if (now - this.#halvedAtMs < HALVING_INTERVAL_MS) return;
    this.#halvedAtMs = now;
    this.#climbedAtMs = now;
    this.#factor = Math.max(LOWEST_FACTOR, this.#factor / 2);
  }

  /** Call it a few times a second. */
  climb(): void {
    const now = this.#clock.monotonicMs();
    const seconds = (now - this.#climbedAtMs) / 1_000;
    this.#climbedAtMs = now;
    if (now - this.#throttledAtMs < HALVING_INTERVAL_MS) return;
    const knownGood = this.#episodeFactor * KNOWN_GOOD;
    const probing = PROBING_CLIMB * 2 ** ((now - this.#throttledAtMs) / PROBING_DOUBLES_MS);
    const speed = this.#factor < knownGood ? QUICK_CLIMB : Math.min(QUICK_CLIMB, probing);
    this.#factor = Math.min(1, this.#factor + speed * seconds);
  }
}
