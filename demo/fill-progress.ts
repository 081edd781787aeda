import { number } from './summary.ts';

/** Before this time, a rate tells more about the start than about the rest. */
const JUDGED_AFTER_MS = 3_000;

/**
 * The line that says how much of the table is filled, and how long the rest takes at the rate so far. The engine
 * becomes slower the more items it holds, so this is the shortest time that it can take.
 *
 * @param items number of items in the full table
 * @param now milliseconds on a monotonic clock
 */
export class FillProgress {
  readonly #items: number;
  readonly #now: () => number;
  readonly #beganAt: number;

  constructor(items: number, now: () => number = () => performance.now()) {
    this.#items = items;
    this.#now = now;
    this.#beganAt = now();
  }

  /** @param written items so far */
  describe(written: number): string {
    const elapsedMs = this.#now() - this.#beganAt;
    const text = `Filling the table: ${number(written)} of ${number(this.#items)} items`;
    if (elapsedMs < JUDGED_AFTER_MS || written === 0) return text;
    const leftMs = (elapsedMs / written) * (this.#items - written);
    return `${text}, ${number((written * 1_000) / elapsedMs)} a second, at least ${duration(leftMs)} left`;
  }
}

function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
