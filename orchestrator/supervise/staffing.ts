import { setMaxListeners } from 'node:events';
import pMap from 'p-map';
import type { Clock } from '../../core/clock.ts';
import { SUPERVISOR_CALLS_AT_A_TIME } from '../../core/control-pace.ts';
import {
  isInAuthority,
  NO_COUNTERS,
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
import { distribute, dueSegments, type OpenSegment, type TakenBack, takeBack } from './assignment.ts';
import type { Budget } from './budget.ts';
import { type AssignedSegment, Launcher } from './launcher.ts';
import type { SegmentBook } from './segment-book.ts';

export interface StaffingOptions {
  readonly stores: Pick<Stores, 'tasks' | 'segments'>;
  readonly fleet: Pick<Fleet, 'start'>;
  readonly clock: Clock;
  readonly supervision: Supervision;
  readonly output: Output;
  readonly budget: Pick<Budget, 'shareForNew'>;
  readonly book: SegmentBook;
  /** RunTask's overrides have no room for more segments. */
  readonly mostSegmentsALaunch: number;
}

/** Segments of an ended launch are taken back even while supervision ends. */
const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER);

/** RunTask calls that may be in flight; they proceed at about 20 a second. */
const STARTS_IN_FLIGHT = 40;

/** Assignments that the control table accepts within a few seconds besides heartbeats and checkpoints. */
const ASSIGNMENTS_A_TURN = 400;

/** What one step of {@link Staffing} did. */
export interface Launched {
  readonly launched: boolean;
  /** Tasks that will follow within a moment. The budget keeps a share for each. */
  readonly soon: number;
}

/**
 * Gives every segment without a launch in authority a new launch, up to the number of tasks that the run wants. It
 * gives a segment up after too many consecutive launches without progress.
 */
export class Staffing {
  readonly #options: StaffingOptions;
  readonly #launcher: Launcher;
  /** Why ECS did not start a task, until this was reported. */
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

  /** Repeats launches with an unknown outcome, because such a launch may exist and hold a share. */
  async settle(run: RunRecord): Promise<void> {
    await this.#note(run, await this.#launcher.settle(run));
  }

  /** This process is starting the launch. */
  isStarting(launch: string): boolean {
    return this.#launcher.isStarting(launch);
  }

  /** Resolves when no RunTask call is in flight. */
  idle(): Promise<void> {
    return this.#launcher.idle();
  }

  /** Resolves when the supervisor may write this many units to the control table. All its writes share one pace. */
  async mayWrite(units: number): Promise<void> {
    await this.#launcher.pace.reserve(units, NEVER);
  }

  /** A task has ended, so ECS may have room for another. */
  roomMade(): void {
    this.#launcher.roomMade();
  }

  /** The error that made RunTask fail for good since the last call; undefined if there was none. */
  takeBroken(): unknown {
    const broken = this.#broken;
    this.#broken = undefined;
    return broken;
  }

  /** Reports with how many tasks the run continues, once all RunTask calls were answered, and only if that changed. */
  tellShort(run: RunRecord, tasks: readonly TaskRecord[]): void {
    if (this.#refused === undefined || this.#launcher.busy) return;
    const { output } = this.#options;
    const running = tasks.filter(({ status }) => isInAuthority(status)).length;
    const told = `${this.#refused}. The run continues with ${running} of ${run.tasks} tasks, and will try again.`;
    this.#refused = undefined;
    if (told === this.#toldShort) return;
    this.#toldShort = told;
    output.event('fleet.short', { tasks: running, wanted: run.tasks });
    output.say(told);
  }

  /**
   * Reconciles segments with launches. It takes back what ended launches still hold, gives up segments that were tried
   * too often, and launches what it can. The segments were read before the tasks, so `tasks` includes every launch that
   * owns one.
   */
  async reconcile(run: RunRecord, rates: Rates, tasks: readonly TaskRecord[]): Promise<Launched> {
    await this.#takeBack(run, tasks);
    return this.#launch(run, rates, tasks);
  }

  async #takeBack(run: RunRecord, tasks: readonly TaskRecord[]): Promise<void> {
    const { book, clock } = this.#options;
    const byLaunch = new Map(tasks.map(task => [task.launchId, task]));
    for (const launch of book.owners()) {
      const task = byLaunch.get(launch);
      if (!task || isInAuthority(task.status)) continue;
      // Its last checkpoints may be newer than the book, so this reads the records again before it decides.
      await book.read(book.heldBy(launch).map(({ segment }) => segment));
      const reached = task.segments.some(segment => book.record(segment)?.progressedBy === launch);
      const nowMs = Date.parse(clock.nowIso());
      await pMap(takeBack(run, task, book.heldBy(launch), reached, nowMs), taken => this.#write(taken), {
        concurrency: SUPERVISOR_CALLS_AT_A_TIME,
      });
    }
  }

