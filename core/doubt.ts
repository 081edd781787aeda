import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import { CredentialsError, describeError, SystemicError, UnreachableError } from './errors.ts';
import { kindOfFailure } from './failure.ts';

/** A wait is not reported until it has lasted this long. */
const TELL_AFTER_MS = 10_000;

/** Failures further apart than this are separate: in between, the process was frozen or sent no request. */
const LONGEST_GAP_MS = 30_000;

type Doubted = 'credentials' | 'transport';

/** A failure of this kind is believed once it has lasted this many milliseconds without a break. */
export type Patience = Readonly<Record<Doubted, number>>;

export interface DoubtOptions {
  readonly clock: Clock;
  /** The service's name for messages, as in "DynamoDB". */
  readonly service: string;
  readonly patience: Patience;
  /** Called with a message when waiting takes long, and again when the wait is over. */
  readonly tell?: ((words: string) => void) | undefined;
  /** Ends the waiting. The failure is then believed at once. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Decides when to believe a failure. One error about credentials or signatures does not prove missing permission, and
 * one missing answer does not prove that the service is down. A role may be new, a token may be in renewal, a frozen
 * process has a slow clock, a connection was cut. Only an error that lasts is believed.
 */
export class Doubt {
  readonly #options: DoubtOptions;
  #since: { readonly startedAtMs: number; readonly kind: Doubted } | undefined;
  #lastAtMs = Number.NEGATIVE_INFINITY;
  #over = new AbortController();
  #told = false;
  /** A failure that was believed is not waited for again until the service has answered. */
  #believed = false;

  constructor(options: DoubtOptions) {
    this.#options = options;
  }

  /**
   * Sends the call, and repeats it while its error is doubted.
   * @throws CredentialsError or UnreachableError when the error has lasted too long; any other error as it comes.
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
   * Sends the call once. Its caller repeats it, behind the limiter and with authority.
   * @throws SystemicError when a doubted error has lasted too long; any other error as it comes.
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

  /** @returns the kind of doubt; undefined if the error counts as an answer */
  #failed(error: unknown, startedAtMs: number, endpoint: string | undefined): Doubted | undefined {
    const kind = kindOfFailure(error);
    // The caller stopped waiting, which says nothing about the service.
    if (error instanceof Error && error.name === 'AbortError') return undefined;
    if (kind !== 'credentials' && kind !== 'transport') {
      // An untrusted certificate is no answer, but waiting does not help either.
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

  /** `pauseMs`: the time until the next attempt. If the patience ends before it, the failure is believed now. */
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
          ? `Waiting until ${this.#options.service} accepts the credentials. Its last reply: ${describeError(error)}\nIf you are signed out, log in again, for instance with: aws sso login`
          : `Waiting for ${this.#where(endpoint)} to answer. The last attempt: ${describeError(error)}`,
      );
    });
  }

  /**
   * Reports a call that is silent for long, because the SDK repeats it or it takes long.
   * @returns a function to call at its end
   */
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
