import { randomUUID } from 'node:crypto';
import { createControlTableClient, createMetricsClient } from '../../core/aws-clients.ts';
import { ControlTable } from '../../core/control-table.ts';
import { ConfigurationError } from '../../core/errors.ts';
import { LockStore } from '../../core/lock-store.ts';
import { MetricsPublisher } from '../../core/metrics-publisher.ts';
import { isProbeId, ProbeStore } from '../../core/probe-store.ts';
import { sameRecipe, writtenText } from '../../core/recipe/recipe.ts';
import { isFinished, type RunRecord } from '../../core/records.ts';
import { defineCommand, type Handler, RUN_POSITIONAL, type SettingsOf } from '../cli/command.ts';
import { EXIT, type ExitCode } from '../cli/exit-codes.ts';
import { nextCommand } from '../cli/next-command.ts';
import { GROUP, type Option, optionName, value, wholeNumber } from '../cli/option.ts';
import {
  checkDetach,
  checkRunSettings,
  DETACH_OPTION,
  RATE_OPTIONS,
  RUN_OPTIONS,
  type RunSettings,
} from '../cli/options.ts';
import { operatorName } from '../operator-name.ts';
import { readSums, totals } from '../run-summary.ts';
import { look, openSession, readRun, type Session } from '../session.ts';
import { requireSupervisor } from '../supervise/hand-over.ts';
import { finish, superviseRun } from '../supervise/supervise-run.ts';
import { runSupervisorProbe } from '../supervise/supervisor-probe.ts';
import { writtenOf } from '../written-settings.ts';
import { describeRun } from './run.ts';

/** The settings that a run keeps from its start, by their options. */
const KEPT = {
  table: (run: RunRecord) => run.table,
  attribute: (run: RunRecord) => run.attribute,
  value: (run: RunRecord) => run.value,
  segments: (run: RunRecord) => run.totalSegments,
  tasks: (run: RunRecord) => run.tasks,
  maxWriteRate: (run: RunRecord) => run.rates.writeUnitsPerSecond,
  maxReadRate: (run: RunRecord) => run.rates.readUnitsPerSecond,
  unattendedRate: (run: RunRecord) => run.unattendedRate,
  writeApi: (run: RunRecord) => run.writeApi,
  passes: (run: RunRecord) => run.passes,
  maxAttempts: (run: RunRecord) => run.maxAttempts,
  maxQuarantine: (run: RunRecord) => run.maxQuarantine,
  account: (run: RunRecord) => run.account,
  dryRun: (run: RunRecord) => run.dryRun,
  limit: (run: RunRecord) => run.limit,
  deployedAt: (run: RunRecord) => run.deployedAt,
  createdKey: (run: RunRecord) => run.createdKey,
} satisfies Partial<Record<keyof RunSettings, (run: RunRecord) => unknown>>;

/**
 * A resumed run continues with its original settings. An option with another value is a mistake; an absent option is
 * not compared. `auto` names no write API.
 * @throws ConfigurationError that names every changed option.
 */
function refuseChangedOptions(settings: SettingsOf<typeof resume>, run: RunRecord): void {
  const changed = (Object.keys(KEPT) as (keyof typeof KEPT)[]).filter(name => {
    const given = settings.given.has(name) ? settings[name] : undefined;
    return given !== undefined && given !== 'auto' && given !== KEPT[name](run);
  });
  const asked = writtenOf(settings);
  const otherRecipe = asked.recipe !== undefined && !sameRecipe(asked.recipe, run.recipe);
  if (changed.length === 0 && !otherRecipe) return;
  // A run with a recipe has no value of its own to compare with.
  const isOfConstant = (name: string) => run.recipe !== undefined && /^(attribute|value)$/.test(name);
  const constant = changed.filter(isOfConstant);
  const lines = changed
    .filter(name => !isOfConstant(name))
    .map(name => `--${optionName(name)} is ${KEPT[name](run) ?? 'not set'}, not ${settings[name]}`);
  if (otherRecipe || constant.length > 0) {
    const instead = otherRecipe
      ? writtenText(asked)
      : constant.map(name => `--${name} ${settings[name]}`).join(' ');
    lines.push(`--set and --where are ${writtenText(run)}, not ${instead}`);
  }
  const rate = changed.some(name => name.endsWith('Rate'))
    ? ` To change the rate: ${nextCommand('rate', run.runId)}`
    : '';
  throw new ConfigurationError(
    `Run ${run.runId} continues with the settings that it was started with: ${lines.join('; ')}.${rate}`,
  );
}

/** The run's options for `resume`. They are compared with the record, so they have no defaults. */
const RESUME_OPTIONS = Object.fromEntries(
  Object.entries(RUN_OPTIONS).map(([name, { default: _, ...option }]: [string, Option]) => [name, option]),
) as typeof RUN_OPTIONS;

