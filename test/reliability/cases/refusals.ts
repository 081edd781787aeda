import { setTimeout as delay } from 'node:timers/promises';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import type { Item } from '../../../demo/item.ts';
import type { FaultRule } from '../../../local/fault/rules.ts';
import { type Arena, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import {
  atRate,
  countOf,
  draw,
  endWithin,
  judgeEnd,
  UNLIMITED,
  untilUpdated,
  writeAsApplication,
} from '../support/steps.ts';

/** Items whose every write is refused, drawn by seed and key. */
function poison(seed: string, part: number): FaultRule {
  return {
    name: 'poison',
    fault: {
      kind: 'fail',
      status: 400,
      error: 'ValidationException',
      message: 'Item size has exceeded the maximum allowed size',
      parts: true,
    },
    operations: ['BatchExecuteStatement', 'UpdateItem'],
    tables: [TABLE],
    where: ({ key }) => draw(seed, key, 'poison') < part,
  };
}

/** The keys that the rule strikes. */
async function poisoned(arena: Arena, seed: string, part: number): Promise<Set<string>> {
  const items = await arena.control.itemsOf(TABLE);
  const texts = items.map(textOf);
  return new Set(texts.filter(text => draw(seed, text, 'poison') < part));
}

/** Items without room for another attribute, which the engine itself refuses: 400 KB without names and keys. */
const FULL_ITEMS = 4;
const ROOM_BYTES = 400 * 1_024 - 60;

async function fillUp(arena: Arena): Promise<Item[]> {
  const full: Item[] = [];
  for (let index = 0; index < FULL_ITEMS; index++) {
    const key = { id: { S: `full-${index}` }, created: { N: '1' } };
    // As large as possible. Names, key and number take a few bytes, which engines count slightly differently.
    for (let size = ROOM_BYTES + 60; ; size--) {
      const item: Item = { ...key, filling: { S: 'x'.repeat(size) } };
      try {
        await arena.client.send(new PutItemCommand({ TableName: TABLE, Item: item }));
        arena.journal.recordFill(item);
        full.push(key);
        break;
      } catch (error) {
        if (size < ROOM_BYTES) throw error;
      }
    }
  }
  return full;
}

async function poisonItems({ open, report, seed, either }: CaseContext): Promise<void> {
  const arena = await open({ items: either(6_000, 20_000), faults: true });
  arena.faults.add(poison(seed, 0.001));
  const keys = await poisoned(arena, seed, 0.001);
  const full = await fillUp(arena);
  for (const key of full) keys.add(textOf(key));
  const run = await arena.command(['--segments', '4', '--yes', ...UNLIMITED]);
  report.equal('0.1 %: exit code', run.code, 5);
  report.equal('0.1 %: quarantined', countOf(run.process.last, 'quarantined'), keys.size);
  report.equal('0.1 %: missing', countOf(run.process.last, 'missing'), keys.size);
  report.equal('of these refused by the engine itself, being full', full.length, FULL_ITEMS);
  const listed = await arena.command(['failures', run.process.runId]);
  const failures = listed.process.events.filter(({ event }) => event === 'failure');
  const named = failures.map(({ key }) => textOf(key as Item));
  report.equal('0.1 %: keys listed, once each', named.length, keys.size);
  report.equal('0.1 %: of these the right ones', named.filter(key => keys.has(key)).length, keys.size);
  const reasons = failures.filter(({ reason }) => /Validation\w*: .*size/i.test(String(reason))).length;
  report.equal('0.1 %: of these with the reason', reasons, keys.size);
  arena.faults.switch('poison', false);
  const early = await arena.command(['failures', run.process.runId, '--retry']);
  report.equal('failures --retry while some are still full, exit code', early.code, 5);
  for (const key of full) {
    await writeAsApplication(arena.client, arena.journal, {
      kind: 'update',
      key,
      set: { filling: { S: 'less' } },
    });
  }
  const retried = await arena.command(['failures', run.process.runId, '--retry']);
  report.equal('failures --retry when mended, exit code', retried.code, 0);
  report.equal('verify, exit code', (await arena.command(['verify'])).code, 0);
  await arena.judge(report);
  await tooMany({ open, report, seed });
}

/** A key as the fault proxy writes it. */
function textOf({ id, created }: Item): string {
  return `S:${id?.S},N:${created?.N}`;
}

async function tooMany({ open, report, seed }: Pick<CaseContext, 'open' | 'report' | 'seed'>): Promise<void> {
  const arena = await open({ items: 6_000, faults: true, seed: `${seed}/12/many` });
  arena.faults.add(poison(seed, 0.07));
  const run = await arena.command(['--segments', '4', '--yes', ...atRate(400)]);
  report.equal('7 %: exit code', run.code, 7);
  report.says('7 %: reason', run.process.stderr, /\d+ of \d+ items could not be written/);
  report.holds(
    '7 %: stopped before the end, updated',
    countOf(run.process.last, 'updated'),
    'below 5,580',
    countOf(run.process.last, 'updated') < 5_580,
  );
  arena.faults.switch('poison', false);
  const resumed = await arena.command(['resume', run.process.runId]);
  report.holds('7 %: resumed when mended, exit code', resumed.code, '0 or 5', [0, 5].includes(resumed.code));
  const retried = await arena.command(['failures', run.process.runId, '--retry']);
  report.equal('7 %: failures --retry, exit code', retried.code, 0);
  report.equal('7 %: verify, exit code', (await arena.command(['verify'])).code, 0);
  await arena.judge(report);
}

/** The table refuses the fleet for good from the middle of the run on. */
async function accessDenied({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 10_000, applicationRate: 20, faults: true });
  const run = arena.orchestrate(['--segments', '16', '--tasks', '4', '--yes', ...atRate(800)]);
  await run.waitFor(
    ({ event, segments }) =>
      event === 'run.progress' && Number((segments as { complete: number }).complete) >= 8,
  );
  arena.faults.add({ name: 'denied', fault: { kind: 'deny' }, tables: [TABLE], clients: ['fleet'] });
  const deniedAt = performance.now();
  const code = await endWithin(run, 60_000);
  report.equal('exit code', code, 7);
  report.atMost('last request of the fleet', (arena.wire.lastReceivedAtMs - deniedAt) / 1_000, 10, ' s');
  report.atMost('fleet and orchestrator gone', (performance.now() - deniedAt) / 1_000, 25, ' s');
  const lines = run.stderr.split('\n').filter(line => line.includes('not authorized'));
  report.holds(
    'messages about it',
    lines.length,
    '1',
    lines.length === 1,
    lines.length === 1 ? undefined : lines.join(' | '),
  );
  report.says('the message', run.stderr, /AccessDenied.*not authorized to perform: dynamodb:\w+/);
  report.says('and how to go on', run.stderr, /orchestrate resume \S+/);
  report.equal('quarantined', countOf(run.last, 'quarantined'), 0);
  arena.faults.switch('denied', false);
  const resumed = await arena.command(['resume', run.runId]);
  judgeEnd(report, resumed.code, resumed.process.last);
  await arena.judge(report);
}

