import { ClientTokens } from './client-tokens.ts';
import { Clusters } from './clusters.ts';
import type { BeforeRunTask } from './interference.ts';
import type { Place } from './names.ts';
import type { Task, TaskSettings } from './task.ts';
import { TaskDefinitions } from './task-definitions.ts';

/** The state that all operations share. */
export interface ControlPlaneState {
  readonly place: Place;
  readonly clusters: Clusters;
  readonly taskDefinitions: TaskDefinitions;
  /** By task id, in the order of their start. */
  readonly tasks: Map<string, Task>;
  readonly tokens: ClientTokens;
  readonly beforeRunTask: BeforeRunTask | undefined;
  /** What every new task gets now. */
  readonly taskSettings: () => Omit<
    TaskSettings,
    'cluster' | 'definition' | 'container' | 'request' | 'tags'
  >;
  /** Forgets tasks that stopped long enough ago, and their client tokens. */
  readonly forgetOldTasks: () => void;
}

export interface StateOptions extends Pick<ControlPlaneState, 'place' | 'beforeRunTask' | 'taskSettings'> {
  readonly now: () => number;
  /** How long a stopped task can be described, in milliseconds [ECS: at least an hour]. */
  readonly stoppedTaskRetentionMs: number;
}

export function createState(options: StateOptions): ControlPlaneState {
  const tasks = new Map<string, Task>();
  const tokens = new ClientTokens();
  const isOld = ({ times: { stoppedAt } }: Task) =>
    stoppedAt !== undefined && options.now() - stoppedAt > options.stoppedTaskRetentionMs;
  return {
    place: options.place,
    beforeRunTask: options.beforeRunTask,
    taskSettings: options.taskSettings,
    clusters: new Clusters(options.place),
    taskDefinitions: new TaskDefinitions(options.place, options.now),
    tasks,
    tokens,
    forgetOldTasks() {
      for (const [id, task] of tasks) if (isOld(task)) tasks.delete(id);
      tokens.forget(isOld);
    },
  };
}
