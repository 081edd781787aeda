/** Sums of fractions are slightly off. An available unit must not be refused because of that. */
const EPSILON = 1e-6;

/**
 * Capacity units on the monotonic clock. `unitsPerSecond` of them arrive smoothly and are kept for up to
 * `depthSeconds`. A request's real consumption is known only afterwards, so the balance may become a debt. The debt is
 * paid off before anything else is admitted, so the average never exceeds the rate. An infinite rate means no limit.
 */
export class TokenBucket {
  #unitsPerSecond: number;
  readonly #depthSeconds: number;
  #balance: number;
  #filledAtMs: number;

  /**
   * The bucket begins full.
   * @param nowMs of any monotonic clock, as in all methods
   */
  constructor(unitsPerSecond: number, depthSeconds: number, nowMs: number) {
    this.#unitsPerSecond = unitsPerSecond;
    this.#depthSeconds = depthSeconds;
    this.#balance = unitsPerSecond * depthSeconds;
    this.#filledAtMs = nowMs;
  }

  /** Whether this many units are available. A full bucket also admits more units than it can ever hold. */
  has(units: number, nowMs: number): boolean {
    if (this.#unitsPerSecond === Infinity) return true;
    this.#fill(nowMs);
    return this.#balance + EPSILON >= Math.min(units, this.#depth);
  }

  /** Takes units whether or not they are available. A negative number gives units back. */
  take(units: number, nowMs: number): void {
    if (this.#unitsPerSecond === Infinity) return;
    this.#fill(nowMs);
    this.#balance = Math.min(this.#depth, this.#balance - units);
  }

  /**
   * Changes the rate from now on. Saved units that no longer fit are lost. After an infinite rate the bucket begins
   * full.
   */
  setRate(unitsPerSecond: number, nowMs: number): void {
    if (this.#unitsPerSecond === Infinity) this.#filledAtMs = nowMs;
    this.#fill(nowMs);
    this.#unitsPerSecond = unitsPerSecond;
    this.#balance = Math.min(this.#depth, this.#balance);
  }

  /** A negative balance is a debt. */
  balance(nowMs: number): number {
    this.#fill(nowMs);
    return this.#balance;
  }

  get #depth(): number {
    return this.#unitsPerSecond * this.#depthSeconds;
  }

  #fill(nowMs: number): void {
    if (nowMs <= this.#filledAtMs) return;
    const seconds = (nowMs - this.#filledAtMs) / 1_000;
    this.#balance = Math.min(this.#depth, this.#balance + seconds * this.#unitsPerSecond);
    this.#filledAtMs = nowMs;
  }
}
