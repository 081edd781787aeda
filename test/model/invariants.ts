import type { ControlItem } from '../../core/control-table.ts';
import { fromItem } from '../../core/record-item.ts';
import {
  RUN_TRANSITIONS,
  type RunRecord,
  SEGMENT_TRANSITIONS,
  type SegmentRecord,
  TASK_TRANSITIONS,
  type TaskRecord,
  type VerificationCheckpoint,
} from '../../core/records.ts';
import { isRetry } from '../../orchestrator/verify/retry.ts';
import type { FakeUserTable } from './fake-user-table.ts';
import type { MemoryTable } from './memory-table.ts';

/**
 * What must hold after every single effect on the control table, whatever was lost, delayed, repeated or killed.
 * @throws Error that names the broken invariant.
 */
export class Invariants {
  readonly #table: MemoryTable;
  readonly #users: FakeUserTable;
  readonly #runId: string;
  readonly #progress = new Map<string, { sequence: number; place: number }>();
  readonly #completions = new Map<string, number>();
  readonly #brought = new Map<string, Pick<TaskRecord, 'granted' | 'renewal'>>();
  readonly #statuses = new Map<string, string>();
  readonly #acknowledged = new Set<string>();
  #finishedAs: string | undefined;
  #cancelled = false;
  #paused = false;
  readonly #resolved = new Set<string>();
  #resolutions = 0;
  #quietEpoch: number | undefined;
  #lastRun: RunRecord | undefined;
  completions = 0;
  checks = 0;

  constructor(table: MemoryTable, users: FakeUserTable, runId: string) {
    this.#table = table;
    this.#users = users;
    this.#runId = runId;
  }

  /** The reply to a heartbeat brought a worker this grant. */
  brought(launch: string, { granted, renewal }: TaskRecord): void {
    const before = this.#brought.get(launch);
    if (!before || before.renewal <= renewal) this.#brought.set(launch, { granted, renewal });
  }

  /** A person was told that this change was made. */
  acknowledged(changeId: string): void {
    this.#acknowledged.add(changeId);
  }

  /** A person was told that nothing can write until somebody resumes the run. */
  nobodyWrites(epoch: number): void {
    this.#quietEpoch = epoch;
  }

  /** Somebody sends a write to the user's table. */
  writeSent(who: string): void {
    const run = this.#run();
    if (run === undefined || run.epoch !== this.#quietEpoch || run.desired === 'run') return;
    throw new Error(`${who} writes after a person was told that nothing can write any more`);
  }

  #run(): RunRecord | undefined {
    const item = this.#table.items().find(({ run, item: name }) => run === this.#runId && name === 'RUN');
    return item && fromItem<RunRecord>(item as ControlItem);
  }

  check(): void {
    this.checks += 1;
    const items = (this.#table.items() as ControlItem[]).filter(({ run }) => run === this.#runId);
    const records = <T extends SegmentRecord | TaskRecord | RunRecord>(prefix: string) =>
      items.filter(({ item }) => item.startsWith(prefix)).map(fromItem<T>);
    const segments = records<SegmentRecord>('SEGMENT#');
    const tasks = records<TaskRecord>('TASK#');
    const [run] = records<RunRecord>('RUN');
    for (const segment of segments) {
      this.#checkTransition(`segment ${segment.segment}`, segment.status, SEGMENT_TRANSITIONS);
      if (run?.undoes === undefined) this.#checkSegment(segment);
    }
    for (const task of tasks) this.#checkTransition(`task ${task.launchId}`, task.status, TASK_TRANSITIONS);
    if (!run) return;
    this.#checkTransition('run', run.status, RUN_TRANSITIONS);
    this.#checkRun(run, segments, tasks);
  }

  /** A new epoch without a resume is a hand-over. It must change nothing that anybody decided. */
  #checkHandOver(run: RunRecord): void {
    const before = this.#lastRun;
    this.#lastRun = run;
    if (!before || run.epoch === before.epoch) return;
    if (run.epoch !== before.epoch + 1) throw new Error('an epoch was left out');
    if (run.changes.length !== before.changes.length) return;
    const decided = ({ version, epoch, supervisorWrite, ...rest }: RunRecord) => JSON.stringify(rest);
    if (decided(run) !== decided(before)) throw new Error('a hand-over changed more than the epoch');
  }

