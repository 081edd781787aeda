import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaultRule } from '../../../local/fault/rules.ts';
import { type Arena, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { atRate, countOf, endWithin, judgeEnd, UNLIMITED, untilUpdated } from '../support/steps.ts';

/** What AWS answers to good credentials: of a frozen clock, a new role, or a token in renewal. */
const REPLIES = {
  InvalidSignatureException:
    'Signature expired: 20261127T100000Z is now earlier than 20261127T101000Z (20261127T101500Z - 5 min.)',
  UnrecognizedClientException: 'The security token included in the request is invalid.',
  ExpiredTokenException: 'The security token included in the request is expired',
} as const;

type Reply = keyof typeof REPLIES;

function saying(name: string, error: Reply, more: Partial<FaultRule>): FaultRule {
  return { name, fault: { kind: 'fail', status: 400, error, message: REPLIES[error] }, ...more };
}

/** Node's codes when it cannot open or use a socket. */
const SOCKET_CODES = ['EPROTO', 'EMFILE', 'EADDRNOTAVAIL'];

/**
 * A module for `node --import` that makes some of the process's connections fail, each with another code, where the
 * kernel would refuse them.
 */
async function failingConnections(arena: Arena): Promise<Record<string, string>> {
  const file = join(arena.directory, 'failing-connections.mjs');
  await writeFile(
    file,
    `import { Socket } from 'node:net';
const codes = ${JSON.stringify(SOCKET_CODES)};
const connect = Socket.prototype.connect;
let connections = 0;
Socket.prototype.connect = function (...words) {
  const code = codes[connections++];
  if (code === undefined) return connect.apply(this, words);
  process.nextTick(() => this.destroy(Object.assign(new Error(\`connect \${code}\`), { code, syscall: 'connect' })));
  return this;
};
`,
  );
  return { NODE_OPTIONS: `--import ${file}` };
}

/** Gives each of these answers once to every kind of call of fleet and operator. Nothing may stop. */
async function once({ open, report, either }: CaseContext): Promise<void> {
  const arena = await open({ items: either(4_000, 20_000), faults: true });
  for (const error of Object.keys(REPLIES) as Reply[]) {
    for (const operation of [
      'Scan',
      'BatchExecuteStatement',
      'BatchGetItem',
      'UpdateItem',
      'GetItem',
      'DescribeTable',
      'Query',
      'TransactWriteItems',
    ]) {
      const name = `${error} to ${operation}`;
      arena.faults.add(saying(name, error, { operations: [operation], matches: { from: 3, to: 3 } }));
    }
  }
  arena.faults.add({
    name: 'RunTask',
    service: 'ecs',
    operations: ['RunTask'],
    fault: { kind: 'fail', status: 400, error: 'UnrecognizedClientException' },
    matches: { to: 1 },
  });
  const run = await arena.command(['--segments', '4', '--yes', ...UNLIMITED]);
  judgeEnd(report, run.code, run.process.last);
  const verified = await arena.command(['verify'], await failingConnections(arena));
  report.equal(
    `verify, whose first connections fail with ${SOCKET_CODES.join(', ')}, exit code`,
    verified.code,
    0,
  );
  await arena.judge(report);
}

/** Gives them to the fleet for more than two minutes. The run stops with the cause, and continues when that is over. */
async function toTheFleet({ open, report, seed, either }: CaseContext): Promise<void> {
  for (const error of either(['ExpiredTokenException'], Object.keys(REPLIES)) as Reply[]) {
    const arena = await open({ items: 6_000, faults: true, seed: `${seed}/32/${error}` });
    const run = arena.orchestrate(['--segments', '4', '--yes', ...atRate(300)]);
    await untilUpdated(run, 600);
    arena.faults.add(saying('lasting', error, { tables: [TABLE], clients: ['fleet'] }));
    const began = performance.now();
    report.equal(`${error}, lasting, to the fleet: exit code`, await endWithin(run, 240_000), 7);
    report.atLeast(`${error}: seconds until the run stopped`, (performance.now() - began) / 1_000, 110);
    report.says(
      `${error}: the cause, and the command to come back`,
      run.stderr,
      new RegExp(`${error}[\\s\\S]*orchestrate resume \\S+`),
    );
    arena.faults.remove('lasting');
    const resumed = await arena.command(['resume', run.runId]);
    report.equal(`${error}: resumed, exit code`, resumed.code, 0);
    await arena.judge(report);
    await arena.close();
  }
}

/** Gives them to the operator for as long. The run is left with the cause, and says that nobody supervises it. */
async function toTheOperator({ open, report, seed }: CaseContext): Promise<void> {
  const arena = await open({ items: 9_000, faults: true, seed: `${seed}/32/operator` });
  const run = arena.orchestrate(['--segments', '4', '--yes', ...atRate(100)]);
  await untilUpdated(run, 300);
  arena.faults.add(saying('lasting', 'UnrecognizedClientException', { clients: ['orchestrator'] }));
  report.equal('lasting, to the operator: exit code', await endWithin(run, 90_000), 130);
  report.says('what was waited for', run.stderr, /Waiting until DynamoDB accepts the credentials/);
  report.says('how to come back', run.stderr, /orchestrate resume \S+/);
  report.holds(
    'nothing internal in the words',
    run.stderr.includes('Internal error'),
    'false',
    !run.stderr.includes('Internal error'),
  );
  arena.faults.remove('lasting');
  const resumed = arena.orchestrate(['resume', run.runId]);
  await resumed.waitFor(({ event }) => event === 'run.started');
  await arena.command(['rate', run.runId, ...UNLIMITED]);
  judgeEnd(report, await resumed.exit, resumed.last);
  // The application itself sets and deletes some of them.
  const settled = ['updated', 'alreadySet', 'deleted'].reduce(
    (total, name) => total + countOf(resumed.last, name),
    0,
  );
  report.atLeast('set, set already or deleted', settled, 9_000);
  await arena.judge(report);
}

export const DOUBTED_REPLIES: readonly ReliabilityCase[] = [
  {
    number: 32,
    title:
      'replies about signatures and credentials, and socket errors: once, and for longer than two minutes',
    load: 'waits',
    seconds: 235,
    seeds: 1,
    run: async context => {
      await once(context);
      await toTheOperator(context);
      await toTheFleet(context);
    },
  },
];
