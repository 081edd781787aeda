import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/**
 * A small shell that becomes the program and leaves a watcher behind.
 *
 * The watcher blocks on a pipe whose other end only our process holds. A line on it means that the program
 * has ended and the watcher may go; end of file means that our process has died, by `kill -9` too, and the
 * program is killed. Because the shell *becomes* the program (`exec`), the pid, the signals and the exit
 * code that we see are the program's own, with nothing in between to translate them.
 */
const GUARD_SCRIPT = ['{ read -r _ <&3 || kill -KILL $$; } >/dev/null 2>&1 &', 'exec "$@" 3<&-'].join('\n');

export interface GuardedProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the program: nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Where stdout and stderr go, each: a pipe to us, or a file descriptor that we opened. */
  readonly output: 'pipe' | number;
}

/** How a process ended: by itself with a code, or by a signal. */
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
 * Starts a program that cannot outlive our process. It gets a process group of its own, so that Ctrl-C on
 * the terminal reaches us alone and we decide in which order things stop.
 *
 * A program that does not exist is not an error here: the shell ends with 127, as `ended` then says.
 * @throws Error when not even the shell could be started
 */
export async function startGuarded(options: GuardedProcessOptions): Promise<GuardedProcess> {
  const child = spawn('/bin/sh', ['-c', GUARD_SCRIPT, 'sh', options.command, ...options.args], {
    cwd: options.directory,
    env: { ...options.environment },
    // Not stdin for the watcher's pipe: Node closes that one before it tells us of the end.
    stdio: ['ignore', options.output, options.output, 'pipe'],
    detached: true,
  });
  const watcher = child.stdio[3] as Writable;
  // The watcher may be gone before we release it; there is nobody left to tell.
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
 * Asks a process to end, and after `patienceMs` makes it end.
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
