import { randomUUID } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ConfigurationError, describeError } from '../core/errors.ts';
import type { CapacityProxy } from './capacity/capacity-proxy.ts';
import type { CapacityOptions } from './capacity/options.ts';
import { type CloudWatchEndpoint, startCloudWatch } from './cloudwatch/endpoint.ts';
import { createControlTable } from './control-table.ts';
import { type EcsControlPlane, startEcs } from './ecs/control-plane.ts';
import type { BeforeRunTask } from './ecs/interference.ts';
import type { TaskDelays } from './ecs/task.ts';
import { type Engine, startEngine } from './engine.ts';
import { type EngineSettings, readEngineSettings } from './engine-choice.ts';
import type { FaultProxy } from './fault/fault-proxy.ts';
import { createRoutes, type MakeFaults } from './routes.ts';

export { shellExports } from './shell-exports.ts';

export interface LocalStackOptions {
  /** Where the database is kept; in memory by default. */
  readonly directory?: string | undefined;
  /** The file that each task runs as `job.mjs`. The supervisor's `orchestrate.mjs` lies beside it. */
  readonly jobBundle: string;
  /** Where `<task id>.log` goes; a new temporary directory by default. */
  readonly logDirectory?: string | undefined;
  readonly controlTable?: string | undefined;
  /** A DynamoDB, or a proxy before one, that already runs. No engine is started then. */
  readonly dynamodbEndpoint?: string | undefined;
  /** Ports on the loopback interface; free ones by default. */
  readonly ports?:
    | { readonly dynamodb?: number; readonly ecs?: number; readonly cloudWatch?: number }
    | undefined;
  /**
   * Variables for tasks only, which override the stack's: for example endpoints of a proxy that the orchestrator does
   * not use.
   */
  readonly taskEnvironment?: Readonly<Record<string, string>> | undefined;
  readonly taskDelays?: Partial<TaskDelays>;
  readonly beforeRunTask?: BeforeRunTask;
  readonly engineSettings?: EngineSettings;
  /** Called with a message if more than a start is needed; writes to stderr by default. */
  readonly say?: ((line: string) => void) | undefined;
  /** Gives every table except the control table a capacity. Without it the engine is as fast as it can be. */
  readonly capacity?: CapacityOptions | undefined;
  /** For tests: puts the proxy that `faultsOf` of fault/fault-proxy.ts makes before each of the three services. */
  readonly faults?: MakeFaults | undefined;
}

export interface LocalStack {
  /** Points any AWS SDK, and `orchestrate`, at this stack. */
  readonly environment: Readonly<Record<string, string>>;
  readonly endpoints: {
    readonly dynamodb: string;
    readonly ecs: string;
    readonly cloudWatch: string;
    /**
     * DynamoDB for a live application. It has the same tables, but proxies can tell its calls from those of the fleet.
     */
    readonly application: string;
    /** DynamoDB without any proxy: no faults, no capacity. */
    readonly engine: string;
  };
  readonly logDirectory: string;
  /** Serves the user's tables. */
  readonly engine: Engine;
  /** Serves control tables and the lock table. It is the same as `engine` if that was running before. */
  readonly controlEngine: Engine;
  readonly ecs: EcsControlPlane;
  readonly cloudWatch: CloudWatchEndpoint;
  readonly capacity: CapacityProxy | undefined;
  readonly faults: FaultProxy | undefined;
  /** Stops the tasks, then the endpoints, then the engines. May be called twice. */
  stop(): Promise<void>;
}

