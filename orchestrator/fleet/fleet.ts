import {
  ConflictException,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  RunTaskCommand,
  StopTaskCommand,
  type TaskOverride,
} from '@aws-sdk/client-ecs';
import pMap from 'p-map';
import pRetry from 'p-retry';
import { doubting, requestHandler } from '../../core/aws-clients.ts';
import { PreflightError } from '../../core/errors.ts';
import { type FailureKind, kindOfFailure } from '../../core/failure.ts';
import type { TaskEnvironment } from '../../core/task-environment.ts';
import { containerOverrides } from './overrides.ts';

/** Where the fleet runs: the outputs of infra/fleet.yaml, or the options that override them. */
export interface FleetLocation {
  readonly cluster: string;
  readonly taskDefinition: string;
  readonly container: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly assignPublicIp: boolean;
}

/** What a supervisor must know of the end of an ECS task. */
export interface StoppedTask {
  readonly stopCode: string;
  readonly reason: string;
  readonly exitCode: number | undefined;
}

/** What ECS knows of a task. `gone`: ECS no longer knows it. */
export type TaskObservation =
  | { readonly state: 'alive'; readonly lastStatus: string }
  | { readonly state: 'gone' }
  | ({ readonly state: 'stopped' } & StoppedTask);

/** RunTask answered but did not start the task. It carries the reasons. */
export class LaunchRefusedError extends Error {
  readonly reasons: readonly string[];

  constructor(reasons: readonly string[], options?: ErrorOptions) {
    super(`ECS did not start a task: ${reasons.join('; ')}`, options);
    this.name = 'LaunchRefusedError';
    this.reasons = reasons;
  }
}

/** The task definition was deregistered, and no stack names another. */
export class InactiveTaskDefinitionError extends PreflightError {
  /** The family, which stands for its newest ACTIVE revision, if there is one. */
  readonly family: string;

  constructor(taskDefinition: string, options?: ErrorOptions) {
    const family = taskDefinition.replace(/^.*\//, '').replace(/:\d+$/, '');
    super(
      `The task definition ${taskDefinition} is INACTIVE: somebody deregistered it, or an update of its stack did. ` +
        `It can no longer start tasks. --task-definition ${family} names the newest one of its family.`,
      options,
    );
    this.family = family;
  }
}

/** DescribeTasks takes at most 100 tasks [API reference]. */
const DESCRIBE_AT_A_TIME = 100;

/** DescribeTasks and StopTask calls in flight, far below the 20 a second that ECS accepts permanently. */
const CALLS_AT_A_TIME = 4;

/** A turn of the supervisor waits at most this long for ECS. The next turn asks again. */
const LOOK_PATIENCE_MS = 10_000;

/** A supervisor that waited forever for ECS would renew no grant and fence no task. */
const REPLY_TIMEOUT_MS = 10_000;

const RETRIES = { retries: 5, minTimeout: 200, maxTimeout: 5_000, randomize: true };

/** Errors of the control plane that another try may fix. The client itself has already retried those that it doubts. */
const TRANSIENT: readonly FailureKind[] = ['throttled', 'internal', 'conflict'];

/**
 * There is no room for a task now, but perhaps later. Recognized by the texts, because other errors have the same
 * names.
 */
const NO_ROOM = /capacity is unavailable|limit on the number of|run concurrently/i;

/** ECS says this for some seconds after a role was created, and always for a role that does not trust ECS. */
const ROLE_UNUSABLE = /unable to assume the role|iam:PassRole/i;

/** A role counts as new for this long. */
const NEW_ROLE_MS = 60_000;
/** Recognized by its text, because it comes as a ClientException and as an InvalidParameterException. */
const INACTIVE = /TaskDefinition is inactive/i;

/** Reads the task definition that the stack names now; undefined without a stack. */
export type CurrentTaskDefinition = () => Promise<string | undefined>;

/** The control plane of the fleet. Every call is repeated while its failure is transient. */
export class Fleet {
  readonly #ecs: ECSClient;
  readonly #location: FleetLocation;
  readonly #currentTaskDefinition: CurrentTaskDefinition;
  readonly #nowMs: () => number;
  #taskDefinition: string;
  #roleUnusableSinceMs: number | undefined;

