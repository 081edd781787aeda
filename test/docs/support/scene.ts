import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Application } from '../../../demo/application.ts';
import { createTable } from '../../../demo/create-table.ts';
import { fillWithPlaces } from '../../../demo/fill-places.ts';
import { STUFF_KEY } from '../../../demo/item.ts';
import { Journal } from '../../../demo/journal.ts';
import { openPlaces } from '../../../demo/places.ts';
import { type LocalStack, startLocalStack } from '../../../local/local-stack.ts';
import { ROOT } from './markdown.ts';
import { Terminal } from './terminal.ts';

/** What of the repository is not for a working directory of its own. */
const NOT_LINKED = new Set(['.git', '.cache', '.ci']);

const SETUP_TIMEOUT_MS = 60_000;

/**
 * Where a document's commands run: a folder that looks like the repository and is not it, `orchestrate` on the PATH,
 * and, unless the stage is bare, a stack of one machine in place of AWS.
 */
export class Scene {
  readonly directory: string;
  readonly stack: LocalStack | undefined;
  readonly application: Application | undefined;
  readonly #client: DynamoDBClient | undefined;
  readonly #terminals: Terminal[] = [];

  private constructor(
    directory: string,
    stack: LocalStack | undefined,
    client: DynamoDBClient | undefined,
    application: Application | undefined,
  ) {
    this.directory = directory;
    this.stack = stack;
    this.#client = client;
    this.application = application;
  }

  static async open(stage: Readonly<Record<string, string>>): Promise<Scene> {
    const known = ['bare', 'items', 'capacity', 'application', 'paused'];
    const unknown = Object.keys(stage).filter(name => !known.includes(name));
    if (unknown.length > 0) throw new Error(`There is no stage with ${unknown.join(', ')}.`);
    const directory = await workingDirectory();
    if ('bare' in stage) return new Scene(directory, undefined, undefined, undefined);
    const capacity = Number(stage['capacity'] ?? 0);
    const stack = await startLocalStack({
      jobBundle: join(ROOT, 'dist/job.mjs'),
      logDirectory: join(directory, 'logs'),
      ...(capacity > 0 && { capacity: { writeUnitsPerSecond: capacity, readUnitsPerSecond: 10 * capacity } }),
    });
    const client = new DynamoDBClient({
      endpoint: stack.endpoints.application,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      maxAttempts: 1,
    });
    const items = Number(stage['items'] ?? 0);
    const application = items > 0 ? await fillTable(stack, client, items, 'application' in stage) : undefined;
    const scene = new Scene(directory, stack, client, application);
    if ('paused' in stage) await scene.#beginAndPause();
    return scene;
  }

  /** The id of the run that was begun last. */
  run: string | undefined;

  terminal(): Terminal {
    const terminal = new Terminal(this.directory, {
      PATH: `${join(this.directory, 'bin')}${delimiter}${process.env['PATH']}`,
      HOME: process.env['HOME'],
      TERM: 'dumb',
      NO_COLOR: '1',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      npm_config_update_notifier: 'false',
      ...this.stack?.environment,
    });
    this.#terminals.push(terminal);
    return terminal;
  }

  async close(): Promise<void> {
    await this.application?.stop();
    for (const terminal of this.#terminals) await terminal.close();
    this.#client?.destroy();
    await this.stack?.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #beginAndPause(): Promise<void> {
    const [one, other] = [this.terminal(), this.terminal()];
    const running = one.start('orchestrate --segments 8 --max-write-rate 100 --yes', SETUP_TIMEOUT_MS);
    while (!runIn(running.output())) await new Promise(resolve => setTimeout(resolve, 100));
    this.run = runIn(running.output());
    await other.run(`sleep 2; orchestrate pause ${this.run}`, SETUP_TIMEOUT_MS);
    await running.result;
  }
}

/** The run that a command said it began. */
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

async function fillTable(
  stack: LocalStack,
  client: DynamoDBClient,
  items: number,
  withApplication: boolean,
): Promise<Application | undefined> {
  // Past the capacity, if there is one: filling is not what the document is about.
  const engine = new DynamoDBClient({
    endpoint: stack.engine.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  await createTable(engine, 'stuff', STUFF_KEY);
  const places = await openPlaces({ seed: 'docs' });
  const journal = new Journal({ attribute: 'test', regenerate: index => places.itemAt(index) });
  await fillWithPlaces(engine, 'stuff', places, items, journal);
  engine.destroy();
  if (!withApplication) return undefined;
  const application = new Application({
    client,
    table: 'stuff',
    journal,
    newItem: index => places.itemAt(items + index),
    seed: 'docs',
    operationsPerSecond: 20,
  });
  application.start();
  return application;
}
