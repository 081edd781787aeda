import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

/** The machine, in Node's terms. */
export interface Platform {
  readonly os: NodeJS.Platform;
  readonly cpu: NodeJS.Architecture;
}

/**
 * The version of the engine's npm packages, the same for every platform. The lockfile holds only the package for Linux
 * on x86-64. The packages for other platforms are installed by name when they are needed.
 */
export const ENGINE_VERSION = '1.2.1';

/** The platforms with a published package. The engine's Linux binaries need no libc. */
const PACKAGED = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

/** @returns the name of the package with the engine for a platform; undefined if there is none */
export function enginePackageOf({ os, cpu }: Platform): string | undefined {
  return PACKAGED.includes(`${os}-${cpu}`) ? `@dynoxide/${os}-${cpu}` : undefined;
}

/**
 * Finds the engine that npm installed: as an optional dependency of this project, or in the cache that {@link
 * installEngine} fills.
 *
 * @returns path of the program
 */
export function findEnginePackage(platform: Platform, cache: string): string | undefined {
  const name = enginePackageOf(platform);
  if (name === undefined) return undefined;
  // Looks from the bundle's place (an installed command) and from the working directory (a checkout).
  const places = [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json')).href];
  for (const from of [...places, pathToFileURL(join(cacheOf(name, cache), 'package.json')).href]) {
    try {
      // The package has no entry point, only the program.
      const program = createRequire(from).resolve(`${name}/dynoxide`);
      if (isExecutable(program)) return program;
    } catch {
      // It is not installed there.
    }
  }
  return undefined;
}

/**
 * Makes npm install the engine for this platform into a cache, outside every package.json and lockfile. If two
 * processes do so at the same time, both succeed: the later one uses what the earlier one left.
 *
 * @param environment npm's environment, so that the user's registry, proxies and cache apply
 * @returns path of the program
 * @throws Error with npm's reason in one line
 */
export async function installEngine(
  name: string,
  cache: string,
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  const folder = cacheOf(name, cache);
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'install-'));
  try {
    await runNpm(['install', '--prefix', work, ...QUIETLY, `${name}@${ENGINE_VERSION}`], environment);
    const program = join('node_modules', name, 'dynoxide');
    await chmod(join(work, program), 0o755);
    await rename(work, folder).catch(error => {
      if (!isExecutable(join(folder, program))) throw error;
    });
    return join(folder, program);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Installs only the package: no lockfile, no scripts, no advice. npm does not ask again for what it already has. */
const QUIETLY = [
  '--no-save',
  '--no-package-lock',
  '--ignore-scripts',
  '--no-audit',
  '--no-fund',
  '--no-update-notifier',
  '--prefer-offline',
  '--fetch-retries=1',
  '--fetch-retry-mintimeout=1000',
  '--loglevel=error',
];

async function runNpm(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  try {
    await promisify(execFile)('npm', args, { env: environment });
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw new Error('There is no npm on the PATH.', { cause: error });
    // npm's first line is `npm error code E404`, or `npm ERR! code E404` in older versions.
    const said = /^npm (?:error|ERR!) code (?<code>\S+)/m.exec(stderr)?.groups?.['code'] ?? String(code);
    throw new Error(`npm could not install it (${said}).`, { cause: error });
  }
}

function cacheOf(name: string, cache: string): string {
  return join(cache, `${name.replace('@', '').replace('/', '-')}-${ENGINE_VERSION}`);
}

/**
 * Where engines are kept: `.cache` of the project in a checkout, else the user's cache directory of the system. An
 * installed package is never written to.
 */
export function engineCache(environment: NodeJS.ProcessEnv, os: NodeJS.Platform): string {
  const beside = dirname(dirname(fileURLToPath(import.meta.url)));
  if (!beside.split(/[\\/]/).includes('node_modules') && isExecutable(join(beside, 'dist'))) {
    return join(beside, '.cache', 'engine');
  }
  const home = environment['HOME'] || homedir();
  const { XDG_CACHE_HOME: xdg } = environment;
  const ofUser = os === 'darwin' ? join(home, 'Library', 'Caches') : xdg || join(home, '.cache');
  return join(ofUser, 'fleetfill', 'engine');
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
