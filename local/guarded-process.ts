import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/**
 * A small shell that becomes the program and leaves a watcher behind.
 *
 * The watcher blocks on a pipe whose other end only our process holds. A line on it means that the program has ended
 * and the watcher may exit. End of file means that our process has died, even by `kill -9`, and the watcher kills the
 * program. Because the shell becomes the program (`exec`), the pid, signals and exit code are the program's own.
 */
const GUARD_SCRIPT = ['{ read -r _ <&3 || kill -KILL $$; } >/dev/null 2>&1 &', 'exec "$@" 3<&-'].join('\n');

export interface GuardedProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the program. It inherits nothing. */
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Where stdout and stderr go: a pipe to us, or a file descriptor that we opened. */
  readonly output: 'pipe' | number;
}

/** How a process ended: with an exit code, or by a signal. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface GuardedProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Resolves when the process has ended; never rejects. */
  readonly ended: Promise<ProcessEnd>;
}

/**
 * Starts a program that cannot outlive our process. It gets its own process group, so that Ctrl-C on the terminal
 * reaches only us and we decide the order of stopping.
 *
 * A program that does not exist is no error here: the shell ends with 127, as `ended` then says.
 * @throws Error when even the shell could not be started
 */
export async function startGuarded(options: GuardedProcessOptions): Promise<GuardedProcess> {
  const child = spawn('/bin/sh', ['-c', GUARD_SCRIPT, 'sh', options.command, ...options.args], {
    cwd: options.directory,
    env: { ...options.environment },
    // The watcher's pipe cannot be stdin, because Node closes stdin before it reports the end.
    stdio: ['ignore', options.output, options.output, 'pipe'],
    detached: true,
  });
  const watcher = child.stdio[3] as Writable;
  // The watcher may already be gone when we release it, which does not matter.
  watcher.on('error', () => {});
  const ended = new Promise<ProcessEnd>(resolve => {
    child.once('exit', (exitCode, signal) => {
      watcher.end('\n');
      resolve({ exitCode, signal });
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  return { child, pid: child.pid as number, ended };
}

/**
 * Asks a process to end, and kills it after `patienceMs`.
 * @returns how it ended
 */
export async function stopProcess(guarded: GuardedProcess, patienceMs: number): Promise<ProcessEnd> {
  guarded.child.kill('SIGTERM');
  const timer = setTimeout(() => guarded.child.kill('SIGKILL'), patienceMs);
  try {
    return await guarded.ended;
  } finally {
    clearTimeout(timer);
  }
}
