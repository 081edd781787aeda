import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { heartbeatPace } from '../../core/control-pace.ts';
import { ControlTable } from '../../core/control-table.ts';
import { MetricsPublisher } from '../../core/metrics-publisher.ts';
import { NO_COUNTERS, type RunRecord } from '../../core/records.ts';
import type { NewRun } from '../../core/run-store.ts';
import { mostSegmentsInOverrides } from '../../orchestrator/fleet/overrides.ts';
import { createStores } from '../../orchestrator/stores.ts';
import { Supervisor } from '../../orchestrator/supervise/supervisor.ts';
import { SimControlTable } from './sim-control-table.ts';
import { SimEcs } from './sim-ecs.ts';
import { Actor, SimWorld } from './sim-world.ts';
import { runThinWorker } from './thin-worker.ts';

const RUN = 'run-1';

/** Round trip from the supervisor to the control table. */
const CONTROL_LATENCY_MS = 5;

export interface ScaleSize {
  readonly items: number;
  readonly segments: number;
  readonly tasks: number;
  /** Write units a second. */
  readonly budget: number;
  /** How much of the run is simulated, unless it ends earlier. */
  readonly seconds: number;
  /** Tasks that die without notice, for each task and hour. */
  readonly deathsPerTaskHour: number;
}

export interface ScaleResult {
  readonly size: ScaleSize;
  readonly ended: boolean;
  readonly simulatedSeconds: number;
  /** Seconds until every wanted task ran. */
  readonly startedAfterSeconds: number | undefined;
  readonly written: number;
  /** The used part of the budget, from the moment when all tasks ran. */
  readonly budgetUsed: number;
  /** On the run's partition key of the control table. */
  readonly writeUnits: {
    readonly total: number;
    readonly perSecond: number;
    readonly peak: number;
    /** The second of the peak. */
    readonly peakAt: number;
  };
  readonly readUnits: ScaleResult['writeUnits'];
  readonly runTaskPeak: number;
  readonly describeTasksPeak: number;
  readonly deaths: number;
  readonly warnings: number;
  readonly realSeconds: number;
}

/** Returns numbers from 0 to below 1 that depend only on the seed and the words. */
export function chances(seed: number) {
  return (...words: readonly (string | number)[]): number =>
    createHash('sha256')
      .update([seed, ...words].join('\n'))
      .digest()
      .readUInt32BE(0) /
    2 ** 32;
}

/** The record of a run of this size at its start. */
export function scaleRun({ segments, tasks, budget }: ScaleSize): NewRun {
  return {
    runId: RUN,
    status: 'running',
    desired: 'run',
    table: 'stuff',
    tableArn: 'arn:aws:dynamodb:us-east-1:000000000000:table/stuff',
    account: '000000000000',
    region: 'us-east-1',
    attribute: 'test',
    value: '1',
    keySchema: [{ name: 'id', type: 'S' }],
    totalSegments: segments,
    tasks,
    writeApi: 'batch',
    writeApiReason: 'simulated',
    indexes: 0,
    dryRun: false,
    spot: false,
    rates: { writeUnitsPerSecond: budget, readUnitsPerSecond: budget },
    unattendedRate: budget / 4,
    passes: 1,
    maxAttempts: 1_000,
    ...heartbeatPace(tasks, Math.ceil(segments / tasks)),
    namespace: 'Fleetfill',
    controlTable: 'control',
    pass: 1,
    sweep: 1,
    createdAt: '2026-01-01T00:00:00.000Z',
    createdBy: 'bench',
    activeMs: 0,
    changes: [],
    supervisorCounters: NO_COUNTERS,
  };
}

