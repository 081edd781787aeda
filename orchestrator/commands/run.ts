import { PreflightError, TableLockedError } from '../../core/errors.ts';
import type { ItemWrite } from '../../core/item-write.ts';
import { RateControl } from '../../core/rate/rate-control.ts';
import type { RunRecord } from '../../core/records.ts';
import type { NewRun } from '../../core/run-store.ts';
import { linesOf } from '../checks/finding.ts';
import { defineCommand, type Handler } from '../cli/command.ts';
import { confirm } from '../cli/confirm.ts';
import { sameOptions } from '../cli/next-command.ts';
import { checkDetach, checkRunSettings, DETACH_OPTION, RUN_OPTIONS } from '../cli/options.ts';
import { tableHeld, tableHeldHere } from '../cli/table-held.ts';
import { newRun } from '../plan/new-run.ts';
import { planText } from '../plan/plan-text.ts';
import { type Prepared, prepare } from '../plan/prepare.ts';
import { chooseWriteApi } from '../plan/write-api-choice.ts';
import { look, openSession, type PlanningSession } from '../session.ts';
import { requireSupervisor } from '../supervise/hand-over.ts';
import { superviseRun } from '../supervise/supervise-run.ts';
import { chooseCanary } from '../verify/canary.ts';

export const run = defineCommand({
  usage: 'run',
  describe: 'Add the attribute to every item that lacks it, and verify that none does',
  options: { ...RUN_OPTIONS, ...DETACH_OPTION },
  examples: [
    ['$0 --segments 32', 'set test = 1 in the table stuff, with the stack fleetfill'],
    ['$0 --table orders --attribute version --value 2 --max-write-rate 500', 'limit the write rate'],
    ['$0 --table orders --attribute version --dry-run', 'do everything except the writes'],
    ['$0 --table orders --attribute version --limit 100', 'canary: write 100 items and verify them'],
    ['$0 --table orders --attribute version --detach', 'let a task supervise the run'],
    ['$0 --table orders --attribute version --max-cost 20', 'stop before it has cost more than $20'],
  ],
  check: (settings, given) => {
    checkRunSettings(settings, given);
    checkDetach(settings, given);
  },
});

/** `orchestrate run`: runs everything from the preflight to the verified end. */
export const handler: Handler<typeof run> = async context => {
  const { settings, output } = context;
  const session = await openSession(context);
  if (settings.detach) requireSupervisor(session.surroundings);
  const prepared = await prepare(session);
  await requireReady(session, prepared);
  output.say(planText(prepared.plan));
  const { facts, region, write } = prepared;
  if (!settings.yes && !settings.dryRun) {
    const answer = `${settings.table}@${facts.account.slice(-4)}/${region}`;
    await confirm(settings.table, answer, context.detach);
  }
  const api = await chooseWriteApi(session, write);
  output.say(`Writes: ${api.writeApi}, ${api.writeApiReason}.`);
  const record = await createRun(session, newRun(session, prepared, api), write);
  output.setRun(record.runId);
  output.say(`Run ${record.runId} has begun.`);
  const dashboard = session.surroundings.stack?.outputs['DashboardUrl'];
  if (dashboard) output.say(`Dashboard: ${dashboard}`);
  output.event('run.started', { resumed: false, ...describeRun(record, prepared.chosen.reason) });
  return superviseRun(session, record, { detach: settings.detach });
};

/** Creates the run. For a canary, the items that it may write are recorded first. */
async function createRun(session: PlanningSession, run: NewRun, write: ItemWrite): Promise<RunRecord> {
  const { client, clock, stores, detach, output, settings } = session;
  if (run.limit !== undefined) {
    const rate = new RateControl({ clock, seed: run.itemSize, paces: 'reads' });
    rate.grant(run.rates, 0);
    const chosen = await chooseCanary({
      client,
      write,
      totalSegments: run.totalSegments,
      limit: run.limit,
      rate,
      clock,
      signal: detach,
    });
    const items = [...chosen.values()].reduce((sum, keys) => sum + keys.length, 0);
    output.say(`The canary has ${items} items in ${chosen.size} segments.`);
    await stores.canary.write(run.runId, chosen);
  }
  session.onSupervise();
  try {
    return await stores.runs.create(run, settings.overrideLock);
  } catch (error) {
    // Another run has begun since the preflight.
    throw error instanceof TableLockedError ? tableHeld(run.table, error, startAnyway()) : error;
  }
}

/**
 * @throws PreflightError with every failure; TableLockedError when an unfinished run holds the table. A dry run writes
 * nothing to the table and may run beside another run.
 */
async function requireReady(
  { settings, output, stores }: PlanningSession,
  { plan, facts }: Prepared,
): Promise<void> {
  const refusals = linesOf(plan.findings, 'failure');
  if (refusals.length > 0) {
    for (const line of linesOf(plan.findings, 'warning')) output.say(`Warning: ${line}`);
    throw new PreflightError(
      `The run is refused. Nothing was written.\n${refusals.map(line => `- ${line}`).join('\n')}\n` +
        `When it is fixed, check again: ${sameOptions('plan', ['yes', 'detach'])}`,
    );
  }
  if (settings.dryRun) return;
  const holder = await look(() => stores.runs.holderOf(facts.arn));
  if (holder !== undefined) throw tableHeldHere(settings.table, holder);
  try {
    await look(() => stores.runs.assertFreeElsewhere(facts.arn, settings.overrideLock));
  } catch (error) {
    throw error instanceof TableLockedError ? tableHeld(settings.table, error, startAnyway()) : error;
  }
}

function startAnyway(): string {
  return sameOptions('run', ['override-lock']);
}

/** The fields of `run.started`: who, where and the options in force. */
export function describeRun(run: RunRecord, budgetReason?: string) {
  return {
    account: run.account,
    region: run.region,
    tableArn: run.tableArn,
    options: {
      table: run.table,
      attribute: run.attribute,
      ...(run.value !== undefined && { value: JSON.parse(run.value) as unknown }),
      ...(run.recipe && { recipe: run.recipe }),
      segments: run.totalSegments,
      tasks: run.tasks,
      maxWriteRate: run.rates.writeUnitsPerSecond,
      maxReadRate: run.rates.readUnitsPerSecond,
      unattendedRate: run.unattendedRate,
      writeApi: run.writeApi,
      writeApiReason: run.writeApiReason,
      passes: run.passes,
      maxAttempts: run.maxAttempts,
      dryRun: run.dryRun,
      ...(run.limit !== undefined && { limit: run.limit }),
      ...(run.maxCostUsd !== undefined && { maxCostUsd: run.maxCostUsd }),
      ...(run.deployedAt !== undefined && { deployedAt: run.deployedAt }),
      ...(budgetReason && { budgetReason }),
    },
    by: run.createdBy,
  };
}
