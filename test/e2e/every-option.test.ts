import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nameOf } from '../../orchestrator/cli/command.ts';
import * as commands from '../../orchestrator/commands/index.ts';
import { ORCHESTRATE } from './support/orchestrator-process.ts';
import { Stage } from './support/stage.ts';

/**
 * Types every option that `--help` shows, to the whole tool, and sees that it does something. The last test fails for
 * an option that no act below uses.
 */
let stage: Stage;
let folder: string;
const typed = new Set<string>();

beforeAll(async () => {
  stage = await Stage.open({ items: 200 });
  folder = await mkdtemp(join(tmpdir(), 'fleetfill-options-'));
});

afterAll(async () => {
  await stage.close();
  await rm(folder, { recursive: true, force: true });
});

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly events: readonly Record<string, unknown>[];
}

/** Types the line and records its options. */
function type(line: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Said> {
  note(line);
  return new Promise(resolve => {
    execFile(
      process.execPath,
      [ORCHESTRATE, ...line],
      {
        env: { PATH: process.env['PATH'], HOME: folder, ...stage.stack.environment, ...environment },
        cwd: folder,
        maxBuffer: 1 << 26,
      },
      (error, out, err) => {
        const events = out
          .split('\n')
          .flatMap(text => (text.startsWith('{') ? [JSON.parse(text) as Record<string, unknown>] : []));
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err, events });
      },
    );
  });
}

function note(line: readonly string[]): void {
  for (const word of line) {
    const [, option] = /^--([a-z-]+)/.exec(word) ?? [];
    if (option !== undefined) typed.add(option);
  }
}

const PRICES = {
  region: 'us-east-1',
  asOf: '2026-11-01',
  source: 'the contract',
  perMillionWriteUnits: 1,
  perMillionReadUnits: 1,
  fargate: { X86_64: { perVcpuHour: 1, perGbHour: 1 }, ARM64: { perVcpuHour: 1, perGbHour: 1 } },
  perMetricMonth: 1,
};

