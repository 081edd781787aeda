import { randomUUID } from 'node:crypto';
import type { ControlItem, ControlTable } from './control-table.ts';
import {
  FleetfillError,
  RunCancelledError,
  SupersededError,
  TableLockedError,
  UnknownFormatError,
} from './errors.ts';
import type { LockStore, TableLock } from './lock-store.ts';
import { fromItem, toItem } from './record-item.ts';
import {
  isFinished,
  isInAuthority,
  LOCK_ITEM,
  lockRun,
  type OperatorChange,
  RUN_FORMAT,
  RUN_ITEM,
  RUN_TRANSITIONS,
  type RunRecord,
  type RunStatus,
  type TaskRecord,
  taskItem,
  VERIFICATION_PREFIX,
  type VerificationRecord,
  verificationItem,
} from './records.ts';
import { RunIndex } from './run-index.ts';

const NEW = 'attribute_not_exists(#run)';
const LOCK_IS_FREE = 'attribute_not_exists(#run) OR #holder = :released';
const LOCK_IS_MINE = '#holder = :holder';
const SAME_VERSION = '#version = :version';
const SAME_EPOCH = '#epoch = :epoch';

/**
 * Besides the first change, this many changes by people are kept, each with at most this many characters of its detail.
 */
const MOST_CHANGES = 200;
const MOST_DETAIL = 500;

/** A run that is about to begin. The store adds format, version, epoch and nonce. */
export type NewRun = Omit<RunRecord, 'format' | 'version' | 'epoch' | 'supervisorWrite'>;

/** The changes that a person may make. */
export type OperatorEdit = Partial<
  Pick<
    RunRecord,
    | 'desired'
    | 'stopReason'
    | 'rates'
    | 'acceptedQuarantine'
    | 'maxCostUsd'
    | 'verification'
    | 'supervisorCounters'
  >
>;

/** The right to supervise a run. Every write of a supervisor names it. */
export interface Supervision {
  readonly runId: string;
  readonly epoch: number;
}

/** The run that holds a table. `retry`: a retry of that run's quarantine holds it, and this is its launch id. */
export interface TableHolder {
  readonly runId: string;
  readonly retry: string | undefined;
}

/**
 * Runs and their locks.
 *
 * Start: the lock and the run are created together or not at all, so no crash leaves a lock without a run.
 *
 *     orchestrator ──── transaction: LOCK if free + RUN if new + its entry in the list ────► held
 *           └─ reply lost: read LOCK; the run id in it is ours ────► held
 *
 * Every later write replaces the whole record on condition of its version, and a supervisor's write also of its epoch:
 *
 *     supervisor A (epoch 1)   read v7 ─────────────── write v8 if v7 and epoch 1 ✗ ── read: epoch 2 ── leaves
 *     supervisor B (epoch 2)           write v8, epoch 2 ✓
 *     operator                                   read v8 ── write v9 if v8 ✓   (B's next write re-reads, keeps it)
 *
 * After a lost reply the writer reads back: it finds an operator's change by its id and a supervisor's write by its
 * nonce.
 */
export class RunStore {
  readonly #table: ControlTable;
  readonly #index: RunIndex;
  readonly #locks: LockStore | undefined;

  /**
   * `locks`: the locks of the account, shared by all its control tables. Without them each control table only has its
   * own.
   */
  constructor(table: ControlTable, locks?: LockStore) {
    this.#table = table;
    this.#index = new RunIndex(table);
    this.#locks = locks;
  }

