import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';

/**
 * Runs TypeScript as a separate process, bundled like the CLI. What must survive `kill -9` cannot be tested inside the
 * test's process, and what must work from any directory runs in an empty one.
 */
export interface BundledProcess {
  readonly child: ChildProcess;
  /** The next line that it has written to stdout, or will write. */
  nextLine(): Promise<string>;
  /** Kills it if it still runs, and removes its directory. */
  remove(): Promise<void>;
}

/** @param source a module that may import from the repository's root as `./…` */
export async function runBundled(
  source: string,
  environment: Record<string, string> = {},
): Promise<BundledProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'fleetfill-bundled-'));
  const file = join(directory, 'program.mjs');
  await build({
    stdin: { contents: source, resolveDir: resolve('.'), loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: file,
    logLevel: 'error',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
  const child = spawn(process.execPath, [file], {
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    async nextLine() {
      const { value, done } = await lines.next();
      if (done) throw new Error('The program ended without another line.');
      return value;
    },
    async remove() {
      child.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}
