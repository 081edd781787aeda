import { setTimeout as delay } from 'node:timers/promises';
import { DescribeTasksCommand, ECSClient } from '@aws-sdk/client-ecs';
import type { OrchestratorProcess } from '../../e2e/support/orchestrator-process.ts';
import { type Arena, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { atRate, countOf, draw, judgeEnd, UNLIMITED, until, untilUpdated } from '../support/steps.ts';

/** Time between two kills: a replacement starts, works and is killed in its turn. */
const KILL_EVERY_MS = 1_300;
const SEGMENTS = 8;
const TASKS = 4;

/** Every fifth kill hits the orchestrator. */
const ORCHESTRATOR_EVERY = 5;

/** The most open pages of a worker over its two segments, and how long a page takes at its share. */
const OPEN_PAGES = 4;
const PAGE_SECONDS = 3;
const CHECKPOINT_SECONDS = 1;

async function kill(context: CaseContext): Promise<void> {
  await killAtRandom(context);
  await killHalfAtOnce(context);
}

async function killAtRandom({ open, report, seed, either }: CaseContext): Promise<void> {
  const kills = either(15, 100);
  const rate = 240;
  const items = Math.ceil(((kills * KILL_EVERY_MS) / 1_000) * rate * 0.8);
  const arena = await open({ items, applicationRate: 40, faults: true });
  let run = arena.orchestrate([
    '--segments',
    String(SEGMENTS),
    '--tasks',
    String(TASKS),
    '--yes',
    '--max-attempts',
    '3',
    ...atRate(rate),
  ]);
  await untilUpdated(run, 1);
  const { runId } = run;
  let [tasksKilled, orchestratorsKilled] = [0, 0];
  for (let kill = 1; kill <= kills; kill++) {
    const written = arena.wire.succeeded;
    await delay(KILL_EVERY_MS * (0.5 + draw(seed, kill, 'when')));
    // A busy machine must not starve the fleet between two kills.
    await until(
      'something was written since the last kill',
      () => arena.wire.succeeded > written || run.last?.event === 'run.finished',
    );
    if (run.last?.event === 'run.finished') break;
    if (kill % ORCHESTRATOR_EVERY === 0) {
      run.kill('SIGKILL');
      await run.exit;
      orchestratorsKilled += 1;
      run = arena.orchestrate(['resume', runId]);
    } else {
      tasksKilled += killOne(arena, draw(seed, kill, 'whom'));
    }
  }
  const done = tasksKilled + orchestratorsKilled;
  await arena.command(['rate', runId, ...UNLIMITED]);
  judgeEnd(report, await run.exit, run.last);
  await arena.judge(report);
  report.atLeast('kills that found their victim alive', done, kills * 0.8);
  report.figure('of tasks, of orchestrators', `${tasksKilled}, ${orchestratorsKilled}`);
  const inFlight = OPEN_PAGES * Math.max(100, (PAGE_SECONDS * rate) / TASKS) + CHECKPOINT_SECONDS * rate;
  report.atMost('update attempts beyond one an item', arena.wire.repeats, Math.ceil(done * inFlight));
  report.figure('items attempted', arena.wire.attempts.size);
  report.figure('repeats a kill', arena.wire.repeats / Math.max(1, done));
}

/** Kills the orchestrator and half of the workers at the same moment, repeatedly, and resumes each time. */
async function killHalfAtOnce({ open, report, either }: CaseContext): Promise<void> {
  const rounds = either(4, 10);
  const arena = await open({ items: 1_500 + rounds * 900, applicationRate: 40, faults: true });
  const options = ['--segments', String(SEGMENTS), '--tasks', String(TASKS), '--yes'];
  let run = arena.orchestrate([...options, ...atRate(240)]);
  await untilUpdated(run, 1);
  const { runId } = run;
  let killed = 0;
  for (let round = 0; round < rounds; round++) {
    await untilUpdated(run, countOf(run.last, 'updated') + 100);
    const half = arena.running().slice(0, TASKS / 2);
    run.kill('SIGKILL');
    for (const { launch } of half) arena.tasks.kill(launch);
    killed += half.length;
    await run.exit;
    run = arena.orchestrate(['resume', runId]);
    await run.waitFor(({ event }) => event === 'run.progress');
  }
  await arena.command(['rate', runId, ...UNLIMITED]);
  judgeEnd(report, await run.exit, run.last);
  await arena.judge(report);
  report.equal('rounds of the orchestrator and half of the workers', killed, (rounds * TASKS) / 2);
  const endedAt = performance.now();
  report.equal('resume of the finished run, exit code', (await arena.command(['resume', runId])).code, 0);
  report.equal('item writes of it', arena.wire.receivedAfter(endedAt), 0);
}

function killOne(arena: Arena, at: number): number {
  const running = arena.running();
  const victim = running[Math.floor(at * running.length)];
  if (!victim) return 0;
  try {
    arena.tasks.kill(victim.launch);
    return 1;
  } catch {
    return 0;
  }
}

/** Sends SIGTERM at the moment when a batch of the task is in flight, and while one of its requests gets no reply. */
async function terminateMidBatch({ open, report, either }: CaseContext): Promise<void> {
  const rounds = either(3, 20);
  const arena = await open({ items: 6_000 + rounds * 600, applicationRate: 20, faults: true });
  const run = arena.orchestrate(['--segments', '6', '--tasks', '3', '--yes', ...atRate(300)]);
  await untilUpdated(run, 1);
  const ecs = new ECSClient({
    endpoint: arena.stack.endpoints.ecs,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const took: number[] = [];
  const codes: (number | undefined)[] = [];
  try {
    for (let round = 0; round < rounds && run.last?.event !== 'run.finished'; round++) {
      const victim = await terminateOne(arena, round === 0 ? 'stall' : 'delay');
      const startedAt = performance.now();
      await until('the task has stopped', () => statusOf(arena, victim) === 'STOPPED', 30_000);
      took.push(performance.now() - startedAt);
      const { tasks } = await ecs.send(new DescribeTasksCommand({ cluster: 'fleetfill', tasks: [victim] }));
      codes.push(tasks?.[0]?.containers?.[0]?.exitCode);
      await delay(800);
    }
  } finally {
    ecs.destroy();
  }
  await arena.command(['rate', run.runId, ...UNLIMITED]);
  judgeEnd(report, await run.exit, run.last);
  await arena.judge(report);
  report.equal('exit codes', [...new Set(codes)].join(), '143');
  report.atMost(
    'slowest, the one with a request without a reply included',
    Math.max(...took) / 1_000,
    25,
    ' s',
  );
  report.atMost('update attempts beyond one an item', arena.wire.repeats, 25 * 2 * rounds);
  report.figure('rounds', codes.length);
  const ended = await arena.control.read('TASK#');
  const gaveUp = ended.filter(
    task => (task['end'] as { kind?: string } | undefined)?.kind === 'sigterm',
  ).length;
  report.equal('tasks that said why they ended', gaveUp, codes.length);
}

/**
 * Sends SIGTERM to one task as soon as the proxy holds a batch.
 * @returns the task's ARN
 */
async function terminateOne(arena: Arena, kind: 'delay' | 'stall'): Promise<string> {
  let held = false;
  arena.faults.add({
    name: 'mid-batch',
    fault: kind === 'delay' ? { kind, ms: 400 } : { kind },
    operations: ['BatchExecuteStatement'],
    tables: [TABLE],
    clients: ['fleet'],
    matches: { to: 6 },
  });
  const end = arena.faults.tap({
    received: ({ faults }) => {
      if (faults.includes('mid-batch')) held = true;
    },
  });
  await until('every task runs and a batch is held', () => held && arena.running().length >= 3);
  end();
  const [victim] = arena.running();
  if (!victim) throw new Error('No task runs.');
  arena.tasks.terminate(victim.launch);
  return victim.taskArn;
}

function statusOf(arena: Arena, taskArn: string): string | undefined {
  return arena.stack.ecs.tasks().find(task => task.taskArn === taskArn)?.lastStatus;
}

/** Spot interrupts half of the fleet at once. */
async function interruptHalf({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 12_000, applicationRate: 40, faults: true });
  const run = arena.orchestrate(['--segments', '8', '--tasks', '8', '--spot', '--yes', ...atRate(800)]);
  await untilUpdated(run, 2_000);
  const half = arena.running().slice(0, 4);
  for (const { taskArn } of half) {
    arena.stack.ecs.interruptTask(taskArn, {
      stopCode: 'SpotInterruption',
      reason: 'Your Spot Task was interrupted.',
    });
  }
  judgeEnd(report, await run.exit, run.last);
  await arena.judge(report);
  report.equal('tasks interrupted', half.length, 4);
  report.equal('launches', countOf(run.last, 'launches'), 12);
  const inFlight = 4 * 16 * 25;
  report.atMost('update attempts beyond one an item', arena.wire.repeats, inFlight);
  report.equal('segments given up', eventsOf(run, 'segment.failed'), 0);
}

function eventsOf(run: OrchestratorProcess, name: string): number {
  return run.events.filter(({ event }) => event === name).length;
}

export const DEATHS: readonly ReliabilityCase[] = [
  {
    number: 3,
    title: 'kill -9 of random tasks and of the orchestrator',
    load: 'works',
    seconds: 65,
    seeds: 1,
    run: kill,
  },
  { number: 4, title: 'SIGTERM mid-batch', load: 'waits', seeds: 1, run: terminateMidBatch },
  {
    number: 19,
    title: 'Spot interruption of half the fleet at once',
    load: 'waits',
    seeds: 3,
    run: interruptHalf,
  },
];
