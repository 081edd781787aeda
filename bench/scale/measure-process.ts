import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlTable } from '../../core/control-table.ts';
import { startCloudWatch } from '../../local/cloudwatch/endpoint.ts';
import { startServer } from '../../local/wire/server.ts';
import { createStores } from '../../orchestrator/stores.ts';
import { type LoopUsage, loopHook } from './loop-hook.ts';
import { type ScaleSize, scaleRun } from './measure-scale.ts';
import { fillControlTable } from './measure-supervisor.ts';
import { SimControlTable } from './sim-control-table.ts';
import { serveControlTable } from './sim-wire.ts';
import { Actor, SimWorld } from './sim-world.ts';

export interface ProcessCost extends LoopUsage {
  readonly requests: number;
  /** Words of the process, should it have ended early. */
  readonly said: string;
}

const CONTROL_TABLE = 'control';

/** The supervisor's own time to leave. */
const LEAVING_MS = 30_000;

/**
 * What `orchestrate resume` takes of its machine as a process, in the middle of a run of this size: the shipped bundle,
 * with the AWS SDK, over HTTP, in real time. The services are in this process; nothing of them counts.
 */
export async function measureProcess(
  size: ScaleSize,
  seconds: number,
  bundle = 'dist/orchestrate.mjs',
): Promise<ProcessCost> {
  const table = new SimControlTable(new SimWorld());
  const client = table.clientOf(new Actor(), 0);
  const { runs } = createStores(new ControlTable(client, CONTROL_TABLE));
  const run = await runs.create({ ...scaleRun(size), createdAt: new Date().toISOString() });
  fillControlTable(table, run);
  const directory = await mkdtemp(join(tmpdir(), 'fleetfill-scale-'));
  const [dynamodb, ecs, cloudWatch] = await Promise.all([
    serveControlTable(client, CONTROL_TABLE),
    serveEcs(),
    startCloudWatch(),
  ]);
  const usage = join(directory, 'loop.json');
  const given = process.env['FLEETFILL_BENCH_NODE_OPTIONS']?.split(' ') ?? [];
  const child = spawn(
    process.execPath,
    [...given, ...loopHook(usage), bundle, 'resume', run.runId, '--json', ...PLACE],
    {
      env: {
        PATH: process.env['PATH'],
        HOME: directory,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'local',
        AWS_SECRET_ACCESS_KEY: 'local',
        AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
        AWS_ENDPOINT_URL_CLOUDWATCH: cloudWatch.endpoint,
        AWS_ENDPOINT_URL: ecs.endpoint,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  // Whoever ends the benchmark ends the supervisor too.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2_000);
  });
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()));
  try {
    const living = new AbortController();
    const lived = live(table, run, living.signal);
    await Promise.race([ended, sleep(seconds * 1_000)]);
    child.kill('SIGINT');
    await Promise.race([ended, sleep(LEAVING_MS)]);
    living.abort();
    await lived;
    return { ...(JSON.parse(await readFile(usage, 'utf8')) as LoopUsage), requests: table.calls, said };
  } finally {
    kill();
    process.off('exit', kill);
    await Promise.all([dynamodb.close(), ecs.close(), cloudWatch.stop()]);
    await rm(directory, { recursive: true, force: true });
  }
}

const PLACE = [
  ...['--cluster', 'c', '--task-definition', 't', '--subnets', 's', '--security-groups', 'g'],
  ...['--control-table', CONTROL_TABLE],
];

/** Every task runs, and nothing else can be asked. */
function serveEcs() {
  const describeTasks = (body: unknown) => ({
    tasks: (body as { tasks: string[] }).tasks.map(taskArn => ({
      taskArn,
      lastStatus: 'RUNNING',
      desiredStatus: 'RUNNING',
      containers: [],
    })),
    failures: [],
  });
  return startServer(
    { targetPrefix: 'AmazonEC2ContainerServiceV20141113', operations: { DescribeTasks: describeTasks } },
    0,
  );
}

/** The fleet goes on: each task sends its heartbeats in its time, and two of its segments get on. */
async function live(
  table: SimControlTable,
  { runId, heartbeatMs }: { readonly runId: string; readonly heartbeatMs: number },
  signal: AbortSignal,
): Promise<void> {
  const tickMs = 250;
  const ticks = Math.max(1, Math.round(heartbeatMs / tickMs));
  for (let tick = 0; !signal.aborted; tick++) {
    const tasks = table.itemsOf(runId, 'TASK#');
    for (let task = tick % ticks; task < tasks.length; task += ticks) {
      const { item } = tasks[task] as { item: string };
      const now = table.item(runId, item) as Record<string, unknown>;
      table.write({ ...now, heartbeat: Number(now['heartbeat']) + 1, seenRenewal: now['renewal'] });
      for (const segment of (now['segments'] as number[]).slice(-2)) {
        const record = table.item(runId, `SEGMENT#${String(segment).padStart(7, '0')}`);
        const counters = record?.['counters'] as Record<string, number> | undefined;
        if (!record || !counters) continue;
        const updated = { ...counters, updated: Number(counters['updated']) + 25 };
        table.write({ ...record, sequence: Number(record['sequence']) + 1, counters: updated });
      }
    }
    await sleep(tickMs);
  }
}
