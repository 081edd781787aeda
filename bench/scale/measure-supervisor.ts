import { PerformanceObserver } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ControlTable } from '../../core/control-table.ts';
import { NO_COUNTERS, type RunRecord } from '../../core/records.ts';
import { observers } from '../../orchestrator/run-observer.ts';
import { createStores } from '../../orchestrator/stores.ts';
import { SampleRecorder } from '../../orchestrator/supervise/sample-recorder.ts';
import { Supervisor } from '../../orchestrator/supervise/supervisor.ts';
import { PlainDisplay } from '../../orchestrator/terminal/plain-display.ts';
import { RunView } from '../../orchestrator/terminal/run-view.ts';
import { type ScaleSize, scaleRun, silentMetrics } from './measure-scale.ts';
import { SimControlTable } from './sim-control-table.ts';
import { Actor, SimWorld } from './sim-world.ts';

export interface SupervisorCost {
  readonly turns: number;
  /** Write units on the run's partition key in the busiest second, the take-over included. */
  readonly mostWriteUnits: number;
  readonly cpuMsPerTurn: number;
  /** CPU time of the longest round of the event loop, during which nothing else runs. */
  readonly longestBlockMs: number;
  /** The longest pause of the garbage collector. It may be part of `longestBlockMs`. */
  readonly longestGcMs: number;
  /** Heap in use, which includes the simulated table. */
  readonly heapMb: number;
}

/** Measures what the supervisor alone costs in the middle of a run of this size. */
export async function measureSupervisor(size: ScaleSize, turns: number): Promise<SupervisorCost> {
  const world = new SimWorld();
  const table = new SimControlTable(world);
  const actor = new Actor();
  const clock = world.clockOf(actor);
  const stores = createStores(new ControlTable(table.clientOf(actor, 1), 'control'));
  const creating = stores.runs.create(scaleRun(size));
  await world.run(1_000);
  const run: RunRecord = await creating;
  fillControlTable(table, run);
  // As in a real process: with the view of a pipe, and with samples for later readers.
  const view = new RunView(new PlainDisplay(() => {}, clock), clock);
  const { samples } = stores;
  const recorder = new SampleRecorder({ samples, clock, epoch: run.epoch, onFailure: () => {} });
  const supervisor = new Supervisor(
    {
      stores,
      fleet: {
        describe: async (arns: readonly string[]) =>
          new Map(arns.map(arn => [arn, { state: 'alive' as const, lastStatus: 'RUNNING' }])),
      } as never,
      client: {} as DynamoDBClient,
      clock,
      supervision: run,
      by: 'bench',
      output: { event: () => {}, say: () => {}, print: () => {} },
      metrics: silentMetrics(clock),
      observer: observers(view, recorder),
      detach: new AbortController().signal,
    },
    run,
  );
  void supervisor.supervise();
  const turnMs = Math.max(1_000, run.heartbeatMs / 4);
  // The first turn reads everything once.
  await advance(world, table, run, 3, turnMs);
  collectGarbage();
  let longestGcMs = 0;
  const collector = new PerformanceObserver(list => {
    for (const { duration } of list.getEntries()) longestGcMs = Math.max(longestGcMs, duration);
  });
  collector.observe({ entryTypes: ['gc'] });
  const before = cpuMs();
  let longestBlockMs = 0;
  let roundBegan = before;
  world.onRound = () => {
    const now = cpuMs();
    longestBlockMs = Math.max(longestBlockMs, now - roundBegan);
    roundBegan = now;
  };
  await advance(world, table, run, turns, turnMs, () => {
    roundBegan = cpuMs();
  });
  const cpuMsPerTurn = (cpuMs() - before) / turns;
  world.onRound = undefined;
  collector.disconnect();
  collectGarbage();
  const heapMb = process.memoryUsage().heapUsed / 2 ** 20;
  world.stop();
  return {
    turns,
    mostWriteUnits: Math.max(...table.secondsOf(run.runId).map(({ writeUnits }) => writeUnits)),
    cpuMsPerTurn,
    longestBlockMs,
    longestGcMs,
    heapMb,
  };
}

/** Everything left after the collection is in use. */
const collectGarbage = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

/** CPU time of this process, including the garbage collector's threads. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Advances the time. Each task sends its heartbeats and moves its segments. */
async function advance(
  world: SimWorld,
  table: SimControlTable,
  run: RunRecord,
  turns: number,
  turnMs: number,
  begun: () => void = () => {},
): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    for (const task of table.itemsOf(run.runId, 'TASK#')) {
      table.write({
        ...task,
        heartbeat: Number(task['heartbeat']) + 1,
        seenRenewal: task['renewal'],
      });
    }
    begun();
    await world.run(world.nowMs + turnMs);
  }
}

/** Makes half of the segments complete and puts each task in the middle of two. */
export function fillControlTable(table: SimControlTable, run: RunRecord): void {
  const { runId, totalSegments, tasks } = run;
  const granted = { writeUnitsPerSecond: 1, readUnitsPerSecond: 1 };
  for (let task = 0; task < tasks; task++) {
    const segments: number[] = [];
    for (let segment = task; segment < totalSegments; segment += tasks) segments.push(segment);
    const launch = `00000000-0000-4000-8000-${String(task).padStart(12, '0')}`;
    table.write({
      run: runId,
      item: `TASK#${launch}`,
      launch,
      pass: 1,
      segments,
      status: 'running',
      epoch: 1,
      desired: 'run',
      granted,
      held: granted,
      renewal: 1,
      seenRenewal: 1,
      seen: 'run',
      heartbeat: 1,
      instance: launch,
      taskArn: `arn:aws:ecs:us-east-1:000000000000:task/fleetfill/${launch.replaceAll('-', '')}`,
      launchedAt: run.createdAt,
      heartbeatAt: run.createdAt,
    });
    for (const [index, segment] of segments.entries()) {
      const complete = index < segments.length / 2 && segments.length > 1;
      table.write({
        run: runId,
        item: `SEGMENT#${String(segment).padStart(7, '0')}`,
        segment,
        totalSegments,
        pass: 1,
        status: complete ? 'complete' : 'running',
        launch,
        progressedBy: launch,
        sequence: 12,
        lastEvaluatedKey:
          '{"id":{"S":"4a1b2c3d-0000-4000-8000-000000000000"},"created":{"N":"1700000000000"}}',
        counters: { ...NO_COUNTERS, scanned: 50_000, matched: 50_000, updated: 50_000, writeUnits: 50_000 },
        attempts: 0,
        progressAt: run.createdAt,
        ...(complete && { completedAt: run.createdAt }),
      });
    }
  }
}
