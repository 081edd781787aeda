import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../../orchestrator/cli/examples.ts';
import {
  DASHBOARD_OPTIONS,
  DOCTOR_OPTIONS,
  FLEET_OPTIONS,
  LOCAL_OPTIONS,
  OPTION_NAMES,
  PLAN_OPTIONS,
  RATE_OPTIONS,
  READ_RATE_OPTION,
  RESUME_VARIABLES,
  RUN_OPTIONS,
  TABLE_OPTIONS,
} from '../../../orchestrator/cli/options.ts';
import { explainUsage } from '../../../orchestrator/cli/usage-errors.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const BUNDLE = `${ROOT}dist/orchestrate.mjs`;

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function orchestrate(...words: string[]): Promise<Said> {
  return orchestrateWith({}, ...words);
}

function orchestrateWith(environment: Readonly<Record<string, string>>, ...words: string[]): Promise<Said> {
  return new Promise(resolve => {
    execFile(
      process.execPath,
      [BUNDLE, ...words],
      { env: { PATH: process.env['PATH'], ...environment } },
      (error, out, err) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    );
  });
}

test('nothing of the AWS SDK is reached before a command is called: help and usage errors need none', async () => {
  const { metafile } = await build({
    entryPoints: [`${ROOT}orchestrator/main.ts`],
    absWorkingDir: ROOT,
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    metafile: true,
    outdir: 'unused',
    splitting: true,
    jsx: 'automatic',
    loader: { '.css': 'text' },
    logLevel: 'silent',
  });
  const reached = new Set<string>();
  const follow = (file: string) => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const { path, kind } of metafile.inputs[file]?.imports ?? []) {
      if (kind !== 'dynamic-import') follow(path);
    }
  };
  follow('orchestrator/main.ts');
  expect([...reached].filter(file => /@aws-sdk|@smithy/.test(file))).toEqual([]);
  expect(reached.size).toBeGreaterThan(10);
});

/** Functions of the bundle that ran, by the coverage of V8; the bundler names each module's after its file. */
async function modulesRun(...words: string[]): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'fleetfill-coverage-'));
  await orchestrateWith({ NODE_V8_COVERAGE: directory }, ...words);
  const ran: string[] = [];
  for (const file of await readdir(directory)) {
    const { result } = JSON.parse(await readFile(join(directory, file), 'utf8')) as {
      result: { functions: { functionName: string; ranges: { count: number }[] }[] }[];
    };
    for (const { functions } of result) {
      ran.push(
        ...functions
          .filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0)
          .map(({ functionName }) => functionName),
      );
    }
  }
  await rm(directory, { recursive: true });
  return ran.filter(name => name.startsWith('node_modules/'));
}

test('help and usage errors, those of values included, run nothing of the AWS SDK', async () => {
  for (const words of [
    ['--help'],
    ['run', '--help'],
    ['--segmets', '3'],
    ['--segments', 'x'],
    ['--value', 'nope'],
    ['--segments', '2', '--tasks', '3'],
    ['--dry-run', '--limit', '3'],
    ['completion'],
  ]) {
    const modules = await modulesRun(...words);
    expect(modules.length, words.join(' ')).toBeGreaterThan(5);
    expect(
      modules.filter(name => /@aws-sdk|@smithy/.test(name)),
      words.join(' '),
    ).toEqual([]);
  }
  // The same question finds it where a command has begun.
  const begun = await modulesRun('status');
  expect(begun.filter(name => /@aws-sdk|@smithy/.test(name)).length).toBeGreaterThan(50);
}, 120_000);

test('an expected error has no stack trace, and --debug shows it, as the variable does', async () => {
  // There is nothing at this address, so the stack cannot be read.
  const nowhere = {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
    AWS_MAX_ATTEMPTS: '1',
  };
  const [plain, debug, variable] = await Promise.all([
    orchestrateWith(nowhere, 'plan'),
    orchestrateWith(nowhere, 'plan', '--debug'),
    orchestrateWith({ ...nowhere, FLEETFILL_DEBUG: '1' }, 'plan'),
  ]);
  expect(plain).toMatchObject({ code: 3, out: '' });
  expect(plain.err).toContain('The stack fleetfill cannot be read');
  expect(plain.err).not.toMatch(/^\s+at /m);
  for (const { code, err } of [debug, variable]) {
    expect(code).toBe(3);
    expect(err).toMatch(/^PreflightError: The stack fleetfill cannot be read/);
    expect(err).toMatch(/^\s+at /m);
  }
  // Nor is no connection, no credentials and no permission an error of the program.
  const status = await orchestrateWith({ ...nowhere, FLEETFILL_CONTROL_TABLE: 'control' }, 'status');
  expect(status).toMatchObject({ code: 3, out: '' });
  expect(status.err).toMatch(/^The control table cannot be read: .*ECONNREFUSED/);
});

