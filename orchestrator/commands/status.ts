import { systemClock } from '../../core/clock.ts';
import { ConfigurationError } from '../../core/errors.ts';
import { writtenText } from '../../core/recipe/recipe.ts';
import { isFinished, isInAuthority, lostSupervisor, type RunRecord } from '../../core/records.ts';
import { type CommandContext, defineCommand, type Handler, RUN_POSITIONAL } from '../cli/command.ts';
import { EXIT } from '../cli/exit-codes.ts';
import { nextCommand } from '../cli/next-command.ts';
import { flag, GROUP } from '../cli/option.ts';
import { describeNotIndexed, segmentStates, totals } from '../run-summary.ts';
import { look, openStores, readRun } from '../session.ts';
import type { Stores } from '../stores.ts';

const WATCH_INTERVAL_MS = 2_000;

export const status = defineCommand({
  usage: 'status [run]',
  describe: 'Show a run; the newest, if none is named',
  positionals: RUN_POSITIONAL,
  options: { watch: flag('Show the run every two seconds until it ends', GROUP.output) },
  onlyShows: () => true,
  examples: [
    ['$0 status', 'the newest run'],
    ['$0 status 20261124071218-1a2b3c --watch', 'follow it until it ends'],
  ],
});

/** `orchestrate status [RUN]`: one run, the newest if none is named. */
export const handler: Handler<typeof status> = async context => {
  const { settings, output, detach } = context;
  const stores = await openStores(context);
  const named = settings.run ?? (await look(() => stores.runs.list()))[0]?.runId;
  const run = named === undefined ? undefined : await readRun(stores, named);
  if (!run) throw new ConfigurationError(`There is no run yet. Start with: ${nextCommand('plan')}`);
  output.setRun(run.runId);
  await show(context, stores, run);
  for (let now = run; settings.watch && !isFinished(now.status) && !detach.aborted; ) {
    await systemClock.sleep(WATCH_INTERVAL_MS, detach);
    now = await readRun(stores, run.runId);
    await show(context, stores, now);
  }
  return EXIT.ok;
};

async function show({ output }: CommandContext, stores: Stores, run: RunRecord): Promise<void> {
  const now = await describeStatus(stores, run);
  output.event('status', now);
  output.print(statusText(run, now));
}

/** The state of a run as text for people. */
export function statusText(
  run: RunRecord,
  { segments, tasks, counters }: Awaited<ReturnType<typeof describeStatus>>,
): string {
  const { scanned, updated, alreadySet, deleted, quarantined, outOfScope, recomputed } = counters;
  const { writeUnitsPerSecond, readUnitsPerSecond } = run.rates;
  const live = tasks.filter(task => task.inAuthority);
  const throttled = live.flatMap(task => task.throttled ?? []);
  const notIndexed = describeNotIndexed(run);
  const stop = run.stopReason ? `, ${run.stopReason.message}` : '';
  const cut =
    run.cut && run.cut.factor < 1
      ? `, of which ${Math.round(run.cut.factor * 100)} %: ${run.cut.reason}`
      : '';
  return [
    `Run ${run.runId}: ${run.status}${stop}`,
    ...unsupervised(run),
    ...next(run),
    `  ${run.table}, ${run.recipe ? writtenText(run) : `"${run.attribute}" = ${run.value}`}, pass ${run.pass}, begun ${run.createdAt} by ${run.createdBy}`,
    `  segments  ${Object.entries(segments)
      .map(([state, count]) => `${count} ${state}`)
      .join(', ')}`,
    `  tasks     ${live.length} of ${run.tasks} at work`,
    `  items     ${scanned} scanned, ${updated} updated, ${alreadySet} set by others, ${deleted} deleted, ${quarantined} in quarantine${run.recipe ? `, ${outOfScope} out of scope, ${recomputed} computed again` : ''}`,
    `  budget    ${writeUnitsPerSecond} write and ${readUnitsPerSecond} read units a second${cut}`,
    ...(notIndexed === undefined ? [] : [`  index     ${notIndexed}`]),
    ...throttled
      .slice(0, 1)
      .map(
        ({ reason }) =>
          `  throttled ${throttled.length} of the tasks at work at their last heartbeat: ${reason}`,
      ),
  ].join('\n');
}

function unsupervised(run: RunRecord): string[] {
  const words = lostSupervisor(run, Date.parse(systemClock.nowIso()));
  if (words === undefined) return [];
  return [`  ${words}`, `  next      ${nextCommand('resume', run.runId)}`];
}

/** What to type next, if that depends only on the status. */
function next({ runId: run, status, stopReason }: RunRecord): string[] {
  if (status === 'paused' || status === 'failed') {
    return [`  next      ${nextCommand('resume', run, ...(stopReason?.resumeWith ?? []))}`];
  }
  return status === 'quarantined' ? [`  next      ${nextCommand('failures', run)}`] : [];
}

/** The fields of the `status` event. */
export async function describeStatus(stores: Stores, run: RunRecord) {
  const segments = await stores.segments.list(run.runId);
  const tasks = await stores.tasks.list(run.runId);
  return {
    status: run.status,
    desired: run.desired,
    ...(run.stopReason && { reason: run.stopReason.message }),
    table: run.table,
    attribute: run.attribute,
    ...(run.recipe && { recipe: run.recipe }),
    pass: run.pass,
    segments: segmentStates(run, segments),
    counters: totals(run, segments),
    missing: run.missing ?? null,
    nulls: run.nulls ?? null,
    ...(run.notIndexed !== undefined && { notIndexed: run.notIndexed }),
    budget: run.rates,
    ...(run.cut && run.cut.factor < 1 && { cut: run.cut }),
    tasks: tasks.map(task => ({
      launch: task.launchId,
      status: task.status,
      inAuthority: isInAuthority(task.status),
      segments: task.segments,
      granted: task.granted,
      grantSeen: task.seenRenewal === task.renewal,
      heartbeatAt: task.heartbeatAt ?? null,
      ...(task.throttled && { throttled: task.throttled }),
      ...(task.end && { end: task.end }),
    })),
    changes: run.changes,
    ...(run.supervisor && { supervisor: run.supervisor }),
    unsupervised: lostSupervisor(run, Date.parse(systemClock.nowIso())) ?? null,
  };
}
