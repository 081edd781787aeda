import type { TaskEnvironment } from '../../core/task-environment.ts';
import type { Fleet, TaskObservation } from '../../orchestrator/fleet/fleet.ts';
import { Actor, type SimWorld } from './sim-world.ts';

/** DescribeTasks takes at most 100 tasks [API reference]. */
const DESCRIBE_AT_A_TIME = 100;

const CALL_MS = 60;

interface Task {
  readonly arn: string;
  readonly actor: Actor;
  observation: TaskObservation;
}

export interface SimEcsOptions {
  readonly world: SimWorld;
  /** A number from 0 to below 1 that depends only on the words. */
  readonly chance: (...words: readonly (string | number)[]) => number;
  /** Starts the worker of a launch, in place of the task's process. Resolves with its exit code. */
  readonly begin: (task: TaskEnvironment, actor: Actor) => Promise<number>;
}

/** ECS for the supervisor. A start takes half a minute, and every call is counted by the second. */
export class SimEcs {
  readonly calls = { runTask: [] as number[], describeTasks: [] as number[], stopTask: [] as number[] };
  readonly #options: SimEcsOptions;
  readonly #tasks = new Map<string, Task>();
  readonly #byArn = new Map<string, Task>();

  constructor(options: SimEcsOptions) {
    this.#options = options;
  }

  get alive(): number {
    return [...this.#tasks.values()].filter(({ observation }) => observation.state === 'alive').length;
  }

  fleetFor(supervisor: Actor): Fleet {
    const { world } = this.#options;
    const called = async (counts: number[], times: number) => {
      const second = Math.floor(world.nowMs / 1_000);
      counts[second] = (counts[second] ?? 0) + times;
      await world.sleep(supervisor, CALL_MS);
    };
    const fleet: Pick<Fleet, 'start' | 'describe' | 'stop'> = {
      start: async environment => {
        await called(this.calls.runTask, 1);
        return this.#runTask(environment);
      },
      describe: async arns => {
        await called(this.calls.describeTasks, Math.ceil(arns.length / DESCRIBE_AT_A_TIME));
        return new Map(
          arns.map(arn => [arn, this.#byArn.get(arn)?.observation ?? { state: 'gone' as const }]),
        );
      },
      stop: async arn => {
        await called(this.calls.stopTask, 1);
        const task = this.#byArn.get(arn);
        if (task?.observation.state === 'alive') this.kill(task);
      },
    };
    return fleet as Fleet;
  }

  /** Ends a task without notice, as the kernel, Spot or a lost machine would. */
  kill(task: Task): void {
    task.actor.dead = true;
    task.observation = { state: 'stopped', stopCode: 'EssentialContainerExited', reason: '', exitCode: 137 };
  }

  /** Kills one of the living tasks; `which` is from 0 to below 1. */
  killOne(which: number): void {
    const alive = [...this.#tasks.values()].filter(({ observation }) => observation.state === 'alive');
    const task = alive[Math.floor(which * alive.length)];
    if (task) this.kill(task);
  }

  /** Idempotent by its client token, which is the launch id. */
  #runTask(environment: TaskEnvironment): string {
    const known = this.#tasks.get(environment.launchId);
    if (known) return known.arn;
    const { world, chance, begin } = this.#options;
    const task: Task = {
      arn: `arn:aws:ecs:us-east-1:000000000000:task/fleetfill/${environment.launchId.replaceAll('-', '')}`,
      actor: new Actor(),
      observation: { state: 'alive', lastStatus: 'PENDING' },
    };
    this.#tasks.set(environment.launchId, task);
    this.#byArn.set(task.arn, task);
    const startMs = 20_000 + 20_000 * chance('start', this.#tasks.size);
    world.at(world.nowMs + startMs, () => {
      if (task.observation.state === 'stopped') return;
      task.observation = { state: 'alive', lastStatus: 'RUNNING' };
      void begin(environment, task.actor).then(exitCode => {
        if (task.actor.dead) return;
        task.actor.dead = true;
        task.observation = { state: 'stopped', stopCode: 'EssentialContainerExited', reason: '', exitCode };
      });
    });
    return task.arn;
  }
}
