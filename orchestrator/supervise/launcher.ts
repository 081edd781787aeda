import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import pMap from 'p-map';
import type { Clock } from '../../core/clock.ts';
import { SUPERVISOR_CALLS_AT_A_TIME, SUPERVISOR_WRITES_PER_SECOND } from '../../core/control-pace.ts';
import { describeError } from '../../core/errors.ts';
import { CapacityLimiter } from '../../core/rate/capacity-limiter.ts';
import type { Rates, RunRecord, TaskRecord } from '../../core/records.ts';
import type { Supervision } from '../../core/run-store.ts';
import type { NewLaunch } from '../../core/task-store.ts';
import { type Fleet, LaunchRefusedError } from '../fleet/fleet.ts';
import type { Stores } from '../stores.ts';
import type { OpenSegment } from './assignment.ts';

/** RunTask allows a burst, then about 20 calls a second [ECS service quotas]. */
const START_INTERVAL_MS = 55;

const REFUSAL_PAUSE_MS = 1_000;
const LONGEST_REFUSAL_PAUSE_MS = 30_000;

export interface LauncherOptions {
  readonly stores: Pick<Stores, 'tasks' | 'segments'>;
  readonly fleet: Pick<Fleet, 'start'>;
  readonly clock: Clock;
  readonly supervision: Supervision;
  readonly onLaunched: (launch: string, taskArn: string, segments: readonly number[]) => void;
  /** RunTask answered that it started nothing. The next launch follows after `retryInMs`. */
  readonly onRefused: (error: LaunchRefusedError, retryInMs: number) => void;
  /** RunTask failed in a way that a retry does not help, for example without permission or without a cluster. */
  readonly onBroken: (error: unknown) => void;
}

/** A segment with the launch that it was meant for. `assigned` is false if it now has another owner. */
export interface AssignedSegment extends OpenSegment {
  readonly launchId: string;
  readonly assigned: boolean;
}

interface Creation {
  readonly launch: NewLaunch;
  readonly batch: readonly OpenSegment[];
}

/** A transaction over the records of the run and the launch costs twice its units. The task's ARN is another write. */
const UNITS_OF_A_LAUNCH = 8;

/** A launch that was begun is always finished, because its record exists. */
const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER);

/**
 * Creates launches in this order: record, segments, RunTask. After a crash in between, the record lets the next
 * supervisor continue with the same clientToken.
 */
export class Launcher {
  readonly #options: LauncherOptions;
  readonly #starting = new Map<string, Promise<void>>();
  /** Launches whose task ARN is recorded. An earlier list of tasks may not show it yet. */
  readonly #started = new Set<string>();
  /**
   * Paces launches, assignments, grants and segments taken back, so that together they stay within the supervisor's
   * part of the control table's partition.
   */
  readonly pace: CapacityLimiter;
  /** Creations with a lost reply. They may take effect, so they are repeated until the outcome is known. */
  #unsettled: Creation[] = [];
  #nextStartAtMs = 0;
  #refusals = 0;
  #pausedUntilMs = 0;

  constructor(options: LauncherOptions) {
    this.#options = options;
    this.pace = new CapacityLimiter(options.clock, SUPERVISOR_WRITES_PER_SECOND);
  }

  /** There are no new launches now, because RunTask refused the last one or the outcome of one is unknown. */
  get paused(): boolean {
    return this.#pauseMs > 0 || this.#unsettled.length > 0;
  }

  /** RunTask refused the last launch, so the next one is a single attempt. */
  get trying(): boolean {
    return this.#refusals > 0;
  }

  get inFlight(): number {
    return this.#starting.size;
  }

  get busy(): boolean {
    return this.#starting.size > 0;
  }

  /** The launch's RunTask call is in flight or about to be sent. */
  isStarting(launch: string): boolean {
    return this.#starting.has(launch);
  }

  /** Ends the pause, because a task has ended and ECS may have room for another. */
  roomMade(): void {
    this.#pausedUntilMs = 0;
  }

