import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A signal that a bundle gets while it runs. */
export interface Interruption {
  readonly signal: NodeJS.Signals;
  readonly afterMs: number;
}

/** Runs a bundle of dist/ to its end, in an environment with only the given AWS variables. */
export async function runBundle(
  name: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  interruption?: Interruption,
): Promise<Finished> {
  const bundle = fileURLToPath(new URL(`../../../dist/${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [bundle, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], AWS_EC2_METADATA_DISABLED: 'true', ...environment },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  const timer = interruption && setTimeout(() => child.kill(interruption.signal), interruption.afterMs);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(timer);
  return { exitCode, stdout, stderr };
}
