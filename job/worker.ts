import { randomUUID } from 'node:crypto';
import { askControlTable } from '../core/ask-control-table.ts';
import { checkpointIntervalMs, farewellMs, SEGMENTS_AT_A_TIME } from '../core/control-pace.ts';
import { AuthorityLostError, describeError, SystemicError } from '../core/errors.ts';
import type { ItemWrite } from '../core/item-write.ts';
import { MetricsPublisher } from '../core/metrics-publisher.ts';
import { RateControl } from '../core/rate/rate-control.ts';
import { loadRule } from '../core/recipe/load.ts';
import type { RunRecord, TaskEnd, TaskRecord } from '../core/records.ts';
import { SegmentStore } from '../core/segment-store.ts';
import { TaskStore } from '../core/task-store.ts';
import type { UndoLogWriter } from '../core/undo/log-writer.ts';
import type { WriteRule } from '../core/write-rule.ts';
import { Authority } from './authority.ts';
import type { Logger } from './log.ts';
import { SegmentWork } from './segment-work.ts';
import { NotDesired, SIGTERM_EXIT_CODE, TerminationRequested } from './shutdown.ts';
import { backfillStages, openUndoLog, type Stages, undoStages } from './stages.ts';
import type { TaskContext } from './task-context.ts';
import { Trouble } from './trouble.ts';

import { UserTable } from './user-table.ts';
import { MOST_IN_FLIGHT } from './write-stage.ts';

/** How often the rate is adjusted to throttling and to a missing supervisor. */
const ADJUST_INTERVAL_MS = 250;

/**
 * How long a worker repeats its last writes. Including their last attempts, everything ends within the 25 s that a task
 * has after SIGTERM.
 */
const GIVE_UP_PATIENCE_MS = 4_000;
const FINISH_PATIENCE_MS = 3_000;

/**
 * A worker from its first heartbeat to its last write.
 *
 *     first heartbeat ─► claim segments ─► scan ─► queue ─► write ─► settle ─► checkpoint … marker ─► finished
 *          │                                   (stop, pause, SIGTERM, systemic error, authority lost)
 *          └────────────────────────────────────► drain what is in flight, last checkpoints, give segments up
 *
 * @returns the exit code: 0 done, or ended because the run did; 143 after SIGTERM; 1 otherwise.
 */
export async function runWorker(options: TaskContext, run: RunRecord): Promise<number> {
  const { task, controlTable, heartbeats, log } = options;
  const rule = await loadRule({ ...task, recipe: run.recipe }, run.keySchema);
  return new Worker(options, run, rule, new TaskStore(heartbeats ?? controlTable), log).work();
}

class Worker {
  readonly #options: TaskContext;
  readonly #run: RunRecord;
  readonly #rule: WriteRule;
  readonly #tasks: TaskStore;
  readonly #segments: SegmentStore;
  readonly #log: Logger;
  readonly #instance = randomUUID();
  readonly #rate: RateControl;
  readonly #authority: Authority;
  readonly #metrics: MetricsPublisher;
  readonly #works: SegmentWork[] = [];
  #undoLog: UndoLogWriter | undefined;
  readonly #trouble: Trouble;

