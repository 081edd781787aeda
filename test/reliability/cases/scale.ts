import { measureProcess } from '../../../bench/scale/measure-process.ts';
import { measureScale } from '../../../bench/scale/measure-scale.ts';
import { measureSupervisor } from '../../../bench/scale/measure-supervisor.ts';
import { SIZES } from '../../../bench/scale/sizes.ts';
import { LOCK_TABLE } from '../../../core/lock-store.ts';
import { createControlTable } from '../../../local/control-table.ts';
import { type Arena, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { atRate, draw, judgeEnd, UNLIMITED, until, untilUpdated } from '../support/steps.ts';

/** ECS does not answer and the control table throttles while a fleet starts. */
async function troubleAtTheStart({ open, report, either }: CaseContext): Promise<void> {
  const tasks = either(8, 32);
  // The worker's writes to items that the application sets meanwhile are refused and read back.
  const arena = await open({ items: 4_000, faults: true, applicationRate: 80, followSegments: tasks });
  const control = arena.stack.environment['FLEETFILL_CONTROL_TABLE'] ?? '';
  arena.faults.add({
    name: 'ecs is away',
    fault: { kind: 'fail', status: 500, error: 'ServerException' },
    service: 'ecs',
    operations: ['DescribeTasks'],
    on: true,
  });
  const throttledWrites = {
    fault: { kind: 'throttle' },
    operations: ['UpdateItem'],
    tables: [control],
    clients: ['fleet'],
  } as const;
  // More attempts than the SDK makes for one call.
  const triesOfOne = { occurrences: [1, 2, 3, 4] };
  arena.faults.add({ name: 'control table throttles', ...throttledWrites, probability: 0.3 });
  arena.faults.add({ name: 'first heartbeats and claims', ...throttledWrites, ...triesOfOne });
  arena.faults.add({
    name: 'last writes',
    ...throttledWrites,
    ...triesOfOne,
    where: ({ body }) => /"S":"(finished|complete)"/.test(JSON.stringify(body['ExpressionAttributeValues'])),
  });
  arena.faults.add({
    name: 'half of the keys',
    fault: { kind: 'throttle', parts: true },
    operations: ['BatchGetItem'],
    tables: [TABLE],
    clients: ['fleet'],
    probability: 0.5,
  });
  const run = arena.orchestrate(['--segments', String(tasks), '--yes', ...UNLIMITED]);
  await run.waitFor(({ event }) => event === 'run.started');
  const startedAt = performance.now();
  await until('20 s of it', () => performance.now() - startedAt > 20_000, 30_000);
  arena.faults.switch('ecs is away', false);
  arena.faults.switch('control table throttles', false);
  judgeEnd(report, await run.exit, run.last);
  const struck = (name: string) => arena.faults.counts()[name]?.struck ?? 0;
  // Two per task: the first heartbeat of the launch and the claim of its segment.
  report.atLeast('first writes that were throttled', struck('first heartbeats and claims'), 4 * 2 * tasks);
  report.atLeast('last writes that were throttled', struck('last writes'), 4 * tasks);
  report.atLeast('keys without an answer', struck('half of the keys'), 1);
  const slowed = run.events.find(
    ({ event, message }) => event === 'warning' && /slowed down/.test(String(message)),
  );
  report.says('the throttling is shown', String(slowed?.['message'] ?? ''), /slowed down: .*/);
  const fenced = run.events.filter(({ event, kind }) => event === 'task.ended' && kind === 'error');
  const why = fenced.map(({ reason }) => String(reason)).join('; ');
  report.equal('tasks that were given up', fenced.length, 0, why || undefined);
  report.equal('launches', Number(run.last?.['launches']), tasks);
  await arena.judge(report);
}

/** Every Scan is held for 8 s, longer than a healthy one may take. */
async function slowTable({ open, report, either }: CaseContext): Promise<void> {
  const arena = await open({ items: 300, faults: true });
  arena.faults.add({
    name: 'slow',
    fault: { kind: 'delay', ms: 8_000 },
    operations: ['Scan'],
    tables: ['stuff'],
    on: true,
  });
  // A verification has as many segments as its budget can use. While the table is slow, it reads one at a time.
  const rates = either(['--max-write-rate', '20000', '--max-read-rate', '2000'], UNLIMITED);
  const run = arena.orchestrate(['--segments', '2', '--yes', ...rates]);
  judgeEnd(report, await run.exit, run.last);
  report.equal('launches', Number(run.last?.['launches']), 2);
  const slow = run.events.find(({ message }) => /no reply to a Scan within 5 s/.test(String(message)));
  report.says('it says so', String(slow?.['message'] ?? ''), /the next one waits 10 s/);
  await arena.judge(report);
}

const ELSEWHERE = { FLEETFILL_CONTROL_TABLE: 'another-control' };

function createSecondControlTable({ stack }: Arena): Promise<void> {
  return createControlTable(
    {
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      // Through the stack, which thus learns the place of the table.
      endpoint: stack.endpoints.dynamodb,
    },
    ELSEWHERE.FLEETFILL_CONTROL_TABLE,
  );
}

/** Two fleets with different control tables on one table. */
async function twoFleets({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 3_000 });
  await createSecondControlTable(arena);
  const first = arena.orchestrate(['--segments', '2', '--yes', ...atRate(200)]);
  await untilUpdated(first, 100);
  const second = await arena.command(['--segments', '2', '--yes', ...UNLIMITED], ELSEWHERE);
  report.equal('exit code of the second', second.code, 8);
  report.says('it names the first', second.process.stderr, new RegExp(`run ${first.runId} holds the table`));
  await arena.command(['rate', first.runId, ...UNLIMITED]);
  judgeEnd(report, await first.exit, first.last);
  const third = await arena.command(['--segments', '2', '--yes', ...UNLIMITED], ELSEWHERE);
  report.equal('exit code of one after it', third.code, 0);
  await arena.judge(report);
}