const REGION = 'us-east-1';
/** The account in the ARNs of both engines. */
const ACCOUNT = '000000000000';
/** Local engines require credentials and do not check them. */
const CREDENTIALS = { region: REGION, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
const CLUSTER = 'fleetfill';
const TASK_DEFINITION = 'fleetfill-job';
const SUPERVISOR_TASK_DEFINITION = 'fleetfill-supervisor';
const DEFAULT_CONTROL_TABLE = 'fleetfill-control';
/** Below the database directory, because each engine needs its own directory. */
const CONTROL_DIRECTORY = 'control';

/**
 * Starts an AWS for one machine: DynamoDB, ECS and CloudWatch on the loopback interface, with a cluster, task
 * definitions and a control table. The orchestrator finds what infra/ creates on AWS. Nothing outlives our process.
 *
 * @throws ConfigurationError, EngineStartError; everything started before is stopped
 */
export async function startLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  requirePosix();
  requireTemporaryFolder();
  const started: (() => Promise<void>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopAll(started.reverse());
    return stopping;
  };
  try {
    return await startParts(options, started, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Tasks log there, and an engine in memory starts there. @throws ConfigurationError */
function requireTemporaryFolder(): void {
  try {
    accessSync(tmpdir(), constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new ConfigurationError(
      `The folder for temporary files cannot be used: ${describeError(cause)}\nSet TMPDIR to a folder that you may write to.`,
      { cause },
    );
  }
}

/**
 * The engine and the tasks are started through /bin/sh and ended by signals, which Windows does not have.
 * @throws ConfigurationError on Windows
 */
export function requirePosix(os = process.platform): void {
  if (os !== 'win32') return;
  throw new ConfigurationError(
    'The AWS for one machine runs on Linux and macOS. On Windows use WSL: `wsl --install`, then install Node.js and run the same command there.',
  );
}

/** Stops one after the other. A failure does not keep the others running. */
async function stopAll(parts: readonly (() => Promise<void>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const stopPart of parts) await stopPart().catch(error => errors.push(error));
  if (errors.length > 0) throw new AggregateError(errors, 'A part of the local stack did not stop.');
}

async function startParts(
  options: LocalStackOptions,
  started: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<LocalStack> {
  const settings = options.engineSettings ?? readEngineSettings();
  const { ports, capacity, faults } = options;
  // With a proxy, clients get the given port and the service behind it gets any free one.
  const behindProxy = (port: number | undefined, proxied: boolean) => (proxied ? undefined : port);
  const engineSettings = {
    ...settings,
    ...(options.dynamodbEndpoint && { endpoint: options.dynamodbEndpoint }),
  };
  // An engine that already runs serves every table.
  const oneEngine = engineSettings.endpoint !== undefined;
  const controlEngine = await startEngine({
    directory: options.directory && join(options.directory, CONTROL_DIRECTORY),
    settings: engineSettings,
    say: options.say,
  });
  started.push(() => controlEngine.stop());
  const engine = oneEngine
    ? controlEngine
    : await startEngine({ directory: options.directory, settings: engineSettings, say: options.say });
  started.push(() => engine.stop());
  const cloudWatch = await startCloudWatch({ port: behindProxy(ports?.cloudWatch, faults !== undefined) });
  started.push(() => cloudWatch.stop());
  const controlTable = options.controlTable ?? DEFAULT_CONTROL_TABLE;
  await createControlTable({ ...CREDENTIALS, endpoint: controlEngine.endpoint }, controlTable);
  const routes = await createRoutes({
    engineEndpoint: engine.endpoint,
    controlEngineEndpoint: oneEngine ? undefined : controlEngine.endpoint,
    capacity,
    faults,
    controlTable,
    putMetric: datum => cloudWatch.put(datum),
  });
  started.push(() => routes.stop());
  const toDynamodb = await routes.open('dynamodb', engine.endpoint, ports?.dynamodb);
  const toCloudWatch = await routes.open('cloudwatch', cloudWatch.endpoint, ports?.cloudWatch);

  const base = {
    AWS_REGION: REGION,
    // The AWS CLI and boto3 read only this variable.
    AWS_DEFAULT_REGION: REGION,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL_DYNAMODB: toDynamodb.orchestrator,
    AWS_ENDPOINT_URL_CLOUDWATCH: toCloudWatch.orchestrator,
  };
  // The first task that writes output creates it.
  const logDirectory = resolve(options.logDirectory ?? join(tmpdir(), `fleetfill-logs-${randomUUID()}`));
  const ecs = await startEcs({
    place: { region: REGION, account: ACCOUNT },
    image: {
      bundles: {
        'job.mjs': resolve(options.jobBundle),
        'orchestrate.mjs': resolve(dirname(options.jobBundle), 'orchestrate.mjs'),
      },
      path: settings.path,
    },
    logDirectory,
    taskEnvironment: {
      ...base,
      AWS_ENDPOINT_URL_DYNAMODB: toDynamodb.fleet,
      AWS_ENDPOINT_URL_CLOUDWATCH: toCloudWatch.fleet,
      ...options.taskEnvironment,
    },
    port: behindProxy(ports?.ecs, faults !== undefined),
    ...(options.taskDelays && { delays: options.taskDelays }),
    beforeRunTask: options.beforeRunTask,
  });
  started.push(() => ecs.stop());
  const toEcs = await routes.open('ecs', ecs.endpoint, ports?.ecs);
  ecs.createCluster(CLUSTER);
  ecs.registerTaskDefinition(jobDefinition());
  // The supervisor calls the services as an orchestrator does, so it uses the orchestrator's endpoints.
  ecs.registerTaskDefinition(
    supervisorDefinition({
      AWS_ENDPOINT_URL_DYNAMODB: toDynamodb.orchestrator,
      AWS_ENDPOINT_URL_CLOUDWATCH: toCloudWatch.orchestrator,
      AWS_ENDPOINT_URL_ECS: toEcs.orchestrator,
      AWS_ENDPOINT_URL: toEcs.orchestrator,
    }),
  );
  return {
    environment: {
      ...base,
      AWS_ENDPOINT_URL_ECS: toEcs.orchestrator,
      // Every other service gets the answer that the operation is unknown, and no request leaves this machine.
      AWS_ENDPOINT_URL: toEcs.orchestrator,
      FLEETFILL_CLUSTER: CLUSTER,
      FLEETFILL_TASK_DEFINITION: TASK_DEFINITION,
      FLEETFILL_SUPERVISOR_TASK_DEFINITION: SUPERVISOR_TASK_DEFINITION,
      FLEETFILL_SUBNETS: 'subnet-local',
      FLEETFILL_SECURITY_GROUPS: 'sg-local',
      FLEETFILL_CONTROL_TABLE: controlTable,
    },
    endpoints: {
      dynamodb: toDynamodb.orchestrator,
      ecs: toEcs.orchestrator,
      cloudWatch: toCloudWatch.orchestrator,
      application: toDynamodb.application,
      engine: await routes.openEngine(),
    },
    logDirectory,
    engine,
    controlEngine,
    ecs,
    cloudWatch,
    capacity: routes.capacity,
    faults: routes.faults,
    stop,
  };
}

/** Like infra/fleet.yaml. The image is never pulled here. */
function jobDefinition() {
  return {
    family: TASK_DEFINITION,
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    cpu: '256',
    memory: '512',
    containerDefinitions: [
      {
        name: 'job',
        image: 'fleetfill-job:local',
        command: ['node', 'job.mjs'],
        essential: true,
        stopTimeout: 120,
      },
    ],
  };
}

/** Like infra/fleet.yaml, too. */
function supervisorDefinition(environment: Readonly<Record<string, string>>) {
  return {
    family: SUPERVISOR_TASK_DEFINITION,
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    cpu: '512',
    memory: '1024',
    containerDefinitions: [
      {
        name: 'supervisor',
        image: 'fleetfill-job:local',
        command: ['node', 'orchestrate.mjs', '--help'],
        environment: Object.entries(environment).map(([name, value]) => ({ name, value })),
        essential: true,
        stopTimeout: 120,
      },
    ],
  };
}
