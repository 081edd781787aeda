import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import pMap from 'p-map';
import type { Clock } from '../../core/clock.ts';
import { SUPERVISOR_WRITES_PER_SECOND } from '../../core/control-pace.ts';
import { describeError } from '../../core/errors.ts';
import { CapacityLimiter } from '../../core/rate/capacity-limiter.ts';
import type { Rates, RunRecord, TaskRecord } from '../../core/records.ts';
import type { Supervision } from '../../core/run-store.ts';
import type { NewLaunch } from '../../core/task-store.ts';
import { type Fleet, LaunchRefusedError } from '../fleet/fleet.ts';
import type { Stores } from '../stores.ts';
import type { OpenSegment } from './assignment.ts';

/** RunTask allows bursts, and then about 20 calls a second [ECS service quotas]. */
const START_INTERVAL_MS = 55;

const REFUSAL_PAUSE_MS = 1_000;
const LONGEST_REFUSAL_PAUSE_MS = 30_000;

export interface LauncherOptions {
  readonly stores: Pick<Stores, 'tasks' | 'segments'>;
  readonly fleet: Pick<Fleet, 'start'>;
  readonly clock: Clock;
  readonly supervision: Supervision;
  readonly onLaunched: (launch: string, taskArn: string, segments: readonly number[]) => void;
  /** RunTask answered that it started nothing; `retryInMs` until the next launch. */
  readonly onRefused: (error: LaunchRefusedError, retryInMs: number) => void;
  /** RunTask failed for good: no permission, no cluster. */
  readonly onBroken: (error: unknown) => void;
}

/** A segment that was given to a launch, or now has another owner. */
export interface AssignedSegment extends OpenSegment {
  readonly launchId: string;
  readonly assigned: boolean;
}

interface Creation {
  readonly launch: NewLaunch;
  readonly batch: readonly OpenSegment[];
}

const ASSIGNMENTS_AT_A_TIME = 16;

/** A transaction over the run's record and the launch's costs twice, and its task's ARN is written later. */
const UNITS_OF_A_LAUNCH = 8;

/** A launch that was begun is finished: its record exists. */
const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER);

/**
 * Launches: record, then segments, then RunTask, in this order. So a crash in between leaves a record by which the next
 * supervisor continues, with the same clientToken.
 */
export class Launcher {
  readonly #options: LauncherOptions;
  readonly #starting = new Map<string, Promise<void>>();
  /** Launches whose task's ARN is recorded, though a list read before may not show it. */
  readonly #started = new Set<string>();
  /** Keeps launches, assignments, grants and what is taken back below what the partition has for the supervisor. */
  readonly pace: CapacityLimiter;
  /** Creations whose reply was lost. They may take effect, and are repeated until the outcome is known. */
  #unsettled: Creation[] = [];
  #nextStartAtMs = 0;
  #refusals = 0;
  #pausedUntilMs = 0;

  constructor(options: LauncherOptions) {
    this.#options = options;
    this.pace = new CapacityLimiter(options.clock, SUPERVISOR_WRITES_PER_SECOND);
  }

  /** No new launch for now: the last one was refused, or its outcome is not known yet. */
  get paused(): boolean {
    return this.#pauseMs > 0 || this.#unsettled.length > 0;
  }

  /** The last launch was refused: the next one is a single try. */
  get trying(): boolean {
    return this.#refusals > 0;
  }

  /** RunTask calls in flight. */
  get inFlight(): number {
    return this.#starting.size;
  }

  /** A RunTask call is in flight. */
  get busy(): boolean {
    return this.#starting.size > 0;
  }

  /** Its RunTask call is in flight, or is about to be sent. */
  isStarting(launch: string): boolean {
    return this.#starting.has(launch);
  }

  /** A task has ended: there may be room for another one now. */
  roomMade(): void {
    this.#pausedUntilMs = 0;
  }

  get #pauseMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#options.clock.monotonicMs());
  }

  /**
   * Creates a launch for each of these batches of segments, with this share, and starts it.
   * @returns what became of each segment, as far as it is known
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

  /** Continues creations whose outcome is not known. */
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
        { concurrency: ASSIGNMENTS_AT_A_TIME },
      );
      this.start(run, launch);
    }
    return assigned;
  }

  /** Starts the ECS task of a launch, again if needed: the launch is the clientToken. */
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
          // A recipe stands in the run record.
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
      // Of several refusals in a row only the first is reported.
      if (this.#pauseMs === 0) {
        const pauseMs = Math.min(LONGEST_REFUSAL_PAUSE_MS, REFUSAL_PAUSE_MS * 2 ** this.#refusals);
        this.#refusals += 1;
        this.#pausedUntilMs = clock.monotonicMs() + pauseMs;
      }
      onRefused(error, this.#pauseMs);
    }
  }
}
