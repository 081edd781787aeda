import { setTimeout as delay } from 'node:timers/promises';
import { type AttributeValue, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { type Item, keyOf } from '../../../demo/item.ts';
import type { FaultRule } from '../../../local/fault/rules.ts';
import { type Arena, ATTRIBUTE, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { atRate, countOf, draw, judgeEnd, UNLIMITED, until } from '../support/steps.ts';

/** Requests to the user's table, with the consumption that the engine reports. */
interface Consumption {
  readonly atMs: number;
  readonly client: string;
  readonly operation: string;
  readonly consistent: boolean;
  readonly units: number;
  /** Where a page of a scan begins. */
  readonly from: string;
}

/** Records everything that the tool's requests to the user's table consume from now on. */
function meter(arena: Arena): Consumption[] {
  const seen: Consumption[] = [];
  arena.faults.tap({
    settled: ({ service, client, operation, parts, body, receivedAtMs, reply }) => {
      if (service !== 'dynamodb' || client === 'application' || parts[0]?.table !== TABLE) return;
      const consumed = reply()?.['ConsumedCapacity'];
      const capacities = Array.isArray(consumed) ? consumed : consumed === undefined ? [] : [consumed];
      const units = capacities.reduce((sum, { CapacityUnits = 0 }) => sum + Number(CapacityUnits), 0);
      const consistent = operation === 'Scan' && body['ConsistentRead'] === true;
      const from = JSON.stringify([body['Segment'], body['ExclusiveStartKey']]);
      seen.push({ atMs: receivedAtMs, client, operation, consistent, units, from });
    },
  });
  return seen;
}

const verificationPages = (seen: readonly Consumption[]) => seen.filter(({ consistent }) => consistent);
const sum = (seen: readonly Consumption[]) => seen.reduce((total, { units }) => total + units, 0);

function between(seen: readonly Consumption[], fromMs: number, ms: number): Consumption[] {
  return seen.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + ms);
}

/** The most units in any ten seconds. */
function worstWindow(seen: readonly Consumption[]): number {
  return Math.max(0, ...seen.map(({ atMs }) => sum(between(seen, atMs, 10_000))));
}

const readAt = (unitsPerSecond: number) => [
  '--max-write-rate',
  '20000',
  '--max-read-rate',
  String(unitsPerSecond),
];

async function takeAway(arena: Arena, items: readonly Item[]): Promise<void> {
  for (const item of items) {
    await arena.client.send(
      new UpdateItemCommand({
        TableName: TABLE,
        Key: keyOf(item, arena.journal.key),
        UpdateExpression: 'REMOVE #a',
        ExpressionAttributeNames: { '#a': ATTRIBUTE },
      }),
    );
  }
}

/** A run until its verification begins, whose pages then take seconds. */
async function untilVerifying(arena: Arena, args: readonly string[]) {
  const run = arena.orchestrate(['--segments', '4', '--yes', ...args]);
  await run.waitFor(({ event }) => event === 'verification.started');
  return run;
}

async function controls(context: CaseContext): Promise<void> {
  await Promise.all([lowerRate(context), cut(context), throttled(context), pausedRepair(context)]);
}

async function lowerRate({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 6_000, faults: true, seed: '27/rate' });
  const seen = meter(arena);
  const run = await untilVerifying(arena, readAt(20));
  await delay(3_000);
  const { process } = await arena.command(['rate', run.runId, '--max-read-rate', '1']);
  const inForceAtMs = performance.now();
  report.equal('rate during the verification: in force', process.last?.['inForce'] === true, true);
  await delay(6_000);
  const after = sum(between(verificationPages(seen), inForceAtMs, 6_000));
  report.atMost('read units in the 6 s after "in force", at 1 a second', after, 6 * 1.05 + 2);
  await arena.command(['rate', run.runId, '--max-read-rate', '20000']);
  judgeEnd(report, await run.exit, run.last);
}

async function cut({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 6_000, faults: true, seed: '27/cut' });
  const seen = meter(arena);
  // Slow enough to be paused before it has read everything.
  const run = await untilVerifying(arena, readAt(16));
  await arena.command(['pause', run.runId]);
  await run.exit;
  await arena.command(['rate', run.runId, '--max-read-rate', '128']);
  const [record] = await arena.control.raw('RUN');
  const read = verificationPages(seen).length;
  const given = { factor: { N: '0.0625' }, reason: { S: 'the application is throttled' } };
  await arena.control.put({ ...record, cut: { M: given } });
  const resumed = arena.orchestrate(['resume', run.runId]);
  await resumed.waitFor(({ event }) => event === 'verification.started');
  await delay(12_000);
  const pages = verificationPages(seen).slice(read);
  const first = pages[0]?.atMs ?? 0;
  report.atMost(
    'cut of a sixteenth of 128: units in the first second',
    sum(between(pages, first, 1_000)),
    8 * 2,
  );
  report.atMost('and most units in any 10 s', worstWindow(pages), 8 * 10 * 1.05 + 1);
  report.atLeast('and it goes on', sum(between(pages, first, 10_000)), 8 * 5);
  await arena.command(['cancel', run.runId]);
}