  async #write({ record, attempts, retryAt, failed }: TakenBack): Promise<void> {
    const { stores, book, output } = this.#options;
    const { segment } = record;
    await this.mayWrite(1);
    const standing =
      failed === undefined
        ? await stores.segments.takeBack(record, { attempts, ...(retryAt && { retryAt }) })
        : await stores.segments.fail(record, attempts, failed);
    if (standing) book.put(standing);
    if (failed === undefined || standing?.status !== 'failed') return;
    output.event('segment.failed', { segment, reason: failed });
    output.say(`Segment ${segment} is given up: ${failed}`);
  }

  async #launch(run: RunRecord, rates: Rates, tasks: readonly TaskRecord[]): Promise<Launched> {
    const { book, clock, budget, mostSegmentsALaunch } = this.#options;
    const live = tasks.filter(({ status }) => isInAuthority(status));
    for (const task of live) {
      if (task.heartbeat === 0 && task.taskArn === undefined) this.#launcher.start(run, task);
    }
    const room = run.tasks - live.length;
    const starts = STARTS_IN_FLIGHT - this.#launcher.inFlight;
    if (this.#launcher.paused || room <= 0) return { launched: false, soon: 0 };
    const { due, soon } = dueSegments(book.open(), Date.parse(clock.nowIso()));
    const wanted = Math.min(room, due.length);
    if (wanted === 0) return { launched: false, soon: Math.min(room, soon) };
    const batches = distribute(due, wanted, mostSegmentsALaunch);
    const now = this.#launcher.trying ? batches.slice(0, 1) : firstOf(batches, starts);
    if (now.length === 0) return { launched: false, soon: wanted };
    // A single attempt may remain the only task for a while. Otherwise the others follow, and each one needs its share.
    const count = this.#launcher.trying ? 1 : wanted;
    const share = budget.shareForNew(rates, tasks, count);
    await this.#note(run, await this.#launcher.launch(run, now, share));
    return { launched: true, soon: Math.min(room - now.length, count - now.length + soon) };
  }

  /** Records assignments without reading them again. Only segments with another owner are read. */
  async #note(run: RunRecord, assigned: readonly AssignedSegment[]): Promise<void> {
    const { book } = this.#options;
    for (const { record, segment, launchId, assigned: done } of assigned) {
      if (done) book.put(assignedRecord(run, segment, launchId, record));
    }
    await book.read(assigned.filter(({ assigned: done }) => !done).map(({ segment }) => segment));
  }
}

/** Limits the launches of one turn, so that recording them and assigning their segments stays short. */
function firstOf(batches: readonly OpenSegment[][], starts: number): OpenSegment[][] {
  let writes = 0;
  return batches.slice(0, Math.max(0, starts)).filter((batch, index) => {
    writes += batch.length;
    return index === 0 || writes <= ASSIGNMENTS_A_TURN;
  });
}

function assignedRecord(
  { runId, totalSegments, sweep }: RunRecord,
  segment: number,
  launchId: string,
  record: SegmentRecord | undefined,
): SegmentRecord {
  const before = record ?? { sequence: 0, counters: NO_COUNTERS, attempts: 0 };
  const { retryAt: _, ...kept } = { retryAt: undefined, ...before };
  return { ...kept, runId, totalSegments, segment, pass: sweep, status: 'assigned', launchId };
}
