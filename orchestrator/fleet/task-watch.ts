import pMap from 'p-map';
import type { Clock } from '../../core/clock.ts';
import { isInAuthority, type TaskEnd, type TaskRecord } from '../../core/records.ts';
import type { TaskStore } from '../../core/task-store.ts';
import type { Fleet, StoppedTask, TaskObservation } from './fleet.ts';

/** Added to the authority time, because clocks run at slightly different speeds and the loop may be late. */
const SLACK_MS = 1_000;

/** A task that ECS lists as alive may need this long from RunTask to its first heartbeat, including the image pull. */
const START_LIMIT_MS = 600_000;

/** A launch without a task in ECS, or that nobody starts, gets this long to send a heartbeat. */
const UNKNOWN_START_LIMIT_MS = 15_000;

/** Tasks that are fenced and stopped at the same time. */
const JUDGED_AT_A_TIME = 10;

interface Seen {
  readonly heartbeat: number;
  readonly sinceMs: number;
}

export interface TaskWatchOptions {
  readonly tasks: TaskStore;
  readonly fleet: Pick<Fleet, 'describe' | 'stop'>;
  readonly clock: Clock;
  readonly authorityMs: number;
  /** A launch has its record before its task starts. This tells whether this process is about to start the task. */
  readonly isStarting?: (launch: string) => boolean;
  readonly onEnd: (task: TaskRecord, end: TaskEnd) => void;
  /** Called when ECS does not answer. Until it does, the control table alone decides. */
  readonly onUnobserved: (error: unknown) => void;
}

/**
 * Finds out which tasks no longer have authority, by whichever sign comes first. Either the worker said so, or ECS says
 * STOPPED, or its heartbeat stood still for longer than its authority and the fence held.
 */
export class TaskWatch {
  readonly #options: TaskWatchOptions;
  readonly #seen = new Map<string, Seen>();
  /** Since when a launch without a heartbeat has been known to have no task. */
  readonly #taskless = new Map<string, number>();
  readonly #finishedSinceMs = new Map<string, number>();
  readonly #stopped = new Set<string>();

  constructor(options: TaskWatchOptions) {
    this.#options = options;
  }

  /** Judges every task by records that were just read. */
  async observe(tasks: readonly TaskRecord[]): Promise<void> {
    const now = this.#options.clock.monotonicMs();
    const open = tasks.filter(task => isInAuthority(task.status) || this.#mayStillBeClosing(task, now));
    const observations = await this.#askEcs(open);
    await pMap(
      open,
      async task => {
        const observation = task.taskArn === undefined ? undefined : observations.get(task.taskArn);
        if (observation?.state === 'stopped') this.#stopped.add(task.launchId);
        if (isInAuthority(task.status)) await this.#judge(task, observation);
      },
      { concurrency: JUDGED_AT_A_TIME },
    );
  }

  /**
   * Whether every task has certainly ended. A worker that reported its end sends nothing more, but its process may run
   * on until ECS says STOPPED or its authority is over.
   */
  allEnded(tasks: readonly TaskRecord[]): boolean {
    const now = this.#options.clock.monotonicMs();
    return tasks.every(task => !isInAuthority(task.status) && !this.#mayStillBeClosing(task, now));
  }

  #mayStillBeClosing(task: TaskRecord, now: number): boolean {
    if (task.status !== 'finished' || this.#stopped.has(task.launchId)) return false;
    const since = this.#finishedSinceMs.get(task.launchId) ?? now;
    if (!this.#finishedSinceMs.has(task.launchId)) {
      this.#finishedSinceMs.set(task.launchId, since);
      if (task.end) this.#options.onEnd(task, task.end);
    }
    return now - since < this.#options.authorityMs + SLACK_MS;
  }

  async #askEcs(tasks: readonly TaskRecord[]): Promise<Map<string, TaskObservation>> {
    const arns = tasks.flatMap(({ taskArn }) => (taskArn === undefined ? [] : [taskArn]));
    if (arns.length === 0) return new Map();
    try {
      return await this.#options.fleet.describe(arns, this.#options.onUnobserved);
    } catch (error) {
      this.#options.onUnobserved(error);
      return new Map();
    }
  }

  async #judge(task: TaskRecord, observation: TaskObservation | undefined): Promise<void> {
    const { tasks, clock, onEnd } = this.#options;
    if (observation?.state === 'stopped') {
      const end = endOf(observation);
      if (await tasks.markStopped(task.runId, task.launchId, end, clock.nowIso())) onEnd(task, end);
      return;
    }
    const now = clock.monotonicMs();
    const tasklessMs = this.#tasklessMs(task, observation, now);
    const seen = this.#seen.get(task.launchId);
    if (!seen || seen.heartbeat !== task.heartbeat) {
      this.#seen.set(task.launchId, { heartbeat: task.heartbeat, sinceMs: now });
      return;
    }
    const limitMs = task.heartbeat > 0 ? this.#options.authorityMs + SLACK_MS : START_LIMIT_MS;
    if (now - seen.sinceMs < limitMs && tasklessMs < UNKNOWN_START_LIMIT_MS) return;
    const end: TaskEnd = {
      kind: 'error',
      message:
        task.heartbeat === 0
          ? 'the task did not start in time'
          : `no heartbeat for ${Math.round((now - seen.sinceMs) / 1_000)} s: the task is frozen, cut off or killed`,
    };
    await this.fence(task, end);
  }

  /**
   * Ends a task's authority if no heartbeat came since its record was read, and makes ECS stop the task if it still
   * runs.
   */
  async fence(task: TaskRecord, end: TaskEnd): Promise<void> {
    const { tasks, fleet, clock, onEnd, onUnobserved } = this.#options;
    if (!(await tasks.fence(task, end, clock.nowIso()))) return;
    onEnd(task, end);
    if (task.taskArn)
      await fleet.stop(task.taskArn, 'fleetfill: the task has lost its authority').catch(onUnobserved);
  }

  /**
   * How long a launch that has not begun is known to have no task. A missing answer of ECS proves nothing. Only two
   * things count: ECS does not know the task, or the launch has no ARN and this process is not starting it.
   */
  #tasklessMs(task: TaskRecord, observation: TaskObservation | undefined, now: number): number {
    const starting = this.#options.isStarting?.(task.launchId) === true;
    const taskless =
      task.heartbeat === 0 && (task.taskArn === undefined ? !starting : observation?.state === 'gone');
    if (!taskless) {
      this.#taskless.delete(task.launchId);
      return 0;
    }
    const since = this.#taskless.get(task.launchId) ?? now;
    this.#taskless.set(task.launchId, since);
    return now - since;
  }
}

/** The exit code of a worker that was told to end: see job/shutdown.ts. */
const SIGTERM_EXIT_CODE = 143;

function endOf({ stopCode, reason, exitCode }: StoppedTask): TaskEnd {
  const message = `${stopCode || 'stopped'}${exitCode === undefined ? '' : `, exit code ${exitCode}`}${reason ? `: ${reason}` : ''}`;
  const asked =
    exitCode === SIGTERM_EXIT_CODE || stopCode === 'SpotInterruption' || stopCode === 'UserInitiated';
  return { kind: asked ? 'sigterm' : 'error', message };
}
