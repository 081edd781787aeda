import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Application } from '../../../demo/application.ts';
import { createTable } from '../../../demo/create-table.ts';
import { fill } from '../../../demo/fill.ts';
import { type Item, type KeySchema, STUFF_KEY } from '../../../demo/item.ts';
import { Journal } from '../../../demo/journal.ts';
import { compare, describeDeviations, type JournalReport } from '../../../demo/oracle.ts';
import { openPlaces, type Places } from '../../../demo/places.ts';
import { type FaultProxy, faultsOf } from '../../../local/fault/fault-proxy.ts';
import { createProcessFaults, type ProcessFaults } from '../../../local/fault/process-faults.ts';
import { type LocalStack, type LocalStackOptions, startLocalStack } from '../../../local/local-stack.ts';
import { OrchestratorProcess } from '../../e2e/support/orchestrator-process.ts';
import type { Bundles } from './bundles.ts';
import { ControlRecords } from './control-records.ts';
import type { Report } from './report.ts';
import { Wire } from './wire.ts';

export const TABLE = 'stuff';
export const ATTRIBUTE = 'test';
/** The plan's sample before a run is not part of what a run must survive. */
const QUICK_PLAN = { FLEETFILL_SAMPLE: '0' };
const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

export interface ArenaOptions {
  readonly items: number;
  readonly seed?: string;
  /** Writes a second of the simulated application; without it there is no application. */
  readonly applicationRate?: number;
  /** The tool's number of segments. Half of the application's writes go where the tool is working. */
  readonly followSegments?: number;
  /** Without it, nothing is between the processes and the engine. */
  readonly faults?: boolean;
  readonly stack?: Partial<LocalStackOptions>;
  /** Items instead of real places. */
  readonly itemAt?: (index: number) => Item;
}

/** A stack with a filled table, a journal of every write to it, and the processes under judgement. */
export class Arena {
  readonly stack: LocalStack;
  readonly journal: Journal;
  readonly application: Application | undefined;
  readonly wire: Wire;
  readonly control: ControlRecords;
  readonly tasks: ProcessFaults;
  /** A client of the engine itself, without faults. */
  readonly client: DynamoDBClient;
  readonly directory: string;
  readonly #bundles: Bundles;
  readonly #clients: DynamoDBClient[];
  readonly #processes: OrchestratorProcess[] = [];
  #closing: Promise<void> | undefined;

  private constructor(
    parts: Pick<Arena, 'stack' | 'journal' | 'application' | 'client' | 'directory'>,
    clients: DynamoDBClient[],
    bundles: Bundles,
  ) {
    this.stack = parts.stack;
    this.journal = parts.journal;
    this.application = parts.application;
    this.client = parts.client;
    this.directory = parts.directory;
    this.wire = new Wire(parts.stack.faults, TABLE);
    this.control = new ControlRecords(parts.client, parts.stack.environment['FLEETFILL_CONTROL_TABLE'] ?? '');
    this.tasks = createProcessFaults(parts.stack.ecs);
    this.#clients = clients;
    this.#bundles = bundles;
  }

  static async open(options: ArenaOptions, bundles: Bundles): Promise<Arena> {
    const { items, seed = 'arena', faults = false } = options;
    const directory = await mkdtemp(join(tmpdir(), 'fleetfill-arena-'));
    const stack = await startLocalStack({
      jobBundle: bundles.job,
      logDirectory: join(directory, 'logs'),
      ...(faults && { faults: faultsOf({ seed }) }),
      ...options.stack,
    });
    const client = connect(stack.endpoints.engine);
    const live = connect(stack.endpoints.application);
    const places: Places | undefined = options.itemAt ? undefined : await openPlaces({ seed });
    const itemAt = options.itemAt ?? ((index: number) => (places as Places).itemAt(index));
    const journal = await fillTable(client, TABLE, items, itemAt);
    const { applicationRate, followSegments } = options;
    const application =
      applicationRate === undefined
        ? undefined
        : new Application({
            client: live,
            table: TABLE,
            journal,
            newItem: index => itemAt(items + index),
            seed,
            operationsPerSecond: applicationRate,
            ...(followSegments !== undefined && { followSegments }),
          });
    application?.start();
    return new Arena({ stack, journal, application, client, directory }, [client, live], bundles);
  }

