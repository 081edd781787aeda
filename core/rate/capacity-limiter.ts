import type { Clock } from '../clock.ts';

/**
 * How much unused capacity may be saved up, as time. A quarter of a second evens out late timers and slow
 * replies, and keeps any window of ten seconds within 2.5 % of the rate.
 */
const SAVED_MS = 250;

interface Waiter {
  readonly units: number;
  readonly admit: () => void;
}

/**
 * A token bucket in capacity units a second. Callers reserve what a request is expected to consume before they
 * send it, in order of arrival, and settle the difference when the reply says what it did consume; a debt delays
 * the next ones. It starts empty, and saves up at most {@link SAVED_MS}, or one request where that is more, however
 * long nothing was sent: a frozen process cannot catch up.
 */
export class CapacityLimiter {
  readonly #clock: Clock;
  readonly #waiters: Waiter[] = [];
  #unitsPerSecond: number;
  #credit = 0;
  #accruedAtMs: number;
  #wake: AbortController | undefined;
  #admitting = false;

  constructor(clock: Clock, unitsPerSecond: number) {
    this.#clock = clock;
    this.#unitsPerSecond = unitsPerSecond;
    this.#accruedAtMs = clock.monotonicMs();
  }

  get unitsPerSecond(): number {
    return this.#unitsPerSecond;
  }

  /** Takes effect at once, for waiting callers too. At 0 nobody is admitted. */
  setRate(unitsPerSecond: number): void {
    if (unitsPerSecond === this.#unitsPerSecond) return;
    // What the first in line has earned so far is its own, however often the rate changes while it waits.
    const wanted = this.#waiters[0]?.units;
    this.#accrue(wanted);
    const lower = unitsPerSecond < this.#unitsPerSecond;
    this.#unitsPerSecond = unitsPerSecond;
    // What was saved up at a higher rate would be spent as if it still held.
    if (lower) this.#credit = Math.min(this.#credit, this.#mostSaved(wanted));
    this.#wake?.abort();
  }

  /**
   * Resolves when `units` have been earned.
   * @throws the signal's reason when it aborts first.
   */
  async reserve(units: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#waiters.length === 0 && this.#take(units)) return;
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        this.#wake?.abort();
        reject(signal.reason);
      };
      const waiter: Waiter = {
        units,
        admit: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiters.push(waiter);
      if (!this.#admitting) void this.#admitInOrder();
    });
  }

  /** Corrects a reservation by what was consumed in fact. */
  settle(reserved: number, consumed: number): void {
    this.#credit += reserved - consumed;
  }

  async #admitInOrder(): Promise<void> {
    this.#admitting = true;
    for (let head = this.#waiters[0]; head; head = this.#waiters[0]) {
      if (this.#take(head.units)) {
        this.#waiters.shift();
        head.admit();
        continue;
      }
      this.#wake = new AbortController();
      const missing = head.units - this.#credit;
      const waitMs = this.#unitsPerSecond > 0 ? (missing / this.#unitsPerSecond) * 1_000 : 60_000;
      await this.#clock.sleep(Math.min(60_000, waitMs), this.#wake.signal);
    }
    this.#wake = undefined;
    this.#admitting = false;
  }

  #take(units: number): boolean {
    this.#accrue(units);
    if (this.#credit < units) return false;
    this.#credit -= units;
    return true;
  }

  #accrue(wanted = 0): void {
    const now = this.#clock.monotonicMs();
    const earned = ((now - this.#accruedAtMs) / 1_000) * this.#unitsPerSecond;
    this.#credit = Math.min(this.#credit + earned, Math.max(this.#mostSaved(wanted), this.#credit));
    this.#accruedAtMs = now;
  }

  #mostSaved(wanted = 0): number {
    return Math.max((SAVED_MS / 1_000) * this.#unitsPerSecond, wanted);
  }
}