async function throttled({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 3_000, faults: true, seed: '27/throttled' });
  const seen = meter(arena);
  arena.faults.add({
    name: 'throttled',
    fault: { kind: 'throttle' },
    operations: ['Scan'],
    tables: [TABLE],
    clients: ['orchestrator'],
    where: ({ body }) => body['ConsistentRead'] === true,
  });
  const run = await untilVerifying(arena, readAt(1_000));
  const startedAtMs = performance.now();
  const said = await run.waitFor(({ event }) => event === 'verification.throttled');
  await delay(5_000);
  const tries = between(verificationPages(seen), startedAtMs, 5_000).length;
  report.atMost('every read throttled: requests in 5 s', tries, 40);
  report.says('and it says so', String(said['reason']), /Throughput|Throttl/);
  arena.faults.switch('throttled', false);
  judgeEnd(report, await run.exit, run.last);
}

async function pausedRepair({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 2_000, faults: true, seed: '27/repair' });
  const slow: FaultRule = {
    name: 'slow pages',
    fault: { kind: 'delay', ms: 1_500, side: 'before-effect' },
    operations: ['Scan'],
    tables: [TABLE],
    where: ({ body }) => body['ConsistentRead'] === true,
    on: false,
  };
  arena.faults.add(slow);
  const all = await arena.control.itemsOf(TABLE);
  arena.faults.switch('slow pages', true);
  const run = arena.orchestrate([
    ...['--segments', '4', '--yes', '--max-write-rate', '2000', '--max-read-rate', '20000'],
  ]);
  await run.waitFor(({ event }) => event === 'verification.started');
  const lost = all.slice(0, 200);
  await takeAway(arena, lost);
  await arena.command(['rate', run.runId, '--max-write-rate', '10']);
  await run.waitFor(({ event }) => event === 'repair.started');
  await until('the repair writes', () => arena.wire.lastReceivedAtMs > performance.now() - 300);
  const rated = await arena.command(['rate', run.runId, '--max-write-rate', '4']);
  const inForceAtMs = performance.now();
  await delay(5_000);
  const writes = arena.wire.writes.filter(({ receivedAtMs }) => receivedAtMs > inForceAtMs).length;
  report.equal('rate during the repair: in force', rated.process.last?.['inForce'] === true, true);
  report.atMost('writes in the 5 s after "in force", at 4 a second', writes, 5 * 4 * 1.05 + 1);
  const { code } = await arena.command(['pause', run.runId]);
  const pausedAtMs = performance.now();
  report.equal('pause during the repair, exit code', code, 0);
  await delay(6_000);
  report.equal('writes after "no task can write any more"', arena.wire.receivedAfter(pausedAtMs), 0);
  report.equal('the paused orchestrator, exit code', await run.exit, 9);
  arena.faults.switch('slow pages', false);
  await arena.command(['rate', run.runId, '--max-write-rate', '20000']);
  const resumed = await arena.command(['resume', run.runId]);
  judgeEnd(report, resumed.code, resumed.process.last, { passes: undefined });
}

/** A strongly consistent scan of the whole table, as the engine bills it. */
async function unitsOfOneScan(arena: Arena): Promise<number> {
  let units = 0;
  let from: Record<string, AttributeValue> | undefined;
  do {
    const page = await arena.client.send(
      new ScanCommand({
        TableName: TABLE,
        ConsistentRead: true,
        ExclusiveStartKey: from,
        ReturnConsumedCapacity: 'TOTAL',
      }),
    );
    units += page.ConsumedCapacity?.CapacityUnits ?? 0;
    from = page.LastEvaluatedKey;
  } while (from);
  return units;
}

/** The units of rereads: of the pages that begin at the same key, every one except the last counts. */
function unitsReadAgain(pages: readonly Consumption[]): number {
  const last = new Map(pages.map(page => [page.from, page]));
  return sum(pages.filter(page => last.get(page.from) !== page));
}

const KILLS = 5;

