import type { Argv, Options } from 'yargs';
import * as z from 'zod';
import { ConfigurationError } from '../../core/errors.ts';
import type { ExitCode } from './exit-codes.ts';
import { type OptionSet, optionName, settingName, type ValuesOf } from './option.ts';
import { FLEET_OPTIONS, type FleetSettings } from './options.ts';
import type { Output } from './output.ts';

/** A command line to type, with `$0` for the program, and what it does. */
export type Example = readonly [line: string, meaning: string];

/** What yargs needs of one command. Its handler is in the same file, as `handler`. */
export interface CommandDefinition<Set extends OptionSet = OptionSet> {
  /** In yargs' form, `resume <run>`. The first word is the name. */
  readonly usage: string;
  readonly describe: string;
  readonly positionals?: Readonly<Record<string, string>>;
  readonly options: Set;
  /** Options that have no environment variable. */
  readonly notFromEnvironment?: readonly string[];
  readonly examples: readonly Example[];
  /** Whether the command only shows something. Such a command ends with its reader; every other one continues. */
  onlyShows?(settings: ValuesOf<Set>): boolean;
  /** @throws ConfigurationError for settings that conflict. */
  check?(settings: ValuesOf<Set>, given: ReadonlySet<string>): void;
}

/** Keeps the types of the options. */
export function defineCommand<Set extends OptionSet>(definition: CommandDefinition<Set>): typeof definition {
  return definition;
}

/** The settings of a command: its own options, those of every command, and its positionals. */
export type SettingsOf<Definition extends { readonly options: OptionSet }> = FleetSettings &
  ValuesOf<Definition['options']> &
  Given;

interface Given {
  /** The names of the settings that were given, without defaults. */
  readonly given: ReadonlySet<string>;
  /** The named run, if the command takes one. */
  readonly run?: string | undefined;
  /** The named folder, if the command takes one. */
  readonly directory?: string | undefined;
}

/** What a handler receives: its settings, the output, and a signal that aborts when the operator detaches. */
export interface CommandContext<Settings = FleetSettings & Given> {
  readonly settings: Settings;
  readonly output: Output & { setRun(runId: string): void };
  readonly detach: AbortSignal;
  /** Call it before a run depends on this process. From then on a signal gives the process time to leave the run. */
  readonly onSupervise: () => void;
}

export type Handler<Definition extends { readonly options: OptionSet }> = (
  context: CommandContext<SettingsOf<Definition>>,
) => Promise<ExitCode>;

/** The positional of commands on a run: `pause <run>`. */
export const RUN_POSITIONAL = { run: 'Id of the run' } as const;

export function nameOf({ usage }: { readonly usage: string }): string {
  return usage.split(' ', 1)[0] ?? '';
}

/** Adds a command's options, examples and variables to the parser. */
export function describeCommand<T>(parser: Argv<T>, command: CommandDefinition): Argv<T> {
  for (const [name, describe] of Object.entries(command.positionals ?? {})) {
    parser.positional(name, { type: 'string', describe });
  }
  const left = new Set(command.notFromEnvironment ?? []);
  const variables = Object.fromEntries(Object.entries(command.options).filter(([name]) => !left.has(name)));
  const lines = command.examples.flatMap(([line, meaning]) => [`  # ${meaning}`, `  ${line}`]);
  return parser
    .options(command.options)
    .config(optionsFromEnvironment(process.env, variables))
    .epilogue(['Examples:', ...lines].join('\n')) as Argv<T>;
}

/**
 * Reads options from the environment: `--max-write-rate` is `FLEETFILL_MAX_WRITE_RATE`. A variable that names no option
 * is ignored.
 */
export function optionsFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  options: Readonly<Record<string, Options>>,
): Record<string, string | boolean> {
  const given: Record<string, string | boolean> = {};
  for (const name of Object.keys(options)) {
    const text = environment[`FLEETFILL_${name.toUpperCase().replaceAll('-', '_')}`];
    if (text === undefined || text === '') continue;
    given[settingName(name)] =
      options[name]?.type === 'boolean' ? !['0', 'false', 'no'].includes(text) : text;
  }
  return given;
}

/**
 * Reads what was given for a command.
 * @param given by setting name, as yargs returns it
 * @throws ConfigurationError that lists every problem, one a line; if there is none, for options that conflict.
 */
export function parseSettings<Set extends OptionSet>(
  { options, check, positionals = {} }: CommandDefinition<Set>,
  given: Readonly<Record<string, unknown>>,
): SettingsOf<{ readonly options: Set }> {
  const all: OptionSet = { ...FLEET_OPTIONS, ...options };
  const twice = Object.entries(all).flatMap(([name, { repeatable = false }]) =>
    !repeatable && Array.isArray(given[settingName(name)]) ? [name] : [],
  );
  if (twice.length > 0) throw new ConfigurationError(`--${twice.join(', --')} is given more than once.`);
  const schema = z.object({
    ...Object.fromEntries(Object.entries(all).map(([name, option]) => [settingName(name), option.schema()])),
    ...Object.fromEntries(Object.keys(positionals).map(name => [name, z.string().optional()])),
  });
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => {
      const key = String(path[0]);
      return `--${optionName(key)} ${message}: ${String(given[key])}`;
    });
    throw new ConfigurationError(problems.join('\n'));
  }
  const named = new Set(Object.keys(given).filter(name => given[name] !== undefined));
  const settings = { ...parsed.data, given: named } as unknown as SettingsOf<{ readonly options: Set }>;
  check?.(settings, named);
  return settings;
}
