import { EventEmitter, once } from 'node:events';
import { askControlTable } from '../core/ask-control-table.ts';
import type { Clock } from '../core/clock.ts';
import { AuthorityLostError } from '../core/errors.ts';
import type { DesiredState, TaskRecord } from '../core/records.ts';
import type { TaskStore } from '../core/task-store.ts';

/** Without a heartbeat for this many authority times a worker gives up for good. */
const GIVE_UP_AFTER_AUTHORITIES = 6;

/** After a heartbeat that failed the next one comes sooner. */
const RETRY_AFTER_MS = 400;

/** How long a worker tries to begin: a control table that throttles for minutes is no reason to start the task again. */
export const START_PATIENCE_MS = 300_000;

/** What the heartbeat reports of this process. */
interface HeartbeatReport {
  readonly seenRenewal: number;
  readonly throttled?: TaskRecord['throttled'];
  readonly slow?: TaskRecord['slow'];
}

export interface AuthorityOptions {
  readonly tasks: TaskStore;
  readonly clock: Clock;
  readonly runId: string;
  readonly launchId: string;
  readonly instance: string;
  readonly heartbeatMs: number;
  readonly authorityMs: number;
  readonly report: () => HeartbeatReport;
  /** Called with the record that each successful heartbeat brings. */
  readonly onRecord: (record: TaskRecord) => void;
}

/**
 * The right to send requests to the user's table. It lasts for `authorityMs` from the *start* of the last heartbeat
 * that succeeded, on this process's monotonic clock, and is asked for before every HTTP attempt. When it has lapsed,
 * requests wait; when the record refuses a heartbeat it is lost, and this process must end.
 */
export class Authority {
  readonly #options: AuthorityOptions;
  readonly #lost = new AbortController();
  readonly #stopped = new AbortController();
  #number = 0;
  #deadlineMs = Number.NEGATIVE_INFINITY;
  #seen: DesiredState = 'run';
  #loop: Promise<void> | undefined;
  readonly #renewals = new EventEmitter<{ renewed: [] }>().setMaxListeners(0);

  constructor(options: AuthorityOptions) {
    this.#options = options;
  }

  /** Aborts, with an AuthorityLostError, when this launch may never write again. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * Sends the first heartbeat, for some minutes if need be, and keeps on sending.
   * @throws AuthorityLostError when the launch was fenced off before it started; the signal's reason when it aborts
   */
  async start(signal?: AbortSignal, onRetry?: (reason: string) => void): Promise<TaskRecord> {
    const { clock } = this.#options;
    const record = await askControlTable({ clock, signal, patienceMs: START_PATIENCE_MS, onRetry }, () =>
      this.#beat(),
    );
    this.#loop = this.#renew();
    return record;
  }

  /** @throws AuthorityLostError when there is no authority at this very moment. */
  assertHeld(): void {
    if (this.#options.clock.monotonicMs() >= this.#deadlineMs || this.#lost.signal.aborted) {
      throw new AuthorityLostError('This launch has no authority: no heartbeat succeeded in time.');
    }
  }

  /**
   * Resolves when there is authority, at once if there is.
   * @throws the signal's reason when it aborts first, an AuthorityLostError when the authority is lost for good.
   */
  async held(signal: AbortSignal): Promise<void> {
    while (this.#options.clock.monotonicMs() >= this.#deadlineMs || this.#lost.signal.aborted) {
      const ended = AbortSignal.any([this.#lost.signal, signal]);
      ended.throwIfAborted();
      await once(this.#renewals, 'renewed', { signal: ended }).catch(() => ended.throwIfAborted());
    }
  }

  /** Ends the heartbeats; the authority ends with the last one's time. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
    this.#deadlineMs = Number.NEGATIVE_INFINITY;
  }

  async #renew(): Promise<void> {
    const { clock, heartbeatMs, authorityMs } = this.#options;
    const signal = this.#stopped.signal;
    let waitMs = heartbeatMs;
    while (!signal.aborted && !this.#lost.signal.aborted) {
      await clock.sleep(waitMs, signal);
      if (signal.aborted) return;
      try {
        await this.#beat();
        waitMs = heartbeatMs;
      } catch (error) {
        if (error instanceof AuthorityLostError) {
          this.#lost.abort(error);
        } else if (clock.monotonicMs() - this.#deadlineMs > GIVE_UP_AFTER_AUTHORITIES * authorityMs) {
          this.#lost.abort(
            new AuthorityLostError('The control table could not be reached for too long.', { cause: error }),
          );
        }
        waitMs = Math.min(RETRY_AFTER_MS, heartbeatMs);
      }
    }
  }

  async #beat(): Promise<TaskRecord> {
    const {
      tasks,
      clock,
      runId: run,
      launchId: launch,
      instance,
      authorityMs,
      report,
      onRecord,
    } = this.#options;
    this.#number += 1;
    const startedAtMs = clock.monotonicMs();
    const record = await tasks.heartbeat({
      runId: run,
      launchId: launch,
      instance,
      number: this.#number,
      at: clock.nowIso(),
      seen: this.#seen,
      ...report(),
    });
    this.#deadlineMs = startedAtMs + authorityMs;
    this.#seen = record.desired;
    onRecord(record);
    this.#renewals.emit('renewed');
    return record;
  }
}
