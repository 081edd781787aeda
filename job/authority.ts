import { askControlTable } from '../core/ask-control-table.ts';
import { Authority as RenewedAuthority } from '../core/authority.ts';
import type { Clock } from '../core/clock.ts';
import { AuthorityLostError } from '../core/errors.ts';
import type { DesiredState, TaskRecord } from '../core/records.ts';
import type { TaskStore } from '../core/task-store.ts';

/** A worker whose authority lapsed more than this many authority times ago gives up for good. */
const GIVE_UP_AFTER_AUTHORITIES = 6;

/**
 * How long a worker tries to begin. A control table that throttles for minutes is no reason to start the task again.
 */
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
  /** Called with the record in the reply to each heartbeat. */
  readonly onRecord: (record: TaskRecord) => void;
}

/**
 * The authority of a launch, which each heartbeat renews. When the record refuses a heartbeat, the authority is lost
 * and this process must end.
 */
export class Authority extends RenewedAuthority {
  readonly #options: AuthorityOptions;
  #number = 0;
  #seen: DesiredState = 'run';
  #record: TaskRecord | undefined;

  constructor(options: AuthorityOptions) {
    super({
      clock: options.clock,
      renewEveryMs: options.heartbeatMs,
      authorityMs: options.authorityMs,
      renew: () => this.#beat(),
      isFinal: (cause, lapsedForMs) =>
        lapsedForMs > GIVE_UP_AFTER_AUTHORITIES * options.authorityMs
          ? new AuthorityLostError(
              'The worker could not reach the control table for so long that it lost its authority.',
              { cause },
            )
          : undefined,
    });
    this.#options = options;
  }

  /**
   * Sends the first heartbeat, for some minutes if needed, and keeps sending.
   * @throws AuthorityLostError when the launch was fenced off before it started; the signal's reason when it aborts
   */
  async start(signal?: AbortSignal, onRetry?: (reason: string) => void): Promise<TaskRecord> {
    const { clock } = this.#options;
    await askControlTable({ clock, signal, patienceMs: START_PATIENCE_MS, onRetry }, () => this.begin());
    return this.#record as TaskRecord;
  }

  /** Ends the heartbeats and the authority. */
  async stop(): Promise<void> {
    await this.end();
  }

  async #beat(): Promise<boolean> {
    const { tasks, clock, runId, launchId, instance, report, onRecord } = this.#options;
    this.#number += 1;
    const record = await tasks.heartbeat({
      runId,
      launchId,
      instance,
      number: this.#number,
      at: clock.nowIso(),
      seen: this.#seen,
      ...report(),
    });
    this.#seen = record.desired;
    this.#record = record;
    onRecord(record);
    return true;
  }
}
