import yargs, { type Argv, type Options } from 'yargs';
import { hideBin } from 'yargs/helpers';
import { ConfigurationError } from '../core/errors.ts';
import { DetachedError } from './cli/detached-error.ts';
import { COMMANDS, withExamples } from './cli/examples.ts';
import { EXIT, type ExitCode } from './cli/exit-codes.ts';
import { explainError } from './cli/explain-error.ts';
import {
  DASHBOARD_OPTIONS,
  DOCTOR_OPTIONS,
  FAILURES_OPTIONS,
  FLEET_OPTIONS,
  LOCAL_OPTIONS,
  OPTION_NAMES,
  optionsFromEnvironment,
  PLAN_OPTIONS,
  parseSettings,
  RATE_OPTIONS,
  READ_RATE_OPTION,
  RECIPE_OPTIONS,
  REPORT_OPTIONS,
  RESUME_OPTIONS,
  RESUME_VARIABLES,
  RUN_OPTIONS,
  STATUS_OPTIONS,
  TABLE_OPTIONS,
} from './cli/options.ts';
import { createOutput } from './cli/output.ts';
import { prepareClients, prepareEnvironment } from './cli/prepare-environment.ts';
import { listenForSignals, type Occupation } from './cli/signals.ts';
import { OutputStreams } from './cli/streams.ts';
import { explainUsage } from './cli/usage-errors.ts';
import type { CommandContext } from './session.ts';

type Command = (context: CommandContext) => Promise<ExitCode>;

const RUN_POSITIONAL = { type: 'string', describe: 'Id of the run', demandOption: true } as const;

/**
 * Turns the command line into one call. A command is loaded when its options are known to be right, so that help and
 * usage errors need nothing of AWS. Exit codes are decided here.
 */
