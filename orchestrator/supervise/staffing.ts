import type { Clock } from '../../core/clock.ts';
import {
  isInAuthority,
  type Rates,
  type RunRecord,
  type SegmentRecord,
  type TaskRecord,
} from '../../core/records.ts';
import type { Supervision } from '../../core/run-store.ts';
import { settleCall } from '../../core/settle.ts';
import type { Output } from '../cli/output.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Stores } from '../stores.ts';
import { distribute, type OpenSegment, openSegments } from './assignment.ts';
import type { Budget } from './budget.ts';
import { Launcher } from './launcher.ts';
import { RelaunchBackoff } from './relaunch-backoff.ts';

export interface StaffingOptions {
  readonly stores: Pick<Stores, 'tasks' | 'segments'>;
  readonly fleet: Pick<Fleet, 'start'>;
  readonly clock: Clock;
  readonly supervision: Supervision;
  readonly output: Output;
  readonly budget: Pick<Budget, 'shareForNew'>;
}

/** What a step of {@link Staffing} did. */
export interface Launched {
  readonly launched: boolean;
  /** Tasks that follow within a moment, for which a share of the budget is to be kept. */
  readonly soon: number;
}

/**
 * Gives every segment that has no launch in authority a new one, as many tasks at a time as the run wants, until the
 * segment is given up: after so many launches in a row without progress.
 */
export class Staffing {
  readonly #options: StaffingOptions;
  readonly #launcher: Launcher;
  readonly #pauses = new RelaunchBackoff();
  /** Why ECS did not start a task, until it is told. */
  #refused: string | undefined;
  #toldShort = '';
  #broken: unknown;

  constructor(options: StaffingOptions) {
    this.#options = options;
    const { stores, fleet, clock, supervision, output } = options;
    this.#launcher = new Launcher({
      stores,
      fleet,
      clock,
      supervision,
      onLaunched: (launch, taskArn, segments) => output.event('task.launched', { launch, taskArn, segments }),
      onRefused: (error, retryInMs) => {
        output.event('task.refused', { reasons: error.reasons, retryInMs });
        this.#refused = error.message;
      },
      onBroken: error => {
        if (settleCall(error, 1).kind !== 'retry') this.#broken = error;
      },
    });
  }

  /** Goes on with launches whose outcome is not known: such a one may exist, and hold a share. */
  settle(run: RunRecord): Promise<void> {
    return this.#launcher.settle(run);
  }

  /** This process is on its way to start the launch. */
  isStarting(launch: string): boolean {
    return this.#launcher.isStarting(launch);
  }

  /** Resolves when no RunTask call is on its way. */
  idle(): Promise<void> {
    return this.#launcher.idle();
  }

  /** A task has ended: where there was no room for another, there is now. */
  roomMade(): void {
    this.#launcher.roomMade();
  }

  /** What made RunTask fail for good since the last time; undefined when nothing did. */
  takeBroken(): unknown {
    const broken = this.#broken;
    this.#broken = undefined;
    return broken;
  }

  /** Says, once all answers are there, with how many tasks the run goes on, and again only when that changes. */
  tellShort(run: RunRecord, tasks: readonly TaskRecord[]): void {
    if (this.#refused === undefined || this.#launcher.busy) return;
    const { output } = this.#options;
    const running = tasks.filter(({ status }) => isInAuthority(status)).length;
    const told = `${this.#refused}. The run goes on with ${running} of ${run.tasks} tasks, and tries again.`;
    this.#refused = undefined;
    if (told === this.#toldShort) return;
    this.#toldShort = told;
    output.event('fleet.short', { tasks: running, wanted: run.tasks });
    output.say(told);
  }

  /** Launches what may be launched now. Segments and tasks are as they were just read, segments first. */
  async launch(
    run: RunRecord,
    rates: Rates,
    segments: readonly SegmentRecord[],
    tasks: readonly TaskRecord[],
  ): Promise<Launched> {
    const live = tasks.filter(({ status }) => isInAuthority(status));
    for (const task of live) {
      if (task.heartbeat === 0 && task.taskArn === undefined) this.#launcher.start(run, task);
    }
    const room = run.tasks - live.length;
    if (this.#launcher.paused || room <= 0) return { launched: false, soon: 0 };
    const open = openSegments(run, segments, tasks).filter(
      ({ record }) => !record || record.pass === run.sweep,
    );
    await this.#giveUp(
      open.filter(({ attempts }) => attempts >= run.maxAttempts),
      tasks,
    );
    const promising = open.filter(({ attempts }) => attempts < run.maxAttempts);
    const { due, soon } = this.#pauses.sort(promising, this.#options.clock.monotonicMs());
    const most = Math.min(room, due.length);
    if (most === 0) return { launched: false, soon: Math.min(room, soon) };
    const [firstBatch = []] = distribute(due, most);
    const [segmentsNow, count] = this.#launcher.trying ? [firstBatch, 1] : [due, most];
    const share = this.#options.budget.shareForNew(rates, tasks, count);
    await this.#launcher.launch(run, segmentsNow, count, share);
    return { launched: true, soon: Math.min(room - count, soon) };
  }

  async #giveUp(hopeless: readonly OpenSegment[], tasks: readonly TaskRecord[]): Promise<void> {
    const { stores, output } = this.#options;
    for (const { record, attempts } of hopeless) {
      if (!record) continue;
      const owner = tasks.find(({ launchId: launch }) => launch === record.launchId);
      const reason = `${attempts} launches in a row made no progress; the last one: ${owner?.end?.message ?? 'unknown'}`;
      await stores.segments.fail(record, attempts, reason);
      output.event('segment.failed', { segment: record.segment, reason });
      output.say(`Segment ${record.segment} is given up: ${reason}`);
    }
  }
}