  constructor(options: TaskContext, run: RunRecord, rule: WriteRule, tasks: TaskStore, log: Logger) {
    const { task, clock, controlTable, cloudWatch, stop } = options;
    this.#options = options;
    this.#run = run;
    this.#rule = rule;
    this.#tasks = tasks;
    this.#log = log;
    this.#segments = new SegmentStore(controlTable);
    this.#trouble = new Trouble(clock, log);
    const fleet = Math.max(1, run.tasks);
    this.#rate = new RateControl({
      clock,
      floorWriteUnitsPerSecond: run.unattendedRate / fleet,
      indexes: run.indexes,
      seed: run.itemSize,
      mostWritesInFlight: MOST_IN_FLIGHT[run.writeApi],
      phase: ((task.segments[0] ?? 0) % fleet) / fleet,
    });
    this.#metrics = new MetricsPublisher({
      client: cloudWatch,
      clock,
      namespace: task.namespace,
      table: task.table,
      writeRateShare: () => this.#rate.write.unitsPerSecond,
      onFailure: error => log.warn({ error: describeError(error) }, 'metrics could not be published'),
    });
    this.#authority = new Authority({
      tasks,
      clock,
      runId: task.runId,
      launchId: task.launchId,
      instance: this.#instance,
      heartbeatMs: run.heartbeatMs,
      authorityMs: run.authorityMs,
      report: () => {
        const throttled = this.#rate.takeThrottled();
        const slow = this.#trouble.take();
        return {
          seenRenewal: this.#rate.seenRenewal,
          ...(throttled && { throttled }),
          ...(slow && { slow }),
        };
      },
      onRecord: record => {
        this.#rate.grant(record.granted, record.renewal);
        if (record.desired !== 'run') stop.abort(new NotDesired(record.desired));
      },
    });
  }

  async work(): Promise<number> {
    const { clock, stop, task } = this.#options;
    let record: TaskRecord;
    try {
      record = await this.#authority.start(stop.signal, reason => this.#trouble.add(reason));
    } catch (error) {
      if (!stop.signal.aborted) throw error;
      return exitCodeOf(endOf(stop.signal.reason));
    }
    this.#log.info(
      { segments: task.segments, pass: record.pass, writeApi: this.#run.writeApi },
      'worker started',
    );
    const background = new AbortController();
    const loops = [
      this.#metrics.run(background.signal),
      this.#rate.adjustUntil(background.signal, ADJUST_INTERVAL_MS),
    ];
    const ended = AbortSignal.any([stop.signal, this.#authority.lost]);
    let end: TaskEnd;
    try {
      await this.#backfill(record, ended);
      end = {
        kind: 'done',
        message: 'every segment of this launch is complete or belongs to another launch',
      };
    } catch (error) {
      end = endOf(ended.aborted ? ended.reason : error);
    }
    background.abort();
    await Promise.all(loops);
    await Promise.all([this.#giveUp(end), this.#metrics.close()]);
    await this.#authority.stop();
    if (end.kind !== 'authority-lost') {
      await this.#ask(FINISH_PATIENCE_MS, () =>
        this.#tasks.finish(task.runId, task.launchId, this.#instance, end, clock.nowIso()),
      ).catch(error => {
        // The supervisor learns of the end from ECS, or from the missing heartbeats.
        this.#log.warn({ reason: describeError(error) }, 'the end could not be recorded');
      });
    }
    this.#log.info({ end: end.kind, reason: end.message }, 'worker ended');
    return exitCodeOf(end);
  }

  async #backfill(record: TaskRecord, ended: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const signal = AbortSignal.any([ended, failed.signal]);
    const stages = this.#stages(record, signal);
    const { writing } = stages;
    const written = writing.run(signal).catch(error => failed.abort(error));
    const waiting = [...record.segments];
    const lane = async () => {
      for (let segment = waiting.shift(); segment !== undefined; segment = waiting.shift()) {
        await this.#workOn(segment, record, stages, signal);
      }
    };
    try {
      await Promise.all(
        Array.from({ length: SEGMENTS_AT_A_TIME }, () => lane().catch(error => failed.abort(error))),
      );
    } finally {
      writing.close();
      await written;
    }
    failed.signal.throwIfAborted();
    ended.throwIfAborted();
  }

  /** The stages in which the worker processes its segments. */
  #stages({ pass }: TaskRecord, signal: AbortSignal): Stages {
    const { controlTable, clock, task } = this.#options;
    const common = {
      run: this.#run,
      rate: this.#rate,
      controlTable,
      clock,
      ask: <T>(call: () => Promise<T>) => this.#ask(Number.POSITIVE_INFINITY, call, signal),
      onUnrecorded: (reason: string) =>
        this.#trouble.add(`a quarantined item could not be recorded: ${reason}`),
    };
    if (this.#run.undoes) {
      return undoStages({ ...common, undoes: this.#run.undoes, table: this.#userTable(undefined) }, signal);
    }
    const undoLog = openUndoLog({ ...common, pass, launchId: task.launchId });
    this.#undoLog = undoLog;
    return backfillStages({ ...common, undoLog, table: this.#userTable(undoLog) }, signal);
  }

  async #workOn(
    segment: number,
    record: TaskRecord,
    { doSegment, recordsOf }: Stages,
    signal: AbortSignal,
  ): Promise<void> {
    const { task, clock } = this.#options;
    const owner = { runId: task.runId, segment, pass: record.pass, launchId: task.launchId };
    const log = this.#log.child({ segment });
    try {
      const claimed = await this.#ask(Number.POSITIVE_INFINITY, () => this.#segments.claim(owner), signal);
      this.#rate.estimate.seed(claimed.itemSize);
      const work = new SegmentWork({
        owner,
        claimed,
        segments: this.#segments,
        clock,
        checkpointIntervalMs: checkpointIntervalMs(this.#run.tasks),
        onRetry: reason => this.#trouble.add(`control table: ${reason}`),
        itemSize: () => this.#rate.estimate.size,
        onCounters: (of, change) => this.#metrics.count(of, change),
        records: recordsOf(segment),
      });
      this.#works.push(work);
      log.info({ from: claimed.lastEvaluatedKey ?? 'the beginning' }, 'segment claimed');
      await doSegment(work, claimed);
      await work.completion(signal);
      this.#metrics.add('SegmentsComplete', 1);
      log.info(work.tally.snapshot(), 'segment complete');
    } catch (error) {
      if (!(error instanceof AuthorityLostError) || signal.aborted) throw error;
      log.warn(
        { reason: error.message },
        'segment belongs to another launch, so this worker leaves it alone',
      );
    }
  }

  #userTable(undoLog: UndoLogWriter | undefined): UserTable {
    const { task, dataPlane } = this.#options;
    const write: ItemWrite = {
      table: task.table,
      keySchema: this.#run.keySchema,
      rule: this.#rule,
    };
    return new UserTable({
      client: dataPlane(() => this.#authority.assertHeld()),
      write,
      batchForms: this.#run.batchForms,
      authority: this.#authority,
      rate: this.#rate,
      onWriteLatency: ms => {
        this.#metrics.writeLatency(ms);
        this.#rate.writesInFlight.observe(ms);
      },
      mayWrite: undoLog && (signal => undoLog.mayWrite(signal)),
      clock: this.#options.clock,
      onSlow: reason => this.#trouble.add(reason),
    });
  }

  /** Repeats a call to the control table until it is answered. */
  #ask<T>(patienceMs: number, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { clock } = this.#options;
    const onRetry = (reason: string) => this.#trouble.add(`control table: ${reason}`);
    return askControlTable({ clock, signal, patienceMs, onRetry }, call);
  }

  /** Writes the last checkpoints all at once, because there may be little time. */
  async #giveUp(end: TaskEnd): Promise<void> {
    if (end.kind === 'authority-lost') return;
    await Promise.all([
      // The outcomes of writes are recorded first, because a checkpoint may only pass what the undo log has.
      this.#undoLog?.close(),
      // If a whole fleet ends at once, its writes would exceed the limit of the partition that all its records share.
      end.kind !== 'done' && this.#options.clock.sleep(Math.random() * farewellMs(this.#run.tasks)),
    ]);
    const failed = end.kind === 'error';
    const results = await Promise.allSettled(
      this.#works.map(work => this.#ask(GIVE_UP_PATIENCE_MS, () => work.giveUp({ failed }))),
    );
    for (const result of results) {
      if (result.status === 'rejected') {
        this.#log.warn({ reason: describeError(result.reason) }, 'a last checkpoint could not be written');
      }
    }
  }
}

function endOf(reason: unknown): TaskEnd {
  const message = describeError(reason);
  if (reason instanceof TerminationRequested) return { kind: 'sigterm', message };
  if (reason instanceof NotDesired) return { kind: 'desired', message };
  if (reason instanceof AuthorityLostError) return { kind: 'authority-lost', message };
  if (reason instanceof SystemicError) return { kind: 'systemic', message };
  return { kind: 'error', message };
}

function exitCodeOf(end: TaskEnd): number {
  if (end.kind === 'done' || end.kind === 'desired') return 0;
  return end.kind === 'sigterm' ? SIGTERM_EXIT_CODE : 1;
}