/** The operator's credentials expire. The fleet has its own. */
async function expiredCredentials({ open, report, either }: CaseContext): Promise<void> {
  const unattendedSeconds = either(0, 165);
  const rate = 100;
  const arena = await open({ items: rate * (either(80, 300) + 20), faults: true });
  const run = arena.orchestrate(['--segments', '4', '--yes', ...atRate(rate)]);
  await untilUpdated(run, rate * 5);
  const expired: FaultRule = {
    name: 'expired',
    fault: {
      kind: 'fail',
      status: 400,
      error: 'ExpiredTokenException',
      message: 'The security token included in the request is expired',
    },
    clients: ['orchestrator'],
  };
  arena.faults.add(expired);
  const expiredAt = performance.now();
  report.equal('exit code', await endWithin(run, 90_000), 130);
  report.says('how to come back', run.stderr, /[Ll]og in[\s\S]*orchestrate resume \S+/);
  await delay(5_000);
  const after = performance.now();
  report.atLeast(
    'items that the fleet wrote in the 5 s after it left',
    arena.wire.succeededBetween(after - 5_000, after),
    rate,
  );
  const refused = await arena.command(['status', run.runId]);
  report.holds('another command meanwhile, exit code', refused.code, 'not 0', refused.code !== 0);
  if (unattendedSeconds > 0) {
    await delay(unattendedSeconds * 1_000 - (performance.now() - expiredAt));
    const now = performance.now();
    report.atMost(
      'rate when nobody has supervised for 2½ minutes, of the budget',
      (100 * arena.wire.succeededBetween(now - 8_000, now)) / 8 / rate,
      27,
      ' %',
    );
  } else {
    report.figure('the floor after two minutes', 'not measured in the short form');
  }
  arena.faults.remove('expired');
  const resumed = arena.orchestrate(['resume', run.runId]);
  await resumed.waitFor(({ event }) => event === 'run.started');
  await arena.command(['rate', run.runId, ...UNLIMITED]);
  judgeEnd(report, await resumed.exit, resumed.last);
  await arena.judge(report);
}

export const REFUSALS: readonly ReliabilityCase[] = [
  {
    number: 12,
    title: 'poison items: 0.1 %, then 7 %',
    load: 'waits',
    seconds: 100,
    seeds: 2,
    run: poisonItems,
  },
  {
    number: 20,
    title: 'AccessDenied on the table after half of the segments',
    load: 'waits',
    seeds: 2,
    run: accessDenied,
  },
  {
    number: 24,
    title: "the operator's credentials expire mid-run",
    load: 'waits',
    seconds: 120,
    seeds: 1,
    run: expiredCredentials,
  },
];