async function interrupted({ seed, open, report, either }: CaseContext): Promise<void> {
  const drawn = (what: string) => draw(seed, '28', what);
  // In a table of fewer than 3,500 units, rounding each page up and losing a page at each kill would exceed the bound.
  const items = either(100_000, 100_000 + Math.floor(100_000 * drawn('items')));
  const arena = await open({ items, faults: true });
  const before = await unitsOfOneScan(arena);
  const seen = meter(arena);
  let run = await untilVerifying(arena, readAt(Math.ceil(before / 25)));
  for (let kill = 0; kill < KILLS; kill++) {
    const read = sum(verificationPages(seen));
    const more = before * (0.06 + 0.08 * drawn(`read before kill ${kill}`));
    await until('it reads', () => sum(verificationPages(seen)) > read + more);
    await delay(400 * drawn(`moment of kill ${kill}`));
    run.kill('SIGKILL');
    await run.exit;
    run = arena.orchestrate(['resume', run.runId]);
    await run.waitFor(({ event }) => event === 'verification.started');
  }
  arena.faults.add({
    name: 'no record',
    fault: { kind: 'cut', when: 'before-effect' },
    operations: ['GetItem'],
    clients: ['orchestrator'],
    where: ({ key }) => key.includes('RUN'),
  });
  await delay(15_000);
  arena.faults.switch('no record', false);
  const code = await run.exit;
  judgeEnd(report, code, run.last);
  const starts = run.events.filter(({ event }) => event === 'verification.started').length;
  report.equal('verifications that the last orchestrator began', starts, 1);
  const pages = verificationPages(seen);
  // The backfill has made every item larger, so the reference scan comes after it.
  const oneScan = await unitsOfOneScan(arena);
  const inFlight = Math.floor(oneScan / 100);
  report.figure('items', items);
  report.figure('pages', pages.length);
  report.figure('units of one scan', oneScan);
  report.atMost('units of the pages that were read again', unitsReadAgain(pages), KILLS * inFlight);
  report.atMost(
    'read units of all verifications: one scan, and five times a hundredth of the table',
    sum(pages),
    oneScan + KILLS * inFlight,
  );
  const consumed = (run.last?.['consumed'] ?? {}) as { readCapacityUnits?: number };
  const wire = sum(seen.filter(({ operation }) => operation === 'Scan' || operation === 'BatchGetItem'));
  report.atMost(
    'consumed, away from what went over the wire',
    Math.abs((consumed.readCapacityUnits ?? 0) - wire),
    KILLS * inFlight + 2,
  );
  await arena.judge(report);
}

/** Items whose every write is refused, drawn by seed and key. */
function poison(part: number): FaultRule {
  return {
    name: 'poison',
    fault: { kind: 'fail', status: 400, error: 'ValidationException', message: 'Item size', parts: true },
    operations: ['BatchExecuteStatement', 'UpdateItem'],
    tables: [TABLE],
    where: ({ key }) => draw('29', key, 'poison') < part,
  };
}

async function manyInQuarantine({ open, report, either }: CaseContext): Promise<void> {
  const items = either(6_000, 60_000);
  const part = either(0.2, 1 / 3);
  const arena = await open({ items, faults: true, seed: '29' });
  arena.faults.add(poison(part));
  const fleet = ['--segments', '4', '--yes', '--max-quarantine', String(items), ...UNLIMITED];
  const run = await arena.command(fleet);
  const inQuarantine = (await arena.control.read('QUARANTINE#')).length;
  report.atLeast('items in quarantine', inQuarantine, 1_001);
  report.equal('exit code', run.code, 5);
  report.equal('passes', countOf(run.process.last, 'passes'), 1);
  report.equal('quarantined', countOf(run.process.last, 'quarantined'), inQuarantine);
  report.equal('missing', countOf(run.process.last, 'missing'), inQuarantine);
  arena.faults.switch('poison', false);
  const retried = await arena.command(['failures', run.process.runId, '--retry']);
  report.equal('failures --retry, exit code', retried.code, 0);
  const resolved = retried.process.events.filter(({ event }) => event === 'failure.resolved').length;
  report.equal('resolved', resolved, inQuarantine);
  report.equal('locks left behind', await arena.control.locks(), 0);
}