  /**
   * @param currentTaskDefinition called when the task definition of `location` is INACTIVE
   * @param nowMs a monotonic clock
   */
  constructor(
    location: FleetLocation,
    ecs = createEcsClient(),
    currentTaskDefinition: CurrentTaskDefinition = async () => undefined,
    nowMs = () => performance.now(),
  ) {
    this.#ecs = ecs;
    this.#location = location;
    this.#taskDefinition = location.taskDefinition;
    this.#currentTaskDefinition = currentTaskDefinition;
    this.#nowMs = nowMs;
  }

  /**
   * Starts the task of a launch. The launch id is the clientToken, so repeating the call returns the existing task.
   * @returns the task's ARN
   * @throws LaunchRefusedError when ECS answers that it did not start the task; InactiveTaskDefinitionError when the
   * task definition was deregistered and no stack names another.
   */
  async start(environment: TaskEnvironment, spot: boolean): Promise<string> {
    const taskDefinition = this.#taskDefinition;
    try {
      return await this.#start(taskDefinition, environment, spot);
    } catch (error) {
      const known = taskOfToken(error);
      if (known) return known;
      if (!isInactive(error)) throw error;
      await this.#replaceDefinition(taskDefinition, error);
      return this.#start(this.#taskDefinition, environment, spot);
    }
  }

  /** Takes the definition that the stack names after an update. Several launches may need it at once. */
  async #replaceDefinition(inactive: string, cause: unknown): Promise<void> {
    if (this.#taskDefinition !== inactive) return;
    const current = await this.#currentTaskDefinition();
    if (current === undefined || current === inactive) {
      throw new InactiveTaskDefinitionError(inactive, { cause });
    }
    this.#taskDefinition = current;
  }

  /**
   * Starts a task with its own command. It runs on demand, not on Spot, so that it is not interrupted.
   * @param clientToken repeating the call with it returns the existing task
   * @returns the task's ARN
   * @throws LaunchRefusedError when ECS answers that it did not start the task.
   */
  async startCommand(command: readonly string[], clientToken: string, startedBy: string): Promise<string> {
    const { container } = this.#location;
    const overrides = { containerOverrides: [{ name: container, command: [...command] }] };
    const taskDefinition = this.#taskDefinition;
    try {
      return await this.#runTask({ taskDefinition, overrides, spot: false, clientToken, startedBy });
    } catch (error) {
      const known = taskOfToken(error);
      if (known) return known;
      throw error;
    }
  }

  #start(taskDefinition: string, environment: TaskEnvironment, spot: boolean): Promise<string> {
    const { launchId, runId } = environment;
    const overrides = containerOverrides(this.#location.container, environment);
    return this.#runTask({ taskDefinition, overrides, spot, clientToken: launchId, startedBy: runId });
  }

