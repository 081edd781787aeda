import { setTimeout as delay } from 'node:timers/promises';
import type { OrchestratorProcess } from '../../e2e/support/orchestrator-process.ts';
import type { Arena } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { atRate, judgeEnd, UNLIMITED, until } from '../support/steps.ts';

/** Slow enough that the backfill outlasts four supervisors on a machine that is busy with something else. */
const RATE = 25;
const OPTIONS = ['--segments', '4', '--tasks', '2', '--yes', '--detach', ...atRate(RATE)];

/** Longer than the authority of a supervisor, so that what it did before it was frozen is not its to do any more. */
const FROZEN_MS = 8_000;

/**
 * The supervisor's task is killed in the backfill, interrupted as Spot or a deployment would, frozen while another takes
 * over, and killed again in the verification; each time `resume --detach` goes on.
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
  arena.tasks.freeze(frozen);
  await again();
  await delay(FROZEN_MS);
  arena.tasks.thaw(frozen);
  await until('who was frozen has left', () => statusOf(arena, frozen) === 'STOPPED');

  const behind = arena.orchestrate(['resume', runId, '--expect-epoch', '1']);
  report.equal('exit code of who expects an epoch that has passed', await behind.exit, 8);
  const wait = arena.orchestrate(['wait', runId]);
  await arena.command(['rate', runId, ...UNLIMITED]);
  // Slow enough to be met in the middle.
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
  report.equal('exit codes of the starts', codes.join(', '), '0, 0, 0, 0, 0');
  report.equal('tasks that supervised, each another', new Set(tasks).size, 5);
  report.equal('lines of wait on stdout', wait.events.length + wait.stray.length, 1);
  report.equal('locks left behind', await arena.control.locks(), 0);
  await arena.judge(report);
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
    title: "the supervisor's task killed, interrupted and frozen, with another in its place",
    load: 'works',
    seeds: 1,
    run: supervisorInTheFleet,
  },
];