  get #pauseMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#options.clock.monotonicMs());
  }

  /**
   * Creates and starts a launch with this share for each batch of segments.
   * @returns the outcome for each segment, as far as it is known
   */
  async launch(
    run: RunRecord,
    batches: readonly (readonly OpenSegment[])[],
    share: Rates,
  ): Promise<AssignedSegment[]> {
    const { clock } = this.#options;
    this.#unsettled.push(
      ...batches.map(batch => ({
        batch,
        launch: {
          runId: run.runId,
          launchId: randomUUID(),
          pass: run.sweep,
          segments: batch.map(({ segment }) => segment),
          granted: share,
          launchedAt: clock.nowIso(),
        },
      })),
    );
    return this.settle(run);
  }

  /** Repeats creations whose outcome is unknown. */
  async settle(run: RunRecord): Promise<AssignedSegment[]> {
    const { stores, supervision } = this.#options;
    const assigned: AssignedSegment[] = [];
    for (let next = this.#unsettled[0]; next; next = this.#unsettled[0]) {
      const { launch, batch } = next;
      await this.pace.reserve(UNITS_OF_A_LAUNCH, NEVER);
      const created = await stores.tasks.createLaunch(launch, supervision);
      this.#unsettled.shift();
      if (!created) continue;
      await pMap(
        batch,
        async open => {
          const done = await this.#assign(run, launch, open);
          assigned.push({ ...open, launchId: launch.launchId, assigned: done });
        },
        { concurrency: SUPERVISOR_CALLS_AT_A_TIME },
      );
      this.start(run, launch);
    }
    return assigned;
  }

  /** Starts the ECS task of a launch. Repeating it is safe, because the launch id is the clientToken. */
  start(run: RunRecord, task: Pick<TaskRecord, 'launchId' | 'segments'>): void {
    if (this.#starting.has(task.launchId) || this.#started.has(task.launchId)) return;
    const starting = this.#start(run, task).finally(() => this.#starting.delete(task.launchId));
    this.#starting.set(task.launchId, starting);
  }

  /** Resolves when no RunTask call is in flight. */
  async idle(): Promise<void> {
    await Promise.all(this.#starting.values());
  }

  async #assign(run: RunRecord, launch: NewLaunch, { segment, record }: OpenSegment): Promise<boolean> {
    const { segments } = this.#options.stores;
    const owner = { runId: run.runId, segment, pass: run.sweep, launchId: launch.launchId };
    await this.pace.reserve(1, NEVER);
    return record === undefined
      ? segments.assignNew(owner, run.totalSegments)
      : segments.assign(record, owner);
  }

  async #start(run: RunRecord, task: Pick<TaskRecord, 'launchId' | 'segments'>): Promise<void> {
    const { fleet, stores, clock, onLaunched, onRefused, onBroken } = this.#options;
    const startAtMs = Math.max(clock.monotonicMs(), this.#nextStartAtMs);
    this.#nextStartAtMs = startAtMs + START_INTERVAL_MS;
    await clock.sleep(startAtMs - clock.monotonicMs());
    try {
      const taskArn = await fleet.start(
        {
          runId: run.runId,
          launchId: task.launchId,
          segments: task.segments,
          totalSegments: run.totalSegments,
          table: run.table,
          // The run's record holds the recipe.
          ...(run.value !== undefined && { attribute: run.attribute, value: run.value }),
          controlTable: run.controlTable,
          namespace: run.namespace,
        },
        run.spot,
      );
      if (this.#pauseMs === 0) this.#refusals = 0;
      await stores.tasks.recordArn(run.runId, task.launchId, taskArn);
      this.#started.add(task.launchId);
      onLaunched(task.launchId, taskArn, task.segments);
    } catch (error) {
      if (!(error instanceof LaunchRefusedError)) return onBroken(error);
      const end = { kind: 'not-started' as const, message: describeError(error) };
      await stores.tasks.markStopped(run.runId, task.launchId, end, clock.nowIso()).catch(onBroken);
      // A refusal during a pause does not lengthen it: several calls can be refused together.
      if (this.#pauseMs === 0) {
        const pauseMs = Math.min(LONGEST_REFUSAL_PAUSE_MS, REFUSAL_PAUSE_MS * 2 ** this.#refusals);
        this.#refusals += 1;
        this.#pausedUntilMs = clock.monotonicMs() + pauseMs;
      }
      onRefused(error, this.#pauseMs);
    }
  }
}