  /** @throws Error when the arena was opened without faults. */
  get faults(): FaultProxy {
    if (!this.stack.faults) throw new Error('This arena was opened without faults.');
    return this.stack.faults;
  }

  /** Path of the orchestrator's bundle. */
  get orchestrator(): string {
    return this.#bundles.orchestrate;
  }

  /** `orchestrate` with `--json`, in an empty directory. */
  orchestrate(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): OrchestratorProcess {
    const child = new OrchestratorProcess(
      [...args, '--json'],
      { ...this.stack.environment, ...QUICK_PLAN, ...environment },
      this.directory,
      this.#bundles.orchestrate,
    );
    this.#processes.push(child);
    return child;
  }

  /** Runs a command to its end. */
  async command(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly code: number; readonly process: OrchestratorProcess }> {
    const process = this.orchestrate(args, environment);
    return { code: await process.exit, process };
  }

  /** Tasks whose process runs now. */
  running(): { readonly launch: string; readonly taskArn: string; readonly pid: number }[] {
    return this.stack.ecs
      .tasks()
      .flatMap(({ launch, taskArn, pid, lastStatus }) =>
        lastStatus === 'RUNNING' && pid !== undefined && launch !== undefined
          ? [{ launch, taskArn, pid }]
          : [],
      );
  }

  /** Stops the application and compares the table with the journal. */
  async compare(value: AttributeValue | readonly AttributeValue[] = { N: '1' }): Promise<JournalReport> {
    await this.application?.stop();
    return compare(this.client, TABLE, this.journal, { attribute: ATTRIBUTE, value });
  }

  /** Like {@link compare}, as a criterion with a count for each promise about items. */
  async judge(report: Report, value?: AttributeValue | readonly AttributeValue[]): Promise<JournalReport> {
    const found = await this.compare(value);
    const count = (...kinds: (keyof JournalReport['counts'])[]) =>
      kinds.reduce((sum, kind) => sum + (found.counts[kind] ?? 0), 0);
    const kinds = [
      count('attribute-missing'),
      count('item-changed', 'item-lost'),
      count('application-value-overwritten', 'null-replaced'),
      count('deleted-item-exists', 'unknown-item'),
      count('not-the-tools-value'),
    ];
    report.equal(
      'journal: missing, lost, overwritten, resurrected, wrong value',
      kinds.join(', '),
      '0, 0, 0, 0, 0',
    );
    if (!found.clean) report.figure('deviations', describeDeviations(found, 2).join(' '));
    return found;
  }

  /** A digest of all whole items of a table. */
  async hashOf(table: string): Promise<string> {
    const lines = (await this.control.itemsOf(table)).map(item => stable(item)).sort();
    return hash('sha256', lines.join('\n'), 'hex').slice(0, 16);
  }

  /** May be called twice, because a case with many arenas closes each one when it is done with it. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    await this.application?.stop().catch(() => undefined);
    for (const child of this.#processes) child.kill('SIGKILL');
    await Promise.all(this.#processes.map(child => child.exit));
    for (const client of this.#clients) client.destroy();
    // A frozen task would not notice that it must stop.
    for (const { launch } of this.running()) this.tasks.thaw(launch);
    await this.stack.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

export function connect(endpoint: string): DynamoDBClient {
  return new DynamoDBClient({ endpoint, region: 'us-east-1', credentials: CREDENTIALS, maxAttempts: 1 });
}

/** Creates a table and fills it. A separate journal records every item. */
export async function fillTable(
  client: DynamoDBClient,
  table: string,
  items: number,
  itemAt: (index: number) => Item,
  key: KeySchema = STUFF_KEY,
): Promise<Journal> {
  await createTable(client, table, key);
  const journal = new Journal({ attribute: ATTRIBUTE, key, regenerate: itemAt });
  function* entered(): Generator<Item> {
    for (let index = 0; index < items; index++) {
      const item = itemAt(index);
      journal.recordFill(item, index);
      yield item;
    }
  }
  await fill(client, table, entered());
  return journal;
}

/** JSON with the names of every object in order, and binary as base64. */
function stable(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (inner instanceof Uint8Array) return Buffer.from(inner).toString('base64');
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
