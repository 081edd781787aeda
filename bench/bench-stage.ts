import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DeleteTableCommand, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { build } from 'esbuild';
import { createTable } from '../demo/create-table.ts';
import { fill } from '../demo/fill.ts';
import { STUFF_KEY } from '../demo/item.ts';
import { openPlaces, takePlaces } from '../demo/places.ts';
import { type LocalStack, startLocalStack } from '../local/local-stack.ts';
import { bundleSettings } from '../scripts/bundle-settings.mjs';

/**
 * `null`: a process that answers with prepared bytes. `dynoxide`: the embedded engine. `latency`: the same engine
 * behind the capacity proxy, without limits but 5 ms slower for each call.
 */
export type EngineName = 'null' | 'dynoxide' | 'latency';

const LATENCY_MS = 5;

/** The measured programs, the usage hook and the null server, bundled like dist/. */
export interface Bundles {
  readonly job: string;
  readonly row: (name: string) => string;
  readonly hook: string;
  readonly nullServer: string;
}

async function bundleRows(job: string, directory: string): Promise<Bundles> {
  await build({
    ...bundleSettings,
    entryPoints: [
      'bench/usage-hook.ts',
      'bench/null-server.ts',
      'bench/rows/naive.ts',
      'bench/rows/update-item.ts',
      'bench/rows/parallel-scan.ts',
      'bench/rows/ceiling.ts',
    ],
    outbase: 'bench',
    outdir: directory,
    outExtension: { '.js': '.mjs' },
  });
  return {
    job: resolve(job),
    row: name => join(directory, 'rows', `${name}.mjs`),
    hook: join(directory, 'usage-hook.mjs'),
    nullServer: join(directory, 'null-server.mjs'),
  };
}

/** One engine for all rows, and a table of real places for each measurement. */
export class BenchStage {
  readonly name: EngineName;
  readonly stack: LocalStack;
  readonly bundles: Bundles;
  /** The environment of the measured processes. */
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly #client: DynamoDBClient;
  readonly #nullServer: ChildProcess | undefined;
  #tables = 0;

  private constructor(
    name: EngineName,
    stack: LocalStack,
    bundles: Bundles,
    directory: string,
    nullServer?: ChildProcess,
    endpoint?: string,
  ) {
    this.name = name;
    this.stack = stack;
    this.bundles = bundles;
    this.directory = directory;
    this.#nullServer = nullServer;
    this.environment = {
      ...stack.environment,
      ...(endpoint !== undefined && { AWS_ENDPOINT_URL_DYNAMODB: endpoint }),
    };
    this.#client = new DynamoDBClient({
      endpoint: stack.engine.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
  }

  static async open(name: EngineName, job: string): Promise<BenchStage> {
    const directory = await mkdtemp(join(tmpdir(), 'fleetfill-bench-'));
    const bundles = await bundleRows(job, join(directory, 'bundles'));
    const stack = await startLocalStack({
      jobBundle: job,
      logDirectory: join(directory, 'logs'),
      ...(name === 'latency' && {
        capacity: { mode: 'on-demand', partitions: 1_000, latencyMs: LATENCY_MS },
      }),
    });
    if (name !== 'null') return new BenchStage(name, stack, bundles, directory);
    const server = spawn(process.execPath, [bundles.nullServer], {
      env: {
        NULL_CONTROL_TABLE: stack.environment['FLEETFILL_CONTROL_TABLE'] ?? '',
        NULL_CONTROL_ENDPOINT: stack.controlEngine.endpoint,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const endpoint = await new Promise<string>((found, reject) => {
      server.stdout?.once('data', (line: Buffer) => found(line.toString().trim()));
      server.once('error', reject);
      server.once('exit', code => reject(new Error(`The null server ended with ${code}.`)));
    });
    return new BenchStage(name, stack, bundles, directory, server, endpoint);
  }

  /**
   * Creates a table with this many items, the same each time. Every measurement gets its own table. Items that already
   * have attributes from an earlier row are longer and would make each row slower than the one before.
   */
  async createTable(items: number): Promise<string> {
    this.#tables += 1;
    const table = `stuff-${this.#tables}-${items}`;
    if (this.name === 'null') return table;
    const places = await openPlaces({ seed: 'bench' });
    await createTable(this.#client, table, STUFF_KEY);
    await fill(this.#client, table, takePlaces(places, items));
    return table;
  }

  async deleteTable(table: string): Promise<void> {
    if (this.name !== 'null') await this.#client.send(new DeleteTableCommand({ TableName: table }));
  }

  /**
   * Counts the items that lack the attribute with a strongly consistent Scan that bypasses all proxies. A null server
   * has none.
   */
  async missing(table: string, attribute: string): Promise<number> {
    if (this.name === 'null') return 0;
    let missing = 0;
    let ExclusiveStartKey: ScanCommand['input']['ExclusiveStartKey'];
    do {
      const page = await this.#client.send(
        new ScanCommand({
          TableName: table,
          ExclusiveStartKey,
          ConsistentRead: true,
          Select: 'COUNT',
          FilterExpression: 'attribute_not_exists(#attribute)',
          ExpressionAttributeNames: { '#attribute': attribute },
        }),
      );
      missing += page.Count ?? 0;
      ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey);
    return missing;
  }

  /** Creates an empty directory for one row's files. */
  async rowDirectory(name: string): Promise<string> {
    const directory = join(this.directory, name);
    await mkdir(directory);
    return directory;
  }

  async close(): Promise<void> {
    this.#client.destroy();
    this.#nullServer?.removeAllListeners('exit');
    this.#nullServer?.kill('SIGKILL');
    await this.stack.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}
