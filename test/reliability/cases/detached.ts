import { setTimeout as delay } from 'node:timers/promises';
import { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeTasksCommand, ECSClient } from '@aws-sdk/client-ecs';
import type { OrchestratorProcess } from '../../e2e/support/orchestrator-process.ts';
import { type Arena, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { atRate, judgeEnd, UNLIMITED, until } from '../support/steps.ts';

/** Slow enough that the backfill outlasts five supervisors even on a busy machine. */
const RATE = 20;
const OPTIONS = ['--segments', '4', '--tasks', '2', '--yes', '--detach', ...atRate(RATE)];

/** Longer than a supervisor's authority, so that it must not continue what it did before the freeze. */
const FROZEN_MS = 8_000;

/** A grant that nobody renews begins to fall after two minutes, and is a quarter half a minute later. */
const UNATTENDED_MS = 155_000;

/**
 * The supervisor's task is killed in the backfill, interrupted as by Spot or a deployment, frozen while another takes
 * over, replaced by a terminal, and killed again in the verification. Each time `resume --detach` continues the run.
 */
async function supervisorInTheFleet({ open, report, either }: CaseContext): Promise<void> {
  const arena = await open({ items: either(3_000, 9_000), applicationRate: 40, faults: true });
  const first = arena.orchestrate(OPTIONS);
  const codes = [await first.exit];
  const { runId } = first;
  const tasks = [taskOf(first)];
  const again = async () => {
    const next = arena.orchestrate(['resume', runId, '--detach']);
    codes.push(await next.exit);
    if (next.last?.event === 'run.detached') tasks.push(taskOf(next));
  };

  await until('the fleet writes', () => arena.wire.succeeded > 0);
  arena.tasks.kill(tasks[0] as string);
  await again();

  arena.tasks.terminate(tasks[1] as string);
  await until('the supervisor has ended', () => statusOf(arena, tasks[1]) === 'STOPPED');
  await again();

  const frozen = tasks[2] as string;
  const writes = writesOfEpoch(arena, await epochOf(arena));
  await until('it keeps records', () => writes.length > 0);
  arena.tasks.freeze(frozen);
  await again();
  await delay(FROZEN_MS);
  const before = writes.length;
  arena.tasks.thaw(frozen);
  await until('who was frozen has left', () => statusOf(arena, frozen) === 'STOPPED');
  report.equal('records that who was frozen wrote after it woke', writes.length - before, 0);
  report.equal('exit code of who was frozen', await exitCodeOf(arena, frozen), 8);

  const terminal = arena.orchestrate(['resume', runId]);
  await terminal.waitFor(({ event }) => event === 'run.started');
  const replaced = tasks.at(-1) as string;
  await until('the task has left to the terminal', () => statusOf(arena, replaced) === 'STOPPED');
  report.equal('exit code of the task, a terminal in its place', await exitCodeOf(arena, replaced), 8);
  await again();
  report.equal('exit code of the terminal, a task in its place', await terminal.exit, 8);

  const behind = arena.orchestrate(['resume', runId, '--expect-epoch', '1']);
  report.equal('exit code of who expects an epoch that has passed', await behind.exit, 8);
  const wait = arena.orchestrate(['wait', runId]);
  await arena.command(['rate', runId, ...UNLIMITED]);
  // Slow enough to be hit in the middle.
  arena.faults.add({
    name: 'verification is slow',
    service: 'dynamodb',
    operations: ['Scan'],
    clients: ['orchestrator'],
    tables: ['stuff'],
    fault: { kind: 'delay', ms: 1_500 },
  });
  const isVerifying = async () => (await statusOfRun(arena, runId)) === 'verifying';
  await until('it verifies', isVerifying);
  await delay(700);
  arena.tasks.kill(tasks.at(-1) as string);
  report.equal('killed in the verification', await isVerifying(), true);
  await again();

  judgeEnd(report, await wait.exit, wait.last);
  report.equal('exit codes of the starts', codes.join(', '), '0, 0, 0, 0, 0, 0');
  report.equal('tasks that supervised, each another', new Set(tasks).size, 6);
  report.equal('lines of wait on stdout', wait.events.length + wait.stray.length, 1);
  report.equal('locks left behind', await arena.control.locks(), 0);
  await arena.judge(report);
}

/**
 * The supervisor's task is killed and nobody comes for minutes. The case checks what the alarm sees and the rate of the
 * fleet.
 */
async function unattended({ open, report, seed }: CaseContext): Promise<void> {
  const arena = await open({ items: 4_000, faults: true, seed: `${seed}/38/unattended` });
  const run = arena.orchestrate(OPTIONS);
  await run.exit;
  await until('the fleet writes', () => arena.wire.succeeded > 0);
  arena.tasks.kill(taskOf(run));
  await delay(UNATTENDED_MS);
  const minute = Math.floor(Date.now() / 60_000) * 60_000 - 60_000;
  report.equal('unattended: RunOpen in the last minute', await metricAt(arena, 'RunOpen', minute), 1);
  report.equal('unattended: Supervised in it', await metricAt(arena, 'Supervised', minute), undefined);
  const from = performance.now();
  await delay(20_000);
  const written = arena.wire.succeededBetween(from, performance.now());
  report.atLeast('unattended: items written in 20 s', written, 1);
  report.atMost('unattended: of these, by the floor', written, (RATE / 4) * 20 * 1.1);
  const again = arena.orchestrate(['resume', run.runId, '--detach']);
  await again.exit;
  await arena.command(['rate', run.runId, ...UNLIMITED]);
  const { code, process } = await arena.command(['wait', run.runId]);
  judgeEnd(report, code, process.last);
  await arena.judge(report);
}

/** The value of a minute; undefined if nothing was published for it. */
async function metricAt(arena: Arena, name: string, minuteMs: number): Promise<number | undefined> {
  const cloudWatch = new CloudWatchClient({
    endpoint: arena.stack.endpoints.cloudWatch,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const Metric = { Namespace: 'Fleetfill', MetricName: name, Dimensions: [{ Name: 'Table', Value: TABLE }] };
  const { MetricDataResults = [] } = await cloudWatch.send(
    new GetMetricDataCommand({
      StartTime: new Date(minuteMs),
      EndTime: new Date(minuteMs + 60_000),
      MetricDataQueries: [{ Id: 'one', MetricStat: { Metric, Period: 60, Stat: 'Maximum' } }],
    }),
  );
  cloudWatch.destroy();
  return MetricDataResults[0]?.Values?.[0];
}

/** Collects the writes that took effect on condition of this epoch. */
function writesOfEpoch(arena: Arena, epoch: number): string[] {
  const writes: string[] = [];
  const condition = new RegExp(`":epoch":(\\{"N":"${epoch}"\\}|${epoch})[,}]`);
  arena.faults.tap({
    settled: ({ operation, body, status }) => {
      if (status === 200 && condition.test(JSON.stringify(body))) writes.push(operation);
    },
  });
  return writes;
}

async function epochOf(arena: Arena): Promise<number> {
  const [run] = (await arena.control.read('RUN')).filter(({ item }) => item === 'RUN');
  return Number(run?.['epoch']);
}

async function exitCodeOf(arena: Arena, taskArn: string): Promise<number | undefined> {
  const ecs = new ECSClient({
    endpoint: arena.stack.endpoints.ecs,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ cluster: 'fleetfill', tasks: [taskArn] }));
  ecs.destroy();
  return tasks[0]?.containers?.[0]?.exitCode;
}

function taskOf(run: OrchestratorProcess): string {
  const arn = run.last?.['taskArn'];
  if (typeof arn !== 'string') throw new Error(`It was not detached: ${run.stderr}`);
  return arn;
}

function statusOf(arena: Arena, taskArn: string | undefined): string | undefined {
  return arena.stack.ecs.tasks().find(task => task.taskArn === taskArn)?.lastStatus;
}

async function statusOfRun(arena: Arena, runId: string): Promise<string> {
  const { process } = await arena.command(['status', runId]);
  return String(process.last?.['status']);
}

export const DETACHED: readonly ReliabilityCase[] = [
  {
    number: 38,
    title:
      "the supervisor's task killed, interrupted and frozen; a task and a terminal in each other's place",
    load: 'works',
    seconds: 185,
    seeds: 1,
    // The second part takes some minutes on any machine.
    run: async context => {
      const second = context.short ? undefined : unattended(context);
      await Promise.all([supervisorInTheFleet(context), second]);
    },
  },
];
