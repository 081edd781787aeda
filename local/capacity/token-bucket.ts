/** Sums of fractions are off by a hair; a unit that is there must not be refused for it. */
const EPSILON = 1e-6;

/**
 * Capacity units on the monotonic clock: they come in smoothly, `unitsPerSecond` of them, and are kept for up to
 * `depthSeconds`. What a request really consumed is known only afterwards, so the balance may become a debt, which
 * is paid off before anything else is admitted: the average never exceeds the rate. An infinite rate is no limit.
 */
export class TokenBucket {
  #unitsPerSecond: number;
  readonly #depthSeconds: number;
  #balance: number;
  #filledAtMs: number;

  /** Begins full. @param nowMs any monotonic clock's, as in all methods */
  constructor(unitsPerSecond: number, depthSeconds: number, nowMs: number) {
    this.#unitsPerSecond = unitsPerSecond;
    this.#depthSeconds = depthSeconds;
    this.#balance = unitsPerSecond * depthSeconds;
    this.#filledAtMs = nowMs;
  }

  /** Whether so many units are there. More than the bucket can ever hold are admitted when it is full. */
  has(units: number, nowMs: number): boolean {
    if (this.#unitsPerSecond === Infinity) return true;
    this.#fill(nowMs);
    return this.#balance + EPSILON >= Math.min(units, this.#depth);
  }

  /** Takes units whether they are there or not; negative ones are given back. */
  take(units: number, nowMs: number): void {
    if (this.#unitsPerSecond === Infinity) return;
    this.#fill(nowMs);
    this.#balance = Math.min(this.#depth, this.#balance - units);
  }

  /** From now on; what was saved up and does not fit is lost, and after no limit the bucket begins full. */
  setRate(unitsPerSecond: number, nowMs: number): void {
    if (this.#unitsPerSecond === Infinity) this.#filledAtMs = nowMs;
    this.#fill(nowMs);
    this.#unitsPerSecond = unitsPerSecond;
    this.#balance = Math.min(this.#depth, this.#balance);
  }

  /** Negative: a debt. */
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
