import { setTimeout as delay } from 'node:timers/promises';
import { Application } from '../../../demo/application.ts';
import { openPlaces, type Places } from '../../../demo/places.ts';
import type { FaultRule } from '../../../local/fault/rules.ts';
import type { OrchestratorProcess } from '../../e2e/support/orchestrator-process.ts';
import { type Arena, connect, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { killAny, killAt, type Moment, momentsOfRun, momentsOfUndo } from '../support/killing.ts';
import { OpenRemovals } from '../support/open-removals.ts';
import { hiddenIn, ownValueHabits, type Standing, standingIn, withOwnValues } from '../support/own-values.ts';
import type { Report } from '../support/report.ts';
import { atRate, countOf, judgeEnd, UNLIMITED, untilUpdated } from '../support/steps.ts';

const SEGMENTS = 8;
const APPLICATION_RATE = 60;

/** What happens to the requests of both runs, to the user's table and to the undo log. */
const LOST: readonly FaultRule[] = [
  { name: 'reply lost', fault: { kind: 'cut', when: 'after-effect' }, probability: 0.02, tables: [TABLE] },
  {
    name: 'never arrived',
    fault: { kind: 'cut', when: 'before-effect' },
    probability: 0.02,
    tables: [TABLE],
  },
  {
    name: "the log's reply lost",
    fault: { kind: 'cut', when: 'after-effect' },
    probability: 0.05,
    operations: ['PutItem'],
    where: ({ key }) => /CHUNK#|OUTCOME#|UNDONE#/.test(key),
  },
];

async function takeBack(context: CaseContext): Promise<void> {
  await undoAfterCrashes(context);
  await undoWithoutCrashes(context);
}

/** A crash at every point of a run and of its undo, lost replies in both, and an application that never stops. */
async function undoAfterCrashes({ open, report, seed, either }: CaseContext): Promise<void> {
  const items = either(4_000, 20_000);
  const rounds = either(1, 2);
  const places = await openPlaces({ seed });
  const arena = await openArena(open, items, places);
  for (const rule of LOST) arena.faults.add({ ...rule, service: 'dynamodb', clients: ['fleet'] });
  const writing = await withApplication(arena, `${seed}/run`, async () => {
    let run = arena.orchestrate(['--segments', String(SEGMENTS), '--tasks', '4', '--yes', ...atRate(300)]);
    await untilUpdated(run, 1);
    const { runId } = run;
    const killed = await killAll(arena, momentsOfRun(TABLE), rounds);
    run = await killSupervisor(arena, run, runId);
    await arena.command(['rate', runId, ...UNLIMITED]);
    judgeEnd(report, await run.exit, run.last, { passes: undefined });
    return { runId, killed };
  });
  const { runId } = writing;
  report.equal(
    'points of the run at which a task was killed',
    writing.killed,
    momentsOfRun(TABLE).length * rounds,
  );
  await arena.judge(report);

  const before = await standingIn(arena.client, arena.journal);
  const dry = await arena.command(['undo', runId, '--dry-run']);
  const [known, unknown] = [countOf(dry.process.last, 'removed'), countOf(dry.process.last, 'unknown')];
  report.figure(
    'values of the run that stand; of these without an outcome',
    `${before.tools.size}; ${unknown}`,
  );
  report.equal('by the log: set + unknown', known + unknown, before.tools.size);

  const touchedBefore = hiddenIn(arena.journal);
  const openRemovals = new OpenRemovals(arena.faults, TABLE);
  const undoing = await withApplication(arena, `${seed}/undo`, async () => {
    let undo = arena.orchestrate(['undo', runId, '--tasks', '4', '--yes', ...atRate(300)]);
    await undo.waitFor(({ event, updated }) => event === 'run.progress' && Number(updated) > 0);
    const undoId = undo.runId;
    const killed = await killAll(arena, momentsOfUndo(TABLE), rounds);
    undo = await killSupervisor(arena, undo, undoId);
    await arena.command(['rate', undoId, ...UNLIMITED]);
    report.equal('undo, killed in its middle and resumed: exit code', await undo.exit, 0);
    report.equal('its status', String(undo.last?.['status']), 'verified');
    return { removed: countOf(undo.last, 'removed'), killed };
  });
  openRemovals.end();
  report.equal(
    'points of the undo at which a task was killed',
    undoing.killed,
    momentsOfUndo(TABLE).length * rounds,
  );
  const after = await standingIn(arena.client, arena.journal);
  judgeItems(report, before, after);
  const gone = before.tools.size - after.tools.size - (hiddenIn(arena.journal) - touchedBefore);
  report.figure('removed, by the undo; by the journal', `${undoing.removed}; ${gone}`);
  report.figure('removals that were asked for again', openRemovals.askedAgain);
  // Where no removal was open, the counts are equal: both bounds are 0 then.
  report.atMost('the undo counts more than the journal', undoing.removed - gone, 0);
  report.atMost(
    'and less: at most the open removals whose items the application has written to since',
    gone - undoing.removed,
    openRemovals.changed,
  );

  await judgeSecondUndo(arena, report, runId, after);
  await judgeLaterRun(arena, report, runId);
}

/** Without a crash or a lost reply, every count is exact, whatever the application does meanwhile. */
async function undoWithoutCrashes({ open, report, seed, either }: CaseContext): Promise<void> {
  const places = await openPlaces({ seed });
  const arena = await openArena(open, either(1_200, 6_000), places);
  const runId = await withApplication(arena, `${seed}/exact`, async () => {
    const { code, process } = await arena.command([
      ...['--segments', String(SEGMENTS), '--tasks', '2', '--yes'],
      ...atRate(300),
    ]);
    judgeEnd(report, code, process.last);
    return process.runId;
  });
  const before = await standingIn(arena.client, arena.journal);
  const hiddenBefore = hiddenIn(arena.journal);
  const undo = await withApplication(arena, `${seed}/exact undo`, () =>
    arena.command(['undo', runId, '--tasks', '2', '--yes', ...atRate(200)]),
  );
  const after = await standingIn(arena.client, arena.journal);
  const gone = before.tools.size - (hiddenIn(arena.journal) - hiddenBefore);
  const { last } = undo.process;
  report.equal('without crashes: exit code of the undo', undo.code, 0);
  report.equal('without crashes: removed', countOf(last, 'removed'), gone);
  report.equal('without crashes: unknown', countOf(last, 'unknown'), 0);
  report.equal(
    'without crashes: removed + changed + deleted = matched',
    ['removed', 'changed', 'deleted'].reduce((sum, name) => sum + countOf(last, name), 0),
    countOf(last, 'matched'),
  );
  report.equal("without crashes: the run's values that stand", after.tools.size, 0);
  judgeItems(report, before, after);
}

function openArena(open: CaseContext['open'], items: number, places: Places): Promise<Arena> {
  return open({ items, faults: true, itemAt: index => withOwnValues(places.itemAt(index), index) });
}

/** The application writes while `work` runs, and has stopped afterwards. */
async function withApplication<T>(arena: Arena, seed: string, work: () => Promise<T>): Promise<T> {
  const client = connect(arena.stack.endpoints.application);
  const inserted = await openPlaces({ seed: `${seed}/inserted` });
  const application = new Application({
    ...{ client, table: TABLE, journal: arena.journal, seed, followSegments: SEGMENTS },
    newItem: index => inserted.itemAt(index),
    operationsPerSecond: APPLICATION_RATE,
    habits: ownValueHabits(seed),
  });
  application.start();
  try {
    return await work();
  } finally {
    await application.stop();
    client.destroy();
  }
}

/** @returns how many of the moments came, with their task killed */
async function killAll(arena: Arena, moments: readonly Moment[], rounds: number): Promise<number> {
  let killed = 0;
  for (let round = 0; round < rounds; round++) {
    for (const moment of moments) if (await killAt(arena, moment)) killed += 1;
  }
  return killed;
}

/** Kills the orchestrator together with one of the tasks, and resumes a little later. */
async function killSupervisor(
  arena: Arena,
  supervisor: OrchestratorProcess,
  runId: string,
): Promise<OrchestratorProcess> {
  supervisor.kill('SIGKILL');
  await supervisor.exit;
  killAny(arena);
  await delay(500);
  return arena.orchestrate(['resume', runId]);
}

function judgeItems(report: Report, before: Standing, after: Standing): void {
  report.equal('values and items of the application that were touched', after.wrong.length, 0);
  if (after.wrong.length > 0) report.figure('touched', after.wrong.slice(0, 2).join(' '));
  report.equal(
    'values that stand after the undo and did not before',
    [...after.tools].filter(text => !before.tools.has(text)).length,
    0,
  );
}

/** A second undo leaves unknown values alone, names and counts them, and removes nothing twice. */
async function judgeSecondUndo(arena: Arena, report: Report, runId: string, after: Standing): Promise<void> {
  const again = await arena.command(['undo', runId, '--yes']);
  report.equal('second undo: exit code', again.code, 0);
  report.equal('second undo: removed', countOf(again.process.last, 'removed'), 0);
  report.equal('unknown: values left standing', countOf(again.process.last, 'unknown'), after.tools.size);
  const list = await arena.command(['undo', runId, '--list-unknown']);
  const named = new Set(list.process.events.map(({ key }) => JSON.stringify(key)));
  report.atLeast('unknown: keys named', named.size, after.tools.size);
  const untouched = await standingIn(arena.client, arena.journal);
  report.equal('second undo: values that stand', untouched.tools.size, after.tools.size);
  report.equal('second undo: touched', untouched.wrong.length, 0);
}

async function judgeLaterRun(arena: Arena, report: Report, runId: string): Promise<void> {
  const second = await arena.command(['--segments', '4', '--yes', ...UNLIMITED]);
  report.equal('second run with the same value: exit code', second.code, 0);
  const standing = await standingIn(arena.client, arena.journal);
  const refused = await arena.command(['undo', runId, '--yes']);
  report.equal('undo of the first one afterwards: exit code', refused.code, 3);
  report.says('it names the second', refused.process.stderr, new RegExp(second.process.runId));
  report.equal(
    'values that stand, as before',
    (await standingIn(arena.client, arena.journal)).tools.size,
    standing.tools.size,
  );
}

export const UNDO: readonly ReliabilityCase[] = [
  {
    number: 37,
    title: 'a crash at any point between undo log, write, outcome and checkpoint; then undo',
    load: 'works',
    seconds: 95,
    seeds: 2,
    run: takeBack,
  },
];
