import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createTable } from '../../../demo/create-table.ts';
import { STUFF_KEY } from '../../../demo/item.ts';
import { type LocalStack, type LocalStackOptions, startLocalStack } from '../../../local/local-stack.ts';

const dist = (file: string) => fileURLToPath(new URL(`../../../dist/${file}`, import.meta.url));

export const ORCHESTRATE = dist('orchestrate.mjs');

/** A local AWS with a table `stuff`, and the bundle's commands on it. */
export class LocalRun {
  readonly stack: LocalStack;
  readonly environment: NodeJS.ProcessEnv;
  readonly #children: ChildProcess[] = [];

  private constructor(stack: LocalStack) {
    this.stack = stack;
    const { CI: _, NO_COLOR: __, ...rest } = process.env;
    this.environment = {
      ...rest,
      ...stack.environment,
      TERM: 'xterm-256color',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    };
  }

  static async start(items: number, options: Partial<LocalStackOptions> = {}): Promise<LocalRun> {
    const local = new LocalRun(await startLocalStack({ jobBundle: dist('job.mjs'), ...options }));
    await local.#createTable();
    await local.finish(
      spawn(process.execPath, [dist('seed.mjs'), '--items', String(items)], { env: local.environment }),
    );
    return local;
  }

  /** Starts `orchestrate` with these words. */
  orchestrate(...words: string[]): ChildProcess {
    const child = spawn(process.execPath, [ORCHESTRATE, ...words], { env: this.environment });
    this.#children.push(child);
    return child;
  }

  /**
   * @returns everything that it wrote.
   * @throws when its exit code is not 0.
   */
  async finish(child: ChildProcess): Promise<string> {
    let written = '';
    child.stdout?.on('data', text => (written += text));
    child.stderr?.on('data', text => (written += text));
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`exit code ${code}: ${written}`);
    return written;
  }

  async stop(): Promise<void> {
    for (const child of this.#children) if (child.exitCode === null) child.kill('SIGKILL');
    await this.stack.stop();
  }

  async #createTable(): Promise<void> {
    const client = new DynamoDBClient({
      endpoint: this.stack.endpoints.dynamodb,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    await createTable(client, 'stuff', STUFF_KEY);
    client.destroy();
  }
}

/**
 * Resolves with the first match in a process's output.
 * @throws when it ends without one.
 */
export function firstMatch(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let written = '';
    const look = (text: Buffer) => {
      written += text;
      const match = pattern.exec(written);
      if (match) resolve(match[1] ?? match[0]);
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('close', () => reject(new Error(`It wrote nothing like ${pattern}: ${written}`)));
  });
}
