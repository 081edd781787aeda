import { systemClock } from '../../core/clock.ts';
import { SUPERVISOR_WRITES_PER_SECOND, turnMs } from '../../core/control-pace.ts';
import { ConfigurationError } from '../../core/errors.ts';
import { isInAuthority, type RunRecord } from '../../core/records.ts';
import { defineCommand, type Handler, RUN_POSITIONAL } from '../cli/command.ts';
import { EXIT } from '../cli/exit-codes.ts';
import { nextCommand } from '../cli/next-command.ts';
import { RATE_OPTIONS, YES_OPTION } from '../cli/options.ts';
import { openStores } from '../session.ts';
import type { Stores } from '../stores.ts';
import { operatorChange, readUnfinished } from '../supervise/end-tasks.ts';

const LOOK_INTERVAL_MS = 250;

/** Added to heartbeats and turns: time for the supervisor's writes and a late turn. */
const RATE_SLACK_MS = 10_000;

export const rate = defineCommand({
  usage: 'rate <run>',
  describe: 'Change the budget of a run',
  positionals: RUN_POSITIONAL,
  options: { ...RATE_OPTIONS, ...YES_OPTION },
  examples: [
    [
      '$0 rate 20261124071218-1a2b3c --max-write-rate 200',
      'slow it down or speed it up; in force within a heartbeat',
    ],
  ],
});

/** `orchestrate rate RUN --max-write-rate N`: returns when no process uses more than its share of the new budget. */
export const handler: Handler<typeof rate> = async context => {
  const { output, settings } = context;
  const { maxWriteRate, maxReadRate } = settings;
  if (maxWriteRate === undefined && maxReadRate === undefined) {
    throw new ConfigurationError('No rate is given. Give --max-write-rate, --max-read-rate or both.');
  }
  const stores = await openStores(context);
  const run = await readUnfinished(stores, settings.run ?? '', 'change the rate of');
  output.setRun(run.runId);
  const rates = {
    writeUnitsPerSecond: maxWriteRate ?? run.rates.writeUnitsPerSecond,
    readUnitsPerSecond: maxReadRate ?? run.rates.readUnitsPerSecond,
  };
  const detail =
    `${run.rates.writeUnitsPerSecond} to ${rates.writeUnitsPerSecond} write and ` +
    `${run.rates.readUnitsPerSecond} to ${rates.readUnitsPerSecond} read units a second`;
  const told = await stores.runs.operate(run.runId, operatorChange('rate', detail), { rates });
  const inForce = told !== undefined && (await untilWithin(stores, { ...told, rates }));
  output.event('run.rate', { budget: rates, inForce });
  output.print(
    inForce
      ? `Run ${run.runId}: ${detail}, in force.`
      : `Run ${run.runId}: ${detail}, recorded. Not every task has confirmed it yet. If nobody supervises the run, take over: ${nextCommand('resume', run.runId)}`,
  );
  return EXIT.ok;
};

/**
 * A turn of the supervisor writes the new grants, a heartbeat brings each grant to its task, and the next heartbeat
 * echoes it. With many tasks all of these intervals grow.
 */
function ratePatienceMs({ tasks, heartbeatMs }: Pick<RunRecord, 'tasks' | 'heartbeatMs'>): number {
  const writingMs = (tasks / SUPERVISOR_WRITES_PER_SECOND) * 1_000;
  return turnMs(heartbeatMs) + writingMs + 2 * heartbeatMs + RATE_SLACK_MS;
}

/** Whether the supervisor has seen the last change in `told`, or a later one. */
function isHeard({ changes, supervisorEcho }: RunRecord, told: RunRecord): boolean {
  const place = (change: string | undefined) => changes.findIndex(({ id }) => id === change);
  const seen = place(supervisorEcho?.lastChange);
  return seen >= 0 && seen >= place(told.changes.at(-1)?.id);
}

/**
 * Waits until every sender applies the new rates, which are in the record `told`.
 * @returns whether they do in time.
 */
async function untilWithin(stores: Stores, told: RunRecord): Promise<boolean> {
  const giveUpAtMs = systemClock.monotonicMs() + ratePatienceMs(told);
  for (;;) {
    const tasks = (await stores.tasks.list(told.runId)).filter(({ status }) => isInAuthority(status));
    const inForce = tasks.map(task => (task.seenRenewal === task.renewal ? task.granted : task.held));
    const record = await stores.runs.read(told.runId);
    // At the end of a pass, the supervisor itself sends requests. It echoes the changes that it has seen and the rates
    // that it applies.
    const echo = record?.status === 'verifying' ? record.supervisorEcho : undefined;
    const heard = record?.status !== 'verifying' || isHeard(record, told);
    if (echo) inForce.push(echo.rates);
    const within = (rate: keyof RunRecord['rates']) =>
      inForce.reduce((total, share) => total + share[rate], 0) <= told.rates[rate] * 1.001;
    if (heard && within('writeUnitsPerSecond') && within('readUnitsPerSecond')) return true;
    if (systemClock.monotonicMs() > giveUpAtMs) return false;
    await systemClock.sleep(Math.max(LOOK_INTERVAL_MS, told.heartbeatMs / 8));
  }
}
