import { EventEmitter, once } from 'node:events';
import type { Clock } from './clock.ts';
import { AuthorityLostError } from './errors.ts';

/** After a failed renewal the next one comes sooner. */
const RETRY_AFTER_MS = 400;

export interface RenewalOptions {
  readonly clock: Clock;
  readonly renewEveryMs: number;
  readonly authorityMs: number;
  /**
   * Asks the control table once. Returns false if there is no authority now.
   * @throws AuthorityLostError when it is lost for good; any other error when the control table gave no answer.
   */
  readonly renew: () => Promise<boolean>;
  /** Decides whether an error of a renewal ends the authority for good; by default only AuthorityLostError does. */
  readonly isFinal?: (error: unknown, lapsedForMs: number) => unknown;
}

/**
 * The right of a worker or a supervisor to send requests to the user's table. It lasts for `authorityMs` from the
 * *start* of the last successful renewal, on this process's monotonic clock. Every HTTP attempt checks it first. After
 * it has lapsed, requests wait. After it is lost, none may be sent any more:
 *
 *     this process   ├─ renewal ─┤ reply                              ┃ no request after this
 *                    ├────────────────── authority ──────────────────►┃
 *     control table       ▲ read or written
 *
 * While a machine sleeps, its monotonic clock stands still on Linux, and only the wall clock runs. So the authority
 * also lapses when its time is over by the wall clock. If somebody sets the wall clock forward, one renewal is needed.
 * If somebody sets it back, the monotonic clock still counts.
 */
export class Authority {
  readonly #options: RenewalOptions;
  readonly #lost = new AbortController();
  readonly #stopped = new AbortController();
  #deadlineMs = Number.NEGATIVE_INFINITY;
  #wallDeadlineMs = Number.NEGATIVE_INFINITY;
  #loop: Promise<void> | undefined;
  readonly #renewals = new EventEmitter<{ renewed: [] }>().setMaxListeners(0);

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** Aborts, with the reason, when this process may never send again. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Renews for the first time and keeps renewing. @throws what the first renewal throws. */
  async begin(): Promise<void> {
    await this.#renewOnce();
    this.#loop = this.#renew();
  }

  /** @throws AuthorityLostError when there is no authority at this moment. */
  assertHeld(): void {
    if (this.#hasLapsed() || this.#lost.signal.aborted) {
      throw new AuthorityLostError(
        'This process has lost its authority, because no renewal succeeded in time.',
      );
    }
  }

  /**
   * Resolves once there is authority.
   * @throws the signal's reason when it aborts first; AuthorityLostError when the authority is lost for good.
   */
  async held(signal: AbortSignal): Promise<void> {
    while (this.#hasLapsed() || this.#lost.signal.aborted) {
      const ended = AbortSignal.any([this.#lost.signal, signal]);
      ended.throwIfAborted();
      await once(this.#renewals, 'renewed', { signal: ended }).catch(() => ended.throwIfAborted());
    }
  }

  /** Ends the renewals and the authority. */
  async end(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
    this.#deadlineMs = Number.NEGATIVE_INFINITY;
  }

  async #renew(): Promise<void> {
    const { clock, renewEveryMs, isFinal } = this.#options;
    const signal = this.#stopped.signal;
    let waitMs = renewEveryMs;
    while (!signal.aborted && !this.#lost.signal.aborted) {
      await clock.sleep(waitMs, signal);
      if (signal.aborted) return;
      try {
        await this.#renewOnce();
        waitMs = renewEveryMs;
      } catch (error) {
        const lapsedForMs = clock.monotonicMs() - this.#deadlineMs;
        const final = error instanceof AuthorityLostError ? error : isFinal?.(error, lapsedForMs);
        if (final !== undefined) this.#lost.abort(final);
        waitMs = Math.min(RETRY_AFTER_MS, renewEveryMs);
      }
    }
  }

  #hasLapsed(): boolean {
    const { clock } = this.#options;
    return clock.monotonicMs() >= this.#deadlineMs || wallMs(clock) >= this.#wallDeadlineMs;
  }

  async #renewOnce(): Promise<void> {
    const { clock, authorityMs, renew } = this.#options;
    const startedAtMs = clock.monotonicMs();
    const startedAtWallMs = wallMs(clock);
    const held = await renew();
    this.#deadlineMs = held ? startedAtMs + authorityMs : Number.NEGATIVE_INFINITY;
    this.#wallDeadlineMs = startedAtWallMs + authorityMs;
    if (held) this.#renewals.emit('renewed');
  }
}

function wallMs(clock: Clock): number {
  return Date.parse(clock.nowIso());
}
