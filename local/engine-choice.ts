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

/** What a machine may say about its DynamoDB engine. Empty means: the engine that npm brings. */
export interface EngineSettings {
  /** An engine that runs already; it is neither started nor stopped by us. */
  readonly endpoint?: string | undefined;
  /** Path of a dynoxide binary. */
  readonly dynoxide?: string | undefined;
  /** Folder of the official DynamoDB Local, with DynamoDBLocal.jar in it; needs `java`. */
  readonly dynamodbLocal?: string | undefined;
  /** Where programs are looked for, as PATH has it. */
  readonly path: string;
  /** This machine when not given. */
  readonly platform?: Platform;
  /** Where an engine is kept that npm installs when it is needed; nothing is installed when not given. */
  readonly cache?: string;
  /** For npm, when it installs an engine. */
  readonly npmEnvironment?: Readonly<NodeJS.ProcessEnv>;
}

const THIS_MACHINE: Platform = { os: process.platform, cpu: process.arch };

/** The one place in local/ that reads the process's environment. */
export function readEngineSettings(environment: Readonly<NodeJS.ProcessEnv> = process.env): EngineSettings {
  const {
    FLEETFILL_DYNAMODB_ENDPOINT: endpoint,
    FLEETFILL_DYNOXIDE: dynoxide,
    FLEETFILL_DYNAMODB_LOCAL: dynamodbLocal,
    PATH: path = '/usr/local/bin:/usr/bin:/bin',
  } = environment;
  // A variable that is set to nothing is one that is not set.
  return {
    endpoint: endpoint || undefined,
    dynoxide: dynoxide || undefined,
    dynamodbLocal: dynamodbLocal || undefined,
    path,
    cache: engineCache(environment, THIS_MACHINE.os),
    npmEnvironment: environment,
  };
}

/** A program that serves DynamoDB, and how it is told its port and its directory. */
export interface EngineProgram {
  readonly name: 'dynoxide' | 'DynamoDB Local';
  readonly command: string;
  /** What it prints once it has its port, if it does: an answer before that is somebody else's. */
  readonly announcement?: RegExp;
  /** @param databaseDirectory an absolute path; without it everything is kept in memory */
  readonly args: (port: number, databaseDirectory: string | undefined) => string[];
}

/** In the order in which they are least work. */
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
    ['FLEETFILL_DYNAMODB_ENDPOINT=http://…', 'an engine that runs already'],
  ];
  const lines = choices.map(([what, which], index) => `  ${index + 1}. ${what}\n     ${which}`);
  return `Any one of these gives this machine (${os}-${cpu}) a DynamoDB engine:\n${lines.join('\n')}`;
}

/**
 * Finds the program to run: what the settings name, else the engine that npm installed, else `dynoxide` on the PATH.
 *
 * @throws ConfigurationError that names every choice when there is none, or when what was named is not there
 */
export function chooseEngine(settings: EngineSettings): EngineProgram {
  const found = findEngine(settings);
  if (found === undefined) {
    throw new ConfigurationError(`No DynamoDB engine found. ${choicesOf(settings.platform ?? THIS_MACHINE)}`);
  }
  return found;
}

/**
 * The same; where there is none, npm installs the engine of this platform into the cache.
 *
 * @param say is told before npm begins
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

/** Options as in the developer guide, "DynamoDB local usage notes"; it has none for the address it binds. */
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
