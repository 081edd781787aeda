import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Usage } from './usage-hook.ts';

export interface MeasuredProcess {
  readonly bundle: string;
  readonly arguments?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Runs processes side by side to their ends, each with the usage hook loaded first.
 * @returns the usage that each process recorded
 * @throws Error when one does not exit with 0; its output is in `directory`
 */
export async function measureProcesses(
  processes: readonly MeasuredProcess[],
  hook: string,
  directory: string,
  signal: AbortSignal,
): Promise<Usage[]> {
  const started: ChildProcess[] = [];
  const kill = () => {
    for (const child of started) child.kill('SIGKILL');
  };
  signal.addEventListener('abort', kill, { once: true });
  try {
    return await Promise.all(
      processes.map(async ({ bundle, arguments: given = [], environment }, index) => {
        const usagePath = join(directory, `usage-${index}.json`);
        const output = openSync(join(directory, `output-${index}.log`), 'w');
        const child = spawn(
          process.execPath,
          [...extraOptions(), '--import', pathToFileURL(hook).href, bundle, ...given],
          {
            env: {
              PATH: process.env['PATH'],
              AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
              ...environment,
              FLEETFILL_BENCH_USAGE: usagePath,
            },
            stdio: ['ignore', output, output],
          },
        );
        started.push(child);
        const exitCode = await new Promise<number | null>((resolve, reject) => {
          child.once('error', reject);
          child.once('exit', resolve);
        });
        signal.throwIfAborted();
        if (exitCode !== 0) {
          const said = readFileSync(join(directory, `output-${index}.log`), 'utf8');
          throw new Error(`${bundle} ended with ${exitCode}: ${said.slice(-2_000)}`);
        }
        return JSON.parse(readFileSync(usagePath, 'utf8')) as Usage;
      }),
    );
  } finally {
    signal.removeEventListener('abort', kill);
    kill();
  }
}

/** For a profile: `FLEETFILL_BENCH_NODE_OPTIONS='--cpu-prof --cpu-prof-dir=/tmp/profiles' npm run bench`. */
function extraOptions(): string[] {
  return process.env['FLEETFILL_BENCH_NODE_OPTIONS']?.split(' ') ?? [];
}
