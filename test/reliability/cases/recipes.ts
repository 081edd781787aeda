import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Application } from '../../../demo/application.ts';
import { fillWithPlaces } from '../../../demo/fill-places.ts';
import { type Item, keyText } from '../../../demo/item.ts';
import { DEFAULT_MIX } from '../../../demo/operation-mix.ts';
import { openPlaces, type Places } from '../../../demo/places.ts';
import { RecipeJournal } from '../../../demo/recipe/journal.ts';
import { describeRecipeDeviations, judgeRecipe } from '../../../demo/recipe/judge.ts';
import type { FaultRule } from '../../../local/fault/rules.ts';
import type { OrchestratorProcess } from '../../e2e/support/orchestrator-process.ts';
import { type Arena, connect, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { BACKFILL, changingHabits, isOwnValue, RECIPE, withScopes } from '../support/changing-recipe.ts';
import { killAt, momentsOfRun } from '../support/killing.ts';
import type { Report } from '../support/report.ts';
import { atRate, countOf, UNLIMITED } from '../support/steps.ts';

const SEGMENTS = 8;
const APPLICATION_RATE = 80;

/** Each change of a source may make a computed value wrong. */
const MIX = { ...DEFAULT_MIX, update: 60, set: 20, insert: 10, delete: 8, replace: 4 };

const LOST: readonly FaultRule[] = [
  { name: 'reply lost', fault: { kind: 'cut', when: 'after-effect' }, probability: 0.02 },
  { name: 'never arrived', fault: { kind: 'cut', when: 'before-effect' }, probability: 0.02 },
  { name: 'late', fault: { kind: 'delay', ms: 300 }, probability: 0.1 },
];

/** A journal computes every value with its own functions, for the item as it was, and compares. */
async function changingSources({ open, report, seed, either }: CaseContext): Promise<void> {
  const places = withEveryScope(await openPlaces({ seed }));
  const inserted = withEveryScope(await openPlaces({ seed: `${seed}/inserted` }));
  const arena = await open({ items: 0, faults: true, itemAt: places.itemAt });
  const journal = new RecipeJournal(BACKFILL);
  await fillWithPlaces(arena.client, TABLE, places, either(4_000, 20_000), journal);
  const filled = new Set(journal.keys());
  for (const rule of LOST) {
    arena.faults.add({ ...rule, service: 'dynamodb', clients: ['fleet'], tables: [TABLE] });
  }
  const client = connect(arena.stack.endpoints.application);
  const application = new Application({
    ...{ client, table: TABLE, journal, seed, mix: MIX, followSegments: SEGMENTS },
    newItem: index => inserted.itemAt(index),
    operationsPerSecond: APPLICATION_RATE,
    habits: changingHabits(seed),
  });
  application.start();
  let run: OrchestratorProcess;
  try {
    run = await runThroughCrashes(arena, report, either(1, 3));
  } finally {
    await application.stop();
    client.destroy();
  }
  const { last, runId } = run;
  report.figure(
    "the application's writes, of these to sources",
    `${application.stats().total}, ${application.stats().operations.update}`,
  );
  report.equal('exit code: all that is missing is in quarantine', await run.exit, 5);
  report.equal('status', String(last?.['status']), 'quarantined');
  report.atLeast('computed again', countOf(last, 'recomputed'), 1);
  report.atLeast('out of scope', countOf(last, 'outOfScope'), 1);

  const named = await failuresOf(arena, journal, runId);
  report.equal(
    'failures that are not named with a reason',
    named.filter(({ reason }) => reason === '').length,
    0,
  );
  report.says('a failure of an absent source', named.map(({ reason }) => reason).join('\n'), /country/);
  report.says('a failure of a type', named.map(({ reason }) => reason).join('\n'), /population|overload/);
  const judged = await judge(arena, journal, report, new Set(named.map(({ text }) => text)));
  report.atLeast('set, by the journal; by the tool at most', judged.filled, countOf(last, 'updated'));

  const retried = await judgeRetry(arena, journal, report, runId);
  for (const { name } of LOST) arena.faults.switch(name, false);
  await judgeUndo(arena, report, runId, { journal, filled, retried });
}

/** Kills tasks between log, write, outcome and checkpoint, and once together with the orchestrator. */
async function runThroughCrashes(arena: Arena, report: Report, rounds: number): Promise<OrchestratorProcess> {
  const run = arena.orchestrate([
    'run',
    ...RECIPE,
    '--segments',
    String(SEGMENTS),
    '--tasks',
    '4',
    '--yes',
    ...atRate(250),
  ]);
  await run.waitFor(({ event, updated }) => event === 'run.progress' && Number(updated) > 0);
  const { runId } = run;
  let killed = 0;
  for (let round = 0; round < rounds; round++) {
    for (const moment of momentsOfRun(TABLE)) {
      if (moment.when === 'sent' && (await killAt(arena, moment))) killed += 1;
    }
  }
  report.equal('tasks killed', killed, 4 * rounds);
  run.kill('SIGKILL');
  await run.exit;
  const other = await arena.command(['resume', runId, '--set', 'placeKey=country']);
  report.equal('resume with another recipe: exit code', other.code, 2);
  report.says('it names the recipe', other.process.stderr, /string\(population \/ 1000\)/);
  await delay(300);
  const resumed = arena.orchestrate(['resume', runId]);
  await resumed.waitFor(({ event }) => event === 'run.progress');
  await arena.command(['rate', runId, ...UNLIMITED]);
  await resumed.exit;
  return resumed;
}

interface NamedFailure {
  readonly text: string;
  readonly reason: string;
}

async function failuresOf(arena: Arena, journal: RecipeJournal, runId: string): Promise<NamedFailure[]> {
  const { process } = await arena.command(['failures', runId]);
  return process.events
    .filter(({ event }) => event === 'failure')
    .map(({ key, reason }) => ({ text: keyText(key as Item, journal.key), reason: String(reason ?? '') }));
}

async function judge(arena: Arena, journal: RecipeJournal, report: Report, named: ReadonlySet<string>) {
  const judged = await judgeRecipe(arena.client, TABLE, journal, named);
  report.equal(
    'values and items that are not as the journal has them',
    Object.keys(judged.counts).join(', ') || 'none',
    'none',
  );
  if (!judged.clean) report.figure('deviations', describeRecipeDeviations(judged).slice(0, 3).join(' '));
  return judged;
}

/** The application is idle. What can be computed by now is set; the rest stays, with its reason. */
async function judgeRetry(
  arena: Arena,
  journal: RecipeJournal,
  report: Report,
  runId: string,
): Promise<string[]> {
  const before = await failuresOf(arena, journal, runId);
  const stuck = before.filter(({ text }) => {
    const item = journal.itemOf(text);
    return item !== undefined && BACKFILL.isInScope(item) && !canBeSet(item);
  });
  const { process } = await arena.command(['failures', runId, '--retry']);
  const left = await failuresOf(arena, journal, runId);
  report.figure('in quarantine, before and after a retry', `${before.length}, ${left.length}`);
  const cannot = new Set(stuck.map(({ text }) => text));
  report.equal('after a retry: as many as cannot be computed', left.length, cannot.size);
  report.equal('and no others', left.filter(({ text }) => !cannot.has(text)).length, 0);
  await judge(arena, journal, report, new Set(left.map(({ text }) => text)));
  return process.events
    .filter(({ event, outcome }) => event === 'failure.resolved' && outcome === 'updated')
    .map(({ key }) => keyText(key as Item, journal.key));
}

interface WrittenItems {
  readonly journal: RecipeJournal;
  /** Items from before the run. All others are the application's, with everything that they have. */
  readonly filled: ReadonlySet<string>;
  /** Items that a retry has set. */
  readonly retried: readonly string[];
}

/** The undo removes all of it, value by value, including what a retry set, and nothing else changes. */
async function judgeUndo(
  arena: Arena,
  report: Report,
  runId: string,
  { journal, filled, retried }: WrittenItems,
): Promise<void> {
  const read = async () =>
    new Map((await arena.control.itemsOf(TABLE)).map(item => [keyText(item, journal.key), item]));
  const before = await read();
  const { code, process } = await arena.command(['undo', runId, '--yes', ...UNLIMITED]);
  const after = await read();
  report.equal('undo: exit code', code, 0);
  let [removed, elsewhere, ofApplication] = [0, 0, 0];
  for (const [text, item] of before) {
    const now = after.get(text);
    const gone = BACKFILL.targets.filter(target => item[target] && !now?.[target]);
    removed += gone.length;
    const rest = Object.fromEntries(Object.entries(item).filter(([name]) => !gone.includes(name)));
    if (!now || !isDeepStrictEqual(rest, now)) elsewhere += 1;
    if (gone.some(target => !filled.has(text) || isOwnValue(item[target]))) ofApplication += 1;
  }
  report.equal('undo: values removed, by the table', removed, countOf(process.last, 'removed'));
  report.atLeast('undo: removed', removed, 1);
  report.equal('undo: items that changed in anything else', elsewhere, 0);
  report.equal("undo: values of the application's that went", ofApplication, 0);
  const standing = retried.filter(text =>
    BACKFILL.targets.every(target => after.get(text)?.[target] !== undefined),
  );
  report.equal(
    `undo: of ${retried.length} items that the retry set, those that have it all`,
    standing.length,
    0,
  );
  report.figure('undo: values of which nobody knows', countOf(process.last, 'unknown'));
}

/** Only the targets that an item lacks are computed. */
function canBeSet(item: Item): boolean {
  const values = BACKFILL.valuesOf(item);
  return BACKFILL.targets.every(target => (item[target] ?? values[target]) !== undefined);
}

function withEveryScope(places: Places): Places {
  return { ...places, itemAt: index => withScopes(places.itemAt(index), index) };
}

export const RECIPES: readonly ReliabilityCase[] = [
  {
    number: 36,
    title: 'a recipe whose sources change all the time, whose expressions fail, and whose scope moves',
    load: 'works',
    seconds: 55,
    seeds: 2,
    run: changingSources,
  },
];
