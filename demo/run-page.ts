import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

export interface RunPageOptions {
  /** Path of dist/orchestrate.mjs. */
  readonly bundle: string;
  readonly runId: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** The page of a run, served by `orchestrate dashboard` as a process, as it would be anywhere. */
export class RunPage {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  /** @param onUrl called once the page can be opened */
  constructor({ bundle, runId, environment }: RunPageOptions, onUrl: (url: string) => void) {
    const child = spawn(process.execPath, [bundle, 'dashboard', runId, '--json'], {
      env: environment,
      stdio: ['ignore', 'pipe', 'ignore'],
      // A separate process group: Ctrl-C reaches only the demo, which then stops things in order.
      detached: true,
    });
    this.#child = child;
    this.#closed = once(child, 'close').catch(() => {});
    createInterface({ input: child.stdout }).on('line', line => {
      const { url } = JSON.parse(line) as { url?: string };
      if (url) onUrl(url);
    });
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#closed;
  }
}

/**
 * Writes the report of a run into a temporary file.
 * @returns the file's path
 * @throws Error with the orchestrator's message
 */
export async function writeReport({ bundle, runId, environment }: RunPageOptions): Promise<string> {
  const file = join(tmpdir(), `fleetfill-${runId}.html`);
  await promisify(execFile)(process.execPath, [bundle, 'report', runId, '--out', file], { env: environment });
  return file;
}
