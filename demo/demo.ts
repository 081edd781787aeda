import { mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hideBin } from 'yargs/helpers';
import { ConfigurationError } from '../core/errors.ts';
import { type LocalStack, requirePosix, startLocalStack } from '../local/local-stack.ts';
import { oneLine, silenceSdkAdvice, UsageError } from './command-line.ts';
import { type DemoOptions, readDemoOptions } from './demo-options.ts';
import { DemoOutput } from './demo-output.ts';
import { runDemo } from './demo-run.ts';
import { runRecipeDemo } from './recipe/recipe-run.ts';
import { number } from './summary.ts';

const EXIT = { failed: 1, usage: 2 } as const;

/** The bundles beside this one. */
const ORCHESTRATOR_BUNDLE = fileURLToPath(new URL('./orchestrate.mjs', import.meta.url));
const JOB_BUNDLE = fileURLToPath(new URL('./job.mjs', import.meta.url));

class InterruptedError extends Error {
  readonly exitCode: number;

  constructor(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super(`ended by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/** Aborts when someone ends the demo: by a signal, or by closing stdout. */
function listenForTheEnd(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => controller.abort(new InterruptedError(signal)));
  }
  process.stdout.on('error', error => controller.abort(error));
  return controller.signal;
}

/** When this returns, whatever happened, everything that it started is stopped and every file removed. */
async function runOnLocalStack(options: DemoOptions, output: DemoOutput): Promise<number> {
  requirePosix();
  const signal = listenForTheEnd();
  const logDirectory = await mkdtemp(join(tmpdir(), 'fleetfill-demo-'));
  try {
    const stack = await startLocalStack({
      jobBundle: JOB_BUNDLE,
      logDirectory,
      say: line => output.say(line),
    });
    try {
      // From here on the SDK finds the local stack in place of AWS, and nothing of the operator's own account.
      delete process.env['AWS_PROFILE'];
      delete process.env['AWS_SESSION_TOKEN'];
      Object.assign(process.env, stack.environment);
      output.say(
        `${number(options.items)} items, ${number(options.segments)} segments, ${number(options.tasks)} tasks, ` +
          'all on this machine. Nothing reaches AWS.',
      );
      const perform = options.recipe ? runRecipeDemo : runDemo;
      return await perform({
        options,
        output,
        orchestratorBundle: ORCHESTRATOR_BUNDLE,
        logDirectory,
        tasks: () => tasksOf(stack),
        signal,
      });
    } finally {
      await stack.stop();
    }
  } catch (error) {
    // If someone ended the demo, that is the reason, whatever failed because of it.
    throw signal.aborted ? signal.reason : error;
  } finally {
    await rm(logDirectory, { recursive: true, force: true });
  }
}

/** A supervisor's task has no launch. */
function tasksOf({ ecs }: LocalStack) {
  const running = ecs.tasks().filter(({ lastStatus }) => lastStatus === 'RUNNING');
  const pids = (tasks: typeof running) => tasks.flatMap(({ pid }) => pid ?? []);
  return {
    workers: pids(running.filter(({ launch }) => launch !== undefined)),
    supervisors: pids(running.filter(({ launch }) => launch === undefined)),
  };
}

function exitCodeFor(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  return error instanceof InterruptedError ? error.exitCode : EXIT.failed;
}

silenceSdkAdvice();
try {
  const options = await readDemoOptions(hideBin(process.argv));
  process.exitCode = await runOnLocalStack(options, new DemoOutput(options.json));
} catch (error) {
  // The remedy in a ConfigurationError needs more than one line.
  console.error(`demo: ${error instanceof ConfigurationError ? error.message : oneLine(error)}`);
  process.exitCode = exitCodeFor(error);
}
