import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ORCHESTRATE = fileURLToPath(new URL('../../../dist/orchestrate.mjs', import.meta.url));

export interface OrchestratorEvent {
  readonly event: string;
  readonly at: string;
  readonly runId?: string;
  readonly [field: string]: unknown;
}

/** An `orchestrate` command as a process, with its events. */
export class OrchestratorProcess {
  readonly events: OrchestratorEvent[] = [];
  readonly exit: Promise<number>;
  stderr = '';
  /** Lines of stdout that are no JSON object. Under --json there must be none. */
  readonly stray: string[] = [];
  readonly #child: ChildProcess;
  readonly #waiting: (() => void)[] = [];
  #ended = false;

  /** `bundle`: another build than this checkout's. */
  constructor(
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
    cwd?: string,
    bundle = ORCHESTRATE,
  ) {
    this.#child = spawn(process.execPath, [bundle, ...args], {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd,
    });
    const { stdout, stderr } = this.#child;
    if (!stdout || !stderr) throw new TypeError('The child has no pipes.');
    createInterface({ input: stdout }).on('line', line => this.#read(line));
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exit = new Promise(resolve => {
      this.#child.once('close', (code, signal) => {
        this.#ended = true;
        this.#wake();
        resolve(code ?? (signal === 'SIGKILL' ? 137 : 1));
      });
    });
  }

  get last(): OrchestratorEvent | undefined {
    return this.events.at(-1);
  }

  get runId(): string {
    const runId = this.events[0]?.runId;
    if (!runId) throw new Error(`No run has begun: ${this.stderr}`);
    return runId;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** @throws when the process ends without such an event. */
  async waitFor(matches: (event: OrchestratorEvent) => boolean): Promise<OrchestratorEvent> {
    for (;;) {
      const found = this.events.find(matches);
      if (found) return found;
      if (this.#ended) throw new Error(`The orchestrator ended without the event: ${this.stderr}`);
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
  }

  #read(line: string): void {
    try {
      this.events.push(JSON.parse(line) as OrchestratorEvent);
    } catch {
      this.stray.push(line);
    }
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