/** A resolved item that lacks the attribute again is missing like any other item. */
async function resolvedAndLost({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 3_000, faults: true, seed: '29/resolved' });
  arena.faults.add(poison(0.05));
  const run = await untilVerifying(arena, ['--max-quarantine', '3000', ...readAt(10)]);
  await arena.command(['pause', run.runId]);
  await run.exit;
  arena.faults.switch('poison', false);
  const retried = await arena.command(['failures', run.runId, '--retry']);
  report.equal('failures --retry of a paused run, exit code', retried.code, 0);
  const keys = retried.process.events.flatMap(({ event, key }) =>
    event === 'failure.resolved' ? [key as Record<string, AttributeValue>] : [],
  );
  await takeAway(arena, keys.slice(0, 3) as Item[]);
  await arena.command(['rate', run.runId, ...UNLIMITED]);
  const resumed = await arena.command(['resume', run.runId]);
  const found = resumed.process.events.find(({ event }) => event === 'verification.finished');
  report.equal('resolved, and lost again: missing', countOf(found, 'missing'), 3);
  judgeEnd(report, resumed.code, resumed.process.last, { passes: 2 });
  await arena.judge(report);
}

/** A retry beside a live run gets a share, and does not use the budget a second time. */
async function retryBesideRun({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 9_000, faults: true, seed: '29/beside' });
  arena.faults.add(poison(0.1));
  const run = arena.orchestrate(['--segments', '4', '--yes', '--max-quarantine', '9000', ...atRate(100)]);
  const quarantined = async () => (await arena.control.read('QUARANTINE#')).length >= 300;
  await until('many are in quarantine', quarantined, 120_000);
  arena.faults.switch('poison', false);
  const from = performance.now();
  const retried = await arena.command(['failures', run.runId, '--retry']);
  const to = performance.now();
  report.equal('failures --retry beside a run, exit code', retried.code, 0);
  const writes = arena.wire.writes.filter(({ receivedAtMs }) => receivedAtMs >= from && receivedAtMs < to);
  const units = writes.reduce((total, { items }) => total + items, 0);
  report.atMost('writes of both, of the budget', (100 * units) / ((100 * (to - from)) / 1_000), 110, ' %');
  await arena.command(['rate', run.runId, ...UNLIMITED]);
  report.holds('the run, exit code', await run.exit, '0 or 5', [0, 5].includes(await run.exit));
}

const LARGE_BYTES = 200 * 1_024;

/** Large items, with a budget of which each task's share earns one item only in seconds. */
async function largeItems({ open, report, either }: CaseContext): Promise<void> {
  const [tasks, budget, items] = either([8, 400, 120], [32, 1_600, 600]);
  const text = 'x'.repeat(LARGE_BYTES - 100);
  const arena = await open({
    items,
    faults: true,
    seed: '30',
    itemAt: index => ({
      id: { S: `large-${draw('30', String(index), 'id')}` },
      created: { N: String(index) },
      filling: { S: index % 40 === 39 ? text + text.slice(0, 195 * 1_024) : text },
    }),
  });
  const seen = meter(arena);
  const most = budget * 10 * 1.05 + 400;
  const run = arena.orchestrate([
    ...['--segments', String(tasks), '--yes', '--max-write-rate', String(budget)],
    ...['--max-read-rate', String(budget)],
  ]);
  await until('it writes', () => arena.wire.succeeded > tasks, 120_000);
  // Makes every task be relaunched.
  for (const { pid } of arena.running()) process.kill(pid, 'SIGKILL');
  const code = await run.exit;
  const isWrite = ({ operation }: Consumption) =>
    operation === 'BatchExecuteStatement' || operation === 'UpdateItem';
  const reads = seen.filter(call => !isWrite(call));
  report.atMost('write units in any 10 s, relaunch included', worstWindow(seen.filter(isWrite)), most);
  report.atMost('read units in any 10 s, verification included', worstWindow(reads), most);
  judgeEnd(report, code, run.last);
  await arena.judge(report);
}

export const END_OF_RUN: readonly ReliabilityCase[] = [
  {
    number: 27,
    title: 'rate, cut, throttling and pause during verification and repair',
    load: 'waits',
    seconds: 120,
    seeds: 1,
    run: controls,
  },
  {
    number: 28,
    title: 'the orchestrator killed five times, and the control table away, during one verification',
    load: 'waits',
    seconds: 170,
    seeds: 1,
    run: interrupted,
  },
  {
    number: 29,
    title: 'more in quarantine than a repair would take; resolved ones; a retry beside a run',
    load: 'works',
    seconds: 130,
    seeds: 1,
    run: async context => {
      await manyInQuarantine(context);
      await resolvedAndLost(context);
      await retryBesideRun(context);
    },
  },
  {
    number: 30,
    title: 'items of 200 KB and of 400 KB at a budget that earns one in seconds, relaunch included',
    load: 'measures',
    seconds: 90,
    seeds: 1,
    run: largeItems,
  },
];
