import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { containerArn, type Place, taskArn } from './names.ts';
import type { ContainerDefinition, RunTaskRequest } from './requests.ts';
import type { TaskDefinition } from './task-definitions.ts';
import { type Container, ContainerStartError, type Image, startContainer } from './task-process.ts';

/*
 * A task's life, as DescribeTasks shows it in lastStatus [ECS developer guide, "Task lifecycle"]:
 *
 *   PROVISIONING ─► PENDING ─► RUNNING ─► STOPPING ─► DEPROVISIONING ─► STOPPED
 *        │             │          └──────────────────────▲  (exits by itself)
 *        └─────────────┴─────────────────────────────────┘  (stopped before it ran, or cannot be started)
 *
 * desiredStatus is RUNNING until the first reason to stop, of whatever kind, and STOPPED from then on. The
 * first reason is the one that stays: a task that is told to stop while it exits has exited. The exit code is
 * there from DEPROVISIONING on, and never for a container that did not start.
 */
export type LastStatus = 'PROVISIONING' | 'PENDING' | 'RUNNING' | 'STOPPING' | 'DEPROVISIONING' | 'STOPPED';

export type StopCode =
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

/** How long the states take that are somebody else's work on AWS, in milliseconds. */
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
  readonly image: Image;
  readonly logDirectory: string;
  /** What the platform itself puts into the container's environment; given the task's id. */
  readonly platformEnvironment: (taskId: string) => Readonly<Record<string, string>>;
  readonly delays: TaskDelays;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** When set, the container is never started, and the task stops with this reason. */
  readonly failToStart?: string | undefined;
}

const DEFAULT_STOP_TIMEOUT_SECONDS = 30;

export class Task {
  readonly id = randomBytes(16).toString('hex');
  readonly arn: string;
  readonly settings: TaskSettings;
  /** Environment of the container as the request and the definition give it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Resolves when the task is STOPPED. */
  readonly stopped: Promise<void>;

  #lastStatus: LastStatus = 'PROVISIONING';
  #version = 1;
  #stop: StopRequest | undefined;
  #container: Container | undefined;
  #exitCode: number | undefined;
  readonly #createdAt: number;
  #pullStartedAt: number | undefined;
  #startedAt: number | undefined;
  #stoppingAt: number | undefined;
  #executionStoppedAt: number | undefined;
  #stoppedAt: number | undefined;
  readonly #containerId: string;

  constructor(settings: TaskSettings) {
    this.settings = settings;
    this.arn = taskArn(settings.place, settings.cluster, this.id);
    this.#containerId = randomBytes(16).toString('hex');
    this.#createdAt = settings.now();
    const override = settings.request.overrides?.containerOverrides?.find(
      one => one.name === settings.container.name,
    );
    this.environment = Object.fromEntries(
      [...(settings.container.environment ?? []), ...(override?.environment ?? [])].map(({ name, value }) => [
        name,
        value,
      ]),
    );
    this.stopped = this.#live(override?.command ?? settings.container.command ?? []);
  }

  get lastStatus(): LastStatus {
    return this.#lastStatus;
  }

  get desiredStatus(): 'RUNNING' | 'STOPPED' {
    return this.#stop === undefined ? 'RUNNING' : 'STOPPED';
  }

  /** Epoch milliseconds; undefined until the task is STOPPED. */
  get stoppedAt(): number | undefined {
    return this.#stoppedAt;
  }

  /** Process of the container; undefined before it started. */
  get pid(): number | undefined {
    return this.#container?.process.pid;
  }

  /**
   * Begins to stop the task: SIGTERM, and SIGKILL after the container's stopTimeout. A task that already has a
   * reason to stop keeps it.
   *
   * @param patienceMs instead of stopTimeout
   */
  stop(request: StopRequest, patienceMs?: number): void {
    if (this.#stop !== undefined) return;
    this.#stop = request;
    this.#stoppingAt = this.settings.now();
    this.#version += 1;
    if (this.#container !== undefined) this.#terminate(this.#container, patienceMs);
  }

  #terminate(container: Container, patienceMs = this.#stopTimeoutMs()): void {
    this.#enter('STOPPING');
    const { child, ended } = container.process;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    void ended.then(() => clearTimeout(timer));
  }

  #stopTimeoutMs(): number {
    return (this.settings.container.stopTimeout ?? DEFAULT_STOP_TIMEOUT_SECONDS) * 1_000;
  }

