import type { Clock } from '../clock.ts';

/** A throttled worker halves its rate at most this often: replies of one burst are one event. */
const HALVING_INTERVAL_MS = 1_000;

/** Throttling that comes again within this time belongs to the same episode. */
const EPISODE_GAP_MS = 5_000;

/** The rate returns quickly up to this part of the throughput at the first throttling; above that it probes. */
const KNOWN_GOOD = 0.95;

/** Part of the share, per second. */
const QUICK_CLIMB = 0.04;

/**
 * A probe begins this slowly and doubles its speed while nothing is throttled, so it reaches a lasting limit gently.
 */
const PROBING_CLIMB = 0.0025;
const PROBING_DOUBLES_MS = 5_000;

/** What went through is averaged over about this time. */
const THROUGHPUT_MS = 1_000;

/** However hard the table throttles, a worker keeps trying at this part of its share. */
const LOWEST_FACTOR = 1 / 64;

/**
 * What throttling does to a worker's share: a factor that halves at once and climbs back additively. It climbs quickly
 * to just below the throughput at the first throttling, and slowly from there. So it meets a lasting limit seldom and
 * gently, and forgets one that goes away within a minute. It is a part of the share and not a rate: when the supervisor
 * cuts the budget because other traffic suffers, the real use must fall at once, even if it was far below the share.
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

  /** The table throttled; `share`: what is granted, units a second. */
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
