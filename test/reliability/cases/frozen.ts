import { setTimeout as delay } from 'node:timers/promises';
import { shiftedClock } from '../../../local/fault/shifted-clock.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { atRate, countOf, draw, judgeEnd, UNLIMITED, until, untilUpdated } from '../support/steps.ts';

/**
 * A task is frozen in the middle of its writes. When it wakes, its run was cancelled and another run, with another
 * value, has ended. Its orchestrator is gone too, so nobody tells ECS to stop it.
 */
async function wakeTooLate({ open, report, seed, either }: CaseContext): Promise<void> {
  const rounds = either(1, 6);
  let [sent, writesAfter, records] = [0, 0, 0];
  for (let round = 0; round < rounds; round++) {
    const api = round % 2 === 0 ? 'single' : 'batch';
    const arena = await open({ items: 9_000, faults: true, seed: `${seed}/10/${round}` });
    const first = arena.orchestrate(['--segments', '2', '--yes', '--write-api', api, ...atRate(1_000)]);
    await untilUpdated(first, 1_000 + Math.floor(draw(seed, round) * 2_000));
    const [victim] = arena.running();
    if (!victim) throw new Error('No task runs.');
    first.kill('SIGKILL');
    arena.tasks.freeze(victim.launch);
    await first.exit;
    const cancelled = await arena.command(['cancel', first.runId]);
    const acknowledgedAt = performance.now();
    report.equal('cancel, exit code', cancelled.code, 0);
    await delay(500);
    report.equal('updates after the acknowledgement', arena.wire.receivedAfter(acknowledgedAt), 0);
    const second = await arena.command(['--segments', '4', '--yes', '--value', '2', ...UNLIMITED]);
    judgeEnd(report, second.code, second.process.last);

    const awakeAt = performance.now();
    const refused: number[] = [];
    arena.faults.tap({
      settled: ({ operation, status, parts }) => {
        if (operation !== 'UpdateItem' || !parts.some(({ table }) => table === arena.control.table)) return;
        writesAfter += 1;
        refused.push(status);
      },
    });
    arena.tasks.thaw(victim.launch);
    await until(
      'it has exited by itself',
      () => arena.running().every(({ pid }) => pid !== victim.pid),
      60_000,
    );
    report.atMost('until it exited by itself', (performance.now() - awakeAt) / 1_000, 40, ' s');
    sent += arena.wire.receivedAfter(awakeAt);
    records += refused.filter(status => status === 200).length;
    await arena.judge(report, [{ N: '1' }, { N: '2' }]);
    await arena.close();
  }
  report.equal('updates that it sent after it woke', sent, 0);
  report.atLeast('writes to records that it tried', writesAfter, rounds);
  report.equal('writes to records that took effect', records, 0);
  report.figure('rounds', rounds);
}

/** Wall clocks are ten minutes apart. One task is killed, so that a take-over must be told from an early one. */
async function clocksApart({ open, report, seed }: CaseContext): Promise<void> {
  const skews = [
    { tasks: 600_000, orchestrator: 0 },
    { tasks: -600_000, orchestrator: 0 },
    { tasks: 0, orchestrator: 600_000 },
    { tasks: 300_000, orchestrator: -300_000 },
  ];
  for (const [index, skew] of skews.entries()) {
    const arena = await open({ items: 4_000, faults: true, seed: `${seed}/11/${index}` });
    arena.tasks.shiftClock(skew.tasks);
    const owners = new Map<string, Set<string>>();
    arena.faults.tap({
      settled: ({ operation, body, status, parts }) => {
        const record = parts.find(({ table }) => table === arena.control.table)?.key?.attributes['item']?.[
          'S'
        ];
        if (operation !== 'UpdateItem' || status !== 200 || !String(record).startsWith('SEGMENT#')) return;
        const values = body['ExpressionAttributeValues'] as Record<string, { S?: string }> | undefined;
        const launch = values?.[':launch']?.S;
        if (launch === undefined) return;
        const known = owners.get(String(record)) ?? new Set();
        owners.set(String(record), known.add(launch));
      },
    });
    const run = arena.orchestrate(
      ['--segments', '4', '--yes', ...atRate(400)],
      skew.orchestrator === 0 ? {} : shiftedClock(skew.orchestrator),
    );
    await untilUpdated(run, 400);
    const [victim] = arena.running();
    if (victim) arena.tasks.kill(victim.launch);
    judgeEnd(report, await run.exit, run.last);
    await arena.judge(report);
    const most = Math.max(...[...owners.values()].map(launches => launches.size));
    report.equal('launches: four, and one for the one that was killed', countOf(run.last, 'launches'), 5);
    report.equal(
      'segments with more than one owner: the killed one alone',
      [...owners.values()].filter(l => l.size > 1).length,
      1,
    );
    report.equal('owners that a segment had at most', most, 2);
    await arena.close();
  }
}

export const FROZEN: readonly ReliabilityCase[] = [
  {
    number: 10,
    title: 'a task frozen past its authority, continued after another run',
    load: 'waits',
    seconds: 60,
    seeds: 2,
    run: wakeTooLate,
  },
  {
    number: 11,
    title: 'clocks ten minutes apart, both ways',
    load: 'waits',
    seconds: 60,
    seeds: 1,
    run: clocksApart,
  },
];
