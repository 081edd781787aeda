import {
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  RunTaskCommand,
  StopTaskCommand,
} from '@aws-sdk/client-ecs';
import pMap from 'p-map';
import pRetry from 'p-retry';
import { timeouts } from '../../core/aws-clients.ts';
import type { TaskEnvironment } from '../../core/task-environment.ts';
import { encodeTaskEnvironment } from '../../core/task-environment.ts';

/** Where the fleet runs: the outputs of infra/fleet.yaml, or the options that override them. */
export interface FleetLocation {
  readonly cluster: string;
  readonly taskDefinition: string;
  readonly container: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly assignPublicIp: boolean;
}

/** The end of an ECS task, as far as a supervisor must know it. */
export interface StoppedTask {
  readonly stopCode: string;
  readonly reason: string;
  readonly exitCode: number | undefined;
}

/** What ECS knows of a task: `gone` when it does not know it any more. */
export type TaskObservation =
  | { readonly state: 'alive'; readonly lastStatus: string }
  | { readonly state: 'gone' }
  | ({ readonly state: 'stopped' } & StoppedTask);

/** RunTask answered, and did not start the task: its reasons. */
export class LaunchRefusedError extends Error {
  readonly reasons: readonly string[];

  constructor(reasons: readonly string[], options?: ErrorOptions) {
    super(`ECS did not start a task: ${reasons.join('; ')}`, options);
    this.name = 'LaunchRefusedError';
    this.reasons = reasons;
  }
}

/** DescribeTasks takes at most 100 tasks [API reference]. */
const DESCRIBE_AT_A_TIME = 100;

/** DescribeTasks and StopTask calls on their way at once: well below the 20 a second that ECS takes for long. */
const CALLS_AT_A_TIME = 4;

/** A turn of the supervisor waits no longer than this for what ECS knows; the next turn asks again. */
const LOOK_PATIENCE_MS = 10_000;

/** A supervisor that waits for ECS for ever renews no grant and fences no task. */
const REPLY_TIMEOUT_MS = 10_000;

const RETRIES = { retries: 5, minTimeout: 200, maxTimeout: 5_000, randomize: true };

/** Errors of the control plane that another try may mend. */
const TRANSIENT =
  /Throttl|TooManyRequests|RequestLimit|ServerException|ServiceUnavailable|InternalFailure|Timeout/;

/** By their texts, since the names are those of other errors too: no room for a task now, perhaps later. */
const NO_ROOM = /capacity is unavailable|limit on the number of|run concurrently/i;

/** The control plane of the fleet. Every call is repeated while its failure is transient. */
export class Fleet {
  readonly #ecs: ECSClient;
  readonly #location: FleetLocation;

  constructor(location: FleetLocation, ecs = createEcsClient()) {
    this.#ecs = ecs;
    this.#location = location;
  }

  /**
   * Starts the task of a launch. The launch is the clientToken: repeating the call returns the task that is there.
   * @returns the task's ARN
   * @throws LaunchRefusedError when ECS answers that it did not start it.
   */
  async start(environment: TaskEnvironment, spot: boolean): Promise<string> {
    const location = this.#location;
    const reply = await retrying(() =>
      this.#ecs.send(
        new RunTaskCommand({
          cluster: location.cluster,
          taskDefinition: location.taskDefinition,
          ...(spot
            ? { capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }] }
            : { launchType: 'FARGATE' as const }),
          count: 1,
          clientToken: environment.launchId,
          startedBy: environment.runId,
          networkConfiguration: {
            awsvpcConfiguration: {
              subnets: [...location.subnets],
              securityGroups: [...location.securityGroups],
              assignPublicIp: location.assignPublicIp ? 'ENABLED' : 'DISABLED',
            },
          },
          overrides: {
            containerOverrides: [
              { name: location.container, environment: encodeTaskEnvironment(environment) },
            ],
          },
        }),
      ),
    ).catch((error: unknown) => {
      if (error instanceof Error && NO_ROOM.test(error.message)) {
        throw new LaunchRefusedError([error.message], { cause: error });
      }
      throw error;
    });
    const arn = reply.tasks?.[0]?.taskArn;
    if (arn) return arn;
    throw new LaunchRefusedError(
      (reply.failures ?? []).map(({ reason = 'no reason given', detail }) =>
        detail ? `${reason} (${detail})` : reason,
      ),
    );
  }

  /**
   * What ECS knows of these tasks. One that is not in the result was not answered for, which says nothing about it.
   * @param onUnanswered hears why a call failed; each covers up to 100 tasks
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

  /** Stops a task; gives up after some seconds. */
  async stop(taskArn: string, reason: string): Promise<void> {
    const signal = AbortSignal.timeout(LOOK_PATIENCE_MS);
    const command = new StopTaskCommand({ cluster: this.#location.cluster, task: taskArn, reason });
    await retrying(() => this.#ecs.send(command, { abortSignal: signal }), signal);
  }

  /** @throws when there is no such task definition, with ECS's own error. */
  async describeTaskDefinition() {
    const { taskDefinition } = await retrying(() =>
      this.#ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: this.#location.taskDefinition })),
    );
    return taskDefinition;
  }
}

function createEcsClient(): ECSClient {
  return new ECSClient({ maxAttempts: 1, requestHandler: timeouts(REPLY_TIMEOUT_MS) });
}

function retrying<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  return pRetry(call, {
    ...RETRIES,
    shouldRetry: ({ error }) => isTransient(error),
    ...(signal && { signal }),
  });
}

function isTransient(error: Error): boolean {
  const { $metadata, code } = error as { $metadata?: { httpStatusCode?: number }; code?: string };
  const status = $metadata?.httpStatusCode;
  return (
    TRANSIENT.test(error.name) || (status !== undefined && status >= 500) || /^E[A-Z]+$/.test(code ?? '')
  );
}
