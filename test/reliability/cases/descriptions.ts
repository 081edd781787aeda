import { spawn } from 'node:child_process';
import type { Item } from '../../../demo/item.ts';
import { type Arena, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { describeDifferently } from '../support/described-table.ts';
import { atRate, judgeEnd, UNLIMITED } from '../support/steps.ts';

const MODELLED = "DescribeTable's answer is made from the service's API model; no engine here replicates";

/**
 * The description says that it is a global table, so the run is refused unless the operator says that no other Region
 * writes.
 */
async function replicated({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 500, faults: true });
  const front = await describeDifferently(arena.stack.endpoints.dynamodb, TABLE, {
    Replicas: [{ RegionName: 'eu-west-1', ReplicaStatus: 'ACTIVE' }],
    GlobalTableVersion: '2019.11.21',
  });
  try {
    const environment = { AWS_ENDPOINT_URL_DYNAMODB: front.endpoint };
    const refused = await arena.command(['--segments', '2', '--yes', ...UNLIMITED], environment);
    report.equal('exit code', refused.code, 3, MODELLED);
    report.says('the reason', refused.process.stderr, /last-writer-wins[^.]*/);
    report.equal('requests that write items', arena.wire.receivedAfter(0), 0);
    const allowed = await arena.command(
      ['--segments', '2', '--yes', '--single-writer-region', ...UNLIMITED],
      environment,
    );
    judgeEnd(report, allowed.code, allowed.process.last);
    await arena.judge(report);
  } finally {
    await front.close();
  }
}

/** One partition key has a hundred times as many items as an average segment. */
function skewedItem(index: number): Item {
  const fat = index % 4 !== 0;
  return {
    id: { S: fat ? 'the fat one' : `id-${index}` },
    created: { N: String(1_600_000_000_000 + index) },
    name: { S: `thing ${index}` },
  };
}

/** The item counts that DescribeTable reports, compared with the real number. */
const COUNTS = [
  { name: 'ItemCount 0', items: 0 },
  { name: 'ItemCount of long ago', items: 300 },
];

async function badCounts({ open, report, seed }: CaseContext): Promise<void> {
  for (const { name, items } of COUNTS) {
    const arena = await open({ items: 4_000, itemAt: skewedItem, seed: `${seed}/16/${name}` });
    const front = await describeDifferently(arena.stack.endpoints.dynamodb, TABLE, {
      ItemCount: items,
      TableSizeBytes: items * 100,
    });
    try {
      const screen = await onTerminal(arena, ['--segments', '16', '--tasks', '4', '--yes', ...atRate(500)], {
        AWS_ENDPOINT_URL_DYNAMODB: front.endpoint,
      });
      const percents = [...screen.matchAll(/(\d+(?:\.\d+)?) ?%/g)].map(([, number]) => Number(number));
      report.atLeast(
        `${name}: percentages seen on the terminal`,
        percents.length,
        1,
        '',
        MODELLED.replace('replicates', 'has old counts'),
      );
      report.atMost(`${name}: the highest`, Math.max(...percents), 100, ' %');
      const estimates = [...screen.matchAll(/left, estimated from ([^\n\r]*)/g)].map(([, basis = '']) =>
        basis.trim(),
      );
      report.equal(`${name}: estimates without a basis`, estimates.filter(basis => basis === '').length, 0);
      report.figure(
        `${name}: bases of estimates`,
        [...new Set(estimates)].slice(0, 3).join('; ') || 'none was made',
      );
      report.says(`${name}: how it ended`, screen, /Verified: in a strongly consistent scan/);
      await arena.judge(report);
      await arena.close();
    } finally {
      await front.close();
    }
  }
}

/**
 * Runs the orchestrator on a terminal that util-linux's `script` makes.
 * @returns everything that it showed.
 */
async function onTerminal(
  arena: Arena,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  const words = [process.execPath, arena.orchestrator, ...args].map(word => `'${word}'`);
  const command = `stty cols 120 rows 40; exec ${words.join(' ')}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      TERM: 'xterm-256color',
      ...arena.stack.environment,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: arena.directory,
  });
  let screen = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
  });
  await new Promise((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', reject);
  });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's colours are control characters
  return screen.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '');
}

export const DESCRIPTIONS: readonly ReliabilityCase[] = [
  {
    number: 16,
    title: 'ItemCount 0 or stale, segments skewed 100 to 1',
    load: 'waits',
    seeds: 1,
    run: badCounts,
  },
  { number: 26, title: 'a table with replicas', load: 'waits', seeds: 1, run: replicated },
];
