/** The smallest latency is forgotten after this many replies, because a table's latency changes over hours. */
const REPLIES_TO_REMEMBER = 2_000;

const FIRST_LIMIT = 2;

/** This many waiting requests are acceptable. */
const MAY_WAIT = 3;

/**
 * Limits the write requests in flight: enough to keep the table busy, but not so many that they queue. It follows TCP
 * Vegas. With L requests in flight, a reply that takes `rtt` where the fastest took `base` shows that `L × (1 − base /
 * rtt)` of them were waiting. Below `alpha` there is room for one more; above `beta` there is one too many [Brakmo,
 * O'Malley, Peterson: TCP Vegas, 1994]. All other users of the table wait behind our queue, so it is kept short. Three
 * requests may always wait. If replies vary, the fastest one says little, and at a limit of two, half of the replies
 * would always look like a queue.
 */
export class InFlightLimit {
  readonly #most: number;
  #limit = FIRST_LIMIT;
  #inFlight = 0;
  #baseMs = Number.POSITIVE_INFINITY;
  #replies = 0;
  readonly #waiting: (() => void)[] = [];

  /** `most`: the upper limit, at any latency. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Resolves when one more request may be sent. Call {@link leave} once for each. */
  async enter(): Promise<void> {
    while (this.#inFlight >= Math.floor(this.#limit)) {
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
    this.#inFlight += 1;
  }

  leave(): void {
    this.#inFlight -= 1;
    this.#wake();
  }

  /** A reply came after `ms`, counted from the moment of sending. */
  observe(ms: number): void {
    this.#replies += 1;
    if (this.#replies % REPLIES_TO_REMEMBER === 0) this.#baseMs = ms;
    this.#baseMs = Math.min(this.#baseMs, ms);
    const waiting = this.#limit * (1 - this.#baseMs / Math.max(ms, this.#baseMs));
    const step = 1 / this.#limit;
    const alpha = Math.max(MAY_WAIT, Math.log2(this.#limit));
    const beta = Math.max(MAY_WAIT + 1, 2 * Math.log2(this.#limit));
    if (waiting < alpha) this.#limit = Math.min(this.#most, this.#limit + step);
    else if (waiting > beta) this.#limit = Math.max(1, this.#limit - step);
    this.#wake();
  }

  /** Lets waiting callers check again, as many as there is room for. */
  #wake(): void {
    const room = Math.floor(this.#limit) - this.#inFlight;
    for (const resolve of this.#waiting.splice(0, Math.max(0, room))) resolve();
  }
}
