import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Place, taskArn } from './names.ts';
import type { ContainerDefinition, RunTaskRequest } from './requests.ts';
import type { Tag, TaskDefinition } from './task-definitions.ts';
import { type Container, ContainerStartError, type Image, startContainer } from './task-process.ts';

/*
 * A task's life, as DescribeTasks shows it in lastStatus [ECS developer guide, "Task lifecycle"]:
 *
 *   PROVISIONING ─► PENDING ─► RUNNING ─► STOPPING ─► DEPROVISIONING ─► STOPPED
 *        │             │          └──────────────────────▲  (exits by itself)
 *        └─────────────┴─────────────────────────────────┘  (stopped before it ran, or cannot be started)
 *
 * desiredStatus is RUNNING until the first reason to stop, of any kind, and STOPPED from then on. The first reason
 * stays: a task that is told to stop while it exits counts as exited. The exit code exists from DEPROVISIONING on, but
 * never for a container that did not start.
 */
export type LastStatus = 'PROVISIONING' | 'PENDING' | 'RUNNING' | 'STOPPING' | 'DEPROVISIONING' | 'STOPPED';

type StopCode =
  | 'TaskFailedToStart'
  | 'EssentialContainerExited'
  | 'UserInitiated'
  | 'SpotInterruption'
  | 'TerminationNotice'
  | 'InfrastructureHealth'
  | 'ServiceSchedulerInitiated';

export interface StopRequest {
  readonly stopCode: StopCode;
  readonly reason: string;
}

/** How long the states take in which AWS does the work, in milliseconds. */
export interface TaskDelays {
  readonly provisioningMs: number;
  readonly pendingMs: number;
  readonly deprovisioningMs: number;
}

export interface TaskSettings {
  readonly place: Place;
  readonly cluster: string;
  readonly definition: TaskDefinition;
  readonly container: ContainerDefinition;
  readonly request: RunTaskRequest;
  readonly tags: readonly Tag[];
  readonly image: Image;
  readonly logDirectory: string;
  /** The variables that the platform puts into the container's environment, for this task id. */
  readonly platformEnvironment: (taskId: string) => Readonly<Record<string, string>>;
  readonly delays: TaskDelays;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** If set, the container never starts, and the task stops with this reason. */
  readonly failToStart?: string | undefined;
}

/** When the task entered each state, in epoch milliseconds. */
export interface TaskTimes {
  createdAt: number;
  pullStartedAt?: number;
  startedAt?: number;
  stoppingAt?: number;
  executionStoppedAt?: number;
  stoppedAt?: number;
}

const DEFAULT_STOP_TIMEOUT_SECONDS = 30;

export class Task {
  readonly id = randomBytes(16).toString('hex');
  readonly containerId = randomBytes(16).toString('hex');
  readonly arn: string;
  readonly settings: TaskSettings;
  /** The container's environment from the definition and the request. */
  readonly environment: Readonly<Record<string, string>>;
  /** Resolves when the task is STOPPED; never rejects. */
  readonly stopped: Promise<void>;

  readonly #times: TaskTimes;
  #lastStatus: LastStatus = 'PROVISIONING';
  #version = 1;
  #stop: StopRequest | undefined;
  #container: Container | undefined;
  #exitCode: number | undefined;
  /** Monotonic time of the next SIGKILL. */
  #killAt = Number.POSITIVE_INFINITY;
  #killTimer: NodeJS.Timeout | undefined;

  constructor(settings: TaskSettings) {
    this.settings = settings;
    this.arn = taskArn(settings.place, settings.cluster, this.id);
    this.#times = { createdAt: settings.now() };
    const { container, request } = settings;
    const override = request.overrides?.containerOverrides?.find(({ name }) => name === container.name);
    const variables = [...(container.environment ?? []), ...(override?.environment ?? [])];
    this.environment = Object.fromEntries(variables.map(({ name, value }) => [name, value]));
    this.stopped = this.#live([
      ...(container.entryPoint ?? []),
      ...(override?.command ?? container.command ?? []),
    ]);
  }

  get lastStatus(): LastStatus {
    return this.#lastStatus;
  }

  get desiredStatus(): 'RUNNING' | 'STOPPED' {
    return this.#stop === undefined ? 'RUNNING' : 'STOPPED';
  }

  /** Counts the changes of the task. */
  get version(): number {
    return this.#version;
  }

  get times(): Readonly<TaskTimes> {
    return this.#times;
  }

  get stopRequest(): StopRequest | undefined {
    return this.#stop;
  }

  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** The container's process; undefined until it has started. */
  get pid(): number | undefined {
    return this.#container?.process.pid;
  }

  /**
   * Stops the task with SIGTERM, and with SIGKILL after the container's stopTimeout. A task that already has a reason
   * to stop keeps it, and its SIGKILL can only come earlier.
   *
   * @param patienceMs replaces stopTimeout
   */
  stop(request: StopRequest, patienceMs?: number): void {
    if (this.#stop === undefined) this.#setStop(request);
    const { stopTimeout = DEFAULT_STOP_TIMEOUT_SECONDS } = this.settings.container;
    this.#killAt = Math.min(this.#killAt, performance.now() + (patienceMs ?? stopTimeout * 1_000));
    if (this.#container !== undefined) this.#terminate(this.#container);
  }

  #terminate({ process: { child } }: Container): void {
    if (this.#lastStatus === 'RUNNING') {
      this.#enter('STOPPING');
      child.kill('SIGTERM');
    }
    clearTimeout(this.#killTimer);
    if (this.#lastStatus !== 'STOPPING') return;
    this.#killTimer = setTimeout(() => child.kill('SIGKILL'), this.#killAt - performance.now());
  }

  async #live(command: readonly string[]): Promise<void> {
    const { delays, failToStart, now } = this.settings;
    try {
      await sleep(delays.provisioningMs);
      if (this.#stop === undefined) {
        this.#times.pullStartedAt = now();
        this.#enter('PENDING');
        await sleep(delays.pendingMs);
      }
      if (this.#stop === undefined) {
        if (failToStart !== undefined) throw new ContainerStartError(failToStart);
        await this.#run(command);
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (this.#stop === undefined) this.#setStop({ stopCode: 'TaskFailedToStart', reason });
    }
    this.#enter('DEPROVISIONING');
    await sleep(delays.deprovisioningMs);
    this.#times.stoppedAt = now();
    this.#enter('STOPPED');
  }

  async #run(command: readonly string[]): Promise<void> {
    const { image, logDirectory, now, platformEnvironment } = this.settings;
    this.#container = await startContainer({
      image,
      command,
      environment: { ...platformEnvironment(this.id), ...this.environment },
      logFile: join(logDirectory, `${this.id}.log`),
    });
    this.#times.startedAt = now();
    this.#enter('RUNNING');
    // StopTask may have arrived while the process was starting.
    if (this.#stop !== undefined) this.#terminate(this.#container);
    this.#exitCode = await this.#container.exited;
    clearTimeout(this.#killTimer);
    this.#times.executionStoppedAt = now();
    if (this.#stop === undefined) {
      this.#setStop({ stopCode: 'EssentialContainerExited', reason: 'Essential container in task exited' });
    }
  }

  #setStop(request: StopRequest): void {
    this.#stop = request;
    this.#times.stoppingAt = this.settings.now();
    this.#version += 1;
  }

  #enter(status: LastStatus): void {
    this.#lastStatus = status;
    this.#version += 1;
  }
}
