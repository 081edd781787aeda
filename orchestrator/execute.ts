import {
  type CommandDefinition,
  type Handler,
  optionsFromEnvironment,
  parseSettings,
} from './cli/command.ts';
import { DetachedError } from './cli/detached-error.ts';
import { EXIT, type ExitCode, exitCodeOfError } from './cli/exit-codes.ts';
import { explainError } from './cli/explain-error.ts';
import { FLEET_OPTIONS } from './cli/options.ts';
import { createOutput } from './cli/output.ts';

type CommandModule = { readonly handler: Handler<CommandDefinition> } & Readonly<
  Record<string, CommandDefinition>
>;

/**
 * Runs one command to its end. Exit codes are decided here.
 * @param name of the command, and of its file in commands/
 * @param given what the parser read, by settings' names
 */
export async function execute(name: string, given: Readonly<Record<string, unknown>>): Promise<ExitCode> {
  const { handler, [name]: definition }: CommandModule = await import(`./commands/${name}.ts`);
  if (!definition) throw new Error(`commands/${name}.ts does not define ${name}.`);
  const settings = parseSettings(definition, given);
  const detach = new AbortController();
  const context = { output: createOutput(settings.json), detach: detach.signal };
  listenForInterrupt(detach);
  try {
    if (settings.local === undefined || name === 'local') return await handler({ ...context, settings });
    const { withLocalStack } = await import('./commands/local.ts');
    return await withLocalStack(settings.local, () => {
      // The stack's endpoints and names have joined the environment.
      const named = { ...optionsFromEnvironment(process.env, FLEET_OPTIONS), ...definedOnly(given) };
      return handler({ ...context, settings: parseSettings(definition, named) });
    });
  } catch (error) {
    if (detach.signal.aborted && detach.signal.reason instanceof DetachedError) return EXIT.detached;
    process.stderr.write(`${explainError(error, settings.debug)}\n`);
    return exitCodeOfError(error);
  }
}

/** Once detaches; a second time ends at once. */
function listenForInterrupt(detach: AbortController): void {
  const interrupt = () => {
    if (detach.signal.aborted) process.exit(EXIT.detached);
    detach.abort(new DetachedError());
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
}

function definedOnly(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
