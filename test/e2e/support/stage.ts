import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Application } from '../../../demo/application.ts';
import { createTable } from '../../../demo/create-table.ts';
import { fillWithPlaces } from '../../../demo/fill-places.ts';
import { STUFF_KEY } from '../../../demo/item.ts';
import { Journal } from '../../../demo/journal.ts';
import { compare, type JournalReport } from '../../../demo/oracle.ts';
import { openPlaces } from '../../../demo/places.ts';
import { type LocalStack, type LocalStackOptions, startLocalStack } from '../../../local/local-stack.ts';
import { OrchestratorProcess } from './orchestrator-process.ts';

const JOB = fileURLToPath(new URL('../../../dist/job.mjs', import.meta.url));

export interface StageOptions {
  readonly items: number;
  readonly seed?: string;
  /** Writes a second of the simulated application; without it there is no application. */
  readonly applicationRate?: number;
  readonly stack?: Partial<LocalStackOptions>;
}

/** A stack with a filled table `stuff`, a journal of all writes, and optionally a live application. */
export class Stage {
  readonly stack: LocalStack;
  readonly client: DynamoDBClient;
  readonly journal: Journal;
  readonly application: Application | undefined;
  readonly #directory: string;
  readonly #processes: OrchestratorProcess[] = [];

  private constructor(
    stack: LocalStack,
    client: DynamoDBClient,
    journal: Journal,
    application: Application | undefined,
    directory: string,
  ) {
    this.stack = stack;
    this.client = client;
    this.journal = journal;
    this.application = application;
    this.#directory = directory;
  }

  static async open({ items, seed = 'stage', applicationRate, stack: given }: StageOptions): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), 'fleetfill-stage-'));
    const stack = await startLocalStack({ jobBundle: JOB, logDirectory: join(directory, 'logs'), ...given });
    // Filling and comparing use the engine directly. The application does not.
    const client = clientOf(stack.endpoints.engine);
    await createTable(client, 'stuff', STUFF_KEY);
    const places = await openPlaces({ seed });
    const journal = new Journal({ attribute: 'test', regenerate: index => places.itemAt(index) });
    await fillWithPlaces(client, 'stuff', places, items, journal);
    const application =
      applicationRate === undefined
        ? undefined
        : new Application({
            client: clientOf(stack.endpoints.application),
            table: 'stuff',
            journal,
            newItem: index => places.itemAt(items + index),
            seed,
            operationsPerSecond: applicationRate,
          });
    application?.start();
    return new Stage(stack, client, journal, application, directory);
  }

  /** `orchestrate` with `--json`, in an empty working directory. */
  orchestrate(args: readonly string[]): OrchestratorProcess {
    const child = new OrchestratorProcess([...args, '--json'], this.stack.environment, this.#directory);
    this.#processes.push(child);
    return child;
  }

  /** Stops the application and compares the table with the journal. */
  async compare(): Promise<JournalReport> {
    await this.application?.stop();
    return compare(this.client, 'stuff', this.journal, { attribute: 'test', value: { N: '1' } });
  }

  async close(): Promise<void> {
    await this.application?.stop();
    for (const child of this.#processes) child.kill('SIGKILL');
    await Promise.all(this.#processes.map(child => child.exit));
    this.client.destroy();
    await this.stack.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function clientOf(endpoint: string): DynamoDBClient {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  return new DynamoDBClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 });
}
