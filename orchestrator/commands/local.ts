import { fileURLToPath } from 'node:url';
import { createDemonstrationTable, DEMONSTRATION_ITEMS } from '../../local/demonstration-table.ts';
import { shellExports, startLocalStack } from '../../local/local-stack.ts';
import { defineCommand, type Handler, type SettingsOf } from '../cli/command.ts';
import { EXIT } from '../cli/exit-codes.ts';
import { GROUP, unitsPerSecond, value, wholeNumber } from '../cli/option.ts';

/** The worker's bundle lies beside this one. */
const jobBundle = () => fileURLToPath(new URL('job.mjs', import.meta.url));

/** The folder of the database; undefined if it is in memory. */
function directoryOf(local: string | undefined): string | undefined {
  return local === undefined || local === '' ? undefined : local;
}

export const local = defineCommand({
  usage: 'local [directory]',
  describe: 'Run DynamoDB, ECS and CloudWatch on this machine until Ctrl-C',
  positionals: { directory: 'Folder that keeps the database' },
  options: {
    'write-capacity': value('Write units a second that each table accepts', GROUP.how, () =>
      unitsPerSecond().optional(),
    ),
    'read-capacity': value('Read units a second that each table accepts', GROUP.how, () =>
      unitsPerSecond().optional(),
    ),
    partitions: value(
      'Partitions of each table; each accepts 1,000 write and 3,000 read units a second',
      GROUP.how,
      () => wholeNumber(1, 10_000).optional(),
    ),
    latency: value('Milliseconds to add to each call', GROUP.how, () => wholeNumber(0, 60_000).optional()),
  },
  examples: [
    ['$0 local > stack.env', 'write its settings to a file; then, in another terminal: . ./stack.env'],
    ['$0 local ./database --write-capacity 500', 'keep the database, and limit the tables'],
  ],
});

/** `orchestrate local`: DynamoDB, ECS and CloudWatch on this machine until Ctrl-C. */
export const handler: Handler<typeof local> = async ({ settings, output, detach }) => {
  const stack = await startLocalStack({
    jobBundle: jobBundle(),
    directory: directoryOf(settings.directory ?? settings.local),
    capacity: capacityOf(settings),
  });
  try {
    process.stdout.write(`${shellExports(stack.environment)}\n`);
    output.say(`Tasks log to ${stack.logDirectory}. Ctrl-C ends the stack and its tasks.`);
    await new Promise<void>(resolve => detach.addEventListener('abort', () => resolve(), { once: true }));
  } finally {
    await stack.stop();
  }
  return EXIT.ok;
};

/** The options that give the tables a capacity, in the form of local/capacity/. */
function capacityOf({ writeCapacity, readCapacity, partitions, latency }: SettingsOf<typeof local>) {
  if ([writeCapacity, readCapacity, partitions, latency].every(given => given === undefined))
    return undefined;
  return {
    writeUnitsPerSecond: writeCapacity,
    readUnitsPerSecond: readCapacity,
    partitions,
    latencyMs: latency,
  };
}

/**
 * Runs a command against its own stack on this machine, through the endpoint variables that every SDK reads.
 * @param demonstrated a table to fill with demonstration items, unless a folder keeps a database
 */
export async function withLocalStack<T>(
  { directory, demonstrated }: { readonly directory: string; readonly demonstrated: string | undefined },
  say: (message: string) => void,
  command: () => Promise<T>,
): Promise<T> {
  const kept = directoryOf(directory);
  const stack = await startLocalStack({ jobBundle: jobBundle(), directory: kept });
  Object.assign(process.env, stack.environment);
  try {
    if (kept === undefined && demonstrated !== undefined) {
      await createDemonstrationTable({ endpoint: stack.endpoints.engine }, demonstrated);
      say(
        `--local without a folder starts with an empty database, so this command has created the table ${demonstrated} with ${DEMONSTRATION_ITEMS.toLocaleString('en')} items to try it on. The database ends with the command; --local DIR keeps one.`,
      );
    }
    return await command();
  } finally {
    await stack.stop();
  }
}
