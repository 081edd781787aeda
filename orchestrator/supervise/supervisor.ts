import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import pMap from 'p-map';
import type { Clock } from '../../core/clock.ts';
import { SUPERVISOR_CALLS_AT_A_TIME, taskRecordUnits, turnMs } from '../../core/control-pace.ts';
import { describeError, SupersededError, SystemicError } from '../../core/errors.ts';
import type { MetricsPublisher } from '../../core/metrics-publisher.ts';
import {
  isFinished,
  isInAuthority,
  type Rates,
  type RunRecord,
  type RunStatus,
  type SegmentRecord,
  type StopReason,
  SUPERVISOR_SEEN_EVERY_MS,
  type SupervisorSeen,
  type TaskRecord,
} from '../../core/records.ts';
import { type Supervision, statusWhenEnded } from '../../core/run-store.ts';
import { settleCall } from '../../core/settle.ts';
import { isExpiredCredentials } from '../cli/expired-credentials.ts';
import type { Output } from '../cli/output.ts';
import { type Fleet, InactiveTaskDefinitionError } from '../fleet/fleet.ts';
import { TaskWatch } from '../fleet/task-watch.ts';
import type { RunObserver } from '../run-observer.ts';
import { segmentStates, totals } from '../run-summary.ts';
import type { Stores } from '../stores.ts';
import { endUndo } from '../undo/end-undo.ts';
import { endCanary } from '../verify/canary.ts';
import { duringEndPhase, type EndPhase } from '../verify/end-phase.ts';
import { endPass, type PassEnd, type PassEndOptions } from '../verify/pass-end.ts';
import { Budget } from './budget.ts';
import { Progress } from './progress-events.ts';
import { SegmentBook } from './segment-book.ts';
import { Staffing } from './staffing.ts';
import { failedSegments, reasonToStop } from './stop-reasons.ts';
import type { TrafficGuard } from './traffic-guard.ts';

/** The shortest time between two turns. */
const TICK_MS = 1_000;

/** Grants written in one turn. The rest waits for the next turn. */
const GRANTS_A_TURN = 400;

/** Completed segments reported in one turn. A resumed long run has very many at once. */
const COMPLETIONS_AT_A_TIME = 500;

/** Pause between two reports of what slows tasks down. */
const SLOW_INTERVAL_MS = 60_000;

/** A snapshot of very many segments takes longer to compose, so the view is updated less often. */
const SEGMENTS_OBSERVED_A_SECOND = 5_000;

const SAVE_ACTIVE_TIME_MS = 5_000;

/** Added to the authority time, because clocks run at slightly different speeds. */
const SLACK_MS = 1_000;

export interface SupervisorOptions {
  readonly stores: Stores;
  readonly fleet: Fleet;
  readonly client: DynamoDBClient;
  /** A client for the user's table that checks the authority before it writes to a socket. */
  readonly dataPlane?: (assertMaySend: () => void) => DynamoDBClient;
  readonly clock: Clock;
  readonly supervision: Supervision;
  /** The name of the supervisor in the run's record. */
  readonly by: string;
  readonly output: Output;
  readonly metrics: MetricsPublisher;
  /** Aborts when the operator detaches. The fleet continues. */
  readonly detach: AbortSignal;
  /** Called every turn. */
  readonly observer?: RunObserver | undefined;
  /** RunTask's overrides have no room for more segments in one launch. */
  readonly mostSegmentsALaunch?: number;
  /** Watches live traffic. Without it the fleet uses the whole budget. */
  readonly guard?: Pick<TrafficGuard, 'look' | 'blindBecause'> | undefined;
  /** It replaces another supervisor and nobody resumed the run, so failed segments stay failed. */
  readonly continues?: boolean;
}

