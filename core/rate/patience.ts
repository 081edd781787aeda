import type { Clock } from '../clock.ts';

/** DynamoDB answers a full Scan page and a batch of 25 well within a second. */
export const FIRST_PATIENCE_MS = 5_000;

/** A reply that has not come by then was lost, however slow the table is. */
export const LONGEST_PATIENCE_MS = 60_000;

/** A reply within this part of the patience shows that the table has become faster again. */
const QUICK_REPLY = 1 / 8;

/** Without a given reason, each abort would create an error with a stack, one for every answered request. */
const DONE = 'answered';

export interface PatienceOptions {
  readonly clock: Clock;
  /** The request's name for messages: "Scan", "write". */
  readonly what: string;
  /** Called with a message when a reply did not come in time. */
  readonly onSlow: (reason: string) => void;
}

/**
 * How long one kind of request waits for its reply. If a request is aborted before a slow table answers, and sent
 * again, it never gets its answer, and each repetition adds load. So each timeout doubles the wait, up to a minute.
 * While the table is slow, only one request of this kind is in flight at a time.
 */
export class Patience {
  readonly #options: PatienceOptions;
  #patienceMs = FIRST_PATIENCE_MS;
  #inFlight = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  get patienceMs(): number {
    return this.#patienceMs;
  }

  /** A request has timed out, and no quick reply has come since. */
  get slow(): boolean {
    return this.#patienceMs > FIRST_PATIENCE_MS;
  }

  /**
   * Sends one request; its `abortSignal` ends it when the patience is over. `admit` runs last before the request. The
   * time that it waits, for the budget and the authority, does not count.
   * @throws what `admit` and the request throw
   */
  async send<T>(admit: () => Promise<void>, request: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    while (this.slow && this.#inFlight > 0) {
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
    this.#inFlight += 1;
    try {
      await admit();
      return await this.#attempt(request);
    } finally {
      this.#inFlight -= 1;
      // While the table is slow, the first one enters and the others wait again.
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }

  async #attempt<T>(request: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, what, onSlow } = this.#options;
    const patienceMs = this.#patienceMs;
    const startedAtMs = clock.monotonicMs();
    const done = new AbortController();
    const given = new AbortController();
    void clock.sleep(patienceMs, done.signal).then(() => {
      if (!done.signal.aborted) given.abort();
    });
    try {
      const reply = await request(given.signal);
      if (clock.monotonicMs() - startedAtMs < patienceMs * QUICK_REPLY) {
        this.#patienceMs = Math.max(FIRST_PATIENCE_MS, this.#patienceMs / 2);
      }
      return reply;
    } catch (error) {
      if (given.signal.aborted) {
        // If several requests timed out together, only the first one doubles the wait.
        this.#patienceMs = Math.max(this.#patienceMs, Math.min(LONGEST_PATIENCE_MS, patienceMs * 2));
        const next = Math.round(this.#patienceMs / 1_000);
        onSlow(
          `no reply to a ${what} within ${Math.round(patienceMs / 1_000)} s; the next one waits ${next} s`,
        );
      }
      throw error;
    } finally {
      done.abort(DONE);
    }
  }
}
