import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { createTable } from '../demo/create-table.ts';
import { fill } from '../demo/fill.ts';
import { type Item, STUFF_KEY } from '../demo/item.ts';
import { orchestrate } from '../demo/orchestration.ts';
import { itemSize, type WireItem } from '../local/dynamodb/item-size.ts';
import { startLocalStack } from '../local/local-stack.ts';

const WRITE_UNIT_BYTES = 1_024;

/** As long as the items of the founding case. */
const ITEM_BYTES = 350;

/** The bucket of the capacity proxy's journal. */
const BUCKET_MS = 100;
const WINDOW_BUCKETS = 100;

export interface BudgetCase {
  /** Write units a second. */
  readonly budget: number;
  readonly workers: number;
  /** About how long the fleet should have work. */
  readonly seconds: number;
  readonly bundles: { readonly orchestrate: string; readonly job: string };
  readonly signal?: AbortSignal;
}

export interface BudgetResult {
  /** The most units consumed in any ten seconds, divided by ten seconds of the budget. */
  readonly worstWindow: number;
  /** The most units consumed in any ten seconds. */
  readonly worstWindowUnits: number;
  /**
   * The average consumption divided by the budget, from the moment when all tasks run until the first one has no work
   * left.
   */
  readonly average: number;
  readonly averagedSeconds: number;
  /** Write units of the undo log in the control table, divided by those of the table. */
  readonly undoLogShare: number;
  readonly exitCode: number | null;
}

/**
 * Runs the fleet over a table without its own limits, and reads from the capacity proxy's journal what was consumed
 * when. Each item costs one unit.
 */
export async function measureBudget({
  budget,
  workers,
  seconds,
  bundles,
  signal,
}: BudgetCase): Promise<BudgetResult> {
  const directory = await mkdtemp(join(tmpdir(), 'fleetfill-budget-'));
  const stack = await startLocalStack({
    jobBundle: bundles.job,
    logDirectory: join(directory, 'logs'),
    capacity: { mode: 'on-demand', partitions: 1_000 },
  });
  try {
    const { capacity } = stack;
    if (!capacity) throw new Error('The stack has no capacity proxy.');
    const client = connect(stack.engine.endpoint);
    await createTable(client, 'stuff', STUFF_KEY);
    await fill(client, 'stuff', items(Math.ceil(budget * seconds)));
    client.destroy();
    const run = await orchestrate({
      bundle: bundles.orchestrate,
      args: [
        '--segments',
        String(workers),
        '--yes',
        '--json',
        '--max-read-rate',
        '20000',
        '--max-write-rate',
        String(budget),
      ],
      environment: { ...process.env, ...stack.environment },
      onEvent: () => {},
      onWords: () => {},
      signal: signal ?? new AbortController().signal,
    });
    const buckets = capacity.journal.series({ kind: 'write', table: 'stuff' });
    const logUnits = await undoLogUnits(
      connect(stack.controlEngine.endpoint),
      stack.environment['FLEETFILL_CONTROL_TABLE'] ?? '',
    );
    const journalBeganAt = capacity.journal.beganAt;
    const { allRunningAt, firstDoneAt } = await readTimes(join(directory, 'logs'));
    const from = Math.ceil((allRunningAt - journalBeganAt) / BUCKET_MS);
    const to = Math.floor((firstDoneAt - journalBeganAt) / BUCKET_MS);
    const worst = worstWindow(buckets);
    return {
      worstWindow: worst / (budget * 10),
      worstWindowUnits: worst,
      average: sum(buckets.slice(from, to)) / (((to - from) * BUCKET_MS) / 1_000) / budget,
      averagedSeconds: ((to - from) * BUCKET_MS) / 1_000,
      undoLogShare: logUnits / sum(buckets),
      exitCode: run.exitCode,
    };
  } finally {
    await stack.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The promise: never more than 105 % plus one item in any ten seconds, and at least 90 % on average. */
export function keepsItsPromise({ budget }: Pick<BudgetCase, 'budget'>, result: BudgetResult): boolean {
  return result.worstWindowUnits <= budget * 10 * 1.05 + 1 && result.average >= 0.9 && result.exitCode === 0;
}

/** Each item of the log is put once, so their sizes tell what the puts cost. */
async function undoLogUnits(client: DynamoDBClient, table: string): Promise<number> {
  let units = 0;
  for await (const { Items = [] } of paginateScan({ client }, { TableName: table })) {
    for (const item of Items) {
      if (!item['run']?.S?.includes('#UNDO#')) continue;
      const data = item['data']?.B;
      // On the wire binary is base64.
      const wire = {
        ...item,
        ...(data && { data: { B: Buffer.from(data).toString('base64') } }),
      } as WireItem;
      units += Math.ceil(itemSize(wire) / WRITE_UNIT_BYTES);
    }
  }
  client.destroy();
  return units;
}

function connect(endpoint: string): DynamoDBClient {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  return new DynamoDBClient({ endpoint, region: 'us-east-1', credentials });
}

/** GUIDs and times as keys, as in the founding case. */
function* items(count: number): Generator<Item> {
  for (let index = 0; index < count; index++) {
    const hex = createHash('md5').update(`${index}`).digest('hex');
    const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
    const item = {
      id: { S: id.join('-') },
      created: { N: String(1_600_000_000_000 + ((index * 7_919) % 1_000_003) * 86_400) },
    };
    yield { ...item, rest: { S: 'x'.repeat(ITEM_BYTES - itemSize(item) - 'rest'.length) } };
  }
}

function worstWindow(buckets: readonly number[]): number {
  let window = 0;
  let worst = 0;
  for (const [index, units] of buckets.entries()) {
    window += units - (buckets[index - WINDOW_BUCKETS] ?? 0);
    worst = Math.max(worst, window);
  }
  return worst;
}

/** Reads from the workers' logs when the last worker had started, and when the first one had no segment left. */
async function readTimes(logs: string): Promise<{ allRunningAt: number; firstDoneAt: number }> {
  const started: number[] = [];
  const done: number[] = [];
  for (const file of await readdir(logs)) {
    const lines = (await readFile(join(logs, file), 'utf8')).split('\n').filter(line => line.startsWith('{'));
    const entries = lines.map(line => JSON.parse(line) as { time: string; message: string });
    const timeOf = (message: string) =>
      entries.filter(entry => entry.message === message).map(({ time }) => Date.parse(time));
    started.push(...timeOf('worker started'));
    done.push(Math.max(...timeOf('segment complete')));
  }
  return { allRunningAt: Math.max(...started), firstDoneAt: Math.min(...done) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