/**
 * The control loop of a run. Each turn reads the control table and ECS and does what brings the run closer to its end.
 * The loop keeps nothing in memory that it could not read again. It reconciles segments, not tasks: whatever happened
 * to a task, a segment that is not complete and has no launch in authority gets a new one.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #staffing: Staffing;
  readonly #watch: TaskWatch;
  readonly #budget: Budget;
  readonly #book: SegmentBook;
  readonly #progress: Progress;
  /** Launches of earlier sessions. Their ends were handled before. */
  readonly #known = new Set<string>();
  readonly #startedAtMs: number;
  readonly #activeBeforeMs: number;
  /** An earlier supervisor may have been repairing items, and may have authority until this time. */
  readonly #endNotBeforeMs: number;
  #blindBecause: string | undefined;
  #toldSlowAtMs = Number.NEGATIVE_INFINITY;
  #observedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: SupervisorOptions, run: RunRecord) {
    const { stores, fleet, clock, supervision, output } = options;
    this.#options = options;
    this.#startedAtMs = clock.monotonicMs();
    this.#activeBeforeMs = run.activeMs;
    this.#endNotBeforeMs =
      run.status === 'verifying' ? this.#startedAtMs + run.authorityMs + SLACK_MS : Number.NEGATIVE_INFINITY;
    this.#progress = new Progress(output, clock);
    this.#budget = new Budget(run.tasks);
    this.#book = new SegmentBook(stores.segments, run);
    this.#staffing = new Staffing({
      stores,
      fleet,
      clock,
      supervision,
      output,
      budget: this.#budget,
      book: this.#book,
      mostSegmentsALaunch: options.mostSegmentsALaunch ?? Number.POSITIVE_INFINITY,
    });
    this.#watch = new TaskWatch({
      tasks: stores.tasks,
      fleet,
      clock,
      authorityMs: run.authorityMs,
      isStarting: launch => this.#staffing.isStarting(launch),
      onEnd: (task, end) => {
        this.#staffing.roomMade();
        output.event('task.ended', { launch: task.launchId, kind: end.kind, reason: end.message });
      },
      onUnobserved: error => output.event('warning', { message: `ECS: ${describeError(error)}` }),
    });
  }

  /**
   * @returns the run's record once the run has ended or is paused
   * @throws SupersededError when another orchestrator took over; the detach signal's reason.
   */
  async supervise(): Promise<RunRecord> {
    const { stores, supervision, clock, detach, output } = this.#options;
    while (!(await this.#tolerating(() => this.#adopt()))) await clock.sleep(TICK_MS, detach);
    for (;;) {
      detach.throwIfAborted();
      const run = await this.#tolerating(() => stores.runs.readAsSupervisor(supervision));
      if (run && (isFinished(run.status) || run.status === 'paused' || run.status === 'failed')) return run;
      const ended = run && (await this.#tolerating(() => this.#turn(run)));
      if (ended) continue;
      await clock.sleep(run ? turnMs(run.heartbeatMs) : TICK_MS, detach);
      const broken = this.#staffing.takeBroken();
      if (broken !== undefined) {
        const message = `The fleet could not be started: ${describeError(broken)}`;
        output.say(message);
        const resumeWith =
          broken instanceof InactiveTaskDefinitionError ? ['--task-definition', broken.family] : [];
        await this.#tolerating(() => this.#requestStop({ kind: 'failed', message, resumeWith }));
      }
    }
  }

  /** Records this epoch on every task in authority. If somebody resumed the run, failed segments get another chance. */
  async #adopt(): Promise<true> {
    const { stores, supervision, continues } = this.#options;
    await this.#book.readAll();
    const failed = continues ? [] : this.#book.failed();
    const reopen = async (segment: SegmentRecord) => {
      await this.#staffing.mayWrite(1);
      const standing = await stores.segments.reopen(segment);
      if (standing) this.#book.put(standing);
    };
    await pMap(failed, reopen, { concurrency: SUPERVISOR_CALLS_AT_A_TIME });
    const adopt = async (task: TaskRecord) => {
      if (!isInAuthority(task.status)) return void this.#known.add(task.launchId);
      await this.#staffing.mayWrite(taskRecordUnits(task.segments.length));
      await stores.tasks.adopt(task, supervision);
    };
    const tasks = await stores.tasks.list(supervision.runId);
    await pMap(tasks, adopt, { concurrency: SUPERVISOR_CALLS_AT_A_TIME });
    return true;
  }

  /** An unreachable service does not end the supervision, because the next turn reads everything again. */
  async #tolerating<T>(step: () => Promise<T>): Promise<T | undefined> {
    try {
      return await step();
    } catch (error) {
      if (error instanceof SupersededError || this.#options.detach.aborted) throw error;
      if (isExpiredCredentials(error) || settleCall(error, 1).kind !== 'retry') throw error;
      this.#options.output.event('warning', { message: describeError(error) });
      return undefined;
    }
  }

  /** @returns whether the next turn should follow at once. */
  async #turn(run: RunRecord): Promise<boolean> {
    const { stores, clock } = this.#options;
    // A launch with an unknown outcome may hold a share, so nothing is granted before its outcome is known.
    await this.#staffing.settle(run);
    // Segments are read first. A launch has its record before it owns a segment, so the list of tasks is complete.
    await this.#book.refresh(run);
    const tasks = await stores.tasks.list(run.runId);
    const segments = this.#book.records;
    this.#observe(run, segments, tasks);
    await this.#watch.observe(tasks);
    if (run.desired !== 'run') return this.#drain(run, tasks);
    const news = tasks.filter(({ launchId: launch }) => !this.#known.has(launch));
    const stop = reasonToStop({ run, segments, tasks, news, nowMs: Date.parse(clock.nowIso()) });
    if (stop) {
      await this.#requestStop(stop);
      return true;
    }
    this.#staffing.tellShort(run, tasks);
    await this.#tellCompleted();
    this.#progress.report(run, segments, tasks);
    await this.#saveActiveTime(run);
    this.#tellSlow(tasks);
    const rates = await this.#ratesLeft(run, totals(run, segments).writeUnits);
    // Launches come before grants, so that a replacement gets the share that the ended task left.
    const { launched, soon } = await this.#staffing.reconcile(run, rates, tasks);
    await this.#grant(rates, launched ? await stores.tasks.list(run.runId) : tasks, soon);
    const now = this.#book.records;
    const states = segmentStates(run, now);
    if (states.complete + states.failed < run.totalSegments) return false;
    if (!this.#watch.allEnded(await stores.tasks.list(run.runId))) return false;
    if (states.failed > 0) await this.#requestStop(failedSegments(now));
    else if (run.dryRun) await this.#end('dry-run');
    else return this.#endPass(run, now, tasks);
    return true;
  }

  async #tellCompleted(): Promise<void> {
    for (;;) {
      const completed = this.#book.takeCompleted(COMPLETIONS_AT_A_TIME);
      if (completed.length === 0) return;
      this.#progress.completed(completed);
      await this.#options.clock.sleep(0);
    }
  }

  /** Another process may end the run, so the record must hold the active time. */
  async #saveActiveTime(run: RunRecord): Promise<void> {
    if (this.#activeMs - run.activeMs < SAVE_ACTIVE_TIME_MS && !this.#isUnseen(run)) return;
    await this.#options.stores.runs.supervise(this.#options.supervision, () => ({
      activeMs: this.#activeMs,
      supervisor: this.#seenNow(),
    }));
  }

  /** Records that somebody supervises the run, also during verification, so that readers can see it. */
  async #showPresence(run: RunRecord): Promise<void> {
    if (!this.#isUnseen(run)) return;
    const { stores, supervision } = this.#options;
    await stores.runs.supervise(supervision, () => ({ supervisor: this.#seenNow() }));
  }

  #isUnseen({ supervisor }: RunRecord): boolean {
    const { by, clock } = this.#options;
    if (supervisor?.by !== by || supervisor.left !== undefined) return true;
    return Date.parse(clock.nowIso()) - Date.parse(supervisor.seenAt) >= SUPERVISOR_SEEN_EVERY_MS;
  }

  #seenNow(): SupervisorSeen {
    const { by, clock } = this.#options;
    return { by, seenAt: clock.nowIso() };
  }

  /** Records why nobody supervises the run any longer, if it still can. */
  async leave(why: string): Promise<void> {
    const { stores, supervision } = this.#options;
    await stores.runs.supervise(supervision, ({ status }) =>
      status === 'running' || status === 'verifying'
        ? { activeMs: this.#activeMs, supervisor: { ...this.#seenNow(), left: why } }
        : undefined,
    );
  }

  get #activeMs(): number {
    return this.#activeBeforeMs + (this.#options.clock.monotonicMs() - this.#startedAtMs);
  }

  async #requestStop(reason: StopReason): Promise<void> {
    const { stores, supervision } = this.#options;
    await stores.runs.supervise(supervision, record =>
      record.desired === 'run' ? { desired: 'stop', stopReason: reason } : undefined,
    );
  }

  /** Tells every task to end. Once all of them have ended, it ends the run or its session. */
  async #drain(run: RunRecord, tasks: readonly TaskRecord[]): Promise<boolean> {
    const { stores } = this.#options;
    const tell = async (task: TaskRecord) => {
      if (task.heartbeat === 0) {
        await this.#watch.fence(task, {
          kind: 'desired',
          message: `somebody asked the run to ${run.desired}`,
        });
      } else if (task.desired !== run.desired) {
        await stores.tasks.setDesired(run.runId, task.launchId, run.desired);
      }
    };
    const live = tasks.filter(({ status }) => isInAuthority(status));
    await pMap(live, tell, { concurrency: SUPERVISOR_CALLS_AT_A_TIME });
    await this.#staffing.idle();
    if (!this.#watch.allEnded(await stores.tasks.list(run.runId))) return false;
    await this.#endUnwanted();
    return true;
  }

  #observe(run: RunRecord, segments: readonly SegmentRecord[], tasks: readonly TaskRecord[]): void {
    const { observer, clock } = this.#options;
    const intervalMs = (segments.length / SEGMENTS_OBSERVED_A_SECOND) * 1_000;
    const now = clock.monotonicMs();
    if (!observer || (intervalMs > TICK_MS && now - this.#observedAtMs < intervalMs)) return;
    this.#observedAtMs = now;
    observer.turn(run, segments, tasks);
  }

  /** Reports, once for all tasks and rarely, what slows them down without being an error. */
  #tellSlow(tasks: readonly TaskRecord[]): void {
    const { clock, output } = this.#options;
    const slow = tasks.filter(({ status, slow: why }) => isInAuthority(status) && why !== undefined);
    const [first] = slow;
    if (!first?.slow || clock.monotonicMs() - this.#toldSlowAtMs < SLOW_INTERVAL_MS) return;
    this.#toldSlowAtMs = clock.monotonicMs();
    const message = `${slow.length === 1 ? '1 task is' : `${slow.length} tasks are`} slowed down: ${first.slow.reason}.`;
    output.event('warning', { message });
    output.say(message);
  }

  /**
   * The budget without what live traffic needs of it. The run's record holds the cut, so the next supervisor keeps it.
   */
  async #ratesLeft(run: RunRecord, wroteUnits: number): Promise<Rates> {
    const { guard, stores, supervision, output } = this.#options;
    if (!guard) return run.rates;
    const cut = await guard.look(wroteUnits);
    if (guard.blindBecause !== this.#blindBecause) {
      this.#blindBecause = guard.blindBecause;
      const message = guard.blindBecause
        ? `The table's metrics cannot be read, so the fleet does not speed up until they can: ${guard.blindBecause}`
        : "The table's metrics can be read again.";
      output.event('warning', { message });
      output.say(message);
    }
    if (cut.factor !== (run.cut?.factor ?? 1)) {
      await stores.runs.supervise(supervision, () => ({ cut }));
      output.event('run.cut', { ...cut });
      output.say(
        cut.factor < 1
          ? `The fleet uses ${Math.round(cut.factor * 100)} % of its budget: ${cut.reason}.`
          : 'The fleet uses its whole budget again.',
      );
    }
    return {
      writeUnitsPerSecond: run.rates.writeUnitsPerSecond * cut.factor,
      readUnitsPerSecond: run.rates.readUnitsPerSecond * cut.factor,
    };
  }

  async #grant(rates: Rates, tasks: readonly TaskRecord[], soon: number): Promise<void> {
    const { stores, clock, supervision } = this.#options;
    const changes = this.#budget.changes(rates, tasks, clock.monotonicMs(), soon);
    // Lower grants go first, because raises wait for what they free.
    const raise = ({ granted, task }: (typeof changes)[number]) =>
      granted.writeUnitsPerSecond - task.granted.writeUnitsPerSecond;
    const inOrder = [...changes].sort((a, b) => raise(a) - raise(b)).slice(0, GRANTS_A_TURN);
    await pMap(
      inOrder,
      async change => {
        await this.#staffing.mayWrite(taskRecordUnits(change.task.segments.length));
        this.#budget.sending(change, clock.monotonicMs());
        if (await stores.tasks.grant(change.task, change, supervision)) {
          this.#budget.confirm(change, clock.monotonicMs());
        }
      },
      { concurrency: SUPERVISOR_CALLS_AT_A_TIME },
    );
  }

  /** @returns whether the next turn should follow at once. */
  async #endPass(
    run: RunRecord,
    segments: readonly SegmentRecord[],
    tasks: readonly TaskRecord[],
  ): Promise<boolean> {
    const { stores, supervision, client, dataPlane, clock, output, metrics, observer, detach } =
      this.#options;
    const end = await duringEndPhase(
      {
        ...{ runs: stores.runs, supervision, clock, run, client, dataPlane, detach },
        notBeforeMs: this.#endNotBeforeMs,
        look: now => this.#lookDuringEnd(now, segments, tasks),
        onThrottled: (count, reason) => {
          output.event('verification.throttled', { count, reason });
          output.say(
            `The table throttles the end of the pass (${reason}), so verification and repair slow down.`,
          );
        },
      },
      phase => endOf(run)({ stores, clock, supervision, output, metrics, observer }, phase),
    ).catch(async (error: unknown) => {
      // Expired credentials of the operator are no reason to stop the fleet.
      if (!(error instanceof SystemicError) || isExpiredCredentials(error)) throw error;
      await this.#requestStop({ kind: 'failed', message: error.message });
      return undefined;
    });
    if (end?.next === 'finish') await this.#end(end.status, end.verification);
    else if (end) {
      await stores.runs.supervise(supervision, ({ pass, sweep, desired }) =>
        desired === 'run' ? nextPass(end, pass, sweep) : undefined,
      );
    }
    return end !== undefined;
  }

  /** Does during the end of a pass what each turn does during the sweep: checks the guards and follows live traffic. */
  async #lookDuringEnd(
    run: RunRecord,
    segments: readonly SegmentRecord[],
    tasks: readonly TaskRecord[],
  ): Promise<Rates> {
    const nowMs = Date.parse(this.#options.clock.nowIso());
    const stop = reasonToStop({ run, segments, tasks, news: [], nowMs });
    if (stop && run.desired === 'run') await this.#requestStop(stop);
    await this.#showPresence(run);
    return this.#ratesLeft(run, totals(run, segments).writeUnits);
  }

  /** Ends the run, unless somebody paused or cancelled it first, or a newer verification replaced `verification`. */
  async #end(status: RunStatus, verification?: string): Promise<void> {
    const { stores, supervision, clock } = this.#options;
    await stores.runs.supervise(supervision, record => {
      if (record.desired !== 'run') return undefined;
      if (verification !== undefined && record.verification?.id !== verification) return undefined;
      return {
        status,
        activeMs: this.#activeMs,
        ...(isFinished(status) && { finishedAt: clock.nowIso() }),
      };
    });
  }

  /** Every task has ended. Whoever paused or cancelled the run may have recorded its end already. */
  async #endUnwanted(): Promise<void> {
    const { stores, supervision, clock } = this.#options;
    await stores.runs.supervise(supervision, record => {
      const status = statusWhenEnded(record);
      if (record.desired === 'run' || record.status === status || isFinished(record.status)) return undefined;
      return {
        status,
        activeMs: this.#activeMs,
        ...(isFinished(status) && { finishedAt: clock.nowIso() }),
      };
    });
  }
}

/** What follows once every segment is complete. */
function endOf(run: RunRecord): (options: PassEndOptions, phase: EndPhase) => Promise<PassEnd | undefined> {
  const { undoes, limit } = run;
  if (undoes) return (options, phase) => endUndo(run, undoes, options, phase);
  return (options, phase) => (limit === undefined ? endPass : endCanary)(run, options, phase);
}

function nextPass(end: PassEnd, pass: number, sweep: number): Partial<RunRecord> {
  const next = { pass: pass + 1, verification: undefined };
  return end.next === 'sweep' ? { ...next, status: 'running', sweep: pass + 1 } : { ...next, sweep };
}
