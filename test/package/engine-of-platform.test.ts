import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../support/command.ts';

/** A checkout's bundles without the optional package, so without an engine. */
let checkout: string;

beforeEach(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'fleetfill-platform-'));
  await cp('dist', join(checkout, 'dist'), { recursive: true });
  await mkdir(join(checkout, 'node_modules'));
  for (const name of await readdir('node_modules')) {
    if (name === '@dynoxide' || name.startsWith('.')) continue;
    await symlink(resolve('node_modules', name), join(checkout, 'node_modules', name));
  }
});
afterEach(async () => {
  await rm(checkout, { recursive: true, force: true });
});

const environment = (more: Record<string, string> = {}) => ({
  PATH: process.env['PATH'] ?? '',
  HOME: checkout,
  // npm's cache has what `npm ci` installed.
  ...(process.env['HOME'] && { npm_config_cache: join(process.env['HOME'], '.npm') }),
  ...more,
});

const demo = (more?: Record<string, string>, ...node: string[]) =>
  run(
    process.execPath,
    [...node, 'dist/demo.mjs', '--items', '400', '--tasks', '2', '--segments', '4'],
    environment(more),
    checkout,
  );

test('without the optional package the demo has npm install the engine, says so, and ends clean', async () => {
  const first = await demo();
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout).toContain(`npm installs @dynoxide/linux-x64 1.2.1 into ${checkout}/.cache/engine`);
  expect(first.stdout).toContain('Every item has "test".');
  expect(await readdir(join(checkout, '.cache/engine'))).toEqual(['dynoxide-linux-x64-1.2.1']);
  const second = await demo({ npm_config_offline: 'true' });
  expect(second).toMatchObject({ code: 0, stderr: '' });
  expect(second.stdout).not.toContain('npm installs');
});

test('offline it ends with one message that names the choices in order', async () => {
  const { code, stderr } = await demo({
    npm_config_offline: 'true',
    npm_config_cache: join(checkout, 'empty'),
  });
  expect(code).toBe(1);
  expect(
    stderr,
  ).toBe(`demo: npm could not install it (ENOTCACHED). Any one of these gives this machine (linux-x64) a DynamoDB engine:
  1. npm install --no-save @dynoxide/linux-x64@1.2.1
     the engine that this project uses, from the npm registry
  2. FLEETFILL_DYNOXIDE=/path/to/dynoxide
     the same engine from elsewhere (cargo install dynoxide-rs), or on the PATH
  3. FLEETFILL_DYNAMODB_LOCAL=/path/to/folder
     DynamoDB Local (the folder with DynamoDBLocal.jar); needs Java 17 or later
  4. FLEETFILL_DYNAMODB_ENDPOINT=http://…
     an engine that is already running
`);
});

test('on Windows the answer is WSL, at once', async () => {
  const windows = join(checkout, 'windows.mjs');
  await writeFile(windows, `Object.defineProperty(process, 'platform', { value: 'win32' });`);
  const { code, stderr } = await demo({}, '--import', windows);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^demo: .*On Windows use WSL: `wsl --install`.*\n$/);
  const local = await run(
    process.execPath,
    ['--import', windows, 'dist/orchestrate.mjs', 'local'],
    environment(),
    checkout,
  );
  expect(local.code).toBe(2);
  expect(local.stderr).toMatch(/^.*On Windows use WSL.*\n$/);
});
