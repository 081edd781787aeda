import './cli/working-directory.ts';

import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { ConfigurationError } from '../core/errors.ts';
import { VERSION } from '../core/version.ts';
import {
  type CommandDefinition,
  describeCommand,
  nameOf,
  optionsFromEnvironment,
  parseSettings,
} from './cli/command.ts';
import { EXIT, type ExitCode } from './cli/exit-codes.ts';
import { explainError } from './cli/explain-error.ts';
import { FLEET_OPTIONS } from './cli/options.ts';
import { prepareEnvironment } from './cli/prepare-environment.ts';
import { OutputStreams } from './cli/streams.ts';
import { explainUsage } from './cli/usage-errors.ts';
import * as commands from './commands/index.ts';

const COMMANDS: readonly CommandDefinition[] = [...Object.values(commands)];
const DEFAULT_COMMAND = 'run';

/**
 * The front door: turns the command line into one call. A command's modules are loaded only once its options are valid,
 * so that help and usage errors need nothing of AWS.
 */
async function main(words: string[], streams: OutputStreams): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const parser = yargs(words)
    .scriptName('orchestrate')
    .locale('en')
    .strict()
    // An option may be called --no-undo-log.
    .parserConfiguration({ 'boolean-negation': false })
    .completion('completion', 'Print a script that completes commands and options in bash or zsh')
    .wrap(Math.min(110, process.stdout.columns ?? 80))
    .options(FLEET_OPTIONS)
    .version(VERSION)
    .config(optionsFromEnvironment(process.env, FLEET_OPTIONS))
    .fail((message, error) => {
      if (error && error.name !== 'YError') throw error;
      const options = COMMANDS.flatMap(command => Object.keys(command.options));
      throw new ConfigurationError(
        explainUsage(
          error ? error.message : message,
          words,
          [...COMMANDS.map(nameOf), 'completion'],
          [...Object.keys(FLEET_OPTIONS), 'version', ...options],
        ),
      );
    })
    .epilogue('You can give every option as a variable too: FLEETFILL_MAX_WRITE_RATE is --max-write-rate.\n');
  for (const command of COMMANDS) {
    const name = nameOf(command);
    parser.command(
      name === DEFAULT_COMMAND ? [command.usage, '$0'] : command.usage,
      command.describe,
      builder => describeCommand(builder, command),
      async given => {
        // Wrong values are reported before anything is loaded.
        parseSettings(command, given);
        const { execute } = await import('./execute.ts');
        exitCode = await execute(name, given, streams);
      },
    );
  }
  try {
    await parser.parseAsync();
    return exitCode;
  } catch (error) {
    const { words: explanation, exitCode: code } = explainError(
      error,
      process.env,
      words.includes('--debug'),
    );
    process.stderr.write(`${explanation}\n`);
    return code;
  }
}

/** Ends the process. Without `code` the exit code already set stays; `process.exit(undefined)` would reset it. */
function endWith(code?: ExitCode): void {
  if (code !== undefined) process.exitCode = code;
  process.exit();
}

const streams = new OutputStreams(process.stdout, process.stderr, endWith);
prepareEnvironment(process.env);
process.exitCode = await main(hideBin(process.argv), streams);
// Idle keep-alive sockets would keep the process running for a while.
endWith(await streams.drain());
