import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A command that ends its output with this waits for a person. */
const PROMPT = /^To begin, type .*: $/m;

export interface CommandResult {
  /** Standard output and standard error, in their order. */
  readonly output: string;
  readonly exitCode: number;
}

/** A command that has begun. */
export interface StartedCommand {
  readonly output: () => string;
  readonly result: Promise<CommandResult>;
}

/** A shell in which commands are typed one after the other, as in a terminal. */
export class Terminal {
  readonly #shell: ChildProcess;
  readonly #ended: Promise<void>;
  #output = '';
  #changed: () => void = () => {};

  constructor(cwd: string, environment: Readonly<Record<string, string | undefined>>) {
    // A separate process group, so that a background command ends with the terminal.
    this.#shell = spawn('bash', ['--noprofile', '--norc'], {
      cwd,
      env: environment,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    for (const stream of [this.#shell.stdout, this.#shell.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        this.#changed();
      });
    }
    this.#ended = new Promise(resolve => this.#shell.once('close', () => resolve()));
  }

  get pid(): number {
    return this.#shell.pid ?? 0;
  }

  run(command: string, timeoutMs: number): Promise<CommandResult> {
    return this.start(command, timeoutMs).result;
  }

  /** `answer`: what a person types at the prompt {@link PROMPT}. The command then runs on a pseudo-terminal. */
  start(command: string, timeoutMs: number, answer?: string): StartedCommand {
    const from = this.#output.length;
    const mark = `end-of-command-${randomUUID()}`;
    const asked = join(tmpdir(), mark);
    let answered = answer === undefined;
    const typed = answered
      ? `{ ${command}\n} < /dev/null 2>&1`
      : `{ until [ -e ${asked} ]; do sleep 0.1; done; rm ${asked}; echo ${quote(answer ?? '')}; } | script -qefc ${quote(command)} /dev/null`;
    this.#shell.stdin?.write(`${typed}; printf '\\n%s %s\\n' ${mark} "$?"\n`);
    const end = new RegExp(`\\n?${mark} (\\d+)\\n`);
    const result = new Promise<CommandResult>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`No end after ${timeoutMs} ms: ${command}\n${this.#output.slice(from)}`)),
        timeoutMs,
      );
      const look = () => {
        if (!answered && PROMPT.test(this.#output.slice(from))) {
          answered = true;
          writeFileSync(asked, '');
        }
        const found = end.exec(this.#output.slice(from));
        if (!found) return;
        clearTimeout(timer);
        resolve({
          output: this.#output.slice(from, from + found.index),
          exitCode: Number(found[1]),
        });
      };
      this.#changed = look;
      void this.#ended.then(() => {
        clearTimeout(timer);
        reject(new Error(`The shell ended: ${command}\n${this.#output.slice(from)}`));
      });
    });
    result.catch(() => {});
    return { result, output: () => this.#output.slice(from) };
  }

  /** Kills what the shell is running now with SIGKILL. */
  killChildren(): void {
    const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(this.pid)], { encoding: 'utf8' });
    for (const pid of stdout.split('\n').map(Number)) if (pid > 0) process.kill(pid, 'SIGKILL');
  }

  async close(): Promise<void> {
    this.#signal('SIGTERM');
    const patience = setTimeout(() => this.#signal('SIGKILL'), 5_000);
    await this.#ended;
    clearTimeout(patience);
    this.#signal('SIGKILL');
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch {
      // The group has ended.
    }
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
