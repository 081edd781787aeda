import type { BeforeRunTask } from '../../../local/ecs/interference.ts';
import { WireError } from '../../../local/wire/error.ts';
import type { OrchestratorProcess } from '../../e2e/support/orchestrator-process.ts';
import type { Arena } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { atRate, countOf, endWithin, judgeEnd, UNLIMITED } from '../support/steps.ts';

const CAPACITY =
  'Capacity is unavailable at this time. Please try again later or in a different availability zone';
const QUOTA = "You've reached the limit on the number of vCPUs you can run concurrently";
const PULL =
  'CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref fleetfill-job:local: not found';

interface Story {
  readonly name: string;
  /** What RunTask does, by its number from 1 and the number of running tasks. */
  readonly runTask: (call: number, running: number) => ReturnType<BeforeRunTask>;
  /** What people must be told. */
  readonly says: RegExp;
  /** How many tasks run at the same time, if fewer than wanted. */
  readonly fewer?: number;
}

const STORIES: readonly Story[] = [
  {
    name: 'failures listed in a successful reply',
    runTask: call =>
      call <= 3 ? { failures: [{ reason: 'RESOURCE:ENI', detail: 'no address is free' }] } : undefined,
    says: /RESOURCE:ENI/,
  },
  {
    name: 'capacity unavailable',
    runTask: call => (call <= 3 ? { error: new WireError('ClientException', CAPACITY) } : undefined),
    says: /Capacity is unavailable/,
  },
  {
    name: 'throttled',
    runTask: call =>
      call % 2 === 1 ? { error: new WireError('ThrottlingException', 'Rate exceeded') } : undefined,
    says: /Run \S+ has begun/,
  },
  {
    name: 'quota of two tasks, as an error',
    runTask: (_, running) => (running >= 2 ? { error: new WireError('ClientException', QUOTA) } : undefined),
    says: /vCPUs you can run concurrently[\s\S]*continues with 2 of 6 tasks/,
    fewer: 2,
  },
  {
    name: 'quota of two tasks, listed',
    runTask: (_, running) => (running >= 2 ? { failures: [{ reason: QUOTA }] } : undefined),
    says: /vCPUs you can run concurrently[\s\S]*continues with 2 of 6 tasks/,
    fewer: 2,
  },
  {
    name: 'two tasks that stop before they start',
    runTask: call => (call <= 2 ? { failToStart: PULL } : undefined),
    says: /CannotPullContainerError/,
  },
];

async function refusedLaunches({ open, report, seed }: CaseContext): Promise<void> {
  for (const story of STORIES) {
    let calls = 0;
    let most = 0;
    const arena: { now?: Arena } = {};
    const running = () =>
      arena.now?.stack.ecs.tasks().filter(({ lastStatus }) => lastStatus !== 'STOPPED').length ?? 0;
    const opened = await open({
      items: 3_000,
      seed: `${seed}/18/${story.name}`,
      stack: {
        beforeRunTask: () => {
          calls += 1;
          most = Math.max(most, running());
          return story.runTask(calls, running());
        },
      },
    });
    arena.now = opened;
    const run = opened.orchestrate(['--segments', '6', '--yes', ...atRate(1_500)]);
    const code = await endWithin(run, 300_000);
    judgeEnd(report, code ?? -1, run.last);
    report.says(`${story.name}: it says`, `${run.stderr}\n${said(run)}`, story.says);
    report.equal(
      `${story.name}: segments given up`,
      run.events.filter(({ event }) => event === 'segment.failed').length,
      0,
    );
    report.equal(`${story.name}: launches with more than one task`, twice(opened), 0);
    if (story.fewer !== undefined) report.equal(`${story.name}: tasks at once`, most, story.fewer);
    report.figure(`${story.name}: RunTask calls, launches`, `${calls}, ${countOf(run.last, 'launches')}`);
    await opened.judge(report);
    await opened.close();
  }
  await neverPulled({ open, report });
}

/** What the events say about tasks. With --json they contain what a terminal shows. */
function said(run: OrchestratorProcess): string {
  return run.events
    .filter(({ event }) => event.startsWith('task.'))
    .map(event => JSON.stringify(event))
    .join('\n');
}

function twice(arena: Arena): number {
  const launches = arena.stack.ecs.tasks().map(({ launch }) => launch);
  return launches.length - new Set(launches).size;
}

/** The image does not exist. The run retries with growing pauses, then ends and says why. */
async function neverPulled({ open, report }: Pick<CaseContext, 'open' | 'report'>): Promise<void> {
  const at: number[] = [];
  let broken = true;
  const arena = await open({
    items: 500,
    stack: {
      beforeRunTask: () => {
        at.push(performance.now());
        return broken ? { failToStart: PULL } : undefined;
      },
    },
  });
  const run = await arena.command(['--segments', '1', '--yes', '--max-attempts', '4', ...UNLIMITED]);
  report.equal('image that cannot be pulled: exit code', run.code, 7);
  report.says('image that cannot be pulled: reason', run.process.stderr, /CannotPullContainerError/);
  report.equal('image that cannot be pulled: attempts', at.length, 4);
  const pauses = at.slice(1).map((ms, index) => ms - (at[index] ?? 0));
  report.atLeast(
    'image that cannot be pulled: last pause beyond the first, s',
    ((pauses.at(-1) ?? 0) - (pauses[0] ?? 0)) / 1_000,
    1.5,
  );
  broken = false;
  const resumed = await arena.command(['resume', run.process.runId]);
  judgeEnd(report, resumed.code, resumed.process.last);
  report.figure('a task that stays PENDING', 'given up after ten minutes; not measured here');
}

export const LAUNCHES: readonly ReliabilityCase[] = [
  {
    number: 18,
    title: 'RunTask refused, throttled, short of capacity or quota; tasks that never start',
    load: 'waits',
    seconds: 155,
    seeds: 1,
    run: refusedLaunches,
  },
];
