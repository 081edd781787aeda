import { keepHeapSmall } from '../core/heap.ts';
import { checkEnvironment } from './cli/check-environment.ts';
import {
  type CommandDefinition,
  type Handler,
  optionsFromEnvironment,
  parseSettings,
} from './cli/command.ts';
import { EXIT, type ExitCode } from './cli/exit-codes.ts';
import { explainError } from './cli/explain-error.ts';
import { FLEET_OPTIONS, TABLE_OPTIONS } from './cli/options.ts';
import { createOutput } from './cli/output.ts';
import { prepareClients } from './cli/prepare-environment.ts';
import { checkExpressions } from './cli/recipe-options.ts';
import { DetachedError, listenForSignals, type Occupation } from './cli/signals.ts';
import type { OutputStreams } from './cli/streams.ts';
import type { RecipeSettings } from './written-settings.ts';

type CommandModule = { readonly handler: Handler<CommandDefinition> } & Readonly<
  Record<string, CommandDefinition>
>;

/**
 * Runs one command to its end and decides the exit code.
 * @param name of the command, and of its file in commands/
 * @param given what the parser read, by setting name
 */
export async function execute(
  name: string,
  given: Readonly<Record<string, unknown>>,
  streams: OutputStreams,
): Promise<ExitCode> {
  const { handler, [name]: definition }: CommandModule = await import(`./commands/${name}.ts`);
  if (!definition) throw new Error(`commands/${name}.ts does not define ${name}.`);
  // A verification may read a very large table.
  keepHeapSmall();
  const settings = parseSettings(definition, given);
  if (!definition.onlyShows?.(settings)) streams.doWithout();
  const detach = new AbortController();
  const output = createOutput(settings.json);
  let occupation: Occupation = settings.local === undefined && name !== 'local' ? 'other' : 'holding-a-stack';
  const onSupervise = () => {
    if (occupation === 'other') occupation = 'supervising';
  };
  const context = { output, detach: detach.signal, onSupervise };
  listenForSignals(detach, () => occupation);
  const tell = (message: string) => {
    output.event('warning', { message });
    output.say(message);
  };
  try {
    if (settings.local === undefined && name !== 'local') checkEnvironment(process.env);
    prepareClients(process.env, { tell, signal: detach.signal });
    await checkExpressions(settings as Partial<RecipeSettings>);
    if (settings.local === undefined || name === 'local') return await handler({ ...context, settings });
    const { withLocalStack } = await import('./commands/local.ts');
    // Any other table belongs to somebody and must exist.
    const { table } = settings as { readonly table?: string };
    const demonstrated = table === TABLE_OPTIONS.table.default ? table : undefined;
    const stack = { directory: settings.local, demonstrated };
    return await withLocalStack(stack, output.say, () => {
      // The stack's endpoints and names are now in the environment.
      const named = { ...optionsFromEnvironment(process.env, FLEET_OPTIONS), ...definedOnly(given) };
      return handler({ ...context, settings: parseSettings(definition, named) });
    });
  } catch (error) {
    if (detach.signal.aborted && detach.signal.reason instanceof DetachedError) return EXIT.detached;
    const { words, exitCode } = explainError(error, process.env, settings.debug);
    process.stderr.write(`${words}\n`);
    return exitCode;
  }
}

function definedOnly(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
