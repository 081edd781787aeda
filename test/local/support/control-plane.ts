import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DescribeTasksCommand,
  ECSClient,
  RunTaskCommand,
  type RunTaskCommandInput,
  type Task,
} from '@aws-sdk/client-ecs';
import { type EcsControlPlane, type EcsOptions, startEcs } from '../../../local/ecs/control-plane.ts';
import { until } from './processes.ts';

/**
 * Runs instead of the worker. It reports what it was given, and then does what `SCRIPT` says: `exit:N`, `wait` (exits
 * with 143 at SIGTERM) or `stubborn` (ignores SIGTERM).
 */
const FAKE_JOB = `
  const [what, code] = (process.env.SCRIPT ?? 'exit:0').split(':');
  process.on('SIGTERM', () => { if (what === 'wait') process.exit(143); });
  console.log(JSON.stringify({ pid: process.pid, cwd: process.cwd(), argv: process.argv.slice(2), env: process.env }));
  console.error('to stderr');
  if (what === 'exit') process.exit(Number(code));
  setInterval(() => {}, 1000);
`;

export const CLUSTER = 'fleet';
const FAMILY = 'worker';

export interface TestControlPlane {
  readonly ecs: EcsControlPlane;
  readonly client: ECSClient;
  readonly directory: string;
  readonly jobBundle: string;
  /** RunTask with everything that the service requires, and `given` on top. */
  run(given?: Partial<RunTaskCommandInput>): Promise<Task>;
  /** Like {@link run}, with an instruction for the fake job. */
  runScript(script: string, given?: Partial<RunTaskCommandInput>): Promise<Task>;
  describe(task: Task): Promise<Task>;
  /** Waits until DescribeTasks shows the status. */
  untilStatus(task: Task, status: string): Promise<Task>;
  /** What the task has written so far, stdout and stderr. */
  log(task: Task): Promise<string>;
  stop(): Promise<void>;
}

export const override = (
  environment: Record<string, string>,
): NonNullable<RunTaskCommandInput['overrides']> => ({
  containerOverrides: [
    { name: 'job', environment: Object.entries(environment).map(([name, value]) => ({ name, value })) },
  ],
});

export async function startTestControlPlane(options: Partial<EcsOptions> = {}): Promise<TestControlPlane> {
  const directory = await mkdtemp(join(tmpdir(), 'fleetfill-ecs-'));
  const jobBundle = join(directory, 'fake-job.mjs');
  await writeFile(jobBundle, FAKE_JOB);
  const ecs = await startEcs({
    place: { region: 'us-east-1', account: '000000000000' },
    image: { bundles: { 'job.mjs': jobBundle }, path: '/usr/bin:/bin' },
    logDirectory: join(directory, 'logs'),
    taskEnvironment: { AWS_REGION: 'us-east-1' },
    delays: { provisioningMs: 5, pendingMs: 5, deprovisioningMs: 5 },
    ...options,
  });
  ecs.createCluster(CLUSTER);
  ecs.registerTaskDefinition({
    family: FAMILY,
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    cpu: '256',
    memory: '512',
    containerDefinitions: [
      {
        name: 'job',
        image: 'worker:1',
        command: ['node', 'job.mjs'],
        environment: [{ name: 'FROM', value: 'definition' }],
        stopTimeout: 2,
      },
    ],
  });
  const client = new ECSClient({
    endpoint: ecs.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });

  const run: TestControlPlane['run'] = async given => {
    const reply = await client.send(new RunTaskCommand({ ...request(), ...given }));
    const [task] = reply.tasks ?? [];
    if (task === undefined) throw new Error(`No task: ${JSON.stringify(reply.failures)}`);
    return task;
  };
  const describe: TestControlPlane['describe'] = async ({ taskArn = '' }) => {
    const { tasks } = await client.send(new DescribeTasksCommand({ cluster: CLUSTER, tasks: [taskArn] }));
    const [task] = tasks ?? [];
    if (task === undefined) throw new Error(`There is no task ${taskArn}.`);
    return task;
  };
  return {
    ecs,
    client,
    directory,
    jobBundle,
    run,
    runScript: (SCRIPT, given) => run({ overrides: override({ SCRIPT }), ...given }),
    describe,
    async untilStatus(task, status) {
      await until(`the task is ${status}`, async () => (await describe(task)).lastStatus === status);
      return describe(task);
    },
    log: ({ taskArn = '' }) =>
      readFile(join(directory, 'logs', `${taskArn.split('/').at(-1)}.log`), 'utf8').catch(() => ''),
    async stop() {
      client.destroy();
      await ecs.stop(2_000);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A valid RunTask request. */
export const request = (): RunTaskCommandInput => ({
  cluster: CLUSTER,
  taskDefinition: FAMILY,
  launchType: 'FARGATE',
  networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'] } },
});
