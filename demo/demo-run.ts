import { once } from 'node:events';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { NO_COPIES_LOGGER } from '../core/sdk-logger.ts';
import { Application } from './application.ts';
import type { ApplicationStats } from './application-stats.ts';
import { oneLine } from './command-line.ts';
import { createTable } from './create-table.ts';
import { crossCheck } from './cross-check.ts';
import type { DemoOptions } from './demo-options.ts';
import type { DemoOutput } from './demo-output.ts';
import type { FillResult } from './fill.ts';
import { fillWithPlaces } from './fill-places.ts';
import { FillProgress } from './fill-progress.ts';
import { STUFF_KEY } from './item.ts';
import { Journal } from './journal.ts';
import { readMetricSums } from './metric-sums.ts';
import { compare } from './oracle.ts';
import { type OrchestrationResult, orchestrate } from './orchestration.ts';
import { openPlaces } from './places.ts';
import { type Usage, UsageWatch } from './process-usage.ts';
import type { RunEvent } from './run-events.ts';
import { RunPage, type RunPageOptions, writeReport } from './run-page.ts';
import { RunProgress } from './run-progress.ts';
import { summarize } from './summary.ts';
import { lostReplies } from './task-logs.ts';

const TABLE = 'stuff';
const ATTRIBUTE = 'test';
const VALUE = 1;

export interface DemoRun {
  readonly options: DemoOptions;
  readonly output: DemoOutput;
  /** Path of dist/orchestrate.mjs. */
  readonly orchestratorBundle: string;
  /** Where the tasks log. */
  readonly logDirectory: string;
  /** Processes of the tasks that are running now. */
  readonly tasks: () => { readonly workers: readonly number[]; readonly supervisors: readonly number[] };
  /** Ends the demo at any point. */
  readonly signal: AbortSignal;
}

/** Everything to judge after the fleet and the application have ended. */
interface Performance {
  readonly startedAt: Date;
  readonly journal: Journal;
  readonly filled: FillResult;
  readonly application: ApplicationStats;
  readonly orchestration: OrchestrationResult;
  readonly usage: Usage;
}

/**
 * Fills the table, runs the tool and judges the result, on the AWS that this process's environment names.
 * @returns the exit code: the orchestrator's if it is not 0, else 1 if anything disagrees.
 * @throws when something of the demo itself fails, and the signal's reason when it was ended.
 */
export async function runDemo(run: DemoRun): Promise<number> {
  const client = new DynamoDBClient({ logger: NO_COPIES_LOGGER });
  let page: RunPage | undefined;
  const openPage = (runId: string) => {
    if (!run.options.dashboard) return;
    page ??= new RunPage(pageOptionsOf(run, runId), url => run.output.say(`Watch it at ${url}`));
  };
  try {
    const performed = await perform(run, client, openPage);
    run.signal.throwIfAborted();
    const exitCode = await judge(run, client, performed);
    if (page && process.stdin.isTTY) await stay(run);
    return exitCode;
  } finally {
    await page?.stop();
    client.destroy();
  }
}

function pageOptionsOf({ orchestratorBundle }: DemoRun, runId: string): RunPageOptions {
  return { bundle: orchestratorBundle, runId, environment: process.env };
}

/** Keeps everything running until someone ends it. */
async function stay({ output, signal }: DemoRun): Promise<void> {
  output.say('The page stays open until you press Ctrl-C.');
  if (!signal.aborted) await once(signal, 'abort');
}

async function perform(
  run: DemoRun,
  client: DynamoDBClient,
  onRunStarted: (runId: string) => void,
): Promise<Performance> {
  const { options, output, signal } = run;
  const startedAt = new Date();
  await createTable(client, TABLE, STUFF_KEY);
  const places = await openPlaces({ seed: options.seed, attribute: ATTRIBUTE });
  const newPlaces = await openPlaces({ seed: `${options.seed}/application` });
  const journal = new Journal({ attribute: ATTRIBUTE, regenerate: index => places.itemAt(index) });
  const filling = new FillProgress(options.items);
  const filled = await fillWithPlaces(client, TABLE, places, options.items, journal, {
    signal,
    onWritten: (_, total) => output.progress(filling.describe(total)),
  });

  // The application repeats its writes itself, so that it sees each one that is throttled or lost.
  const applicationClient = new DynamoDBClient({ maxAttempts: 1 });
  const application = new Application({
    client: applicationClient,
    table: TABLE,
    journal,
    newItem: index => newPlaces.itemAt(index),
    seed: options.seed,
    operationsPerSecond: options.rate,
    followSegments: options.segments,
  });
  application.start();
  const orchestrators: number[] = [];
  const watch = new UsageWatch({
    orchestrator: () => [...orchestrators, ...run.tasks().supervisors],
    workers: () => run.tasks().workers,
  });
  try {
    const orchestration = await runOrchestrator(run, application, onRunStarted, pid => {
      orchestrators.splice(0, 1, pid);
    });
    const usage = await watch.stop();
    return { startedAt, journal, filled, application: await application.stop(), orchestration, usage };
  } finally {
    await watch.stop();
    await application.stop();
    applicationClient.destroy();
  }
}

