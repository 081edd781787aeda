import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { oneLine, requireWholeNumber, silenceSdkAdvice, strictOptions, UsageError } from './command-line.ts';
import { fill } from './fill.ts';
import { openPlaces, takePlaces } from './places.ts';
import { ProgressLine } from './progress-line.ts';
import { checkTableToSeed, createIfAbsent, SeedRefusedError } from './seed-table.ts';

interface SeedOptions {
  readonly table: string;
  readonly items: number;
  readonly append: boolean;
  readonly create: boolean;
  readonly seed?: string | undefined;
}

/** The same meaning as the exit codes of `orchestrate`. */
const EXIT = { failed: 1, usage: 2, refused: 3 } as const;

/** A small table throttles whole calls for seconds. The client then repeats them. */
const MAX_ATTEMPTS = 6;

const ABOUT = `$0 --table <name> [--items <n>]

Puts real places into a DynamoDB table, as items of the founding case. The AWS
SDK settings of this environment say which account or endpoint. An item has
the key "id" (S, a GUID) and "created" (N, milliseconds), the fields of the
place, and no attribute "test". The table must exist, have this key, and be
empty; --create creates it.`;

async function readOptions(args: readonly string[]): Promise<SeedOptions> {
  return strictOptions(yargs([...args]))
    .scriptName('npm run seed --')
    .usage(ABOUT)
    .option('table', {
      string: true,
      default: 'stuff',
      requiresArg: true,
      describe: 'Table to put the items into',
    })
    .option('items', {
      number: true,
      default: 25,
      requiresArg: true,
      describe: 'Number of items; after 135,233 places they repeat, with new keys',
    })
    .option('create', {
      boolean: true,
      default: false,
      describe: 'Create the table (on demand) if it does not exist',
    })
    .option('append', { boolean: true, default: false, describe: 'Add to a table that is not empty' })
    .option('seed', {
      string: true,
      requiresArg: true,
      describe: 'Text that makes the items repeatable; the default is a new one each time',
    })
    .check(({ items, table, append, seed }) => {
      requireWholeNumber('items', items, 1);
      if (table === '') throw new UsageError('--table must not be empty.');
      // The same seed gives the same keys, so appending it would replace items that may be in use.
      if (append && seed !== undefined) throw new UsageError('--append and --seed exclude each other.');
      return true;
    })
    .example('$0 --table stuff --items 25', 'the test data of the founding case')
    .example('$0 --table stuff --items 1000 --append', 'a thousand more')
    .parseAsync();
}

/** @returns how many items were put. */
async function putItems(
  client: DynamoDBClient,
  { table, items, append, create, seed }: SeedOptions,
): Promise<number> {
  if (create) await createIfAbsent(client, table);
  await checkTableToSeed(client, table, append);
  const places = await openPlaces({ seed: seed ?? randomUUID() });
  const progress = new ProgressLine(process.stderr);
  let written = 0;
  try {
    await fill(client, table, takePlaces(places, items), {
      onWritten: (_, total) => {
        written = total;
        progress.show(`${total} of ${items} items`);
      },
    });
    return written;
  } catch (error) {
    throw new Error(`Stopped after ${written} of ${items} items: ${oneLine(error)}`, { cause: error });
  } finally {
    progress.clear();
  }
}

function exitCodeFor(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  return error instanceof SeedRefusedError ? EXIT.refused : EXIT.failed;
}

silenceSdkAdvice();
try {
  const options = await readOptions(hideBin(process.argv));
  const client = new DynamoDBClient({ maxAttempts: MAX_ATTEMPTS });
  try {
    const written = await putItems(client, options);
    console.log(`Put ${written} items without "test" into "${options.table}".`);
  } finally {
    client.destroy();
  }
} catch (error) {
  console.error(`seed: ${oneLine(error)}`);
  process.exitCode = exitCodeFor(error);
}
