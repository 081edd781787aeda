import type { EcsControlPlane } from '../ecs/control-plane.ts';
import { shiftedClock } from './shifted-clock.ts';

/** What can happen to a task's process from outside, for the tasks that the control plane knows. */
export interface ProcessFaults {
  /** `kill -9`: the machine under the task is gone. */
  kill(task: string): void;
  /** SIGSTOP: the process stands still, its connections stay open, and its timers fire late. */
  freeze(task: string): void;
  /** SIGCONT. */
  thaw(task: string): void;
  /** A SIGTERM without StopTask. */
  terminate(task: string): void;
  /** Tasks that start from now on see a wall clock that is off by this much; 0 for the true time. */
  shiftClock(offsetMs: number): void;
}

/**
 * Sends signals to the container's process. What the control plane itself tells a task (StopTask, a Spot interruption)
 * is the control plane's part. A task is named by its launch or its ARN. Each method throws if the task has no running
 * process.
 */
export function createProcessFaults(
  ecs: Pick<EcsControlPlane, 'tasks' | 'overrideTaskEnvironment'>,
): ProcessFaults {
  const signal = (task: string, name: NodeJS.Signals) => {
    const running = ecs.tasks().find(({ taskArn, launch }) => taskArn === task || launch === task);
    if (
      running?.pid === undefined ||
      running.lastStatus === 'DEPROVISIONING' ||
      running.lastStatus === 'STOPPED'
    ) {
      throw new Error(`No process of task ${task} runs.`);
    }
    process.kill(running.pid, name);
  };
  return {
    kill: task => signal(task, 'SIGKILL'),
    freeze: task => signal(task, 'SIGSTOP'),
    thaw: task => signal(task, 'SIGCONT'),
    terminate: task => signal(task, 'SIGTERM'),
    shiftClock: offsetMs => {
      ecs.overrideTaskEnvironment(offsetMs === 0 ? { NODE_OPTIONS: '' } : shiftedClock(offsetMs));
    },
  };
}
