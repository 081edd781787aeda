import type { Clock } from '../core/clock.ts';
import type { Logger } from './log.ts';

/** The same message is not logged more often than this. */
const LOG_INTERVAL_MS = 10_000;

/**
 * Collects what slows this worker down without being an error: late replies, or a control table that throttles. It goes
 * into the log, and to the supervisor with the next heartbeat.
 */
export class Trouble {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #loggedAtMs = new Map<string, number>();
  #count = 0;
  #reason = '';

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  add(reason: string): void {
    this.#count += 1;
    this.#reason = reason;
    const now = this.#clock.monotonicMs();
    if (now - (this.#loggedAtMs.get(reason) ?? Number.NEGATIVE_INFINITY) < LOG_INTERVAL_MS) return;
    if (this.#loggedAtMs.size > 100) this.#loggedAtMs.clear();
    this.#loggedAtMs.set(reason, now);
    this.#log.warn({ reason, count: this.#count }, 'slowed down');
  }

  /** How often since the last call of this method, and the last reason. */
  take(): { count: number; reason: string } | undefined {
    if (this.#count === 0) return undefined;
    const seen = { count: this.#count, reason: this.#reason };
    this.#count = 0;
    return seen;
  }
}