/** A retry of a run's quarantine holds the table like a run. Nobody is stopped for lack of access to the lock table. */
async function retryAndFleet({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 500, faults: true });
  await createSecondControlTable(arena);
  arena.faults.add({
    name: 'poison',
    fault: { kind: 'fail', status: 400, error: 'ValidationException', message: 'Item size', parts: true },
    operations: ['BatchExecuteStatement', 'UpdateItem'],
    tables: [TABLE],
    where: ({ key }) => draw('34', key) < 0.02,
  });
  const run = await arena.command(['--segments', '2', '--yes', ...UNLIMITED]);
  report.equal('a run with items in quarantine: exit code', run.code, 5);
  arena.faults.switch('poison', false);
  arena.faults.add({
    name: 'slow',
    fault: { kind: 'delay', ms: 3_000 },
    operations: ['BatchExecuteStatement', 'UpdateItem'],
    tables: [TABLE],
    clients: ['orchestrator'],
  });
  const retry = arena.orchestrate(['failures', run.process.runId, '--retry']);
  const locks = () => arena.control.itemsOf(LOCK_TABLE);
  await until('the retry holds the table', async () => (await locks()).length > 0);
  const other = await arena.command(['--segments', '2', '--yes', ...UNLIMITED], ELSEWHERE);
  report.equal('exit code of another fleet beside failures --retry', other.code, 8);
  const named = new RegExp(`A retry of the items in quarantine of run ${run.process.runId} holds`);
  report.says('it names the retry', other.process.stderr, named);
  report.equal('failures --retry: exit code', await retry.exit, 0);
  report.equal('locks left behind', (await locks()).length, 0);
  arena.faults.add({
    name: 'denied',
    fault: { kind: 'deny' },
    tables: [LOCK_TABLE],
    clients: ['orchestrator'],
  });
  const denied = await arena.command(['--segments', '2', '--yes', ...UNLIMITED], ELSEWHERE);
  report.equal('without the right to the lock table: exit code', denied.code, 0);
  report.says('it warns', denied.process.stderr, /Warning: The table fleetfill-locks cannot be used/);
  await arena.judge(report);
}

/** The shipped supervisor and the workers' shipped control path, in simulated time. */
async function inSimulatedTime({ report, seed, either, bundles }: CaseContext): Promise<void> {
  const { small, wide } = SIZES;
  if (!small || !wide) throw new Error('The sizes have other names.');
  const result = await measureScale(small, Number.parseInt(String(seed), 36) || 1);
  report.equal('the sweep ended', result.ended, true);
  report.equal('items written, at least', result.written >= small.items, true);
  report.atMost('control-table writes in the busiest second', result.writeUnits.peak, 500);
  for (const [segments, tasks] of either(
    [[100_000, 1_000]],
    [
      [10_000, 1_000],
      [100_000, 1_000],
    ],
  ) as [number, number][]) {
    const cost = await measureSupervisor({ ...wide, segments, tasks }, 5);
    report.figure(`${segments} segments: CPU of a turn, ms`, cost.cpuMsPerTurn);
    report.atMost(
      `${segments} segments: longest block of the event loop, ms of CPU`,
      cost.longestBlockMs,
      50,
    );
    report.figure(`${segments} segments: longest pause for garbage, ms`, cost.longestGcMs);
    report.atMost(`${segments} segments: heap, MB`, cost.heapMb, 300);
  }
  // What blocks by itself does so each time; what another process does to this one does not.
  const watched = await measureProcess(wide, either(30, 60), bundles.orchestrate);
  const again = watched.roundsOver50Ms > 0 ? await measureProcess(wide, 30, bundles.orchestrate) : watched;
  const own = again.roundsOver50Ms < watched.roundsOver50Ms ? again : watched;
  report.figure('as a process: rounds over 50 ms, the first time', watched.roundsOver50Ms);
  report.atLeast('as a process, with the SDK, over HTTP: requests', own.requests, 500);
  report.figure('as a process: longest round of the event loop, ms', own.longest[0]?.ms ?? 0);
  report.equal('as a process: rounds over 50 ms', own.roundsOver50Ms, 0);
  report.atMost('as a process: heap, MB', own.heapMb, 300);
}

export const SCALE: readonly ReliabilityCase[] = [
  {
    number: 31,
    title: 'ECS cannot be asked and the control table throttles while the fleet starts',
    load: 'waits',
    seconds: 155,
    seeds: 1,
    // Each part has its own stack. The second waits most of its time.
    run: async context => {
      await Promise.all([troubleAtTheStart(context), slowTable(context)]);
    },
  },
  {
    number: 34,
    title: 'two fleets with control tables of their own',
    load: 'waits',
    seconds: 35,
    seeds: 1,
    run: async context => {
      await Promise.all([twoFleets(context), retryAndFleet(context)]);
    },
  },
  {
    number: 35,
    title: '100,000 segments and 1,000 tasks',
    load: 'works',
    seconds: 110,
    seeds: 1,
    run: inSimulatedTime,
  },
];