  /**
   * Takes the table's locks and creates the run, with epoch 1 for its creator. A dry run writes nothing to the table
   * and does not take the account's lock.
   * @param override a run that holds the table from a control table that is gone; the person who names it asserts that
   * it has ended
   * @throws TableLockedError when an unfinished run holds the table.
   */
  async create(run: NewRun, override?: string): Promise<RunRecord> {
    const account = run.dryRun ? 'unavailable' : await this.#accountLock(run.tableArn, override, true);
    const record: RunRecord = {
      ...run,
      format: RUN_FORMAT,
      ...(account !== 'unavailable' && { accountLock: true }),
      version: 1,
      epoch: 1,
      supervisorWrite: randomUUID(),
    };
    await this.#index.complete();
    const lock = { run: lockRun(run), item: LOCK_ITEM };
    const held = await this.#table.get(lock);
    const released = held && (await this.#isReleased(held)) ? String(held['holder']) : '';
    let taken: boolean;
    try {
      taken = await this.#table.transact([
        this.#table.conditionalPut({ ...lock, holder: run.runId, at: run.createdAt }, [LOCK_IS_FREE], {
          released,
        }),
        this.#table.conditionalPut(toItem(record, RUN_ITEM), [NEW]),
        this.#index.entryOf(run.runId),
        ...(this.#locks && account !== 'unavailable'
          ? [this.#locks.take(accountLockOf(run), account.released)]
          : []),
      ]);
    } catch (error) {
      if (!this.#locks || account === 'unavailable') throw error;
      // The process may read locks but not write them. From now on it works without a lock table.
      this.#locks.unavailable(error);
      return new RunStore(this.#table).create(run);
    }
    if (taken) return record;
    const now = await this.#table.get(lock);
    if (now === undefined) return this.create(run, override);
    if (now['holder'] === run.runId) return this.readAsSupervisor({ runId: run.runId, epoch: record.epoch });
    throw heldBy(holderIn(now), `the table ${run.table}`);
  }

  /** @throws TableLockedError when an unfinished run of another control table holds this table. */
  async assertFreeElsewhere(tableArn: string, override?: string): Promise<void> {
    try {
      await this.#accountLock(tableArn, override, false);
    } catch (error) {
      // The control table's own lock covers its own runs.
      if (error instanceof TableLockedError && error.elsewhere === undefined) return;
      throw error;
    }
  }

  /**
   * The account's lock of a table as it can be taken: free, or held by `released`, which has ended.
   * @throws TableLockedError when an unfinished run of another control table holds it.
   */
  async #accountLock(
    tableArn: string,
    override: string | undefined,
    create: boolean,
  ): Promise<{ readonly released: TableLock | undefined } | 'unavailable'> {
    if (!this.#locks) return 'unavailable';
    const lock = await (create ? this.#locks.readOrCreate(tableArn) : this.#locks.read(tableArn));
    if (lock === 'unavailable') return lock;
    if (lock === undefined) return { released: undefined };
    const { runId, retry, controlTable, holder, at } = lock;
    const own = controlTable === this.#table.name;
    // A run of this control table can be resumed and cancelled here, so there is nothing to override.
    if ((!own && runId === override) || (await this.#locks.hasEnded(lock))) return { released: lock };
    const elsewhere = own ? undefined : { controlTable, holder, at };
    throw heldBy({ runId, retry }, `the table ${tableArn}`, elsewhere);
  }

  /** @throws UnknownFormatError when a later version wrote the record. */
  async read(run: string): Promise<RunRecord | undefined> {
    const item = await this.#table.get({ run, item: RUN_ITEM });
    if (item && Number(item['format'] ?? 0) > RUN_FORMAT) {
      throw new UnknownFormatError(run, item['format'], RUN_FORMAT);
    }
    return item && fromItem<RunRecord>(item);
  }

  /** Every run, the latest first. */
  async list(): Promise<RunRecord[]> {
    const runs = (await this.#index.records()).map(fromItem<RunRecord>);
    return runs.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  }

  /** What holds this table, if something does. */
  async holderOf(tableArn: string): Promise<TableHolder | undefined> {
    const lock = await this.#table.get({ run: lockRun({ tableArn, dryRun: false }), item: LOCK_ITEM });
    return !lock || (await this.#isReleased(lock)) ? undefined : holderIn(lock);
  }

  /**
   * Takes the locks of a finished run's table for a retry, and creates the retry's record in the same transaction; see
   * TaskStore.join. The retry holds the locks as long as that record is in authority.
   * @throws TableLockedError when something else holds the table.
   */
  async lockForRetry(run: RunRecord, retry: TaskRecord, by: string): Promise<void> {
    const { runId, tableArn } = run;
    const account = await this.#accountLock(tableArn, undefined, true);
    const lock = { run: lockRun({ tableArn, dryRun: false }), item: LOCK_ITEM };
    const held = await this.#table.get(lock);
    const released = held && (await this.#isReleased(held)) ? String(held['holder']) : '';
    let taken: boolean;
    try {
      taken = await this.#table.transact([
        this.#table.conditionalPut(
          { ...lock, holder: retry.launchId, retryOf: runId, at: retry.launchedAt },
          [LOCK_IS_FREE],
          { released },
        ),
        this.#table.conditionalPut(toItem(retry, taskItem(retry.launchId)), [NEW]),
        ...(this.#locks && account !== 'unavailable'
          ? [this.#locks.take(retryLockOf(run, retry, by), account.released)]
          : []),
      ]);
    } catch (error) {
      if (!this.#locks || account === 'unavailable') throw error;
      this.#locks.unavailable(error);
      return new RunStore(this.#table).lockForRetry(run, retry, by);
    }
    if (taken) return;
    const now = await this.holderOf(tableArn);
    if (now?.retry === retry.launchId) return;
    if (now) throw heldBy(now, 'the table');
    // Another control table's run holds it, or a holder that has just ended.
    return this.lockForRetry(run, retry, by);
  }

  /** Frees the locks of a retry that has ended. A lock that belongs to another holder is left alone. */
  async unlockRetry({ tableArn }: RunRecord, launchId: string): Promise<void> {
    const account = await this.#locks?.read(tableArn);
    await this.#table.transact([
      this.#table.conditionalDelete(
        { run: lockRun({ tableArn, dryRun: false }), item: LOCK_ITEM },
        [LOCK_IS_MINE],
        { holder: launchId },
      ),
      ...(this.#locks && account !== undefined && account !== 'unavailable' && account.retry === launchId
        ? [this.#locks.free(account)]
        : []),
    ]);
  }

  /**
   * Takes over supervision from a dead or living supervisor, and records who did so. A finished run is returned as it
   * is, and nothing is written.
   * @throws RunCancelledError when someone has cancelled it, even between two tries, because a cancel cannot be undone.
   */
  async takeOver(run: string, change: OperatorChange, edit: OperatorEdit): Promise<RunRecord | undefined> {
    const nonce = randomUUID();
    for (;;) {
      const record = await this.read(run);
      if (!record || isFinished(record.status)) return record;
      if (record.supervisorWrite === nonce) return record;
      if (record.desired === 'stop' && record.stopReason?.kind === 'cancelled') {
        throw new RunCancelledError(`Run ${run} is being cancelled and cannot be resumed.`);
      }
      const { stopReason: _, ...rest } = record;
      const written = await this.#replace(record, {
        ...rest,
        ...edit,
        status: record.status === 'verifying' ? 'verifying' : 'running',
        epoch: record.epoch + 1,
        supervisorWrite: nonce,
        changes: withChange(record.changes, change),
      });
      if (written) return written;
    }
  }

  /**
   * Takes over supervision if the epoch is still the expected one, and changes nothing else. The new supervisor sees a
   * pause, a cancel or a guardrail's stop made meanwhile, as the old one would. A finished run is returned as it is,
   * and nothing is written.
   *
   *     starting process (epoch 1)  ── RunTask, expecting 1 ──►      supervises ──────────── read: epoch 2 ── leaves
   *     task                                      write v9, epoch 2 if v8 and epoch 1 ✓     supervises
   *     somebody's resume in between              write v9, epoch 2 ✓, with a change;  the task: ✗ ── leaves
   *
   * @throws SupersededError when the epoch has changed.
   */
  async takeOverAt(run: string, expectedEpoch: number): Promise<RunRecord | undefined> {
    const nonce = randomUUID();
    for (;;) {
      const record = await this.read(run);
      if (!record || isFinished(record.status)) return record;
      if (record.supervisorWrite === nonce) return record;
      if (record.epoch !== expectedEpoch) {
        throw new SupersededError(
          `Run ${run} is at epoch ${record.epoch}, not ${expectedEpoch}. Another orchestrator took it over.`,
        );
      }
      const written = await this.#replace(record, {
        ...record,
        epoch: expectedEpoch + 1,
        supervisorWrite: nonce,
      });
      if (written) return written;
    }
  }

  /** Makes a person's change. It is applied once, even if replies are lost. */
  async operate(
    run: string,
    change: OperatorChange,
    edit: OperatorEdit | ((record: RunRecord) => OperatorEdit),
  ): Promise<RunRecord | undefined> {
    for (;;) {
      const record = await this.read(run);
      if (!record || isFinished(record.status)) return record;
      if (record.changes.some(({ id }) => id === change.id)) return record;
      const written = await this.#replace(record, {
        ...record,
        ...(typeof edit === 'function' ? edit(record) : edit),
        changes: withChange(record.changes, change),
      });
      if (written) return written;
    }
  }

  /**
   * Ends a run that was told to pause or stop, after all its tasks have ended. Any process that saw that may call it,
   * because the supervisor may be gone. A run that was resumed, or has ended already, is left as it is.
   */
  async conclude(run: string, at: string): Promise<RunRecord | undefined> {
    for (;;) {
      const record = await this.read(run);
      if (!record || record.desired === 'run' || isFinished(record.status)) return record;
      const status = statusWhenEnded(record);
      if (record.status === status) return record;
      const next = { ...record, status, ...(isFinished(status) && { finishedAt: at }) };
      const written = isFinished(status)
        ? await this.#finish(record, next)
        : await this.#replace(record, next);
      if (written) return written;
    }
  }

  /**
   * Makes a supervisor's write. `edit` gets the current record, with every operator's change, and may return undefined
   * to leave it unchanged.
   * @throws SupersededError when another orchestrator supervises the run.
   */
  async supervise(
    { runId: run, epoch }: Supervision,
    edit: (record: RunRecord) => Partial<RunRecord> | undefined,
  ): Promise<RunRecord> {
    const nonce = randomUUID();
    for (;;) {
      const record = await this.readAsSupervisor({ runId: run, epoch });
      if (record.supervisorWrite === nonce) return record;
      const changed = edit(record);
      if (!changed) return record;
      if (changed.status) assertTransition(record.status, changed.status);
      const next = { ...record, ...changed, supervisorWrite: nonce };
      const written = isFinished(next.status)
        ? await this.#finish(record, next)
        : await this.#replace(record, next, [SAME_EPOCH]);
      if (written) return written;
    }
  }

  /** @throws SupersededError when another orchestrator supervises the run. */
  async readAsSupervisor({ runId: run, epoch }: Supervision): Promise<RunRecord> {
    const record = await this.read(run);
    if (!record)
      throw new FleetfillError('RunVanished', `The record of run ${run} is gone from the control table.`);
    if (record.epoch !== epoch) {
      throw new SupersededError(`Another orchestrator took over run ${run}.`);
    }
    return record;
  }

  async writeVerification(record: VerificationRecord): Promise<void> {
    await this.#table.put(toItem(record, verificationItem(record.pass)), []);
  }

  async verifications(run: string): Promise<VerificationRecord[]> {
    return (await this.#table.query(run, VERIFICATION_PREFIX)).map(fromItem<VerificationRecord>);
  }

  async #replace(
    old: RunRecord,
    next: RunRecord,
    further: readonly string[] = [],
  ): Promise<RunRecord | undefined> {
    const record = { ...next, version: old.version + 1 };
    const outcome = await this.#table.put(toItem(record, RUN_ITEM), [SAME_VERSION, ...further], {
      version: old.version,
      epoch: old.epoch,
    });
    return outcome.refused ? undefined : record;
  }

  /** Ends the run and releases the lock in one transaction, so that no crash in between can leave the table locked. */
  async #finish(old: RunRecord, next: RunRecord): Promise<RunRecord | undefined> {
    const record = { ...next, version: old.version + 1 };
    // If the lock belongs to another run by now, this run leaves it alone and still ends.
    const lock = await this.#table.get({ run: lockRun(old), item: LOCK_ITEM });
    const account = old.accountLock ? await this.#locks?.read(old.tableArn) : undefined;
    const finished = await this.#table.transact([
      this.#table.conditionalPut(toItem(record, RUN_ITEM), [SAME_VERSION, SAME_EPOCH], {
        version: old.version,
        epoch: old.epoch,
      }),
      ...(lock?.['holder'] === old.runId
        ? [
            this.#table.conditionalDelete({ run: lockRun(old), item: LOCK_ITEM }, [LOCK_IS_MINE], {
              holder: old.runId,
            }),
          ]
        : []),
      ...(this.#locks && account !== undefined && account !== 'unavailable' && isOf(account, old.runId)
        ? [this.#locks.free(account)]
        : []),
    ]);
    return finished ? record : undefined;
  }

  async #isReleased(lock: ControlItem): Promise<boolean> {
    if (lock['retryOf'] !== undefined) {
      const retry = await this.#table.get({
        run: String(lock['retryOf']),
        item: taskItem(String(lock['holder'])),
      });
      return !isInAuthority((retry as unknown as TaskRecord | undefined)?.status ?? 'lapsed');
    }
    const holder = await this.read(String(lock['holder']));
    return holder !== undefined && isFinished(holder.status);
  }
}

