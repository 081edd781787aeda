import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ConfigurationError } from '../core/errors.ts';
import {
  ENGINE_VERSION,
  engineCache,
  enginePackageOf,
  findEnginePackage,
  installEngine,
  isExecutable,
  type Platform,
} from './engine-package.ts';

/** What the environment says about the DynamoDB engine. If it says nothing, the engine from npm is used. */
export interface EngineSettings {
  /** An engine that already runs. It is neither started nor stopped here. */
  readonly endpoint?: string | undefined;
  /** Path of a dynoxide binary. */
  readonly dynoxide?: string | undefined;
  /** Folder of the official DynamoDB Local with DynamoDBLocal.jar; needs `java`. */
  readonly dynamodbLocal?: string | undefined;
  /** Where to look for programs, in the format of PATH. */
  readonly path: string;
  /** This machine by default. */
  readonly platform?: Platform;
  /** Where npm installs an engine when one is needed. Without it nothing is installed. */
  readonly cache?: string;
  /** npm's environment for the installation. */
  readonly npmEnvironment?: Readonly<NodeJS.ProcessEnv>;
}

const THIS_MACHINE: Platform = { os: process.platform, cpu: process.arch };

/** The only place in local/ that reads the process's environment. */
export function readEngineSettings(environment: Readonly<NodeJS.ProcessEnv> = process.env): EngineSettings {
  const {
    FLEETFILL_DYNAMODB_ENDPOINT: endpoint,
    FLEETFILL_DYNOXIDE: dynoxide,
    FLEETFILL_DYNAMODB_LOCAL: dynamodbLocal,
    PATH: path = '/usr/local/bin:/usr/bin:/bin',
  } = environment;
  // An empty variable counts as not set.
  return {
    endpoint: endpoint || undefined,
    dynoxide: dynoxide || undefined,
    dynamodbLocal: dynamodbLocal || undefined,
    path,
    cache: engineCache(environment, THIS_MACHINE.os),
    npmEnvironment: environment,
  };
}

/** A program that serves DynamoDB, and how it gets its port and directory. */
export interface EngineProgram {
  readonly name: 'dynoxide' | 'DynamoDB Local';
  readonly command: string;
  /** What it prints once it has its port, if it prints anything. An earlier answer comes from another program. */
  readonly announcement?: RegExp;
  /** @param databaseDirectory an absolute path; without it everything stays in memory */
  readonly args: (port: number, databaseDirectory: string | undefined) => string[];
}

/** The choices for an error message, the one with the least work first. */
function choicesOf({ os, cpu }: Platform): string {
  const name = enginePackageOf({ os, cpu });
  const npm = name && `npm install --no-save ${name}@${ENGINE_VERSION}`;
  const choices = [
    ...(npm ? [[npm, 'the engine that this project uses, from the npm registry']] : []),
    [
      'FLEETFILL_DYNOXIDE=/path/to/dynoxide',
      'the same engine from elsewhere (cargo install dynoxide-rs), or on the PATH',
    ],
    [
      'FLEETFILL_DYNAMODB_LOCAL=/path/to/folder',
      'DynamoDB Local (the folder with DynamoDBLocal.jar); needs Java 17 or later',
    ],
    ['FLEETFILL_DYNAMODB_ENDPOINT=http://…', 'an engine that is already running'],
  ];
  const lines = choices.map(([what, which], index) => `  ${index + 1}. ${what}\n     ${which}`);
  return `Any one of these gives this machine (${os}-${cpu}) a DynamoDB engine:\n${lines.join('\n')}`;
}

/**
 * Finds the program to run: the one that the settings name, else the engine from npm, else `dynoxide` on the PATH.
 *
 * @throws ConfigurationError that names every choice, when there is no engine or the named one is missing
 */
export function chooseEngine(settings: EngineSettings): EngineProgram {
  const found = findEngine(settings);
  if (found === undefined) {
    throw new ConfigurationError(`No DynamoDB engine found. ${choicesOf(settings.platform ?? THIS_MACHINE)}`);
  }
  return found;
}

/**
 * Like {@link chooseEngine}. If there is no engine, npm installs the one for this platform into the cache.
 *
 * @param say called before npm begins
 * @throws ConfigurationError as {@link chooseEngine}, with npm's reason
 */
export async function provideEngine(
  settings: EngineSettings,
  say: (line: string) => void,
): Promise<EngineProgram> {
  const { platform = THIS_MACHINE, cache, npmEnvironment = {} } = settings;
  const found = findEngine(settings);
  const name = enginePackageOf(platform);
  if (found !== undefined || name === undefined || cache === undefined)
    return found ?? chooseEngine(settings);
  say(`This machine has no DynamoDB engine yet. npm installs ${name} ${ENGINE_VERSION} into ${cache}.`);
  try {
    return dynoxide(await installEngine(name, cache, npmEnvironment));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigurationError(`${reason} ${choicesOf(platform)}`, { cause });
  }
}

function findEngine(settings: EngineSettings): EngineProgram | undefined {
  const { platform = THIS_MACHINE, cache = '' } = settings;
  if (settings.dynoxide !== undefined) {
    if (!isExecutable(settings.dynoxide)) {
      throw new ConfigurationError(
        `FLEETFILL_DYNOXIDE is ${settings.dynoxide}, which is not an executable file.`,
      );
    }
    return dynoxide(settings.dynoxide);
  }
  if (settings.dynamodbLocal !== undefined) return dynamodbLocal(settings.dynamodbLocal, settings.path);
  const program = findEnginePackage(platform, cache) ?? findOnPath('dynoxide', settings.path);
  return program === undefined ? undefined : dynoxide(program);
}

function dynoxide(command: string): EngineProgram {
  return {
    name: 'dynoxide',
    command,
    announcement: /listening on/i,
    args: (port, directory) => [
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      ...(directory === undefined ? [] : ['--db-path', join(directory, 'dynoxide.sqlite')]),
    ],
  };
}

/** Options as in the developer guide, "DynamoDB local usage notes". There is none for the address that it binds. */
function dynamodbLocal(folder: string, path: string): EngineProgram {
  const jar = join(folder, 'DynamoDBLocal.jar');
  if (!existsSync(jar))
    throw new ConfigurationError(`FLEETFILL_DYNAMODB_LOCAL is ${folder}, which has no DynamoDBLocal.jar.`);
  const java = findOnPath('java', path);
  if (java === undefined)
    throw new ConfigurationError('DynamoDB Local needs `java` on the PATH, and there is none.');
  return {
    name: 'DynamoDB Local',
    command: java,
    args: (port, directory) => [
      `-Djava.library.path=${join(folder, 'DynamoDBLocal_lib')}`,
      '-jar',
      jar,
      '-sharedDb',
      '-port',
      String(port),
      ...(directory === undefined ? ['-inMemory'] : ['-dbPath', directory]),
    ],
  };
}

function findOnPath(program: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter(folder => folder !== '')
    .map(folder => join(folder, program))
    .find(isExecutable);
}
