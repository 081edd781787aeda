import { startServer } from '../wire/server.ts';
import { createState } from './control-plane-state.ts';
import type { BeforeRunTask } from './interference.ts';
import { answerMetadata, METADATA_PATH } from './metadata.ts';
import type { Place } from './names.ts';
import { createOperations } from './operations.ts';
import type { RegisterTaskDefinitionRequest } from './requests.ts';
import type { LastStatus, StopRequest, TaskDelays } from './task.ts';
import type { Image } from './task-process.ts';

export interface EcsOptions {
  readonly place: Place;
  readonly image: Image;
  /** Absolute path. The output of each task goes to `<task id>.log` in it. */
  readonly logDirectory: string;
  /**
   * The environment that the platform gives each container: Region, credentials and endpoints. The endpoint of this
   * control plane is added if it is missing. The task definition and the overrides take precedence.
   */
  readonly taskEnvironment: Readonly<Record<string, string>>;
  /** Port on the loopback interface; a free one by default. */
  readonly port?: number | undefined;
  readonly delays?: Partial<TaskDelays>;
  readonly stoppedTaskRetentionMs?: number;
  readonly beforeRunTask?: BeforeRunTask | undefined;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

/** A task as tests look at it. */
interface TaskView {
  readonly taskArn: string;
  /** FLEETFILL_LAUNCH in the container's environment. */
  readonly launch: string | undefined;
  /** Undefined until the container has started. */
  readonly pid: number | undefined;
  readonly lastStatus: LastStatus;
}

export interface EcsControlPlane {
  readonly endpoint: string;
  createCluster(name: string, capacityProviders?: readonly string[]): void;
  registerTaskDefinition(definition: RegisterTaskDefinitionRequest): void;
  /** All known tasks, oldest first. */
  tasks(): TaskView[];
  /**
   * Stops a task as the platform may do by itself, for a Spot interruption or failing hardware.
   * @returns false if the task does not exist
   */
  interruptTask(taskArn: string, request: StopRequest): boolean;
  /** Changes variables of tasks that start from now on, for example to a proxy's endpoint. */
  overrideTaskEnvironment(variables: Readonly<Record<string, string>>): void;
  /** Ends every task (SIGTERM, and SIGKILL after `patienceMs`), then the server. */
  stop(patienceMs?: number): Promise<void>;
}

const TARGET_PREFIX = 'AmazonEC2ContainerServiceV20141113';
const DEFAULT_DELAYS: TaskDelays = { provisioningMs: 40, pendingMs: 40, deprovisioningMs: 20 };
const STOPPED_TASK_RETENTION_MS = 60 * 60 * 1_000;
const STOP_PATIENCE_MS = 10_000;

/** Starts the control plane. README.md beside this file says what it does and does not do. */
export async function startEcs(options: EcsOptions): Promise<EcsControlPlane> {
  const now = options.now ?? Date.now;
  let taskEnvironment = options.taskEnvironment;
  let endpoint = '';
  const state = createState({
    place: options.place,
    beforeRunTask: options.beforeRunTask,
    now,
    stoppedTaskRetentionMs: options.stoppedTaskRetentionMs ?? STOPPED_TASK_RETENTION_MS,
    taskSettings: () => ({
      place: options.place,
      image: options.image,
      logDirectory: options.logDirectory,
      delays: { ...DEFAULT_DELAYS, ...options.delays },
      now,
      platformEnvironment: taskId => ({
        AWS_ENDPOINT_URL_ECS: endpoint,
        ECS_CONTAINER_METADATA_URI_V4: `${endpoint}${METADATA_PATH}/${taskId}`,
        ...taskEnvironment,
      }),
    }),
  });
  const server = await startServer(
    {
      targetPrefix: TARGET_PREFIX,
      operations: createOperations(state),
      get: path => answerMetadata(state, path),
    },
    options.port ?? 0,
  );
  endpoint = server.endpoint;
  const unfinished = () => [...state.tasks.values()].filter(task => task.lastStatus !== 'STOPPED');
  return {
    endpoint,
    createCluster: (name, capacityProviders = ['FARGATE', 'FARGATE_SPOT']) => {
      state.clusters.create(name, capacityProviders);
    },
    registerTaskDefinition: definition => {
      state.taskDefinitions.register(definition);
    },
    tasks: () =>
      [...state.tasks.values()].map(({ arn, environment, pid, lastStatus }) => {
        const { FLEETFILL_LAUNCH: launch } = environment;
        return { taskArn: arn, launch, pid, lastStatus };
      }),
    interruptTask(taskArn, request) {
      const task = [...state.tasks.values()].find(one => one.arn === taskArn);
      task?.stop(request);
      return task !== undefined;
    },
    overrideTaskEnvironment(variables) {
      taskEnvironment = { ...taskEnvironment, ...variables };
    },
    async stop(patienceMs = STOP_PATIENCE_MS) {
      const request: StopRequest = {
        stopCode: 'TerminationNotice',
        reason: 'The control plane is shutting down',
      };
      // Repeated until none is left, because RunTask may start tasks meanwhile.
      for (let left = unfinished(); left.length > 0; left = unfinished()) {
        for (const task of left) task.stop(request, patienceMs);
        await Promise.all(left.map(task => task.stopped));
      }
      await server.close();
    },
  };
}
