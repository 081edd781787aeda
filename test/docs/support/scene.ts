import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { Application } from '../../../demo/application.ts';
import { createTable } from '../../../demo/create-table.ts';
import { fillWithPlaces } from '../../../demo/fill-places.ts';
import { type Item, STUFF_KEY } from '../../../demo/item.ts';
import { Journal } from '../../../demo/journal.ts';
import { compare } from '../../../demo/oracle.ts';
import { openPlaces } from '../../../demo/places.ts';
import { type LocalStack, startLocalStack } from '../../../local/local-stack.ts';
import { ROOT } from './markdown.ts';
import { Terminal } from './terminal.ts';

/** Files of the repository that a separate working directory does not need. */
const NOT_LINKED = new Set(['.git', '.cache', '.ci']);

const SETUP_TIMEOUT_MS = 60_000;

/** Time from the start of a run until the table's capacity is lowered, or old code begins to insert. */
const TROUBLE_AFTER_MS = 3_000;

/** Often enough that some inserts come between two verifications even on a busy machine. */
const OLD_CODE_INTERVAL_MS = 75;

const STAGES = [
  'bare',
  'table',
  'items',
  'capacity',
  'application',
  'paused',
  'throttle',
  'kill',
  'old-code',
];

/** What a stage has besides the stack, to write to the table and to judge it. */
interface Contents {
  readonly client: DynamoDBClient;
  readonly journal: Journal;
  readonly application: Application | undefined;
  /** A new item as old code would write it. */
  readonly newItem: () => Item;
}

/**
 * Where a document's commands run: a folder that looks like the repository, with `orchestrate` on the PATH and, unless
 * the stage is bare, a local stack instead of AWS.
 */
export class Scene {
  readonly directory: string;
  readonly stack: LocalStack | undefined;
  /** Called with what happens outside the terminals. */
  readonly onEvent: (what: string) => void;
  readonly #stage: Readonly<Record<string, string>>;
  readonly #contents: Contents | undefined;
  readonly #terminals: Terminal[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  #troubled = false;

  private constructor(
    directory: string,
    stage: Readonly<Record<string, string>>,
    stack: LocalStack | undefined,
    contents: Contents | undefined,
    onEvent: (what: string) => void,
  ) {
    this.directory = directory;
    this.#stage = stage;
    this.stack = stack;
    this.#contents = contents;
    this.onEvent = onEvent;
  }

  static async open(
    stage: Readonly<Record<string, string>>,
    onEvent: (what: string) => void = () => {},
  ): Promise<Scene> {
    const unknown = Object.keys(stage).filter(name => !STAGES.includes(name));
    if (unknown.length > 0) throw new Error(`There is no stage with ${unknown.join(', ')}.`);
    const directory = await workingDirectory();
    if ('bare' in stage) return new Scene(directory, stage, undefined, undefined, onEvent);
    const capacity = Number(stage['capacity'] ?? 0);
    const stack = await startLocalStack({
      jobBundle: join(ROOT, 'dist/job.mjs'),
      logDirectory: join(directory, 'logs'),
      ...(capacity > 0 && { capacity: { writeUnitsPerSecond: capacity, readUnitsPerSecond: 10 * capacity } }),
    });
    const items = Number(stage['items'] ?? 0);
    const contents =
      items > 0 || 'table' in stage ? await fillTable(stack, items, 'application' in stage) : undefined;
    const scene = new Scene(directory, stage, stack, contents, onEvent);
    if ('paused' in stage) await scene.#beginAndPause();
    return scene;
  }

  /** The id of the run that began last. */
  run: string | undefined;

  terminal(): Terminal {
    const terminal = new Terminal(this.directory, {
      PATH: `${join(this.directory, 'bin')}${delimiter}${process.env['PATH']}`,
      HOME: process.env['HOME'],
      TMPDIR: this.directory,
      TERM: 'dumb',
      NO_COLOR: '1',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      npm_config_update_notifier: 'false',
      ...this.stack?.environment,
    });
    this.#terminals.push(terminal);
    return terminal;
  }

