import type { ControlTable } from './control-table.ts';
import { AuthorityLostError } from './errors.ts';
import { fromItem, toItem } from './record-item.ts';
import {
  type DesiredState,
  RUN_ITEM,
  type RunRecord,
  TASK_PREFIX,
  type TaskEnd,
  type TaskRecord,
  taskItem,
} from './records.ts';
import type { Supervision } from './run-store.ts';

const NEW = 'attribute_not_exists(#run)';
const IN_AUTHORITY = '#status IN (:launching, :running)';
const SAME_PROCESS = 'attribute_not_exists(#instance) OR #instance = :instance';
const LATER_HEARTBEAT = '#heartbeat < :heartbeat';
const SAME_HEARTBEAT = '#heartbeat = :heartbeat';
const SAME_EPOCH = '#epoch = :epoch';
const SAME_VERSION = '#version = :version';
const LATER_RENEWAL = '#renewal < :renewal';
const OLDER_EPOCH = '#epoch < :epoch';
const RUN_IS_WANTED = '#desired = :run';

/** A task's record can name a hundred segments or more, so a page is short and quickly parsed. */
const TASKS_A_PAGE = 25;

const AUTHORITY_STATUSES = { launching: 'launching', running: 'running' };

export type NewLaunch = Pick<
  TaskRecord,
  'runId' | 'launchId' | 'pass' | 'segments' | 'granted' | 'launchedAt'
>;

export interface Heartbeat {
  readonly runId: string;
  readonly launchId: string;
  /** Identifies the process, so that a second process of the same launch is refused. */
  readonly instance: string;
  /** One more than the last heartbeat sent, whether or not its reply came. */
  readonly number: number;
  readonly at: string;
  /** The number of the grant that this worker applies. */
  readonly seenRenewal: number;
  readonly seen: DesiredState;
  readonly throttled?: TaskRecord['throttled'];
  readonly slow?: TaskRecord['slow'];
}

/**
 * Tasks: the launch, its authority, and its end.
 *
 * Launch. The record comes first. RunTask's clientToken is the launch id, so repeated calls start only one task. The
 * record is created only while the creator supervises the run and the run should go on:
 *
 *     supervisor ── transaction: RUN has my epoch and desired = run + TASK new ──► launching ── RunTask(token) ──►
 *     worker                                                                      first heartbeat ──► running
 *
 * Authority. It counts from the *start* of the last successful heartbeat, on the worker's own clock:
 *
 *     worker      ├─ heartbeat 7 ─┤ reply                              ┃ no request to the user's table after this
 *                 ├──────────────────── authority ────────────────────►┃
 *     record               ▲ heartbeat = 7
 *     supervisor              ├─ reads 7 ─┤·········· authority + slack ··········├─ fence if still 7 ─► lapsed
 *
 * The supervisor's wait begins later than the worker's, so the authority is over at the fence, and the fence refuses
 * every later heartbeat. A delayed or duplicated heartbeat has a number that has passed.
 *
 * Grant. A supervisor changes grants only of tasks that carry its epoch. One that takes over first writes its epoch on
 * the tasks. From then on, the old supervisor's grants are refused, and the same write reads the current grants. A
 * grant takes effect when the reply to a heartbeat brings it, however late. Only the echo of a later grant proves that
 * it no longer can:
 *
 *     worker      ├─ heartbeat 3 ──────── reply: grant 1, 100 ─┤ heartbeat 4, goes by grant 1 ─ reply: grant 2 ─┤ 5
 *     record           ▲ read: grant 1        ▲ grant 2, 50; held 100                                             ▲
 *     supervisor                                                                       100 are not free before this
 */
export class TaskStore {
  readonly #table: ControlTable;

  constructor(table: ControlTable) {
    this.#table = table;
  }

