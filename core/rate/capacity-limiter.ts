import type { Clock } from '../clock.ts';

/**
 * How much unused capacity may be saved, as time. A quarter of a second evens out late timers and slow replies, and
 * keeps any window of ten seconds within 2.5 % of the rate.
 */
const SAVED_MS = 250;

interface Waiter {
  units: number;
  readonly unitsNow: () => number;
  readonly admit: () => void;
}

/** Resolves when neither authority nor the undo log holds back a request that has its part of the budget. */
export type Held = (signal: AbortSignal) => Promise<void>;

/**
 * A token bucket in capacity units a second. Callers reserve what a request is expected to consume before they send it,
 * in order of arrival. When the reply reports the real consumption, they settle the difference. A debt delays the next
 * requests. The bucket starts empty and saves at most {@link SAVED_MS}, or one request if that is more, however long
 * nothing was sent. So a frozen process cannot catch up.
 */
export class CapacityLimiter {
  readonly #clock: Clock;
  readonly #waiters: Waiter[] = [];
  #unitsPerSecond: number;
  #credit = 0;
  /** The largest request admitted at this rate or a lower one. A reply may give back at most this much. */
  #largest = 0;
  /** How often the rate has fallen. */
  #falls = 0;
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

  /**
   * Takes effect at once, also for waiting callers. At 0 nobody is admitted. Credit is time at the current rate: half
   * the rate gives half as many units, also for the first in line. A debt stays as it is.
   */
  setRate(unitsPerSecond: number): void {
    const before = this.#unitsPerSecond;
    if (unitsPerSecond === before) return;
    this.#accrue(this.#waiters[0]?.units);
    this.#unitsPerSecond = unitsPerSecond;
    if (unitsPerSecond < before) this.#fall(unitsPerSecond / before);
    this.#wake?.abort();
  }

  /**
   * Resolves with the reserved units once this many have accrued and `held` has resolved. `unitsNow` returns the cost
   * of the request. It is called again if the rate falls before the request is sent, because the size was chosen for
   * the higher rate.
   * @throws the signal's reason when it aborts first.
   */
  async reserve(unitsNow: number | (() => number), signal: AbortSignal, held?: Held): Promise<number> {
    const choose = typeof unitsNow === 'number' ? () => unitsNow : unitsNow;
    for (;;) {
      const { units, falls } = await this.#turn(choose, signal);
      if (held === undefined) return units;
      await held(signal);
      if (falls === this.#falls) return units;
      // The units accrued at the higher rate and are not given back, because they would be spent as if that rate still
      // held.
    }
  }

  /**
   * Corrects a reservation by the real consumption. The next request may use what comes back. That is at most one of
   * the requests that this rate has admitted, so late replies, or replies after the rate fell, cause no burst.
   */
  settle(reserved: number, consumed: number): void {
    this.#accrue(this.#waiters[0]?.units);
    const most = this.#mostSaved(Math.max(this.#largest, this.#waiters[0]?.units ?? 0));
    const corrected = this.#credit + reserved - consumed;
    this.#credit = Math.min(corrected, Math.max(most, this.#credit));
    if (reserved > consumed) this.#wake?.abort();
  }

  async #turn(unitsNow: () => number, signal: AbortSignal): Promise<{ units: number; falls: number }> {
    signal.throwIfAborted();
    const units = unitsNow();
    if (this.#waiters.length === 0 && this.#take(units)) return { units, falls: this.#falls };
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        this.#wake?.abort();
        reject(signal.reason);
      };
      const waiter: Waiter = {
        units,
        unitsNow,
        admit: () => {
          signal.removeEventListener('abort', leave);
          resolve({ units: waiter.units, falls: this.#falls });
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiters.push(waiter);
      if (!this.#admitting) void this.#admitInOrder();
    });
  }

  #fall(factor: number): void {
    this.#falls += 1;
    this.#largest = 0;
    if (this.#credit > 0) this.#credit *= factor;
    for (const waiter of this.#waiters) waiter.units = waiter.unitsNow();
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
    this.#largest = Math.max(this.#largest, units);
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
