import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseEvent, parseRunFinished, type RunEvent, type RunFinished } from './run-events.ts';

export interface OrchestrationOptions {
  /** Path of dist/orchestrate.mjs. */
  readonly bundle: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Called with every event and its line from stdout, except `run.finished`. */
  readonly onEvent: (event: RunEvent, line: string) => void;
  /** The process runs until {@link orchestrate} resolves. */
  readonly onProcess?: ((pid: number) => void) | undefined;
  /** Called with the orchestrator's text for people. */
  readonly onWords: (line: string) => void;
  /** Ends the orchestrator: with SIGINT, on which it detaches, and with SIGKILL if it does not. */
  readonly signal: AbortSignal;
}

export interface OrchestrationResult {
  readonly exitCode: number | null;
  readonly runId: string | undefined;
  /** The last event with its line; undefined if the run was refused or broke off. */
  readonly finished: { readonly event: RunFinished; readonly line: string } | undefined;
  /** Lines of stdout that are no event, or came after `run.finished`. */
  readonly strayLines: readonly string[];
}

const KILL_AFTER_MS = 5000;

/**
 * Runs `orchestrate` as a process until it ends.
 * @throws Error when it cannot be started, or when its `run.finished` breaks the contract.
 */
export async function orchestrate(options: OrchestrationOptions): Promise<OrchestrationResult> {
  const child = spawn(process.execPath, [options.bundle, ...options.args], {
    env: options.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A separate process group: Ctrl-C reaches only the demo, which then stops things in order.
    detached: true,
  });
  if (child.pid !== undefined) options.onProcess?.(child.pid);
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  let kill: NodeJS.Timeout | undefined;
  const end = () => {
    child.kill('SIGINT');
    kill = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  };
  if (options.signal.aborted) end();
  else options.signal.addEventListener('abort', end, { once: true });

  let runId: string | undefined;
  let last: { event: RunEvent; line: string } | undefined;
  const strayLines: string[] = [];
  createInterface({ input: child.stdout }).on('line', line => {
    const event = parseEvent(line);
    if (event === undefined || last !== undefined) {
      strayLines.push(line);
    } else if (event.event === 'run.finished') {
      last = { event, line };
    } else {
      runId ??= event.runId;
      options.onEvent(event, line);
    }
  });
  createInterface({ input: child.stderr }).on('line', options.onWords);

  try {
    const exitCode = await closed;
    const finished = last && { event: parseRunFinished(last.event), line: last.line };
    return { exitCode, runId: finished?.event.runId ?? runId, finished, strayLines };
  } finally {
    clearTimeout(kill);
    options.signal.removeEventListener('abort', end);
  }
}
