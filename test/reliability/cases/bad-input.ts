import { spawn } from 'node:child_process';
import type { Item, KeySchema } from '../../../demo/item.ts';
import { compare } from '../../../demo/oracle.ts';
import { type Arena, ATTRIBUTE, fillTable, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { UNLIMITED } from '../support/steps.ts';

const NUMBERS = [
  'segments',
  'tasks',
  'max-write-rate',
  'max-read-rate',
  'unattended-rate',
  'passes',
  'max-attempts',
];

/** Command lines that must be refused, each with its exit code and a word of the message. */
const WRONG: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
  ...NUMBERS.flatMap(name =>
    ['0', '-1', 'many', ''].map(value => [[`--${name}=${value}`, '--yes'], 2, new RegExp(name)] as const),
  ),
  [['--segments', '1000001', '--yes'], 2, /segments/],
  [['--segments', '2', '--tasks', '3', '--yes'], 2, /tasks/],
  [['--value', 'one', '--yes'], 2, /not JSON/],
  [['--value', '0.1234567890123456789', '--yes'], 2, /another value/],
  [['--write-api', 'fast', '--yes'], 2, /write-api/],
  [['--attribute', '', '--yes'], 2, /attribute/],
  [['--table', 'x', '--yes'], 2, /table/],
  [['--account', '12', '--yes'], 2, /account/],
  [['--account', '123456789012', '--yes'], 3, /account 000000000000/],
  [['--table', 'absent', '--yes'], 3, /absent does not exist/],
  [['--control-table', 'absent', '--yes'], 3, /absent does not exist/],
  [['--control-table', TABLE, '--yes'], 3, /not a control table/],
  [['--attribute', 'id', '--yes'], 3, /key of the table/],
  [['--attribute', 'created', '--yes'], 3, /key of the table/],
  [['--task-definition', 'absent', '--yes'], 3, /absent/],
  [['--container', 'absent', '--yes'], 3, /no container absent/],
  [['--no-such-option', '--yes'], 2, /such-?option/i],
  [['no-such-command'], 2, /no-such-command/],
  [['--segments', '2'], 4, /--yes/],
  [['resume', 'no-such-run'], 2, /no run no-such-run/],
  [['pause', 'no-such-run'], 2, /no run no-such-run/],
  [['rate', 'no-such-run'], 2, /rate/],
];

const VARIABLES = [
  'RUN_ID',
  'LAUNCH',
  'SEGMENTS',
  'TOTAL_SEGMENTS',
  'TABLE',
  'ATTRIBUTE',
  'VALUE',
  'CONTROL_TABLE',
  'NAMESPACE',
];

const GOOD: Readonly<Record<string, string>> = {
  FLEETFILL_RUN_ID: 'run',
  FLEETFILL_LAUNCH: 'launch',
  FLEETFILL_SEGMENTS: '0',
  FLEETFILL_TOTAL_SEGMENTS: '2',
  FLEETFILL_TABLE: TABLE,
  FLEETFILL_ATTRIBUTE: ATTRIBUTE,
  FLEETFILL_VALUE: '1',
  FLEETFILL_CONTROL_TABLE: 'fleetfill-control',
  FLEETFILL_NAMESPACE: 'Fleetfill',
};

