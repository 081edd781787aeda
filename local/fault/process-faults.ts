import type { EcsControlPlane } from '../ecs/control-plane.ts';
import { shiftedClock } from './shifted-clock.ts';

/** What happens to a task's process from outside, in the control plane's view of its tasks. */
export interface ProcessFaults {
  /** `kill -9`: the machine under the task is gone. */
  kill(task: string): void;
  /** SIGSTOP: the process stands still, its connections stay open, its timers fire late. */
  freeze(task: string): void;
  /** SIGCONT. */
  thaw(task: string): void;
  /** SIGTERM that no StopTask sent. */
  terminate(task: string): void;
  /** Tasks that start from now on see a wall clock that is off by so much; 0 for the true one. */
  shiftClock(offsetMs: number): void;
}

/**
 * Signals go to the container's process; what a task is told by the control plane itself (StopTask, a Spot
 * interruption) is the control plane's to do. A task is named by its launch or its ARN, and each method throws when
 * no process of it runs.
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
