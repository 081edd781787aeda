import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigurationError } from '../../core/errors.ts';
import { provideEngine } from '../../local/engine-choice.ts';
import { beganAt } from '../../local/engine-directory.ts';
import { ENGINE_VERSION, engineCache, enginePackageOf, type Platform } from '../../local/engine-package.ts';

const NOWHERE = { path: '/nowhere' };
/** Not this machine's platform, so that this checkout's optional dependency cannot satisfy it. */
const MAC: Platform = { os: 'darwin', cpu: 'arm64' };

let directory: string;
let registry: Server;
let asked: string[];
let said: string[];
const say = (line: string) => {
  said.push(line);
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleetfill-npm-'));
  asked = [];
  said = [];
  registry = await startRegistry();
});
afterEach(async () => {
  registry.closeAllConnections();
  await new Promise(resolve => registry.close(resolve));
  await rm(directory, { recursive: true, force: true });
});

const address = () => `http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
const cache = () => join(directory, 'cache');
const settings = (platform: Platform, npm: NodeJS.ProcessEnv = {}) => ({
  ...NOWHERE,
  platform,
  cache: cache(),
  npmEnvironment: {
    PATH: process.env['PATH'],
    HOME: directory,
    npm_config_cache: join(directory, 'npm'),
    npm_config_registry: address(),
    ...npm,
  },
});

/** A registry with one package for every name, whose program is a shell script. */
async function startRegistry(): Promise<Server> {
  await mkdir(join(directory, 'package'));
  await writeFile(
    join(directory, 'package/package.json'),
    JSON.stringify({ name: 'dynoxide', version: ENGINE_VERSION }),
  );
  await writeFile(join(directory, 'package/dynoxide'), '#!/bin/sh\n');
  const tarball = execFileSync('tar', ['-czf', '-', 'package'], { cwd: directory });
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  const server = createServer(({ url = '' }, response) => {
    if (url.endsWith('.tgz')) return response.end(tarball);
    const name = decodeURIComponent(url.slice(1));
    asked.push(name);
    const dist = { tarball: `${address()}/engine.tgz`, integrity };
    return response.end(
      JSON.stringify({ name, versions: { [ENGINE_VERSION]: { name, version: ENGINE_VERSION, dist } } }),
    );
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return server;
}

describe('the engine of a platform', () => {
  test('has a package on Linux and macOS, x86-64 and ARM, and nowhere else', () => {
    const packages = (['linux', 'darwin', 'win32', 'freebsd'] as const).flatMap(os =>
      (['x64', 'arm64', 'riscv64'] as const).map(cpu => enginePackageOf({ os, cpu })),
    );
    expect(packages.filter(name => name !== undefined)).toEqual([
      '@dynoxide/linux-x64',
      '@dynoxide/linux-arm64',
      '@dynoxide/darwin-x64',
      '@dynoxide/darwin-arm64',
    ]);
  });

  test('is installed by npm when it is missing, with a message first, and reused afterwards', async () => {
    const { command } = await provideEngine(settings(MAC), say);
    expect(command).toBe(
      join(cache(), 'dynoxide-darwin-arm64-1.2.1/node_modules/@dynoxide/darwin-arm64/dynoxide'),
    );
    expect(asked).toEqual(['@dynoxide/darwin-arm64']);
    expect(said).toEqual([
      expect.stringContaining(`npm installs @dynoxide/darwin-arm64 1.2.1 into ${cache()}`),
    ]);
    expect(await provideEngine(settings(MAC), say)).toMatchObject({ command });
    expect([asked.length, said.length]).toEqual([1, 1]);
    expect(await readdir(cache())).toEqual(['dynoxide-darwin-arm64-1.2.1']);
  });

  test('is installed once by two that begin at the same time', async () => {
    const [one, other] = await Promise.all([1, 2].map(() => provideEngine(settings(MAC), say)));
    expect(one?.command).toBe(other?.command);
    expect(await readdir(cache())).toEqual(['dynoxide-darwin-arm64-1.2.1']);
  });

  test.each([
    ['offline', { npm_config_offline: 'true' }, /npm could not install it \(ENOTCACHED\)/],
    ['without a registry', { npm_config_registry: 'http://127.0.0.1:9' }, /\(ECONNREFUSED\)/],
    ['without npm', { PATH: '/nowhere' }, /no npm on the PATH/],
  ])('%s, the reason and every choice are said, and nothing is left', async (_, npm, reason) => {
    const error = await provideEngine(settings(MAC, npm), say).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigurationError);
    const { message } = error as Error;
    expect(message).toMatch(reason);
    const order = [
      'npm install --no-save @dynoxide/darwin-arm64@1.2.1',
      'FLEETFILL_DYNOXIDE',
      'FLEETFILL_DYNAMODB_LOCAL',
      'FLEETFILL_DYNAMODB_ENDPOINT',
    ].map(choice => message.indexOf(choice));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order).not.toContain(-1);
    expect(await readdir(cache())).toEqual([]);
  });

  test('is not looked for when upstream has none', async () => {
    const platform: Platform = { os: 'freebsd', cpu: 'x64' };
    await expect(provideEngine(settings(platform), say)).rejects.toThrow(
      /freebsd-x64[\s\S]*1\. FLEETFILL_DYNOXIDE/,
    );
    expect([asked, said]).toEqual([[], []]);
  });

  test('is kept in the checkout, in a folder that git ignores', () => {
    expect(engineCache({}, 'linux')).toBe(join(process.cwd(), '.cache/engine'));
  });

  test('that PATH has needs no npm', async () => {
    await mkdir(join(directory, 'bin'));
    await writeFile(join(directory, 'bin/dynoxide'), '#!/bin/sh\n', { mode: 0o755 });
    const { command } = await provideEngine({ ...settings(MAC), path: join(directory, 'bin') }, say);
    expect([command, asked]).toEqual([join(directory, 'bin/dynoxide'), []]);
  });
});

test.each(['linux', 'darwin'] as const)('on %s a process is known by when it began', async os => {
  expect(await beganAt(process.pid, os)).not.toBe('');
  expect(await beganAt(process.pid, os)).toBe(await beganAt(process.pid, os));
  expect(await beganAt(process.pid, os)).not.toBe(await beganAt(1, os));
  expect(await beganAt(2 ** 22 + 1, os)).toBe('');
});