describe('a variable stands for each option of each command', () => {
  /** A value that is refused, for each option of which the command line alone can say that it is wrong. */
  const WRONG: Readonly<Record<string, string>> = {
    ...Object.fromEntries(
      OPTION_NAMES.filter(name =>
        /rate|capacity|segments|tasks|passes|attempts|quarantine|cost/.test(name),
      ).map(name => [name, 'many']),
    ),
    ...{ limit: 'many', sample: 'many', port: 'many', patience: 'many', partitions: 'many', latency: 'many' },
    ...{ table: '!', 'control-table': '!', account: '12', 'deployed-at': 'yesterday' },
    ...{ subnets: 'a,,b', 'security-groups': 'a,,b' },
    ...{ attribute: 'a'.repeat(256), 'created-key': 'a'.repeat(256), namespace: 'a'.repeat(256) },
  };

  const OF_COMMAND: Readonly<Record<string, object>> = {
    run: RUN_OPTIONS,
    plan: PLAN_OPTIONS,
    doctor: DOCTOR_OPTIONS,
    'resume run-1': RESUME_VARIABLES,
    'status run-1': {},
    'pause run-1': {},
    'cancel run-1': {},
    'rate run-1': RATE_OPTIONS,
    'failures run-1': {},
    'dashboard run-1': DASHBOARD_OPTIONS,
    'report run-1': {},
    verify: { ...TABLE_OPTIONS, ...READ_RATE_OPTION },
    local: LOCAL_OPTIONS,
  };

  const variable = (name: string) => `FLEETFILL_${name.toUpperCase().replaceAll('-', '_')}`;

  test('and no command is left out', () => {
    expect(Object.keys(OF_COMMAND).map(line => line.split(' ')[0])).toEqual(
      expect.arrayContaining([...COMMANDS]),
    );
  });

  test.each(Object.entries(OF_COMMAND))('of %s: a wrong value is named', async (line, options) => {
    const environment = Object.fromEntries(
      Object.entries(WRONG).map(([name, text]) => [variable(name), text]),
    );
    const { code, out, err } = await orchestrateWith(environment, ...line.split(' '));
    expect({ code, out }).toEqual({ code: 2, out: '' });
    const own = Object.keys({ ...FLEET_OPTIONS, ...options }).filter(name => name in WRONG);
    expect(own.length).toBeGreaterThan(3);
    const named = err.split('\n').flatMap(each => /^--([\w-]+) /.exec(each)?.[1] ?? []);
    expect(named.sort()).toEqual(own.sort());
  });

  test.each([
    ['value', 'nope', /The value nope is not JSON/],
    ['write-api', 'fast', /write-api/],
    ['stack', 'other', /The stack other cannot be read/],
    ['dry-run', '1', /--dry-run writes nothing, and --limit says/],
  ])('--%s as well', async (name, text, says) => {
    const { err } = await orchestrateWith(
      {
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'a',
        AWS_SECRET_ACCESS_KEY: 'b',
        AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
        [variable(name)]: text,
        ...(name === 'dry-run' && { FLEETFILL_LIMIT: '3' }),
      },
      'run',
    );
    expect(err).toMatch(says);
  });

  test('and the command line goes before it', async () => {
    const { code, err } = await orchestrateWith({ FLEETFILL_SEGMENTS: '4' }, '--segments', 'x');
    expect({ code, err: err.split('\n')[0] }).toEqual({
      code: 2,
      err: '--segments is not a whole number: x',
    });
  });
});

describe('a misspelt command line', () => {
  const explain = (message: string, ...words: string[]) =>
    explainUsage(message, words, COMMANDS, OPTION_NAMES).split('\n')[0];

  test.each([
    ['Unknown argument: statu', ['statu'], 'There is no command statu. Did you mean status?'],
    [
      'Unknown argument: segmets',
      ['--segmets', '3'],
      'There is no option --segmets. Did you mean --segments?',
    ],
    [
      'Unknown arguments: max-wrte-rate, maxWrteRate',
      ['run', '--max-wrte-rate=3'],
      'There is no option --max-wrte-rate. Did you mean --max-write-rate?',
    ],
    ['Unknown argument: zzzzzzzz', ['--zzzzzzzz'], 'There is no option --zzzzzzzz.'],
    ['Not enough arguments following: segments', ['--segments'], '--segments needs a value.'],
  ])('%s', (message, words, answer) => {
    expect(explain(message, ...words)).toBe(answer);
  });

  test('is a usage error without a stack trace, for each kind', async () => {
    for (const words of [['statu'], ['--segmets', '3'], ['--segments'], ['pause'], ['--max-cost', 'free']]) {
      const { code, out, err } = await orchestrate(...words);
      expect({ words, code }).toEqual({ words, code: 2 });
      expect(out).toBe('');
      expect(err).not.toMatch(/^\s+at /m);
    }
  });
});

test('each command has help with examples', async () => {
  for (const command of COMMANDS) {
    const { code, out } = await orchestrate(command, '--help');
    expect({ command, code }).toEqual({ command, code: 0 });
    const [, examples = ''] = out.split('Examples:\n');
    // Each as one line, so that it can be copied.
    for (const line of examples.trimEnd().split('\n')) expect(line).toMatch(/^ {2}(# \S|orchestrate )/);
    expect(examples).toContain('orchestrate ');
  }
}, 120_000);

test('completion is a script that asks for the commands', async () => {
  expect((await orchestrate('completion')).out).toContain('--get-yargs-completions');
  expect((await orchestrate('--get-yargs-completions', 'orchestrate', 're')).out.split('\n')).toContain(
    'resume',
  );
});