  async #live(command: readonly string[]): Promise<void> {
    const { delays, failToStart, now } = this.settings;
    try {
      await sleep(delays.provisioningMs);
      if (this.#stop === undefined) {
        this.#enter('PENDING');
        this.#pullStartedAt = now();
        await sleep(delays.pendingMs);
      }
      if (this.#stop === undefined) {
        if (failToStart !== undefined) throw new ContainerStartError(failToStart);
        await this.#run(command);
      }
    } catch (error) {
      this.#setStop({
        stopCode: 'TaskFailedToStart',
        reason: error instanceof Error ? error.message : String(error),
      });
    }
    this.#enter('DEPROVISIONING');
    await sleep(delays.deprovisioningMs);
    this.#stoppedAt = now();
    this.#enter('STOPPED');
  }

  async #run(command: readonly string[]): Promise<void> {
    const { container, image, logDirectory, now, platformEnvironment } = this.settings;
    this.#container = await startContainer({
      image,
      command: [...(container.entryPoint ?? []), ...command],
      environment: { ...platformEnvironment(this.id), ...this.environment },
      logFile: join(logDirectory, `${this.id}.log`),
    });
    this.#startedAt = now();
    this.#enter('RUNNING');
    // StopTask may have come while the process was being started.
    if (this.#stop !== undefined) this.#terminate(this.#container);
    this.#exitCode = await this.#container.exited;
    this.#executionStoppedAt = now();
    this.#setStop({ stopCode: 'EssentialContainerExited', reason: 'Essential container in task exited' });
  }

  #setStop(request: StopRequest): void {
    this.#stop ??= request;
    this.#stoppingAt ??= this.settings.now();
  }

  #enter(status: LastStatus): void {
    this.#lastStatus = status;
    this.#version += 1;
  }

  /** The task as the wire has it: times are epoch seconds, absent members are left out. */
  describe(): Record<string, unknown> {
    const { definition, place, cluster, request } = this.settings;
    const capacityProvider = request.capacityProviderStrategy?.[0]?.capacityProvider;
    const subnet = request.networkConfiguration?.awsvpcConfiguration?.subnets?.[0];
    return {
      taskArn: this.arn,
      clusterArn: `arn:aws:ecs:${place.region}:${place.account}:cluster/${cluster}`,
      taskDefinitionArn: definition.taskDefinitionArn,
      group: request.group ?? `family:${definition.family}`,
      lastStatus: this.#lastStatus,
      desiredStatus: this.desiredStatus,
      containers: [this.#describeContainer()],
      overrides: { containerOverrides: [], inferenceAcceleratorOverrides: [], ...request.overrides },
      attachments: [
        {
          id: this.#containerId,
          type: 'ElasticNetworkInterface',
          status:
            this.#lastStatus === 'STOPPED'
              ? 'DELETED'
              : this.#startedAt === undefined
                ? 'PRECREATED'
                : 'ATTACHED',
          details: subnet === undefined ? [] : [{ name: 'subnetId', value: subnet }],
        },
      ],
      attributes: [{ name: 'ecs.cpu-architecture', value: process.arch === 'arm64' ? 'arm64' : 'x86_64' }],
      availabilityZone: `${place.region}a`,
      connectivity: this.#startedAt === undefined ? undefined : 'CONNECTED',
      connectivityAt: seconds(this.#startedAt),
      cpu: definition.cpu,
      memory: definition.memory,
      ephemeralStorage: { sizeInGiB: 20 },
      enableExecuteCommand: false,
      healthStatus: 'UNKNOWN',
      launchType: 'FARGATE',
      capacityProviderName: capacityProvider,
      platformVersion:
        request.platformVersion === undefined || request.platformVersion === 'LATEST'
          ? '1.4.0'
          : request.platformVersion,
      platformFamily: 'Linux',
      startedBy: request.startedBy,
      tags: request.tags ?? [],
      version: this.#version,
      createdAt: seconds(this.#createdAt),
      pullStartedAt: seconds(this.#pullStartedAt),
      pullStoppedAt: seconds(this.#startedAt),
      startedAt: seconds(this.#startedAt),
      stoppingAt: seconds(this.#stoppingAt),
      executionStoppedAt: seconds(this.#executionStoppedAt),
      stoppedAt: seconds(this.#stoppedAt),
      stopCode: this.#stop?.stopCode,
      stoppedReason: this.#stop?.reason,
    };
  }

  #describeContainer(): Record<string, unknown> {
    const { place, cluster, container } = this.settings;
    const failed = this.#stop?.stopCode === 'TaskFailedToStart';
    return {
      containerArn: containerArn(place, cluster, this.id, this.#containerId),
      taskArn: this.arn,
      name: container.name,
      image: container.image,
      runtimeId: this.#container === undefined ? undefined : `${this.id}-${this.#container.process.pid}`,
      lastStatus: this.#containerStatus(),
      exitCode: this.#exitCode,
      reason: failed ? this.#stop?.reason : undefined,
      networkBindings: [],
      networkInterfaces: [],
      healthStatus: 'UNKNOWN',
      cpu: String(container.cpu ?? 0),
      memory: container.memory === undefined ? undefined : String(container.memory),
    };
  }

  #containerStatus(): string {
    if (this.#lastStatus === 'DEPROVISIONING' || this.#lastStatus === 'STOPPED') return 'STOPPED';
    return this.#startedAt === undefined ? 'PENDING' : 'RUNNING';
  }
}

function seconds(epochMs: number | undefined): number | undefined {
  return epochMs === undefined ? undefined : epochMs / 1_000;
}
