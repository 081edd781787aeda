import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Application } from '../demo/application.ts';
import { createTable } from '../demo/create-table.ts';
import { fill } from '../demo/fill.ts';
import { fillWithPlaces } from '../demo/fill-places.ts';
import { type Item, STUFF_KEY } from '../demo/item.ts';
import { Journal } from '../demo/journal.ts';
import { orchestrate } from '../demo/orchestration.ts';
import { openPlaces } from '../demo/places.ts';
import type { CapacityOptions } from '../local/capacity/options.ts';
import { type LocalStack, startLocalStack } from '../local/local-stack.ts';

export interface Bundles {
  readonly orchestrate: string;
  readonly job: string;
}

interface Stand {
  readonly stack: LocalStack;
  /** Bypasses the capacity proxy, for filling the table. */
  readonly client: DynamoDBClient;
  readonly run: (args: readonly string[]) => Promise<number | null>;
}

/** Runs `work` with a stack whose table has a capacity. */
async function withCapacity<T>(
  bundles: Bundles,
  capacity: CapacityOptions,
  work: (stand: Stand) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'fleetfill-capacity-'));
  const stack = await startLocalStack({
    jobBundle: bundles.job,
    logDirectory: join(directory, 'logs'),
    capacity,
  });
  const client = new DynamoDBClient({
    endpoint: stack.engine.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  try {
    return await work({
      stack,
      client,
      run: async args => {
        const { exitCode } = await orchestrate({
          bundle: bundles.orchestrate,
          args: ['--yes', '--json', ...args],
          environment: { ...process.env, ...stack.environment },
          onEvent: () => {},
          onWords: () => {},
          signal: new AbortController().signal,
        });
        return exitCode;
      },
    });
  } finally {
    client.destroy();
    await stack.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

export interface HotPartitionResult {
  /** Write units a second from the first write to the last. */
  readonly unitsPerSecond: number;
  readonly exitCode: number | null;
}

/**
 * Measures a run over items that all have one partition key, in one segment, with a budget far above what a partition
 * serves.
 */
export function measureHotPartition(bundles: Bundles, items: number): Promise<HotPartitionResult> {
  return withCapacity(bundles, { mode: 'on-demand', partitions: 4 }, async ({ stack, client, run }) => {
    await createTable(client, 'stuff', STUFF_KEY);
    await fill(client, 'stuff', underOneKey(items));
    const exitCode = await run(['--segments', '1', '--max-write-rate', '4000', '--max-read-rate', '20000']);
    const buckets = stack.capacity?.journal.series({ kind: 'write', table: 'stuff' }) ?? [];
    const used = buckets.flatMap((units, bucket) => (units > 0 ? [bucket] : []));
    const seconds = ((used.at(-1) ?? 0) - (used[0] ?? 0) + 1) / 10;
    return { unitsPerSecond: buckets.reduce((sum, units) => sum + units, 0) / seconds, exitCode };
  });
}

function* underOneKey(count: number): Generator<Item> {
  for (let index = 0; index < count; index++) {
    yield { id: { S: 'everything' }, created: { N: String(1_600_000_000_000 + index) } };
  }
}

export interface UnattendedResult {
  /** Write units a second in the 30 seconds before the orchestrator was killed. */
  readonly attended: number;
  /** Write units a second in the last 20 s of three minutes without an orchestrator. */
  readonly unattended: number;
}

/** Kills the orchestrator and leaves the fleet alone for three minutes. */
export function measureUnattended(
  bundles: Bundles,
  budget: number,
  floor: number,
): Promise<UnattendedResult> {
  return withCapacity(bundles, { mode: 'on-demand', partitions: 1_000 }, async ({ stack, client }) => {
    await createTable(client, 'stuff', STUFF_KEY);
    await fill(client, 'stuff', underManyKeys(budget * 230));
    const args = [
      '--yes',
      '--json',
      '--segments',
      '4',
      '--max-write-rate',
      String(budget),
      '--max-read-rate',
      '20000',
    ];
    const orchestrator = spawn(
      process.execPath,
      [bundles.orchestrate, ...args, '--unattended-rate', String(floor)],
      {
        env: { ...process.env, ...stack.environment },
        stdio: 'ignore',
      },
    );
    await delay(40_000);
    orchestrator.kill('SIGKILL');
    const killedAt = elapsedBuckets(stack);
    await delay(180_000);
    const buckets = stack.capacity?.journal.series({ kind: 'write', table: 'stuff' }) ?? [];
    const now = elapsedBuckets(stack);
    const rate = (from: number, to: number) =>
      buckets.slice(from, to).reduce((sum, units) => sum + units, 0) / ((to - from) / 10);
    return { attended: rate(killedAt - 300, killedAt), unattended: rate(now - 200, now) };
  });
}

function elapsedBuckets(stack: LocalStack): number {
  return Math.floor((Date.now() - (stack.capacity?.journal.beganAt ?? 0)) / 100);
}

function* underManyKeys(count: number): Generator<Item> {
  for (let index = 0; index < count; index++)
    yield { id: { S: `item-${index}` }, created: { N: String(index) } };
}

export interface LiveTrafficResult {
  readonly applicationRequests: number;
  readonly applicationThrottled: number;
  /** Throttled requests of the application divided by all it sent while the fleet ran. */
  readonly throttledPart: number;
  readonly fleetUnitsPerSecond: number;
  readonly exitCode: number | null;
}

export interface LiveTrafficCase {
  readonly provisioned: number;
  /** The part of the provisioned write units that the application uses. */
  readonly part: number;
  readonly items: number;
  /** How long the application writes before the run starts, because the table's metrics are a minute old. */
  readonly warmUpMs: number;
  readonly args: readonly string[];
}

/** Measures a live application beside the fleet, on a provisioned table. */
export function measureLiveTraffic(bundles: Bundles, given: LiveTrafficCase): Promise<LiveTrafficResult> {
  const capacity = {
    writeUnitsPerSecond: given.provisioned,
    readUnitsPerSecond: given.provisioned * 3,
    metricsPeriodSeconds: 10,
  };
  return withCapacity(bundles, capacity, async ({ stack, client, run }) => {
    await createTable(client, 'stuff', STUFF_KEY);
    const places = await openPlaces({ seed: 'live' });
    const journal = new Journal({ attribute: 'test', regenerate: index => places.itemAt(index) });
    await fillWithPlaces(client, 'stuff', places, given.items, journal);
    const live = new DynamoDBClient({
      endpoint: stack.endpoints.application,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      maxAttempts: 1,
    });
    const application = new Application({
      client: live,
      table: 'stuff',
      journal,
      newItem: index => places.itemAt(given.items + index),
      seed: 'live',
      operationsPerSecond: given.provisioned * given.part,
    });
    application.start();
    await delay(given.warmUpMs);
    const before = stack.capacity?.journal.counts('application');
    const startedAtMs = performance.now();
    const exitCode = await run(['--segments', '4', ...given.args]);
    const seconds = (performance.now() - startedAtMs) / 1_000;
    const after = stack.capacity?.journal.counts('application');
    await application.stop();
    live.destroy();
    const fleet = stack.capacity?.journal.series({ kind: 'write', table: 'stuff', client: 'fleet' }) ?? [];
    const requests = (after?.requests ?? 0) - (before?.requests ?? 0);
    const throttled = (after?.throttledRequests ?? 0) - (before?.throttledRequests ?? 0);
    return {
      applicationRequests: requests,
      applicationThrottled: throttled,
      throttledPart: throttled / Math.max(1, requests),
      fleetUnitsPerSecond: fleet.reduce((sum, units) => sum + units, 0) / seconds,
      exitCode,
    };
  });
}
