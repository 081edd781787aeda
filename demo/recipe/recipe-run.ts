import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { NO_COPIES_LOGGER } from '../../core/sdk-logger.ts';
import { Application } from '../application.ts';
import { createTable } from '../create-table.ts';
import type { DemoRun } from '../demo-run.ts';
import { fillWithPlaces } from '../fill-places.ts';
import { STUFF_KEY } from '../item.ts';
import { DEFAULT_MIX } from '../operation-mix.ts';
import { orchestrate } from '../orchestration.ts';
import { openPlaces } from '../places.ts';
import { RunProgress } from '../run-progress.ts';
import { number } from '../summary.ts';
import { DEMO_BACKFILL, SET, WHERE } from './backfill.ts';
import { recipeHabits } from './habits.ts';
import { RecipeJournal } from './journal.ts';
import { describeRecipeDeviations, judgeRecipe } from './judge.ts';
import { withKinds } from './places.ts';

const TABLE = 'stuff';

/** Mostly changes of sources, because each one may make a computed value wrong. */
const MIX = { ...DEFAULT_MIX, update: 60, set: 20, insert: 10, delete: 8, replace: 4 };

/**
 * `npm run demo -- --recipe`: computes an index key and a time to live for each place, while the application changes
 * the sources and moves items in and out of scope.
 * @returns the exit code: the orchestrator's if it is not 0, else 1 if anything disagrees.
 */
export async function runRecipeDemo({
  options,
  output,
  orchestratorBundle,
  signal,
}: DemoRun): Promise<number> {
  const client = new DynamoDBClient({ logger: NO_COPIES_LOGGER });
  const applicationClient = new DynamoDBClient({ maxAttempts: 1 });
  try {
    await createTable(client, TABLE, STUFF_KEY);
    const places = withKinds(await openPlaces({ seed: options.seed }));
    const newPlaces = withKinds(await openPlaces({ seed: `${options.seed}/application` }));
    const journal = new RecipeJournal(DEMO_BACKFILL);
    await fillWithPlaces(client, TABLE, places, options.items, journal, {
      signal,
      onWritten: (_, total) =>
        output.progress(`Filling the table: ${number(total)} of ${number(options.items)} items`),
    });
    const newItem = (index: number) => newPlaces.itemAt(index);
    const application = new Application({
      ...{ client: applicationClient, table: TABLE, journal, newItem },
      seed: options.seed,
      operationsPerSecond: options.rate,
      followSegments: options.segments,
      mix: MIX,
      habits: recipeHabits(options.seed),
    });
    application.start();
    const progress = new RunProgress();
    const args = [
      ...['run', '--table', TABLE, ...SET.flatMap(set => ['--set', set]), '--where', WHERE],
      ...['--segments', String(options.segments), '--tasks', String(options.tasks)],
      ...['--max-write-rate', String(options.maxWriteRate), '--max-read-rate', String(options.maxReadRate)],
      ...['--yes', '--json'],
    ];
    output.say(`The application is writing. The demo runs: orchestrate ${args.join(' ')}`);
    const { exitCode, finished } = await orchestrate({
      bundle: orchestratorBundle,
      args,
      environment: process.env,
      onEvent(event, line) {
        output.passOn(line);
        const text = progress.follow(event, application.stats().total);
        if (text !== undefined) output.progress(text);
      },
      onWords: line => output.say(`  ${line}`),
      signal,
    }).finally(() => application.stop());
    signal.throwIfAborted();
    const stats = await application.stop();
    if (finished === undefined) {
      output.say(
        `The orchestrator ended with exit code ${exitCode} and printed no run.finished, so there is nothing to check.`,
      );
      return exitCode || 1;
    }
    output.say('Checking every value against the item at the moment of the write.');
    const report = await judgeRecipe(client, TABLE, journal);
    const { event } = finished;
    const said = event as typeof event & { outOfScope?: number; recomputed?: number };
    const disagreements = [
      ...(event.status === 'verified' ? [] : [`The run ended as "${event.status}".`]),
      ...(event.updated === report.filled
        ? []
        : [
            `The tool counted ${event.updated} items as updated, but according to the journal it set ${report.filled}.`,
          ]),
      ...describeRecipeDeviations(report),
    ];
    output.emit('journal.compared', event.runId, { ...report, disagreements, application: stats });
    output.passOn(finished.line);
    output.say(
      [
        '',
        `Application   ${number(stats.total)} writes during the run, ${number(stats.operations.update)} of them to sources`,
        `Fleet         ${number(event.updated)} items set, ${number(event.alreadySet)} had been set by the application, ` +
          `${number(said.outOfScope ?? 0)} out of scope, ${number(said.recomputed ?? 0)} computed again`,
        `Journal       ${number(report.scanned)} items compared, ${number(report.filled)} set by the tool: ` +
          `${number(report.examples.length)} deviations`,
        '',
        ...(disagreements.length === 0
          ? ['Every value is what the recipe gives for the item at the moment of the write.']
          : ['These results do NOT agree:', ...disagreements.map(sentence => `  ${sentence}`)]),
      ].join('\n'),
    );
    if (exitCode !== 0) return exitCode ?? 1;
    return disagreements.length === 0 ? 0 : 1;
  } finally {
    applicationClient.destroy();
    client.destroy();
  }
}