async function badInput(context: CaseContext): Promise<void> {
  const { open, report } = context;
  const arena = await open({ items: 200, faults: true });
  const before = [await arena.hashOf(TABLE), await arena.hashOf(arena.control.table)].join();
  const wrong: string[] = [];
  for (const [args, code, says] of WRONG) {
    const { code: got, process } = await arena.command(args);
    if (got !== code || !says.test(process.stderr))
      wrong.push(`${args.join(' ')}: ${got}, ${process.stderr.trim().slice(0, 60)}`);
  }
  report.equal(
    'command lines refused with their code and a clear message',
    `${WRONG.length - wrong.length} of ${WRONG.length}`,
    `${WRONG.length} of ${WRONG.length}`,
  );
  if (wrong.length > 0) report.figure('the others', wrong.slice(0, 3).join(' | '));
  const quiet: string[] = [];
  for (const name of VARIABLES) {
    const { code, stderr } = await runJob(context.bundles.job, { ...GOOD, [`FLEETFILL_${name}`]: '' }, arena);
    if (code !== 2 || !stderr.includes(`FLEETFILL_${name}`)) quiet.push(name);
  }
  const all = await runJob(context.bundles.job, {}, arena);
  report.equal(
    'variables of the worker, each empty: exit 2 and its name',
    VARIABLES.length - quiet.length,
    VARIABLES.length,
  );
  report.equal(
    'all of them at once are named',
    VARIABLES.filter(name => all.stderr.includes(`FLEETFILL_${name} `)).length,
    VARIABLES.length,
  );
  report.equal(
    'tables afterwards',
    [await arena.hashOf(TABLE), await arena.hashOf(arena.control.table)].join(),
    before,
  );
  report.equal('requests that write items', arena.wire.receivedAfter(0), 0);
  await keysOfEveryKind(arena, context);
}

async function runJob(bundle: string, variables: Readonly<Record<string, string>>, arena: Arena) {
  const child = spawn(process.execPath, [bundle], {
    env: { PATH: process.env['PATH'], AWS_REGION: 'us-east-1', ...variables },
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: arena.directory,
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>(resolve => child.once('close', resolve));
  return { code, stderr };
}

interface KeyCase {
  readonly table: string;
  readonly key: KeySchema;
  readonly attribute?: string;
}

/** Every type of key, alone and with a sort key, with reserved words and odd characters in names. */
const KEYS: readonly KeyCase[] = [
  {
    table: 'odd.Name_1',
    key: { partition: { name: 'se.lect', type: 'S' }, sort: { name: 'size', type: 'N' } },
  },
  {
    table: 'binary',
    key: { partition: { name: 'table', type: 'B' }, sort: { name: 'na me "q"', type: 'S' } },
  },
  { table: 'number', key: { partition: { name: 'number', type: 'N' } } },
  { table: 'text', key: { partition: { name: 'id', type: 'S' } } },
  { table: 'bytes', key: { partition: { name: 'id', type: 'B' } } },
  {
    table: 'binary-sort',
    key: { partition: { name: 'id', type: 'S' }, sort: { name: 'ünïcode', type: 'B' } },
  },
  { table: 'two-numbers', key: { partition: { name: 'a', type: 'N' }, sort: { name: 'b', type: 'N' } } },
];

async function keysOfEveryKind(arena: Arena, { report, either }: CaseContext): Promise<void> {
  const cases = KEYS.slice(0, either(3, KEYS.length));
  const clean = await Promise.all(cases.map(one => runOver(arena, one)));
  report.equal('key schemas: verified and clean by the journal', clean.filter(Boolean).length, cases.length);
}

async function runOver(arena: Arena, { table, key }: KeyCase): Promise<boolean> {
  const itemAt = (index: number): Item => ({
    ...Object.fromEntries(
      [key.partition, ...(key.sort ? [key.sort] : [])].map(({ name, type }) => [name, keyValue(type, index)]),
    ),
    other: { S: `thing ${index}` },
  });
  const journal = await fillTable(arena.client, table, 300, itemAt, key);
  const { code } = await arena.command(['--table', table, '--segments', '2', '--yes', ...UNLIMITED]);
  const found = await compare(arena.client, table, journal, { attribute: ATTRIBUTE, value: { N: '1' } });
  return code === 0 && found.clean && found.filled.atLeast === 300;
}

/** Numbers that no double holds, and bytes that are no text. */
function keyValue(type: 'S' | 'N' | 'B', index: number) {
  if (type === 'S') return { S: `käy'"${index}` };
  if (type === 'N') return { N: `1234567890123456789012345678901${String(index).padStart(6, '0')}` };
  return { B: Uint8Array.of(0, 255, index & 255, index >> 8) };
}

export const BAD_INPUT: readonly ReliabilityCase[] = [
  { number: 22, title: 'bad input, and keys of every kind', load: 'works', seeds: 1, run: badInput },
];