test('what a run does, and how', async () => {
  await writeFile(join(folder, 'prices.json'), JSON.stringify(PRICES));
  const plan = await type([
    ...[
      'plan',
      '--table',
      'stuff',
      '--attribute',
      'expiresAt',
      '--value',
      '1700000000',
      '--account',
      '000000000000',
    ],
    ...[
      '--segments',
      '4',
      '--tasks',
      '2',
      '--max-write-rate',
      '100',
      '--max-read-rate',
      '200',
      '--unattended-rate',
      '7',
    ],
    ...[
      '--write-api',
      'single',
      '--passes',
      '2',
      '--max-attempts',
      '4',
      '--max-quarantine',
      '9',
      '--max-cost',
      '3',
    ],
    ...[
      '--deployed-at',
      '2026-01-01',
      '--created-key',
      'created',
      '--prices',
      'prices.json',
      '--sample',
      '2',
    ],
    ...[
      '--allow-no-pitr',
      '--allow-expiry',
      '--accept',
      'signed-items',
      '--single-writer-region',
      '--spot',
      '--json',
    ],
  ]);
  expect(plan.code).toBe(0);
  expect(plan.events.at(-1)).toMatchObject({
    ...{
      event: 'plan.finished',
      table: 'stuff',
      attribute: 'expiresAt',
      value: '1700000000',
      account: '000000000000',
    },
    ...{
      segments: 4,
      tasks: 2,
      rates: { writeUnitsPerSecond: 100, readUnitsPerSecond: 200 },
      writeApi: 'single',
    },
    ...{ maxCost: 3, maxQuarantine: 9, prices: { source: 'the contract' }, sample: { segments: 2 } },
  });
  expect(plan.events.at(-1)?.['findings']).toContainEqual(
    expect.objectContaining({ check: 'ttl', level: 'warning' }),
  );
  const ticket = await type(['plan', '--format', 'md', '--sample', '0']);
  expect(ticket.out).toMatch(/^# /);
});

test('a dry run, a canary, and the run itself, confirmed beforehand', async () => {
  const dry = await type(['--dry-run', '--segments', '2', '--json']);
  expect(dry.events.at(-1)).toMatchObject({ status: 'dry-run', updated: 0 });
  const canary = await type(['--limit', '5', '--yes', '--segments', '2', '--passes', '1', '--json']);
  expect(canary.events.at(-1)).toMatchObject({ status: 'canary', updated: 5 });
  const run = await type([
    '--yes',
    '--segments',
    '2',
    '--max-attempts',
    '3',
    '--unattended-rate',
    '5',
    '--spot',
    '--json',
  ]);
  expect(run.events[0]).toMatchObject({ options: { maxAttempts: 3, unattendedRate: 5 } });
  expect(run.events.at(-1)).toMatchObject({ status: 'verified' });
  const { runId } = run.events[0] as { runId: string };
  expect((await type(['failures', runId, '--retry'])).code).toBe(0);
  const report = await type(['report', runId, '--format', 'json', '--out', 'report.json']);
  expect(report.code).toBe(0);
  expect(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'))).toBeTypeOf('object');
  expect((await type(['status', runId, '--watch'])).code).toBe(0);
  expect(
    (await type(['verify', '--table', 'stuff', '--attribute', 'test', '--max-read-rate', '500'])).code,
  ).toBe(0);
}, 120_000);

test('where the fleet runs', async () => {
  const places = [
    ...[
      '--cluster',
      'fleetfill',
      '--task-definition',
      'fleetfill-job',
      '--container',
      'job',
      '--subnets',
      'subnet-local',
    ],
    ...[
      '--security-groups',
      'sg-local',
      '--assign-public-ip',
      '--control-table',
      'fleetfill-control',
      '--namespace',
      'Mine',
    ],
  ];
  const bare = Object.fromEntries(
    Object.keys(stage.stack.environment).flatMap(name => (name.startsWith('FLEETFILL_') ? [[name, '']] : [])),
  );
  const run = await type(['--attribute', 'placed', '--segments', '1', '--yes', '--json', ...places], bare);
  expect(run.events.at(-1)).toMatchObject({ status: 'verified' });
  const stack = await type(['status', '--stack', 'another', '--debug'], bare);
  expect(stack.code).toBe(3);
  expect(stack.err).toMatch(/The stack another cannot be read[\s\S]*\n\s+at /);
}, 60_000);

test('doctor’s task, and its patience', async () => {
  const doctor = await type(['doctor', '--task', '--patience', '60', '--segments', '2', '--allow-no-pitr']);
  expect(doctor.out).toMatch(/ok +task:scan/);
}, 90_000);

/** Runs a command that would go on forever, until it has printed this. */
async function sayingUntil(line: readonly string[], says: RegExp): Promise<string> {
  note(line);
  const child = spawn(process.execPath, [ORCHESTRATE, ...line], {
    env: { PATH: process.env['PATH'], HOME: folder, ...stage.stack.environment },
    cwd: folder,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', text => {
      said += text;
    });
  const ended = once(child, 'close');
  for (const giveUpAt = performance.now() + 30_000; !says.test(said) && performance.now() < giveUpAt; )
    await delay(50);
  child.kill('SIGTERM');
  await ended;
  return said;
}

test('a page on a port of one’s choice', async () => {
  const { events } = await type(['status', '--json']);
  const said = await sayingUntil(
    ['dashboard', String(events[0]?.['runId']), '--port', '0'],
    /http:\/\/127\.0\.0\.1:\d+/,
  );
  expect(said).toMatch(/http:\/\/127\.0\.0\.1:\d+/);
}, 60_000);

test('a stack on this machine, with a capacity', async () => {
  const line = [
    'local',
    '--write-capacity',
    '50',
    '--read-capacity',
    '50',
    '--partitions',
    '1',
    '--latency',
    '2',
  ];
  expect(await sayingUntil(line, /AWS_ENDPOINT_URL_DYNAMODB/)).toMatch(/AWS_ENDPOINT_URL_DYNAMODB='http/);
}, 60_000);

test('a folder for the stack keeps the database between two commands', async () => {
  const database = join(folder, 'database');
  const first = await type(['plan', '--local', database, '--sample', '0']);
  // A new database has no table. The tool itself must say so, not a missing stack.
  expect(first).toMatchObject({ code: 3, err: expect.stringMatching(/The table stuff does not exist/) });
}, 60_000);

test('the version', async () => {
  expect((await type(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('options of a recipe: what it sets, and where', async () => {
  const plan = await type([
    'plan',
    '--set',
    'label = "x-" + item.name',
    '--where',
    'item.name != ""',
    '--json',
  ]);
  expect(plan.code).toBe(0);
  expect(plan.events.at(-1)).toMatchObject({
    event: 'plan.finished',
    attribute: 'label',
    recipe: { set: [{ name: 'label', expression: '"x-" + item.name' }], where: 'item.name != ""' },
  });
});

test('options of the supervision and the lock', async () => {
  const absent = ['--supervisor-task-definition', 'absent', '--supervisor-container', 'supervisor'];
  const run = await type([
    ...['--attribute', 'detached', '--segments', '2', '--yes', '--json', '--detach', ...absent],
    ...['--override-lock', '20260101000000-aaaaaa'],
  ]);
  expect(run.events.find(({ event }) => event === 'detach.failed')).toMatchObject({
    message: expect.stringContaining('TaskDefinition not found'),
  });
  expect(run.events.at(-1)).toMatchObject({ event: 'run.finished', status: 'verified' });
  const ended = String(run.events.at(-1)?.['runId']);
  expect((await type(['resume', ended, '--expect-epoch', '1', '--json'])).code).toBe(0);
  expect((await type(['--version'])).out).toMatch(/^\d+\.\d+\.\d+/);
}, 60_000);

test('options of the undo log', async () => {
  const run = await type([
    '--attribute',
    'undoable',
    '--segments',
    '2',
    '--yes',
    '--json',
    '--undo-days',
    '3',
  ]);
  expect(run.events.at(-1)).toMatchObject({ status: 'verified', updated: 200 });
  const { runId } = run.events[0] as { runId: string };
  const list = await type(['undo', runId, '--list']);
  expect(list.out.trim().split('\n')).toHaveLength(200);
  expect(await type(['undo', runId, '--list-unknown'])).toMatchObject({ code: 0, out: '' });
  const without = await type(['--attribute', 'kept', '--segments', '2', '--yes', '--json', '--no-undo-log']);
  const { runId: kept } = without.events[0] as { runId: string };
  expect((await type(['undo', kept, '--list'])).err).toMatch(/kept no undo log/);
}, 60_000);

test('every option in the help is used by one of these tests', async () => {
  const shown = new Map<string, string[]>();
  for (const command of Object.values(commands).map(nameOf)) {
    const { out } = await type([command, '--help']);
    for (const [, name = ''] of out.matchAll(/^\s+(?:-\w, )?--([a-z-]+)/gm)) {
      shown.set(name, [...(shown.get(name) ?? []), command]);
    }
  }
  // yargs itself offers these, and the loop above types one of them.
  for (const own of ['help']) shown.delete(own);
  expect(shown.size).toBeGreaterThan(40);
  const untyped = [...shown]
    .filter(([name]) => !typed.has(name))
    .map(([name, commands]) => `--${name} of ${commands.join(', ')}`);
  expect(untyped).toEqual([]);
}, 60_000);