  /** A run has begun. The trouble that the stage has prepared for it now happens, once. */
  runBegan(run: string): void {
    this.run = run;
    if (this.#troubled) return;
    this.#troubled = true;
    const { throttle, kill } = this.#stage;
    if (throttle !== undefined) {
      this.#later(TROUBLE_AFTER_MS, () => {
        this.stack?.capacity?.setLimit('write', Number(throttle));
        this.onEvent(`the table's write capacity is lowered to ${throttle} units a second`);
      });
    }
    if (kill !== undefined) {
      this.#later(Number(kill) * 1_000, () => {
        for (const terminal of this.#terminals) terminal.killChildren();
        this.onEvent('the orchestrator is killed (SIGKILL)');
      });
    }
    if ('old-code' in this.#stage) {
      this.#later(TROUBLE_AFTER_MS, () => {
        this.onEvent('old code begins to insert items without "test"');
        this.#timers.push(setInterval(() => void this.#insertAsOldCode(), OLD_CODE_INTERVAL_MS));
      });
    }
  }

  /** Does what a document's mark says happens in between. */
  async happens(what: string): Promise<void> {
    if (what === 'unthrottle') {
      this.stack?.capacity?.setLimit('write', Number(this.#stage['capacity']));
      this.onEvent(`the table's write capacity is raised to ${this.#stage['capacity']} units a second again`);
    } else if (what === 'deploy') {
      for (const timer of this.#timers) clearInterval(timer);
      await new Promise(resolve => setTimeout(resolve, 500));
      this.onEvent('the old code is replaced: nothing inserts items without "test" any more');
    } else {
      throw new Error(`Nothing is known of "${what}".`);
    }
  }

  /**
   * Stops the live application, if there is one, and compares the table with the journal of all its writes.
   * @throws when any item differs from the journal.
   */
  async judge(): Promise<void> {
    const { application, client, journal } = this.#contents ?? {};
    if (!application || !client || !journal) return;
    const { total } = await application.stop();
    const report = await compare(client, 'stuff', journal, { attribute: 'test', value: { N: '1' } });
    if (!report.clean) throw new Error(`The table is not as the journal says: ${JSON.stringify(report)}`);
    this.onEvent(
      `every item is compared with the journal of the application's ${total} writes: no deviation`,
    );
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#contents?.application?.stop();
    for (const terminal of this.#terminals) await terminal.close();
    this.#contents?.client.destroy();
    await this.stack?.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  #later(ms: number, what: () => void): void {
    this.#timers.push(setTimeout(what, ms));
  }

  async #insertAsOldCode(): Promise<void> {
    const { client, newItem } = this.#contents ?? {};
    if (!client || !newItem) return;
    const Item = { ...newItem(), created: { N: String(Date.now()) } };
    await client.send(new PutItemCommand({ TableName: 'stuff', Item }));
  }

  async #beginAndPause(): Promise<void> {
    const [one, other] = [this.terminal(), this.terminal()];
    const running = one.start('orchestrate --segments 8 --max-write-rate 50 --yes', SETUP_TIMEOUT_MS);
    while (!runIn(running.output())) await new Promise(resolve => setTimeout(resolve, 100));
    this.run = runIn(running.output());
    await other.run(`sleep 2; orchestrate pause ${this.run}`, SETUP_TIMEOUT_MS);
    await running.result;
  }
}

/** The run that a command said it has begun. */
export function runIn(output: string): string | undefined {
  return [...output.matchAll(/Run (\d{14}-[0-9a-f]{6}) has begun/g)].at(-1)?.[1];
}

async function workingDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'fleetfill-docs-'));
  for (const name of await readdir(ROOT)) {
    if (!NOT_LINKED.has(name)) await symlink(join(ROOT, name), join(directory, name));
  }
  await mkdir(join(directory, 'bin'));
  await symlink(join(ROOT, 'dist/orchestrate.mjs'), join(directory, 'bin/orchestrate'));
  return directory;
}

async function fillTable(stack: LocalStack, items: number, withApplication: boolean): Promise<Contents> {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  // Bypasses the capacity, if there is one, because filling is not what the document is about.
  const engine = new DynamoDBClient({ endpoint: stack.endpoints.engine, region: 'us-east-1', credentials });
  await createTable(engine, 'stuff', STUFF_KEY);
  const places = await openPlaces({ seed: 'docs' });
  const journal = new Journal({ attribute: 'test', regenerate: index => places.itemAt(index) });
  await fillWithPlaces(engine, 'stuff', places, items, journal);
  engine.destroy();
  const client = new DynamoDBClient({
    endpoint: stack.endpoints.application,
    region: 'us-east-1',
    credentials,
    maxAttempts: 1,
  });
  let next = items;
  const newItem = () => places.itemAt(next++);
  if (!withApplication) return { client, journal, newItem, application: undefined };
  const application = new Application({
    client,
    table: 'stuff',
    journal,
    newItem: index => places.itemAt(items + index),
    seed: 'docs',
    operationsPerSecond: 20,
  });
  application.start();
  return { client, journal, newItem, application };
}