async function runOrchestrator(
  run: DemoRun,
  application: Application,
  onRunStarted: (runId: string) => void,
  onProcess: (pid: number) => void,
): Promise<OrchestrationResult> {
  const { options, output, orchestratorBundle, signal } = run;
  const progress = new RunProgress();
  const flags = {
    table: TABLE,
    attribute: ATTRIBUTE,
    value: JSON.stringify(VALUE),
    segments: options.segments,
    tasks: options.tasks,
    'max-write-rate': options.maxWriteRate,
    'max-read-rate': options.maxReadRate,
  };
  const given = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const orchestrateWith = (args: readonly string[], words: string) => {
    output.say(`${words} orchestrate ${args.join(' ')}`);
    return orchestrate({ ...common, args });
  };
  const common = {
    bundle: orchestratorBundle,
    environment: process.env,
    onEvent(event: RunEvent, line: string) {
      output.passOn(line);
      if (event.event === 'run.started' && event.runId) onRunStarted(event.runId);
      const text = progress.follow(event, application.stats().total);
      if (text !== undefined) output.progress(text);
    },
    onProcess,
    onWords: (line: string) => output.say(`  ${line}`),
    signal,
  };
  const started = await orchestrateWith(
    ['run', ...given, '--yes', '--json', ...(options.detach ? ['--detach'] : [])],
    'The application is writing. The demo runs:',
  );
  const { exitCode, finished, runId } = started;
  // The run may have ended before a task could take it over.
  if (!options.detach || exitCode !== 0 || finished !== undefined || runId === undefined) return started;
  const waited = await orchestrateWith(
    ['wait', runId, '--json'],
    'A task supervises the run now. The demo runs:',
  );
  return { ...waited, runId, strayLines: [...started.strayLines, ...waited.strayLines] };
}

async function judge(run: DemoRun, client: DynamoDBClient, performed: Performance): Promise<number> {
  const { options, output } = run;
  const { startedAt, filled, application, orchestration, usage } = performed;
  const { exitCode, finished, runId, strayLines } = orchestration;
  if (finished === undefined) {
    output.say(
      `The orchestrator ended with exit code ${exitCode} and printed no run.finished, so there is nothing to check.`,
    );
    return exitCode || 1;
  }
  output.say('Comparing every item with the journal.');
  const value = { N: String(VALUE) };
  const journal = await compare(client, TABLE, performed.journal, { attribute: ATTRIBUTE, value });
  const metrics = await readMetrics(startedAt);
  const evidence = {
    exitCode,
    finished: finished.event,
    strayLines,
    journal,
    metrics,
    application,
    repliesLost: await lostReplies(run.logDirectory),
  };
  const disagreements = crossCheck(evidence);
  output.emit('journal.compared', runId, { ...journal, disagreements, metrics, application, usage });
  output.passOn(finished.line);
  const report = await writeReport(pageOptionsOf(run, finished.event.runId)).catch((error: unknown) => error);
  const durationMs = Date.now() - startedAt.getTime();
  output.say(
    summarize({
      ...{ options, filled, application, finished: finished.event, journal, disagreements, usage },
      durationMs,
    }),
  );
  output.say(
    typeof report === 'string'
      ? `The report is in ${report}`
      : `The report could not be written: ${oneLine(report)}`,
  );
  if (exitCode !== 0) return exitCode ?? 1;
  return disagreements.length === 0 ? 0 : 1;
}

async function readMetrics(since: Date) {
  const client = new CloudWatchClient({});
  try {
    return await readMetricSums(client, TABLE, since);
  } finally {
    client.destroy();
  }
}
