import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ORCHESTRATE = fileURLToPath(new URL('../../dist/orchestrate.mjs', import.meta.url));
export const JOB = fileURLToPath(new URL('../../dist/job.mjs', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a bundle without a terminal, with only the given environment. */
export function runBundle(
  bundle: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return run(process.execPath, [bundle, ...args], environment);
}

/** Like {@link runBundle}, for a shell command line. */
export function runShell(line: string, environment: Readonly<Record<string, string>>): Promise<Ended> {
  return run('/bin/sh', ['-c', line], environment);
}

/** Like {@link runBundle}, for any program, in a directory of its own. */
export function run(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  cwd = process.cwd(),
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { PATH: process.env['PATH'], AWS_EC2_METADATA_DISABLED: 'true', ...environment },
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', code => resolve({ code, stdout, stderr }));
  });
}