  async #runTask({
    taskDefinition,
    overrides,
    spot,
    clientToken,
    startedBy,
  }: {
    readonly taskDefinition: string;
    readonly overrides: TaskOverride;
    readonly spot: boolean;
    readonly clientToken: string;
    readonly startedBy: string;
  }): Promise<string> {
    const location = this.#location;
    const reply = await retrying(() =>
      this.#ecs.send(
        new RunTaskCommand({
          cluster: location.cluster,
          taskDefinition,
          ...(spot
            ? { capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }] }
            : { launchType: 'FARGATE' as const }),
          count: 1,
          clientToken,
          startedBy,
          // Gives the tasks their stack's tags, for the bill.
          propagateTags: 'TASK_DEFINITION',
          enableECSManagedTags: true,
          networkConfiguration: {
            awsvpcConfiguration: {
              subnets: [...location.subnets],
              securityGroups: [...location.securityGroups],
              assignPublicIp: location.assignPublicIp ? 'ENABLED' : 'DISABLED',
            },
          },
          overrides,
        }),
      ),
    ).catch((error: unknown) => {
      if (error instanceof Error && (NO_ROOM.test(error.message) || this.#isNewRole(error.message))) {
        throw new LaunchRefusedError([error.message], { cause: error });
      }
      throw error;
    });
    this.#roleUnusableSinceMs = undefined;
    const arn = reply.tasks?.[0]?.taskArn;
    if (arn) return arn;
    throw new LaunchRefusedError(
      (reply.failures ?? []).map(({ reason = 'no reason given', detail }) =>
        detail ? `${reason} (${detail})` : reason,
      ),
    );
  }

  /** Whether this error may mean only that a role is new. */
  #isNewRole(message: string): boolean {
    if (!ROLE_UNUSABLE.test(message)) return false;
    this.#roleUnusableSinceMs ??= this.#nowMs();
    return this.#nowMs() - this.#roleUnusableSinceMs < NEW_ROLE_MS;
  }

  /**
   * What ECS knows of these tasks. A task missing from the result got no answer, which says nothing about it.
   * @param onUnanswered called with the error of each failed call, which covers up to 100 tasks
   */
  async describe(
    taskArns: readonly string[],
    onUnanswered: (error: unknown) => void = () => {},
  ): Promise<Map<string, TaskObservation>> {
    const observations = new Map<string, TaskObservation>();
    const signal = AbortSignal.timeout(LOOK_PATIENCE_MS);
    const parts = Array.from({ length: Math.ceil(taskArns.length / DESCRIBE_AT_A_TIME) }, (_, part) =>
      taskArns.slice(part * DESCRIBE_AT_A_TIME, (part + 1) * DESCRIBE_AT_A_TIME),
    );
    const describePart = async (tasks: string[]) => {
      const command = new DescribeTasksCommand({ cluster: this.#location.cluster, tasks });
      const reply = await retrying(() => this.#ecs.send(command, { abortSignal: signal }), signal);
      for (const { arn } of reply.failures ?? []) if (arn) observations.set(arn, { state: 'gone' });
      for (const task of reply.tasks ?? []) {
        if (!task.taskArn) continue;
        const container = task.containers?.find(({ name }) => name === this.#location.container);
        observations.set(
          task.taskArn,
          task.lastStatus === 'STOPPED'
            ? {
                state: 'stopped',
                stopCode: task.stopCode ?? '',
                reason: [task.stoppedReason, container?.reason].filter(Boolean).join('; '),
                exitCode: container?.exitCode,
              }
            : { state: 'alive', lastStatus: task.lastStatus ?? 'UNKNOWN' },
        );
      }
    };
    await pMap(parts, part => describePart(part).catch(onUnanswered), { concurrency: CALLS_AT_A_TIME });
    return observations;
  }

  /** Stops a task. It stops trying after some seconds. */
  async stop(taskArn: string, reason: string): Promise<void> {
    const signal = AbortSignal.timeout(LOOK_PATIENCE_MS);
    const command = new StopTaskCommand({ cluster: this.#location.cluster, task: taskArn, reason });
    await retrying(() => this.#ecs.send(command, { abortSignal: signal }), signal);
  }

  /** @throws ECS's own error when the task definition does not exist. */
  async describeTaskDefinition() {
    const { taskDefinition } = await retrying(() =>
      this.#ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: this.#taskDefinition })),
    );
    return taskDefinition;
  }
}

/**
 * The task of a client token that ECS knows with other parameters. The launch was started before, and the stack has
 * been updated since.
 */
function taskOfToken(error: unknown): string | undefined {
  return error instanceof ConflictException ? error.resourceIds?.[0] : undefined;
}

function isInactive(error: unknown): boolean {
  return error instanceof Error && INACTIVE.test(error.message);
}

function createEcsClient(): ECSClient {
  return doubting(new ECSClient({ maxAttempts: 1, requestHandler: requestHandler(REPLY_TIMEOUT_MS) }), 'ECS');
}

function retrying<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  return pRetry(call, {
    ...RETRIES,
    shouldRetry: ({ error }) => TRANSIENT.includes(kindOfFailure(error)),
    ...(signal && { signal }),
  });
}
