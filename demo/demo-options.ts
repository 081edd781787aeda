import { randomUUID } from 'node:crypto';
import yargs from 'yargs';
import { requireWholeNumber, strictOptions, UsageError } from './command-line.ts';

export interface DemoOptions {
  readonly items: number;
  readonly segments: number;
  readonly tasks: number;
  /** Writes a second of the simulated application. */
  readonly rate: number;
  /** Capacity units a second for the whole fleet. */
  readonly maxWriteRate: number;
  readonly maxReadRate: number;
  readonly seed: string;
  readonly json: boolean;
  /** Serve the page of the run while the run lasts. */
  readonly dashboard: boolean;
  /** Compute an index key and a time to live instead of setting a constant. */
  readonly recipe: boolean;
  /** Let a task supervise the run, and wait for its end. */
  readonly detach: boolean;
}

const ABOUT = `$0 [options]

Starts DynamoDB, ECS and CloudWatch on this machine, and fills a table with
real places. A simulated application keeps writing while a fleet of worker
processes sets the attribute "test". Then the demo compares every item with an
independent journal of every write. It exits with 0 if everything agrees.`;

/**
 * --help prints the help and exits.
 * @throws UsageError with a message of one line
 */
export async function readDemoOptions(args: readonly string[]): Promise<DemoOptions> {
  const options = await strictOptions(yargs([...args]))
    .scriptName('npm run demo --')
    .usage(ABOUT)
    .option('items', {
      number: true,
      default: 50_000,
      requiresArg: true,
      describe: 'Items to put into the table',
    })
    .option('segments', {
      number: true,
      default: 32,
      requiresArg: true,
      describe: 'Segments of the parallel Scan',
    })
    .option('tasks', { number: true, default: 4, requiresArg: true, describe: 'Worker processes' })
    .option('rate', {
      number: true,
      default: 120,
      requiresArg: true,
      describe: 'Writes a second that the simulated application sends',
    })
    .option('max-write-rate', {
      number: true,
      default: 20_000,
      requiresArg: true,
      describe: 'Write units a second for the whole fleet; never use this default on a live table',
    })
    .option('max-read-rate', {
      number: true,
      default: 20_000,
      requiresArg: true,
      describe: 'Read units a second for the whole fleet; never use this default on a live table',
    })
    .option('seed', {
      string: true,
      requiresArg: true,
      describe: 'Text that makes the items and the writes repeatable; the default is a new one each time',
    })
    .option('json', {
      boolean: true,
      default: false,
      describe: 'Print only events on stdout, one JSON object a line; run.finished is the last',
    })
    .option('dashboard', {
      boolean: true,
      default: false,
      describe: 'Serve a page that shows the run; on a terminal, until you press Ctrl-C',
    })
    .option('recipe', {
      boolean: true,
      default: false,
      describe: 'Compute the key of an index and a time to live from each place, instead of setting "test"',
    })
    .option('detach', {
      boolean: true,
      default: false,
      describe: 'Let a task supervise the run, and wait for its end',
    })
    .check(given => {
      requireWholeNumber('items', given.items, 1);
      requireWholeNumber('segments', given.segments, 1, 1_000_000);
      requireWholeNumber('tasks', given.tasks, 1, given.segments);
      requireWholeNumber('rate', given.rate, 1);
      requireWholeNumber('max-write-rate', given['max-write-rate'], 1);
      requireWholeNumber('max-read-rate', given['max-read-rate'], 1);
      if (given.seed === '') throw new UsageError('--seed must not be empty.');
      return true;
    })
    .example('$0', 'the full demonstration, in about a minute')
    .example('$0 --items 2000 --json', 'for another program to read')
    .example(
      '$0 --recipe',
      'values computed from each item, while the application changes what they depend on',
    )
    .example('$0 --items 5000 --max-write-rate 500', 'slow enough to see that the fleet keeps to its budget')
    .parseAsync();
  const { items, segments, tasks, rate, maxWriteRate, maxReadRate, json, dashboard, detach, recipe } =
    options;
  return {
    items,
    segments,
    tasks,
    rate,
    maxWriteRate,
    maxReadRate,
    json,
    dashboard,
    recipe,
    detach,
    seed: options.seed ?? randomUUID(),
  };
}
