import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../support/command.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const tarball = `fleetfill-${version}.tgz`;

const TEMPLATES = readdirSync('infra')
  .filter(name => name.endsWith('.yaml'))
  .sort();

interface Packed {
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

/** An empty folder, with the package from `npm pack` beside it. */
let folder: string;
let packed: Packed;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleetfill-package-'));
  // Does what prepack does, without a build that would disturb other tests.
  execFileSync(process.execPath, ['scripts/sbom.mjs']);
  const json = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    encoding: 'utf8',
  });
  [packed] = JSON.parse(json);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** `npx` in the empty folder, with nothing of this checkout. npm's cache has what `npm ci` installed. */
const npx = (...words: string[]) =>
  run(
    'npx',
    ['--yes', '--package', `./${tarball}`, ...words],
    {
      HOME: folder,
      npm_config_cache: join(process.env['HOME'] ?? folder, '.npm'),
      npm_config_prefer_offline: 'true',
      npm_config_update_notifier: 'false',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    },
    folder,
  );

describe('npm pack', () => {
  test('ships bundles, templates, documents and licences, and nothing else', () => {
    const paths = packed.files.map(({ path }) => path);
    const kinds = [
      /^dist\/(orchestrate|job)\.mjs(\.LEGAL\.txt)?$/,
      /^dist\/sbom\.cdx\.json$/,
      /^infra\/\w+\.yaml$/,
      /^docs\/([\w/-]+\.md|screenshots\/[\w-]+\.png)$/,
      /^(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md$/,
      /^LICENSE$/,
      /^package\.json$/,
    ];
    expect(paths.filter(path => !kinds.some(kind => kind.test(path)))).toEqual([]);
    for (const kind of kinds) expect(paths.some(path => kind.test(path))).toBe(true);
    expect(paths.filter(path => path.startsWith('dist/')).length).toBe(5);
    expect(paths.filter(path => path.startsWith('infra/'))).toEqual(TEMPLATES.map(name => `infra/${name}`));
  });

  test('needs no other package: all that the bundles use is in them', () => {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(manifest.dependencies).toBeUndefined();
    expect(Object.keys(manifest.optionalDependencies)).toEqual(['@dynoxide/linux-x64']);
  });
});

describe('npx --package ./fleetfill-*.tgz, in an empty folder', () => {
  test('orchestrate --help and --version', async () => {
    const help = await npx('orchestrate', '--help');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('orchestrate plan');
    expect(await npx('orchestrate', '--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('orchestrate --local shows a newcomer a whole run, on an AWS and a table of its own', async () => {
    const asked = await npx('orchestrate', '--local');
    expect(asked.stderr).toContain('the table stuff with 1,000 items to try it on');
    // The run writes, so without a terminal it must be confirmed, here as anywhere.
    expect(asked.stderr).toMatch(/orchestrate .*--local .*--yes|orchestrate .*--yes .*--local/);
    expect(asked.code).toBe(4);
    const { code, stdout, stderr } = await npx('orchestrate', '--local', '--yes', '--json');
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      event: 'run.finished',
      status: 'verified',
      scanned: 1_000,
      updated: 900,
      missing: 0,
    });
  }, 120_000);

  test('a named table that does not exist is not created', async () => {
    const { code, stderr } = await npx('orchestrate', '--local', '--table', 'orders');
    expect(stderr).toContain('The table orders does not exist in us-east-1.');
    expect(code).toBe(3);
  });

  test('orchestrate templates writes the templates out, and overwrites none that differs', async () => {
    const { code } = await npx('orchestrate', 'templates', 'aws');
    expect(code).toBe(0);
    expect((await readdir(join(folder, 'aws'))).sort()).toEqual(TEMPLATES);
    for (const name of TEMPLATES) {
      expect(readFileSync(join(folder, 'aws', name), 'utf8')).toBe(readFileSync(join('infra', name), 'utf8'));
    }
    // Writing the same files again is fine, but somebody's own work is not overwritten.
    expect((await npx('orchestrate', 'templates', 'aws')).code).toBe(0);
    writeFileSync(join(folder, 'aws/table.yaml'), 'mine');
    const refused = await npx('orchestrate', 'templates', 'aws');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('aws/table.yaml exists and differs');
    expect(readFileSync(join(folder, 'aws/table.yaml'), 'utf8')).toBe('mine');
  });
});

describe('third parties', () => {
  interface Named {
    readonly name: string;
    readonly version: string;
    readonly licence: string;
  }
  const inside = () => JSON.parse(readFileSync('dist/third-party.json', 'utf8')) as Record<string, Named[]>;

  test.each(['orchestrate.mjs', 'job.mjs'])('the licence of each is beside %s', bundle => {
    const legal = readFileSync(`dist/${bundle}.LEGAL.txt`, 'utf8');
    const packages = inside()[bundle] ?? [];
    expect(packages.length).toBeGreaterThan(20);
    for (const { name, version: of, licence } of packages)
      expect(legal).toContain(`${name} ${of} (${licence})\n`);
    // Packages that are in both bundles, with licences of three kinds.
    for (const name of ['@aws-sdk/client-dynamodb', '@smithy/core', 'zod']) {
      expect(packages.map(one => one.name)).toContain(name);
    }
    expect(legal).toContain('Permission is hereby granted, free of charge');
    expect(legal).toContain('TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION');
  });

  test('the page of the dashboard counts as part of the orchestrator', () => {
    const names = inside()['orchestrate.mjs']?.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['preact', 'uplot', 'yargs']));
  });

  test('each is in the bill of materials, with its version and hash', () => {
    const { components, metadata } = JSON.parse(readFileSync('dist/sbom.cdx.json', 'utf8')) as {
      components: { name: string; version: string; hashes: unknown[] }[];
      metadata: { component: { name: string; version: string } };
    };
    expect(metadata.component).toMatchObject({ name: 'fleetfill', version });
    const listed = components.map(one => `${one.name}@${one.version}`).sort();
    const bundled = Object.values(inside()).flatMap(list => list.map(one => `${one.name}@${one.version}`));
    expect(listed).toEqual([...new Set(bundled)].sort());
    for (const { hashes } of components) expect(hashes).toHaveLength(1);
  });

  test('none of them has a licence that asks for more than attribution', () => {
    const licences = new Set(
      Object.values(inside()).flatMap(list => list.map(({ licence }) => licence.replace(/[()]/g, ''))),
    );
    const known = new Set([
      'Apache-2.0',
      'MIT',
      'ISC',
      '0BSD',
      'BSD-3-Clause',
      'Apache-2.0 AND BSD-3-Clause',
    ]);
    expect([...licences].filter(licence => !known.has(licence))).toEqual([]);
  });
});

test('the version stands in package.json alone: the image is labelled with it', () => {
  expect(readFileSync('Dockerfile', 'utf8')).toContain(`ARG VERSION=${version}\n`);
  expect(existsSync(resolve('core/version.ts'))).toBe(true);
  expect(readFileSync('core/version.ts', 'utf8')).not.toContain(version);
});