/** Runs the shipped supervisor and the shipped control path of the workers against services in simulated time. */
export async function measureScale(size: ScaleSize, seed: number): Promise<ScaleResult> {
  const startedAt = performance.now();
  const world = new SimWorld();
  const chance = chances(seed);
  const table = new SimControlTable(world);
  const supervisorActor = new Actor();
  const stores = createStores(
    new ControlTable(table.clientOf(supervisorActor, CONTROL_LATENCY_MS), 'control'),
  );
  const clock = world.clockOf(supervisorActor);
  const perSecond: number[] = [];
  let warnings = 0;
  let pages = 0;
  let run: RunRecord | undefined;
  const ecs = new SimEcs({
    world,
    chance,
    begin: (task, actor) =>
      runThinWorker({
        task,
        run: run as RunRecord,
        control: new ControlTable(table.clientOf(actor, 0), 'control'),
        clock: world.clockOf(actor),
        itemsPerSegment: Math.ceil(size.items / size.segments),
        writeUnitsPerItem: 1,
        // One segment in fifty takes five times as long as its share would.
        slowness: chance('slow', task.launchId === '' ? 0 : (task.segments[0] ?? 0)) < 0.02 ? 5 : 1,
        throttled: () => chance('throttled', pages++) < 0.0005,
        onWritten: items => {
          const second = Math.floor(world.nowMs / 1_000);
          perSecond[second] = (perSecond[second] ?? 0) + items;
        },
      }),
  });
  let ended = false;
  const supervise = async () => {
    run = await stores.runs.create(scaleRun(size));
    const supervisor = new Supervisor(
      {
        stores,
        fleet: ecs.fleetFor(supervisorActor),
        client: { send: async () => ({ Items: [], ScannedCount: 0 }) } as unknown as DynamoDBClient,
        clock,
        supervision: run,
        by: 'bench',
        output: {
          event: name => {
            if (name === 'warning') warnings += 1;
            // The sweep is complete. After it, only the supervisor scans.
            if (name === 'verification.started') {
              ended = true;
              world.stop();
            }
          },
          say: () => {},
          print: () => {},
        },
        metrics: silentMetrics(clock),
        detach: new AbortController().signal,
        mostSegmentsALaunch: mostSegmentsInOverrides(run, 'job'),
      },
      run,
    );
    await supervisor.supervise();
    world.stop();
  };
  let broken: unknown;
  void supervise().catch(error => {
    broken = ended ? undefined : error;
    world.stop();
  });
  let deaths = 0;
  let startedAfterSeconds: number | undefined;
  const perMinute = (size.deathsPerTaskHour * size.tasks) / 60;
  for (let second = 10; second <= size.seconds && !ended && broken === undefined; second += 10) {
    await world.run(second * 1_000);
    const running = table.itemsOf(RUN, 'TASK#').filter(({ status }) => status === 'running').length;
    if (startedAfterSeconds === undefined && running >= size.tasks * 0.99) startedAfterSeconds = second;
    if (second % 60 !== 0) continue;
    for (let death = 0; death < Math.floor(perMinute + chance('deaths', second)); death++) {
      deaths += 1;
      ecs.killOne(chance('death', second, death));
    }
  }
  if (broken !== undefined) throw broken;
  const seconds = table.secondsOf(RUN);
  const simulatedSeconds = seconds.length;
  const sum = (of: readonly number[]) => of.reduce((total, value) => total + value, 0);
  const units = (kind: 'writeUnits' | 'readUnits') => {
    const each = seconds.map(second => second[kind]);
    const peak = Math.max(0, ...each);
    return { total: sum(each), perSecond: sum(each) / simulatedSeconds, peak, peakAt: each.indexOf(peak) };
  };
  const steady = perSecond.slice(startedAfterSeconds ?? 0, simulatedSeconds - 20);
  return {
    size,
    ended,
    simulatedSeconds,
    startedAfterSeconds,
    written: sum(dense(perSecond)),
    budgetUsed: steady.length === 0 ? 0 : sum(dense(steady)) / steady.length / size.budget,
    writeUnits: units('writeUnits'),
    readUnits: units('readUnits'),
    runTaskPeak: most(ecs.calls.runTask),
    describeTasksPeak: most(ecs.calls.describeTasks),
    deaths,
    warnings,
    realSeconds: (performance.now() - startedAt) / 1_000,
  };
}

/** Fills the holes for seconds in which nothing happened. */
function dense(seconds: readonly number[]): number[] {
  return Array.from(seconds, value => value ?? 0);
}

function most(seconds: readonly number[]): number {
  return Math.max(0, ...dense(seconds));
}

export function silentMetrics(clock: ReturnType<SimWorld['clockOf']>): MetricsPublisher {
  return new MetricsPublisher({
    client: { send: async () => ({}) } as unknown as CloudWatchClient,
    clock,
    namespace: 'Fleetfill',
    table: 'stuff',
    onFailure: () => {},
  });
}