  /** @returns false if this supervisor was superseded, or the run must pause or stop. */
  async createLaunch(launch: NewLaunch, { epoch }: Supervision): Promise<boolean> {
    const record: TaskRecord = {
      ...launch,
      status: 'launching',
      epoch,
      desired: 'run',
      renewal: 0,
      seenRenewal: 0,
      held: launch.granted,
      seen: 'run',
      heartbeat: 0,
    };
    const created = await this.#table.transact([
      this.#table.conditionCheck({ run: launch.runId, item: RUN_ITEM }, [SAME_EPOCH, RUN_IS_WANTED], {
        epoch,
        run: 'run',
      }),
      this.#table.conditionalPut(toItem(record, taskItem(launch.launchId)), [NEW]),
    ]);
    // The launch is a nonce: if its record is there, the lost reply was a yes.
    return created || (await this.read(launch.runId, launch.launchId)) !== undefined;
  }

  /**
   * Joins a run without being one of its tasks, with a record like a task's but without segments. So the supervisor
   * grants it a share, a command that ends the run ends it too, and no verification begins while it works. Its
   * heartbeats have begun, so nobody starts a task for it.
   * @returns false if the run's record has changed.
   */
  async join(
    launch: NewLaunch,
    instance: string,
    seen: Pick<RunRecord, 'version' | 'epoch'>,
  ): Promise<boolean> {
    const record = toItem(joined(launch, instance, seen.epoch), taskItem(launch.launchId));
    const run = { run: launch.runId, item: RUN_ITEM };
    const created = await this.#table.transact([
      this.#table.conditionCheck(run, [SAME_VERSION], { version: seen.version }),
      this.#table.conditionalPut(record, [NEW]),
    ]);
    return created || (await this.read(launch.runId, launch.launchId)) !== undefined;
  }

  async read(run: string, launch: string): Promise<TaskRecord | undefined> {
    const item = await this.#table.get({ run, item: taskItem(launch) });
    return item && fromItem<TaskRecord>(item);
  }

  async list(run: string): Promise<TaskRecord[]> {
    return (await this.#table.query(run, TASK_PREFIX, TASKS_A_PAGE)).map(fromItem<TaskRecord>);
  }

  /**
   * Renews the authority, reports the grant in use, and returns the current grant and desired state.
   * @throws AuthorityLostError when the launch was fenced off, was ended, or belongs to another process.
   */
  async heartbeat(beat: Heartbeat): Promise<TaskRecord> {
    const outcome = await this.#table.update(
      { run: beat.runId, item: taskItem(beat.launchId) },
      {
        set: {
          status: 'running',
          instance: beat.instance,
          heartbeat: beat.number,
          heartbeatAt: beat.at,
          seenRenewal: beat.seenRenewal,
          seen: beat.seen,
          throttled: beat.throttled,
          slow: beat.slow,
        },
        remove: (['throttled', 'slow'] as const).filter(name => beat[name] === undefined),
      },
      [IN_AUTHORITY, SAME_PROCESS, LATER_HEARTBEAT],
      { ...AUTHORITY_STATUSES, instance: beat.instance, heartbeat: beat.number },
    );
    if (!outcome.refused) return fromItem<TaskRecord>(outcome.item);
    const existing = outcome.existing && fromItem<TaskRecord>(outcome.existing);
    const mine = existing?.status === 'running' && existing.instance === beat.instance;
    if (mine && existing.heartbeat >= beat.number) return existing;
    throw new AuthorityLostError(
      `This launch has lost its authority: its record is ${existing?.status ?? 'gone'}.`,
    );
  }

  /** The worker's last write: it has finished its requests and sends no more. A fenced record stays as it is. */
  async finish(run: string, launch: string, instance: string, end: TaskEnd, at: string): Promise<void> {
    await this.#table.update(
      { run, item: taskItem(launch) },
      { set: { status: 'finished', end, endedAt: at } },
      [IN_AUTHORITY, SAME_PROCESS],
      { ...AUTHORITY_STATUSES, instance },
    );
  }

  /**
   * ECS says that the task is gone, and with it every request that it could have sent.
   * @returns false if the record had already ended.
   */
  async markStopped(run: string, launch: string, end: TaskEnd, at: string): Promise<boolean> {
    const outcome = await this.#table.update(
      { run, item: taskItem(launch) },
      { set: { status: 'stopped', end, endedAt: at } },
      [IN_AUTHORITY],
      AUTHORITY_STATUSES,
    );
    return !outcome.refused;
  }

  /**
   * Refuses every further heartbeat if none came since `heartbeat` was read. The caller has waited for the authority
   * time since then.
   * @returns whether the task is out of authority afterwards.
   */
  async fence(task: TaskRecord, end: TaskEnd, at: string): Promise<boolean> {
    const outcome = await this.#table.update(
      { run: task.runId, item: taskItem(task.launchId) },
      { set: { status: 'lapsed', end, endedAt: at } },
      [IN_AUTHORITY, SAME_HEARTBEAT],
      { ...AUTHORITY_STATUSES, heartbeat: task.heartbeat },
    );
    if (!outcome.refused) return true;
    return (
      outcome.existing !== undefined &&
      !['launching', 'running'].includes(fromItem<TaskRecord>(outcome.existing).status)
    );
  }

  /** Records the ECS task of a launch. */
  async recordArn(run: string, launch: string, taskArn: string): Promise<void> {
    await this.#table.update({ run, item: taskItem(launch) }, { set: { taskArn } }, [
      'attribute_exists(#run)',
    ]);
  }

  /**
   * Changes or renews the grant. `renewal` rises with every attempt, so that a delayed grant cannot follow a later one.
   * @returns false if the task has ended or belongs to another supervisor.
   */
  async grant(
    task: TaskRecord,
    grant: Pick<TaskRecord, 'granted' | 'held' | 'renewal'>,
    { epoch }: Supervision,
  ): Promise<boolean> {
    const { granted, held, renewal } = grant;
    const outcome = await this.#table.update(
      { run: task.runId, item: taskItem(task.launchId) },
      { set: { granted, held, renewal } },
      [IN_AUTHORITY, SAME_EPOCH, LATER_RENEWAL],
      { ...AUTHORITY_STATUSES, epoch, renewal },
    );
    return !outcome.refused || outcome.existing?.['renewal'] === renewal;
  }

  /** Tells a task to pause or stop. Everyone who may operate the run may do so, with or without a supervisor. */
  async setDesired(run: string, launch: string, desired: DesiredState): Promise<void> {
    await this.#table.update(
      { run, item: taskItem(launch) },
      { set: { desired } },
      [IN_AUTHORITY],
      AUTHORITY_STATUSES,
    );
  }

  /** Writes this supervisor's epoch on a task. From then on the older supervisor's grants are refused. */
  async adopt(task: TaskRecord, { epoch }: Supervision): Promise<TaskRecord | undefined> {
    const outcome = await this.#table.update(
      { run: task.runId, item: taskItem(task.launchId) },
      { set: { epoch } },
      [IN_AUTHORITY, OLDER_EPOCH],
      { ...AUTHORITY_STATUSES, epoch },
    );
    if (!outcome.refused) return fromItem<TaskRecord>(outcome.item);
    return outcome.existing && fromItem<TaskRecord>(outcome.existing);
  }
}

/** The record of a launch that is no ECS task: see {@link TaskStore.join}. */
export function joined(launch: NewLaunch, instance: string, epoch: number): TaskRecord {
  return {
    ...launch,
    status: 'running',
    instance,
    epoch,
    desired: 'run',
    renewal: 0,
    seenRenewal: 0,
    held: launch.granted,
    seen: 'run',
    heartbeat: 1,
  };
}
