import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import { CredentialsError, describeError, SystemicError, UnreachableError } from './errors.ts';
import { kindOfFailure } from './failure.ts';

/** So long it is waited in silence. */
const TELL_AFTER_MS = 10_000;

/** Failures further apart than this are not one trouble: between them the process was frozen, or asked nothing. */
const LONGEST_GAP_MS = 30_000;

type Doubted = 'credentials' | 'transport';

/** Milliseconds after which a trouble that has lasted without a break is believed. */
export type Patience = Readonly<Record<Doubted, number>>;

export interface DoubtOptions {
  readonly clock: Clock;
  /** Whom it concerns, as in "DynamoDB". */
  readonly service: string;
  readonly patience: Patience;
  /** Hears what is waited for when that takes long, and that it is over. */
  readonly tell?: ((words: string) => void) | undefined;
  /** Ends the waiting: the trouble is believed at once. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A reply that speaks of credentials or signatures once says nothing about rights, and a service that did not answer
 * once says nothing about the service: a role was just made, a token is being renewed, the process was frozen and its
 * clock is behind, a connection was cut. Only what lasts is believed.
 */
export class Doubt {
  readonly #options: DoubtOptions;
  #since: { readonly startedAtMs: number; readonly kind: Doubted } | undefined;
  #lastAtMs = Number.NEGATIVE_INFINITY;
  #over = new AbortController();
  #told = false;
  /** Of a trouble that was believed once, nothing is waited for again until there is an answer. */
  #believed = false;

  constructor(options: DoubtOptions) {
    this.#options = options;
  }

  /**
   * Sends the call, again and again while what it says is doubted.
   * @throws CredentialsError or UnreachableError when that has lasted too long; any other error as it comes.
   */
  async repeat<T>(call: () => Promise<T>, endpoint: () => string | undefined): Promise<T> {
    const { clock, signal } = this.#options;
    for (let failures = 1; ; failures++) {
      const startedAtMs = clock.monotonicMs();
      const heard = this.#tellOfSilence(endpoint);
      try {
        const reply = await call();
        this.#answered();
        return reply;
      } catch (error) {
        const kind = this.#failed(error, startedAtMs, endpoint());
        if (kind === undefined) throw error;
        const pauseMs = backoffMs(failures);
        if (signal?.aborted || this.#isBelieved(kind, pauseMs)) throw this.#belief(kind, error, endpoint());
        await clock.sleep(pauseMs, signal);
      } finally {
        heard();
      }
    }
  }

  /**
   * Sends the call once: its caller repeats it, behind the limiter and with authority.
   * @throws SystemicError when what is doubted has lasted too long; any other error as it comes.
   */
  async count<T>(call: () => Promise<T>, endpoint: () => string | undefined): Promise<T> {
    const startedAtMs = this.#options.clock.monotonicMs();
    try {
      const reply = await call();
      this.#answered();
      return reply;
    } catch (error) {
      const kind = this.#failed(error, startedAtMs, endpoint());
      if (kind === undefined || !this.#isBelieved(kind)) throw error;
      const belief = this.#belief(kind, error, endpoint());
      throw new SystemicError(belief.message, { cause: belief });
    }
  }

  /** @returns what is doubted of this error; undefined when there is nothing to doubt, which is an answer. */
  #failed(error: unknown, startedAtMs: number, endpoint: string | undefined): Doubted | undefined {
    const kind = kindOfFailure(error);
    // The caller gave up, and nobody else.
    if (error instanceof Error && error.name === 'AbortError') return undefined;
    if (kind !== 'credentials' && kind !== 'transport') {
      // A certificate that is not trusted is no answer, but nothing to wait for either.
      this.#answered();
      return undefined;
    }
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#since?.kind !== kind || nowMs - this.#lastAtMs > LONGEST_GAP_MS) {
      this.#answered();
      this.#since = { startedAtMs, kind };
      this.#tellLater(kind, error, endpoint);
    }
    this.#lastAtMs = nowMs;
    return kind;
  }

  #answered(): void {
    if (this.#since !== undefined) {
      this.#since = undefined;
      this.#believed = false;
      this.#over.abort();
      this.#over = new AbortController();
    }
    if (this.#told) this.#options.tell?.(`${this.#options.service} answers again.`);
    this.#told = false;
  }

  /** `pauseMs`: until the next attempt, which must not come too late. */
  #isBelieved(kind: Doubted, pauseMs = 0): boolean {
    this.#believed ||= this.#lastedMs + pauseMs >= this.#options.patience[kind];
    return this.#believed;
  }

  get #lastedMs(): number {
    return this.#since ? this.#options.clock.monotonicMs() - this.#since.startedAtMs : 0;
  }

  #tellLater(kind: Doubted, error: unknown, endpoint: string | undefined): void {
    const { clock, tell, signal } = this.#options;
    if (!tell) return;
    const over = this.#over.signal;
    const ended = signal ? AbortSignal.any([over, signal]) : over;
    void clock.sleep(TELL_AFTER_MS - this.#lastedMs, ended).then(() => {
      if (ended.aborted || this.#told) return;
      this.#told = true;
      tell(
        kind === 'credentials'
          ? `Waiting until ${this.#options.service} accepts the credentials. It says: ${describeError(error)}\nIf you are signed out, log in again, for instance with: aws sso login`
          : `Waiting for ${this.#where(endpoint)} to answer. The last attempt: ${describeError(error)}`,
      );
    });
  }

  /** Of a call that says nothing at all, since the SDK repeats it or its time is long. @returns to be called at its end */
  #tellOfSilence(endpoint: () => string | undefined): () => void {
    const { clock, tell } = this.#options;
    if (!tell) return () => {};
    const over = new AbortController();
    void clock.sleep(TELL_AFTER_MS, over.signal).then(() => {
      if (over.signal.aborted || this.#told) return;
      this.#told = true;
      tell(`Waiting for ${this.#where(endpoint())} to answer.`);
    });
    return () => over.abort();
  }

  #belief(kind: Doubted, error: unknown, endpoint: string | undefined): CredentialsError | UnreachableError {
    const seconds = Math.round(this.#lastedMs / 1_000);
    const lasting = seconds > 0 ? ` for ${seconds} s` : '';
    if (kind === 'credentials') {
      return new CredentialsError(
        `${this.#options.service} has not accepted the credentials${lasting}: ${describeError(error)}`,
        { cause: error },
      );
    }
    return new UnreachableError(
      `${this.#where(endpoint)} has not answered${lasting}: ${describeError(error)}`,
      {
        cause: error,
      },
    );
  }

  #where(endpoint: string | undefined): string {
    return endpoint === undefined ? this.#options.service : `${this.#options.service} at ${endpoint}`;
  }
}