  /** The tables in core/records.ts name every allowed transition. */
  #checkTransition<S extends string>(
    what: string,
    status: S,
    allowed: Readonly<Record<S, Partial<Record<S, string>>>>,
  ): void {
    const before = this.#statuses.get(what) as S | undefined;
    this.#statuses.set(what, status);
    if (before !== undefined && before !== status && allowed[before][status] === undefined) {
      throw new Error(`${what} went from ${before} to ${status}`);
    }
  }

  #checkSegment(segment: SegmentRecord): void {
    const place = this.#placeOf(segment.lastEvaluatedKey);
    const pass = `${segment.segment} in pass ${segment.pass}`;
    const before = this.#progress.get(pass) ?? { sequence: 0, place: -1 };
    if (segment.sequence < before.sequence) throw new Error(`the sequence of segment ${pass} went back`);
    if (place < before.place) throw new Error(`the checkpoint of segment ${pass} went back`);
    this.#progress.set(pass, { sequence: segment.sequence, place });
    const complete = segment.status === 'complete';
    const open = this.#users.items.find(
      item =>
        item.segment === segment.segment &&
        item.attribute === undefined &&
        !item.gone &&
        !item.lost &&
        // It is in quarantine, and stays there until a retry.
        item.invalid === undefined &&
        (complete || item.place <= place),
    );
    if (open) throw new Error(`segment ${pass} says it has settled ${open.id}, which lacks the attribute`);
    if (complete && this.#completions.get(pass) !== segment.sequence) {
      if (this.#completions.has(pass)) throw new Error(`segment ${pass} was completed twice`);
      this.#completions.set(pass, segment.sequence);
      this.completions += 1;
    }
  }

  #checkRun(run: RunRecord, segments: readonly SegmentRecord[], tasks: readonly TaskRecord[]): void {
    this.#checkHandOver(run);
    for (const id of this.#acknowledged) {
      if (!run.changes.some(change => change.id === id))
        throw new Error(`the operator's change ${id} is lost`);
    }
    const atWork = tasks.filter(({ status }) => status === 'launching' || status === 'running');
    if (run.desired === 'stop' && run.stopReason?.kind === 'cancelled') this.#cancelled = true;
    if (this.#cancelled && run.desired === 'run') throw new Error('a cancel was undone');
    if (run.status === 'incomplete') throw new Error('incomplete, although a repair had set every item');
    this.#checkVerification(run);
    this.#checkRetries(run);
    if (run.status === 'verified') {
      const complete = segments.filter(({ status, pass }) => status === 'complete' && pass === run.sweep);
      if (complete.length !== run.totalSegments) throw new Error('verified with an unfinished segment');
      if (atWork.length > 0) throw new Error('verified with a task in authority');
      const open = this.#users.items.find(({ attribute, gone }) => attribute === undefined && !gone);
      if (open && run.undoes === undefined)
        throw new Error(`verified although ${open.id} lacks the attribute`);
      if (this.#table.item(`LOCK#${run.tableArn}`, 'LOCK'))
        throw new Error('finished and still holding the lock');
    }
    const pausedBefore = this.#paused;
    this.#paused = run.status === 'paused';
    // A retry may join a run that is paused.
    const atPause = pausedBefore ? atWork.filter(task => !isRetry(task)) : atWork;
    if (this.#paused && atPause.length > 0) throw new Error('paused with a task in authority');
    if (this.#finishedAs && run.status !== this.#finishedAs)
      throw new Error('a finished run changed its status');
    if (run.status === 'verified' || run.status === 'cancelled') this.#finishedAs = run.status;
    const usable = atWork.reduce(
      (sum, { launchId: launch, granted }) =>
        sum + (this.#brought.get(launch)?.granted ?? granted).writeUnitsPerSecond,
      0,
    );
    const largest = Math.max(run.rates.writeUnitsPerSecond, this.#largestBudget);
    if (usable > largest * 1.000_001)
      throw new Error(`${usable} units a second are in use, the budget is ${largest}`);
    this.#largestBudget = largest;
  }

  /** A retry takes an item out of quarantine once, however often its requests are repeated. */
  #checkRetries({ supervisorCounters: { quarantined, updated } }: RunRecord): void {
    for (const { item, resolved } of this.#itemsOf('QUARANTINE#')) {
      if (resolved && !this.#resolved.has(item)) this.#resolutions += 1;
      // A late request may put it into quarantine again.
      if (resolved) this.#resolved.add(item);
      else this.#resolved.delete(item);
    }
    if (-quarantined > this.#resolutions) {
      throw new Error(`${-quarantined} items are counted as resolved, ${this.#resolutions} were`);
    }
    if (updated > this.#users.writes) {
      throw new Error(`${updated} items are counted as updated, ${this.#users.writes} were`);
    }
  }

  /** A retry sends a request to the user's table. */
  retrySends(): void {
    const retries = this.#itemsOf('TASK#retry-').filter(({ status }) => status === 'running');
    if (retries.length === 0) throw new Error('a retry sends a request without authority');
    if (retries.length > 1) throw new Error('two retries are in authority at once');
  }

  #itemsOf(prefix: string): ControlItem[] {
    const items = this.#table.items() as ControlItem[];
    return items.filter(({ run, item }) => run === this.#runId && item.startsWith(prefix));
  }

  /** Every page was read once by some supervisor, none was left out, and none was counted twice. */
  #checkVerification(run: RunRecord): void {
    if (run.supervisorCounters.readUnits > this.#users.consistentUnits) {
      throw new Error(
        `${run.supervisorCounters.readUnits} read units are counted, ${this.#users.consistentUnits} were consumed`,
      );
    }
    if (run.verification === undefined) return;
    const prefix = `VERIFICATION-CHECKPOINT#${run.verification.id}#`;
    const checkpoints = this.#table
      .items()
      .filter(({ item }) => String(item).startsWith(prefix)) as unknown as VerificationCheckpoint[];
    const done = checkpoints.filter(checkpoint => checkpoint.done === true);
    if (run.status === 'verified' && done.length !== run.verification.totalSegments) {
      throw new Error('verified, and a segment of the verification was not read to its end');
    }
    // The verification of an undo reads the log, and is judged by what it finds there.
    if (run.undoes) return;
    const scanned = checkpoints.reduce((sum, { findings }) => sum + (findings?.scanned ?? 0), 0);
    const all = done.length === run.verification.totalSegments;
    if (scanned > this.#users.items.length || (all && scanned < this.#users.items.length)) {
      throw new Error(`a verification of ${this.#users.items.length} items says that it scanned ${scanned}`);
    }
  }

  /** A lowered budget holds once every task has echoed it. Until then the old budget bounds the grants. */
  #largestBudget = 0;

  #placeOf(lastEvaluatedKey: string | undefined): number {
    if (lastEvaluatedKey === undefined) return -1;
    const { id } = JSON.parse(lastEvaluatedKey) as { id: { S: string } };
    return this.#users.items.find(item => item.id === id.S)?.place ?? -1;
  }
}