/** Keeps the first change and the latest ones, because a record must stay far below DynamoDB's 400 KB. */
function withChange(changes: readonly OperatorChange[], change: OperatorChange): OperatorChange[] {
  const kept = { ...change, detail: change.detail.slice(0, MOST_DETAIL) };
  const [start, ...later] = [...changes, kept];
  return start ? [start, ...later.slice(-MOST_CHANGES)] : [kept];
}

function accountLockOf({ tableArn, runId, controlTable, createdBy, createdAt }: NewRun): TableLock {
  return { table: tableArn, runId, controlTable, holder: createdBy, at: createdAt };
}

function retryLockOf({ runId, tableArn, controlTable }: RunRecord, retry: TaskRecord, by: string): TableLock {
  const { launchId, launchedAt } = retry;
  return { table: tableArn, runId, retry: launchId, controlTable, holder: by, at: launchedAt };
}

/** Whether the run itself holds the lock, and not a retry of its quarantine. */
function isOf({ runId, retry }: TableLock, run: string): boolean {
  return runId === run && retry === undefined;
}

function holderIn(lock: ControlItem): TableHolder {
  const [holder, retryOf] = [String(lock['holder']), lock['retryOf']];
  return retryOf === undefined
    ? { runId: holder, retry: undefined }
    : { runId: String(retryOf), retry: holder };
}

function heldBy(
  { runId, retry }: TableHolder,
  table: string,
  elsewhere?: TableLockedError['elsewhere'],
): TableLockedError {
  const what =
    retry === undefined ? `The unfinished run ${runId}` : `A retry of what run ${runId} has in quarantine`;
  const where = elsewhere ? ` of the control table ${elsewhere.controlTable}` : '';
  return new TableLockedError(runId, `${what}${where} holds ${table}.`, {
    retry: retry !== undefined,
    elsewhere,
  });
}

/** The state of a run that must pause or stop, once all its tasks have ended. */
export function statusWhenEnded({ desired, stopReason }: RunRecord): RunStatus {
  if (desired === 'pause') return 'paused';
  return stopReason?.kind ?? 'cancelled';
}

function assertTransition(from: RunStatus, to: RunStatus): void {
  if (from !== to && RUN_TRANSITIONS[from][to] === undefined) {
    throw new FleetfillError('ForbiddenTransition', `A run that is ${from} cannot become ${to}.`);
  }
}
