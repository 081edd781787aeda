import { accessSync, constants, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigurationError } from '../core/errors.ts';

/** What a machine may say about its DynamoDB engine. Empty means: the engine of the optional dependency. */
export interface EngineSettings {
  /** An engine that runs already; it is neither started nor stopped by us. */
  readonly endpoint?: string | undefined;
  /** Path of a dynoxide binary. */
  readonly dynoxide?: string | undefined;
  /** Folder of the official DynamoDB Local, with DynamoDBLocal.jar in it; needs `java`. */
  readonly dynamodbLocal?: string | undefined;
  /** Where programs are looked for, as PATH has it. */
  readonly path: string;
}

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

const NATIVE_PACKAGE = '@dynoxide/linux-x64';

const CHOICES = `No DynamoDB engine found. One of these will do:
  npm install ${NATIVE_PACKAGE}            the native engine, on Linux x64 (an optional dependency of this project)
  FLEETFILL_DYNOXIDE=/path/to/dynoxide      the same engine from elsewhere; or have \`dynoxide\` on the PATH
  FLEETFILL_DYNAMODB_LOCAL=/path/to/folder  the official DynamoDB Local (the folder with DynamoDBLocal.jar); needs Java 17 or later
  FLEETFILL_DYNAMODB_ENDPOINT=http://…      an engine that runs already`;

/**
 * Finds the program to run: what the settings name, else the optional dependency, else `dynoxide` on PATH.
 * @throws ConfigurationError that names every choice when there is none, or when what was named is not there
 */
export function chooseEngine(settings: EngineSettings): EngineProgram {
  if (settings.dynoxide !== undefined) {
    if (!isExecutable(settings.dynoxide)) {
      throw new ConfigurationError(
        `FLEETFILL_DYNOXIDE is ${settings.dynoxide}, which is not an executable file.`,
      );
    }
    return dynoxide(settings.dynoxide);
  }
  if (settings.dynamodbLocal !== undefined) return dynamodbLocal(settings.dynamodbLocal, settings.path);
  const found = findNativePackage() ?? findOnPath('dynoxide', settings.path);
  if (found === undefined) throw new ConfigurationError(CHOICES);
  return dynoxide(found);
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

/** The package has no entry point, only the binary, so it is found through its package.json's neighbour. */
function findNativePackage(): string | undefined {
  // From the bundle's own place (an installed CLI), and from where the user stands (a checkout).
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json')).href]) {
    try {
      const binary = createRequire(from).resolve(`${NATIVE_PACKAGE}/dynoxide`);
      if (isExecutable(binary)) return binary;
    } catch {
      // Not installed as seen from there.
    }
  }
  return undefined;
}

function findOnPath(program: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter(folder => folder !== '')
    .map(folder => join(folder, program))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
