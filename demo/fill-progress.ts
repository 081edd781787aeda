import { number } from './summary.ts';

/** Before that, a rate says more about the start than about what is to come. */
const JUDGED_AFTER_MS = 3_000;

/**
 * The line that says how far the table is filled, and how long the rest takes at the rate until now. The engine takes
 * items more slowly the more it holds, so that is the least that it takes.
 *
 * @param items that there are to be
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

  /** @param written items until now */
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
