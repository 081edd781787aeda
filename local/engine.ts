import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FleetfillError } from '../core/errors.ts';
import {
  type EngineProgram,
  type EngineSettings,
  provideEngine,
  readEngineSettings,
} from './engine-choice.ts';
import { type ClaimedDirectory, claimDirectory } from './engine-directory.ts';
import { findFreePort } from './free-port.ts';
import { type GuardedProcess, startGuarded, stopProcess } from './guarded-process.ts';

/** A DynamoDB that answers at `endpoint`. */
export interface Engine {
  readonly endpoint: string;
  /** The engine's process; undefined if the engine was given by its endpoint. */
  readonly pid: number | undefined;
  /** Resolves when our own engine has ended, for any reason. It never resolves for one that is not ours. */
  readonly ended: Promise<void>;
  /** Stops the engine if it is ours. An engine that ran before stays. May be called twice. */
  stop(): Promise<void>;
}

export interface EngineOptions {
  /** Where the database is kept. Without it everything is in memory and ends with the engine. */
  readonly directory?: string | undefined;
  /** Port on the loopback interface; a free one by default. */
  readonly port?: number | undefined;
  readonly settings?: EngineSettings;
  /** How long a start may take, in milliseconds. The Java engine needs several seconds on a slow machine. */
  readonly startTimeoutMs?: number;
  /** Called with a message if more than a start is needed; writes to stderr by default. */
  readonly say?: ((line: string) => void) | undefined;
}

const START_ATTEMPTS = 5;
const START_TIMEOUT_MS = 30_000;
const STOP_PATIENCE_MS = 5_000;
const PROBE_TIMEOUT_MS = 1_000;
const POLL_MS = 10;
const KEPT_OUTPUT_CHARACTERS = 4_096;

/** The engine ended before it was useful, or did not answer. */
export class EngineStartError extends FleetfillError {
  constructor(message: string, options?: ErrorOptions) {
    super('EngineStart', message, options);
  }
}

/**
 * Starts a DynamoDB engine on the loopback interface and waits until it answers.
 *
 * If an engine already serves `directory`, a second start returns that one. The engine ends when our process ends,
 * however that happens.
 *
 * @throws ConfigurationError when there is no engine and none can be installed, or when the directory is held
 * @throws EngineStartError when the engine does not start
 */
export async function startEngine(options: EngineOptions = {}): Promise<Engine> {
  const settings = options.settings ?? readEngineSettings();
  const startTimeoutMs = options.startTimeoutMs ?? START_TIMEOUT_MS;
  if (settings.endpoint !== undefined) {
    await waitUntilAnswers(settings.endpoint, startTimeoutMs, RUNNING);
    return notOurs(settings.endpoint, undefined);
  }
  const program = await provideEngine(settings, options.say ?? sayOnStderr);
  if (options.directory === undefined) return launch(program, options.port, undefined, startTimeoutMs);

  const directory = resolve(options.directory);
  const claim = await claimDirectory(directory, startTimeoutMs);
  if (claim.state === 'served') {
    await waitUntilAnswers(claim.endpoint, startTimeoutMs, RUNNING);
    return notOurs(claim.endpoint, claim.pid);
  }
  return launchClaimed(program, options.port, directory, claim, startTimeoutMs);
}

const sayOnStderr = (line: string) => {
  process.stderr.write(`${line}\n`);
};

function notOurs(endpoint: string, pid: number | undefined): Engine {
  return { endpoint, pid, ended: new Promise(() => {}), stop: async () => {} };
}

async function launchClaimed(
  program: EngineProgram,
  port: number | undefined,
  directory: string,
  claim: ClaimedDirectory,
  startTimeoutMs: number,
): Promise<Engine> {
  try {
    const engine = await launch(program, port, directory, startTimeoutMs);
    await claim.announce({ pid: engine.pid, endpoint: engine.endpoint });
    return {
      ...engine,
      async stop() {
        await engine.stop();
        await claim.release();
      },
    };
  } catch (error) {
    await claim.release();
    throw error;
  }
}

async function launch(
  program: EngineProgram,
  wantedPort: number | undefined,
  directory: string | undefined,
  startTimeoutMs: number,
): Promise<Engine & { readonly pid: number }> {
  // Another process can take a free port before the engine does. A port given by number is not changed.
  const attempts = wantedPort === undefined ? START_ATTEMPTS : 1;
  for (let attempt = 1; ; attempt++) {
    const port = await findPort(wantedPort);
    const running = await startProgram(program, port, directory);
    const endpoint = `http://127.0.0.1:${port}`;
    try {
      await waitUntilAnswers(endpoint, startTimeoutMs, running);
      const { pid, ended } = running.guarded;
      return { endpoint, pid, ended: ended.then(() => {}), stop: () => stopEngine(running.guarded) };
    } catch (error) {
      await stopEngine(running.guarded);
      if (attempt === attempts) throw error;
    }
  }
}

async function findPort(wanted: number | undefined): Promise<number> {
  return findFreePort(wanted).catch(cause => {
    throw new EngineStartError(`Port ${wanted} of 127.0.0.1 is in use.`, { cause });
  });
}

async function stopEngine(guarded: GuardedProcess): Promise<void> {
  await stopProcess(guarded, STOP_PATIENCE_MS);
}

/** What is known of an engine that is starting. */
interface Starting {
  /** Whether an answer at its port can only come from it. */
  readonly hasPort: () => boolean;
  /** Its last output once it has ended; undefined while it runs. */
  readonly whyEnded: () => string | undefined;
}

async function startProgram(
  program: EngineProgram,
  port: number,
  directory: string | undefined,
): Promise<Starting & { readonly guarded: GuardedProcess }> {
  const guarded = await startGuarded({
    command: program.command,
    args: program.args(port, directory),
    environment: {},
    directory: directory ?? tmpdir(),
    output: 'pipe',
  });
  const { announcement = /^/ } = program;
  let output = '';
  let hasPort = announcement.test(output);
  for (const stream of [guarded.child.stdout, guarded.child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-KEPT_OUTPUT_CHARACTERS);
      hasPort ||= announcement.test(output);
    });
  }
  let ended = false;
  void guarded.ended.then(() => {
    ended = true;
  });
  return {
    guarded,
    hasPort: () => hasPort,
    whyEnded: () =>
      ended ? `${program.name} ended immediately. It printed: ${output.trim() || 'nothing'}` : undefined,
  };
}

const RUNNING: Starting = { hasPort: () => true, whyEnded: () => undefined };

/**
 * Any HTTP reply means that the engine serves. It refuses an unsigned request, but that is an answer.
 * @throws EngineStartError when the engine ended, or does not answer in time
 */
async function waitUntilAnswers(endpoint: string, timeoutMs: number, engine: Starting): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answered = engine.hasPort() && (await answers(endpoint));
    const why = engine.whyEnded();
    if (why !== undefined) throw new EngineStartError(why);
    if (answered) return;
    if (performance.now() > deadline) {
      throw new EngineStartError(`Nothing answers at ${endpoint} after ${timeoutMs} ms.`);
    }
    await sleep(POLL_MS);
  }
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    const reply = await fetch(endpoint, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await reply.arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