export const resume = defineCommand({
  usage: 'resume <run>',
  describe: 'Take over the supervision of a run and continue it',
  positionals: RUN_POSITIONAL,
  options: {
    ...RESUME_OPTIONS,
    ...DETACH_OPTION,
    'expect-epoch': value(
      'Take over only if the run is still at this epoch; --detach starts its task with this option',
      GROUP.how,
      () => wholeNumber(1, Number.MAX_SAFE_INTEGER).optional(),
    ),
  },
  examples: [
    ['$0 resume 20261124071218-1a2b3c', 'continue after Ctrl-C, a pause, a stop or a crash'],
    ['$0 resume 20261124071218-1a2b3c --detach', 'let a task supervise the run'],
    ['$0 resume 20261124071218-1a2b3c --max-cost 40', 'continue with a higher cost limit'],
  ],
  // `orchestrate rate` may have changed the rates. A variable set before the start must not keep the run from resuming.
  notFromEnvironment: [...Object.keys(RATE_OPTIONS), 'expect-epoch'],
  check: (settings, given) => {
    checkRunSettings(settings, given);
    checkDetach(settings, given);
    if (settings.detach && settings.expectEpoch !== undefined) {
      throw new ConfigurationError(
        '--expect-epoch is for the task that --detach starts. Give only one of them.',
      );
    }
  },
});

/** `orchestrate resume RUN`: takes over supervision and continues. For a finished run it prints how the run ended. */
export const handler: Handler<typeof resume> = async context => {
  const { settings, output } = context;
  const session = await openSession(context, 'of-a-run');
  if (settings.detach) requireSupervisor(session.surroundings);
  const { stores, clock } = session;
  if (isProbeId(settings.run ?? '')) return tryItself(session, settings.run ?? '');
  const before = await readRun(stores, settings.run ?? '');
  output.setRun(before.runId);
  refuseChangedOptions(settings, before);
  if (isFinished(before.status)) return finish(session, before);
  if (settings.expectEpoch !== undefined) return goOn(session, before.runId, settings.expectEpoch);
  if (before.stopReason?.kind === 'cancelled') {
    throw new ConfigurationError(`Run ${before.runId} is being cancelled and cannot be resumed.`);
  }
  const { matched, quarantined } = totals(before, await readSums(stores.segments, before.runId));
  const change = {
    id: randomUUID(),
    at: clock.nowIso(),
    by: operatorName(),
    what: 'resume' as const,
    detail: `was ${before.status}`,
  };
  const run = await stores.runs.takeOver(before.runId, change, {
    desired: 'run',
    ...(before.status === 'failed' && { acceptedQuarantine: { matched, quarantined } }),
    ...(settings.maxCost !== undefined && { maxCostUsd: settings.maxCost }),
  });
  if (!run) throw new ConfigurationError(`There is no run ${before.runId}.`);
  if (isFinished(run.status)) return finish(session, run);
  output.say(`Run ${run.runId} continues.`);
  output.event('run.started', { resumed: true, ...describeRun(run) });
  return superviseRun(session, run, { detach: settings.detach });
};

/** The task of `doctor --task`: a supervisor on trial, started with a real supervisor's command. */
async function tryItself(session: Session, probeId: string): Promise<ExitCode> {
  const { clock, client, fleet, output, detach, surroundings } = session;
  const { controlTable, namespace } = surroundings;
  const probes = new ProbeStore(new ControlTable(createControlTableClient(), controlTable));
  const probe = await look(() => probes.read(probeId));
  if (!probe) throw new ConfigurationError(`There is no probe ${probeId}.`);
  const steps = await runSupervisorProbe({
    ...{ probe, probes, fleet, client, clock, controlTable, namespace, signal: detach },
    cloudWatch: createMetricsClient(),
    locks: onUnavailable => new LockStore({ client: createControlTableClient(), clock, onUnavailable }),
    metrics: onFailure =>
      new MetricsPublisher({
        ...{ client: createMetricsClient(), clock, namespace, table: probe.table, onFailure },
      }),
  });
  for (const step of steps) output.event('probe.step', { ...step });
  return steps.every(({ ok }) => ok) ? EXIT.ok : EXIT.preflight;
}

/** Replaces the process that supervises the run at this epoch. */
async function goOn(session: Session, runId: string, expectedEpoch: number): Promise<ExitCode> {
  const run = await session.stores.runs.takeOverAt(runId, expectedEpoch);
  if (!run) throw new ConfigurationError(`There is no run ${runId}.`);
  if (isFinished(run.status)) return finish(session, run);
  session.output.say(`Run ${runId} continues, and this process supervises it.`);
  session.output.event('run.started', { resumed: true, ...describeRun(run) });
  return superviseRun(session, run, { continues: true });
}
