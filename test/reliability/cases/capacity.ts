import { setTimeout as delay } from 'node:timers/promises';
import { keepsItsPromise, measureBudget } from '../../../bench/measure-budget.ts';
import { faultsOf } from '../../../local/fault/fault-proxy.ts';
import type { OrchestratorProcess } from '../../e2e/support/orchestrator-process.ts';
import { type Arena, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { atRate, countOf, judgeEnd, UNLIMITED, until, untilUpdated } from '../support/steps.ts';

const RATE = 400;
const SMOOTH_SECONDS = 3;

/**
 * The window of the budget's own promise. Replies that a busy machine delays for a second and then releases are a tenth
 * of ten seconds, but a third of three.
 */
const BUDGET_SECONDS = 10;

/** Items written a second, averaged over the last few seconds before a moment. */
function rateUntil(arena: Arena, ms: number, seconds = SMOOTH_SECONDS): number {
  return arena.wire.succeededBetween(ms - seconds * 1_000, ms) / seconds;
}

async function halfThrottled({ open, report, either }: CaseContext): Promise<void> {
  const throttledSeconds = either(12, 30);
  const items = RATE * (15 + throttledSeconds + 70);
  const arena = await open({ items, faults: true });
  arena.faults.add({
    name: 'half',
    fault: { kind: 'throttle', parts: true },
    operations: ['BatchExecuteStatement'],
    tables: [TABLE],
    clients: ['fleet'],
    probability: 0.5,
    on: false,
  });
  const run = arena.orchestrate(['--segments', '4', '--yes', ...atRate(RATE)]);
  await untilUpdated(run, RATE * 5);
  const before = rateUntil(arena, performance.now());
  arena.faults.switch('half', true);
  const since = performance.now();
  await delay(Math.min(10_000, throttledSeconds * 1_000));
  report.atMost(
    'rate within 10 s, of what it was',
    (100 * rateUntil(arena, performance.now())) / before,
    50,
    ' %',
  );
  await delay(Math.max(0, throttledSeconds * 1_000 - 10_000));
  arena.faults.switch('half', false);
  const over = performance.now();
  await until(
    '80 % of the rate',
    () => rateUntil(arena, performance.now()) >= 0.8 * before || run.last?.event === 'run.finished',
    90_000,
  );
  report.atMost('until the rate was back to 80 %', (performance.now() - over) / 1_000, 60, ' s');
  report.figure('rate before, items a second', before);
  report.figure('throttled for, seconds', (over - since) / 1_000);
  const shown = run.events.filter(
    ({ event, throttled }) => event === 'run.progress' && throttled !== undefined,
  );
  report.atLeast('progress events that show the reason', shown.length, 1);
  report.says('the reason', JSON.stringify(shown[0]?.['throttled'] ?? ''), /ProvisionedThroughputExceeded/);
  await arena.command(['rate', run.runId, ...UNLIMITED]);
  judgeEnd(report, await run.exit, run.last);
  report.equal('quarantined', countOf(run.last, 'quarantined'), 0);
  await slowPartition({ open, report });
}

/** One of four partitions has a twentieth of the capacity of the others. */
async function slowPartition({ open, report }: Pick<CaseContext, 'open' | 'report'>): Promise<void> {
  const arena = await open({
    items: 3_000,
    stack: { capacity: { mode: 'on-demand', partitions: 4 }, faults: faultsOf({ seed: 8 }) },
  });
  arena.stack.capacity?.setLimit('write', 40, 0);
  const run = arena.orchestrate(['--segments', '4', '--yes', ...atRate(1_000)]);
  judgeEnd(report, await run.exit, run.last);
  report.equal('one slow partition: quarantined', countOf(run.last, 'quarantined'), 0);
  const throttled = arena.stack.capacity?.journal.counts('fleet').throttledParts ?? 0;
  report.atLeast('one slow partition: statements throttled', throttled, 1);
  await arena.judge(report);
}

/** The table's metrics first report throttling and then stop. */
async function metricsAway({ open, report, either }: CaseContext): Promise<void> {
  const watchSeconds = either(25, 200);
  const arena = await open({ items: RATE * (watchSeconds + 60), faults: true });
  arena.faults.add({
    name: 'unavailable',
    fault: { kind: 'fail', status: 500, error: 'InternalServiceFault' },
    service: 'cloudwatch',
    operations: ['GetMetricData'],
    on: false,
  });
  arena.stack.cloudWatch.put({
    namespace: 'AWS/DynamoDB',
    metric: 'WriteThrottleEvents',
    dimensions: { TableName: TABLE },
    timestamp: Date.now(),
    statistics: { sampleCount: 1, sum: 10, minimum: 10, maximum: 10 },
    unit: 'Count',
  });
  const run = arena.orchestrate(['--segments', '4', '--yes', ...atRate(RATE)]);
  const cut = await run.waitFor(({ event }) => event === 'run.cut');
  report.equal('budget cut to, while the table says that it is throttled', Number(cut['factor']), 0.5);
  await delay(7_000);
  const before = rateUntil(arena, performance.now());
  arena.faults.switch('unavailable', true);
  const blindAt = performance.now();
  const warned = await run.waitFor(
    ({ event, message }) => event === 'warning' && String(message).includes('metrics'),
  );
  report.says('it says so', String(warned['message']), /cannot be read, so the fleet does not speed up/);
  let fastest = 0;
  while (performance.now() < blindAt + watchSeconds * 1_000) {
    await delay(1_000);
    if (performance.now() < blindAt + BUDGET_SECONDS * 1_000) continue;
    fastest = Math.max(fastest, rateUntil(arena, performance.now(), BUDGET_SECONDS));
  }
  report.atMost('most in any 10 s while blind, of what it was', (100 * fastest) / before, 115, ' %');
  report.figure('rate before, of the budget', (100 * before) / RATE);
  arena.faults.switch('unavailable', false);
  await endQuickly(arena, run, report);
}

async function endQuickly(
  arena: Arena,
  run: OrchestratorProcess,
  report: CaseContext['report'],
): Promise<void> {
  await arena.command(['rate', run.runId, ...UNLIMITED]);
  judgeEnd(report, await run.exit, run.last);
  await arena.judge(report);
}

async function budgets({ report, bundles, either }: CaseContext): Promise<void> {
  for (const budget of either([200, 1_000], [200, 1_000, 3_000])) {
    const result = await measureBudget({ budget, workers: 4, seconds: either(15, 40), bundles });
    report.atMost(
      `budget ${budget}: most units in any 10 s`,
      result.worstWindowUnits,
      budget * 10 * 1.05 + 1,
    );
    report.atLeast(`budget ${budget}: average while all work`, 100 * result.average, 90, ' %');
    report.holds(
      `budget ${budget}: exit code, both promises`,
      result.exitCode,
      '0',
      keepsItsPromise({ budget }, result),
    );
  }
}

export const CAPACITY: readonly ReliabilityCase[] = [
  {
    number: 8,
    title: 'half of all statements throttled for a while; one partition far slower',
    load: 'waits',
    seconds: 120,
    seeds: 1,
    run: halfThrottled,
  },
  { number: 9, title: 'table metrics unavailable', load: 'waits', seconds: 75, seeds: 1, run: metricsAway },
  { number: 21, title: 'the budget from the first second', load: 'measures', seeds: 1, run: budgets },
];