async function main(words: string[]): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const detach = new AbortController();
  const execute = async (given: Record<string, unknown>, load: () => Promise<Command>) => {
    const local = given['local'];
    const settings = parseSettings(given);
    const output = createOutput(settings.json);
    let occupation: Occupation =
      given['local'] === undefined && !words.includes('local') ? 'other' : 'holding a stack';
    const onSupervise = () => {
      if (occupation === 'other') occupation = 'supervising';
      streams.doWithout();
    };
    const context = { settings, output, detach: detach.signal, onSupervise };
    listenForSignals(detach, () => occupation);
    const tell = (message: string) => {
      output.event('warning', { message });
      output.say(message);
    };
    prepareClients(process.env, { tell, signal: detach.signal });
    const command = await load();
    if (typeof local !== 'string') {
      exitCode = await command(context);
      return;
    }
    const { withLocalStack } = await import('./commands/local.ts');
    exitCode = await withLocalStack(local, () =>
      // The stack's endpoints and names have joined the environment.
      command({
        ...context,
        settings: parseSettings({ ...fromEnvironment(FLEET_OPTIONS), ...definedOnly(given) }),
      }),
    );
  };
  const parser = yargs(words)
    .scriptName('orchestrate')
    .locale('en')
    .strict()
    .completion('completion', 'Print a script that completes commands and options in bash or zsh')
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .options(FLEET_OPTIONS)
    .version(false)
    .config(fromEnvironment(FLEET_OPTIONS))
    .command(
      ['run', '$0'],
      'Add the attribute to every item that lacks it, and verify that none does',
      builder => withExamples(withOptions(builder, RUN_OPTIONS), 'run'),
      given => execute(given, async () => (await import('./commands/run.ts')).run),
    )
    .command(
      'plan',
      'Show what a run would do, take and cost, and what speaks against it; writes nothing',
      builder => withExamples(withOptions(builder, PLAN_OPTIONS), 'plan'),
      given => execute(given, async () => (await import('./commands/plan.ts')).plan),
    )
    .command(
      'doctor',
      'Examine all that a run needs; with --task, by one task that changes no item',
      builder => withExamples(withOptions(builder, DOCTOR_OPTIONS), 'doctor'),
      given => execute(given, async () => (await import('./commands/doctor.ts')).doctor),
    )
    .command(
      'resume <run>',
      'Take the supervision of a run over and go on',
      builder =>
        withExamples(
          builder
            .positional('run', RUN_POSITIONAL)
            .options(RESUME_OPTIONS)
            .config(fromEnvironment(RESUME_VARIABLES)),
          'resume',
        ),
      given => execute(given, async () => (await import('./commands/resume.ts')).resume),
    )
    .command(
      'status [run]',
      'Show a run, the newest where none is named',
      builder =>
        withExamples(
          withOptions(
            builder.positional('run', { type: 'string', describe: 'Id of the run' }),
            STATUS_OPTIONS,
          ),
          'status',
        ),
      given => execute(given, async () => (await import('./commands/status.ts')).status),
    )
    .command(
      'pause <run>',
      'Stop writing until someone resumes; returns when no task can write any more',
      builder => withExamples(builder.positional('run', RUN_POSITIONAL), 'pause'),
      given => execute(given, async () => (await import('./commands/operate.ts')).pause),
    )
    .command(
      'cancel <run>',
      'End a run for good and release the table; what was written stays',
      builder => withExamples(builder.positional('run', RUN_POSITIONAL), 'cancel'),
      given => execute(given, async () => (await import('./commands/operate.ts')).cancel),
    )
    .command(
      'rate <run>',
      'Change the budget of a run',
      builder => withExamples(withOptions(builder.positional('run', RUN_POSITIONAL), RATE_OPTIONS), 'rate'),
      given => execute(given, async () => (await import('./commands/operate.ts')).rate),
    )
    .command(
      'failures <run>',
      'List the items that could not be written',
      builder =>
        withExamples(withOptions(builder.positional('run', RUN_POSITIONAL), FAILURES_OPTIONS), 'failures'),
      given => execute(given, async () => (await import('./commands/failures.ts')).failures),
    )
    .command(
      'dashboard <run>',
      'Serve a page that shows a run, on this machine alone, until Ctrl-C',
      builder =>
        withExamples(withOptions(builder.positional('run', RUN_POSITIONAL), DASHBOARD_OPTIONS), 'dashboard'),
      given => execute(given, async () => (await import('./commands/dashboard.ts')).dashboard),
    )
    .command(
      'report <run>',
      'Write the evidence of a run: one file that needs no network',
      builder =>
        withExamples(withOptions(builder.positional('run', RUN_POSITIONAL), REPORT_OPTIONS), 'report'),
      given => execute(given, async () => (await import('./commands/report.ts')).report),
    )
    .command(
      'verify',
      'Read the whole table with strong consistency and count items that lack the attribute',
      builder =>
        withExamples(
          withOptions(builder, { ...TABLE_OPTIONS, ...RECIPE_OPTIONS, ...READ_RATE_OPTION }),
          'verify',
        ),
      given => execute(given, async () => (await import('./commands/verify.ts')).verify),
    )
    .command(
      'local [directory]',
      'Run DynamoDB, ECS and CloudWatch on this machine until Ctrl-C',
      builder =>
        withExamples(
          withOptions(
            builder.positional('directory', { type: 'string', describe: 'Folder that keeps the database' }),
            LOCAL_OPTIONS,
          ),
          'local',
        ),
      async given => {
        await execute({ ...given, local: undefined }, async () => {
          const { local } = await import('./commands/local.ts');
          const directory = [given.directory, given.local].find(folder => typeof folder === 'string');
          return context => local(context, directory);
        });
      },
    )
    .fail((message, error) => {
      if (error && error.name !== 'YError') throw error;
      const said = error ? error.message : message;
      throw new ConfigurationError(explainUsage(said, words, [...COMMANDS, 'completion'], OPTION_NAMES));
    })
    .epilogue('Every option can be given as a variable too: FLEETFILL_MAX_WRITE_RATE is --max-write-rate.\n');
  try {
    await parser.parseAsync();
    return exitCode;
  } catch (error) {
    if (detach.signal.aborted && detach.signal.reason instanceof DetachedError) return EXIT.detached;
    const { words: explanation, exitCode: code } = explainError(error, process.env);
    const debug = words.includes('--debug') || fromEnvironment(FLEET_OPTIONS)['debug'] === true;
    process.stderr.write(`${debug && error instanceof Error ? error.stack : explanation}\n`);
    return code;
  }
}

/** Options of a command, each with the environment variable that stands for it. */
function withOptions<T>(builder: Argv<T>, options: Readonly<Record<string, Options>>): Argv<T> {
  return builder.options(options).config(fromEnvironment(options)) as Argv<T>;
}

function fromEnvironment(options: Readonly<Record<string, Options>>) {
  return optionsFromEnvironment(process.env, options);
}

function definedOnly(given: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

const streams = new OutputStreams([process.stdout, process.stderr], () => process.exit());
prepareEnvironment(process.env);
process.exitCode = await main(hideBin(process.argv));
await streams.drain();
// Idle keep-alive sockets would hold the process for a while.
process.exit();
