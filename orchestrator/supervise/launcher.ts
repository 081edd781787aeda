import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { Rates, RunRecord, TaskRecord } from '../../core/records.ts';
import type { Supervision } from '../../core/run-store.ts';
import type { NewLaunch } from '../../core/task-store.ts';
import { type Fleet, LaunchRefusedError } from '../fleet/fleet.ts';
import type { Stores } from '../stores.ts';
import { distribute, type OpenSegment } from './assignment.ts';

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

interface Creation {
  readonly launch: NewLaunch;
  readonly batch: readonly OpenSegment[];
}

/**
 * Launches: record, then segments, then RunTask, in this order, so that whatever crashes in between leaves a record
 * behind by which the next supervisor goes on, with the same clientToken.
 */
export class Launcher {
  readonly #options: LauncherOptions;
  readonly #starting = new Map<string, Promise<void>>();
  /** Launches whose task's ARN is recorded, though a list read before may not show it. */
  readonly #started = new Set<string>();
  /** Creations whose reply was lost: they may take effect, and are repeated until it is known. */
  #unsettled: Creation[] = [];
  #nextStartAtMs = 0;
  #refusals = 0;
  #pausedUntilMs = 0;

  constructor(options: LauncherOptions) {
    this.#options = options;
  }

  /** No new launch for now: the last one was refused, or it is not known yet what became of it. */
  get paused(): boolean {
    return this.#pauseMs > 0 || this.#unsettled.length > 0;
  }

  /** The last launch was refused: the next one is a try, and a single one. */
  get trying(): boolean {
    return this.#refusals > 0;
  }

  /** A RunTask call is on its way. */
  get busy(): boolean {
    return this.#starting.size > 0;
  }

  /** Its RunTask call is on its way, or is about to be. */
  isStarting(launch: string): boolean {
    return this.#starting.has(launch);
  }

  /** A task has ended: where there was no room for another, there is now. */
  roomMade(): void {
    this.#pausedUntilMs = 0;
  }

  get #pauseMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#options.clock.monotonicMs());
  }

  /** Creates up to `count` launches for these segments, each with this share, and starts them. */
  async launch(run: RunRecord, open: readonly OpenSegment[], count: number, share: Rates): Promise<void> {
    const { clock } = this.#options;
    this.#unsettled.push(
      ...distribute(open, count).map(batch => ({
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
    await this.settle(run);
  }

  /** Goes on with creations whose outcome is not known. */
  async settle(run: RunRecord): Promise<void> {
    const { stores, supervision } = this.#options;
    for (let next = this.#unsettled[0]; next; next = this.#unsettled[0]) {
      const created = await stores.tasks.createLaunch(next.launch, supervision);
      this.#unsettled.shift();
      if (!created) continue;
      await Promise.all(next.batch.map(open => this.#assign(run, next.launch, open)));
      this.start(run, next.launch);
    }
  }

  /** Starts the ECS task of a launch, again if need be: the launch is the clientToken. */
  start(run: RunRecord, task: Pick<TaskRecord, 'launchId' | 'segments'>): void {
    if (this.#starting.has(task.launchId) || this.#started.has(task.launchId)) return;
    const starting = this.#start(run, task).finally(() => this.#starting.delete(task.launchId));
    this.#starting.set(task.launchId, starting);
  }

  /** Resolves when no RunTask call is on its way. */
  async idle(): Promise<void> {
    await Promise.all(this.#starting.values());
  }

  async #assign(
    run: RunRecord,
    launch: NewLaunch,
    { segment, record, attempts }: OpenSegment,
  ): Promise<void> {
    const { segments } = this.#options.stores;
    const owner = { runId: run.runId, segment, pass: run.sweep, launchId: launch.launchId };
    if (record === undefined) await segments.assignNew(owner, run.totalSegments);
    else await segments.assign(record, owner, attempts);
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
      // Of several calls in a row the first refusal says it for all.
      if (this.#pauseMs === 0) {
        const pauseMs = Math.min(LONGEST_REFUSAL_PAUSE_MS, REFUSAL_PAUSE_MS * 2 ** this.#refusals);
        this.#refusals += 1;
        this.#pausedUntilMs = clock.monotonicMs() + pauseMs;
      }
      onRefused(error, this.#pauseMs);
    }
  }
}
