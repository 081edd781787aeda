import { randomUUID } from 'node:crypto';
import pMap from 'p-map';
import { createMetricsClient } from '../../core/aws-clients.ts';
import { systemClock } from '../../core/clock.ts';
import { SUPERVISOR_WRITES_PER_SECOND, turnMs } from '../../core/control-pace.ts';
import { ConfigurationError, SupersededError } from '../../core/errors.ts';
import {
  isFinished,
  isInAuthority,
  type OperatorChange,
  type RunRecord,
  type TaskRecord,
} from '../../core/records.ts';
import type { OperatorEdit } from '../../core/run-store.ts';
import { EXIT, type ExitCode } from '../cli/exit-codes.ts';
import { nextCommand, nextRun } from '../cli/next-command.ts';
import { TaskWatch } from '../fleet/task-watch.ts';
import { type CommandContext, openStores, operator, readRun } from '../session.ts';
import type { Stores } from '../stores.ts';
import { RunOpenMetric } from '../supervise/run-open-metric.ts';

const LOOK_INTERVAL_MS = 250;

/** Beyond the authority time, for clocks that run at slightly different speeds. */
const SLACK_MS = 1_000;

const TOLD_AT_A_TIME = 10;

/** Beside heartbeats and turns: the supervisor's writes, a turn that comes late. */
const RATE_SLACK_MS = 10_000;

/** `orchestrate pause RUN`: returns when no task has authority any more. */
export function pause(context: CommandContext): Promise<ExitCode> {
  // Nothing undoes a cancel, also one that comes at the same moment.
  return endTasks(context, 'pause', ({ stopReason }) =>
    stopReason?.kind === 'cancelled' ? {} : { desired: 'pause' },
  );
}

/** `orchestrate cancel RUN`: as pause, and the run ends for good and releases the table. */
export function cancel(context: CommandContext): Promise<ExitCode> {
  const message = `cancelled by ${operator()}`;
  return endTasks(context, 'cancel', () => ({
    desired: 'stop',
    stopReason: { kind: 'cancelled', message },
  }));
}

async function endTasks(
  context: CommandContext,
  what: 'pause' | 'cancel',
  edit: (record: RunRecord) => OperatorEdit,
): Promise<ExitCode> {
  const { output, settings } = context;
  const stores = await openStores(context);
  const before = await readUnfinished(stores, settings.run ?? '', what);
  output.setRun(before.runId);
  if (what === 'pause' && before.status === 'paused') {
    output.print(`Run ${before.runId} is paused already.`);
    return EXIT.ok;
  }
  const told = await stores.runs.operate(before.runId, change(what, `was ${before.status}`), edit);
  const toldAtMs = systemClock.monotonicMs();
  output.say(`Waiting until every task has stopped or its authority is over.`);
  await untilTasksEnded(stores, before, told?.desired === 'pause' ? 'pause' : 'stop');
  if (told?.status === 'verifying') await untilSupervisorEnded(stores, told, toldAtMs);
  const after = await stores.runs.conclude(before.runId, systemClock.nowIso());
  if (after?.desired === 'run' && !isFinished(after.status)) {
    throw new SupersededError(
      `Somebody has resumed run ${before.runId} meanwhile: it is ${after.status}, and goes on.\nLook at it: ${nextCommand('status', before.runId)}`,
    );
  }
  if (after && after.status !== 'running' && after.status !== 'verifying') await closeSignal(after, context);
  const status = after?.status ?? 'gone';
  output.event(`run.${what === 'pause' ? 'paused' : 'cancelled'}`, { status });
  output.print(describeEnded(before, status));
  return EXIT.ok;
}

/** What the run is now, which need not be what was asked for: it may have ended first, or been cancelled. */
function describeEnded(run: RunRecord, status: RunRecord['status'] | 'gone'): string {
  const is = `Run ${run.runId} is ${status}: no task can write any more.`;
  if (status === 'paused' || status === 'failed')
    return `${is} Go on with: ${nextCommand('resume', run.runId)}`;
  if (status === 'cancelled') {
    return `${is} What was written stays; a new run goes on from there: ${nextRun(run)}`;
  }
  return `${is} It had ended first. See: ${nextCommand('report', run.runId)}`;
}

/**
 * At the end of a pass the supervisor writes by itself. It sees with its next read that the run is to end, says so when
 * it has; and whatever becomes of it, its authority is over when so much time has passed since it was told.
 */
async function untilSupervisorEnded(stores: Stores, told: RunRecord, toldAtMs: number): Promise<void> {
  const overAtMs = toldAtMs + told.authorityMs + SLACK_MS;
  while (systemClock.monotonicMs() < overAtMs) {
    const now = await stores.runs.read(told.runId);
    if (!now || (now.status !== 'verifying' && now.status !== 'running')) return;
    await systemClock.sleep(LOOK_INTERVAL_MS);
  }
}

async function readUnfinished(stores: Stores, id: string, what: string): Promise<RunRecord> {
  const run = await readRun(stores, id);
  if (isFinished(run.status) || (what === 'pause' && run.status === 'failed')) {
    throw new ConfigurationError(`Run ${run.runId} is ${run.status}; there is nothing to ${what}.`);
  }
  return run;
}

/** Tells every task, whether or not a supervisor lives, and waits for its end, its lapse or its fence. */
async function untilTasksEnded(stores: Stores, run: RunRecord, desired: 'pause' | 'stop'): Promise<void> {
  const watch = new TaskWatch({
    tasks: stores.tasks,
    fleet: { describe: async () => new Map(), stop: async () => {} },
    clock: systemClock,
    authorityMs: run.authorityMs,
    onEnd: () => {},
    onUnobserved: () => {},
  });
  for (;;) {
    const tasks = (await stores.tasks.list(run.runId)).filter(({ status }) => isInAuthority(status));
    if (tasks.length === 0) return;
    const tell = async (task: TaskRecord) => {
      if (task.heartbeat === 0)
        await watch.fence(task, { kind: 'desired', message: `the run is to ${desired}` });
      else if (task.desired !== desired) await stores.tasks.setDesired(run.runId, task.launchId, desired);
    };
    await pMap(tasks, tell, { concurrency: TOLD_AT_A_TIME });
    await watch.observe(tasks);
    await systemClock.sleep(Math.max(LOOK_INTERVAL_MS, run.heartbeatMs / 8));
  }
}

async function closeSignal(run: RunRecord, { output }: CommandContext): Promise<void> {
  const signal = new RunOpenMetric(createMetricsClient(), run, error =>
    output.say(`Warning: CloudWatch did not take the end of RunOpen: ${String(error)}`),
  );
  await signal.close();
}

/** `orchestrate rate RUN --max-write-rate N`: returns when nothing uses more than its share of the new budget. */
export async function rate(context: CommandContext): Promise<ExitCode> {
  const { output, settings } = context;
  const { maxWriteRate, maxReadRate } = settings;
  if (maxWriteRate === undefined && maxReadRate === undefined) {
    throw new ConfigurationError('Which rate? Give --max-write-rate, --max-read-rate or both.');
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
  const told = await stores.runs.operate(run.runId, change('rate', detail), { rates });
  const inForce = told !== undefined && (await untilWithin(stores, { ...told, rates }));
  output.event('run.rate', { budget: rates, inForce });
  output.print(
    inForce
      ? `Run ${run.runId}: ${detail}, in force.`
      : `Run ${run.runId}: ${detail}, recorded. Not everything that sends goes by it yet: is anybody supervising? ${nextCommand('resume', run.runId)}`,
  );
  return EXIT.ok;
}

/**
 * A turn of the supervisor writes the new grants, a heartbeat brings each, and the next one echoes it. With many tasks
 * all of them stretch.
 */
function ratePatienceMs({ tasks, heartbeatMs }: Pick<RunRecord, 'tasks' | 'heartbeatMs'>): number {
  const writingMs = (tasks / SUPERVISOR_WRITES_PER_SECOND) * 1_000;
  return turnMs(tasks) + writingMs + 2 * heartbeatMs + RATE_SLACK_MS;
}

/** Whether the supervisor has seen the last change of `told`, or one that came later. */
function isHeard({ changes, supervisorEcho }: RunRecord, told: RunRecord): boolean {
  const place = (change: string | undefined) => changes.findIndex(({ id }) => id === change);
  const seen = place(supervisorEcho?.lastChange);
  return seen >= 0 && seen >= place(told.changes.at(-1)?.id);
}

/** Whether everything that sends goes by the new rates; `told`: the record that they stand in. */
async function untilWithin(stores: Stores, told: RunRecord): Promise<boolean> {
  const giveUpAtMs = systemClock.monotonicMs() + ratePatienceMs(told);
  for (;;) {
    const tasks = (await stores.tasks.list(told.runId)).filter(({ status }) => isInAuthority(status));
    const inForce = tasks.map(task => (task.seenRenewal === task.renewal ? task.granted : task.held));
    const record = await stores.runs.read(told.runId);
    // At the end of a pass the supervisor itself sends, and echoes what it has seen and by which rates it goes.
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

function change(what: OperatorChange['what'], detail: string): OperatorChange {
  return { id: randomUUID(), at: systemClock.nowIso(), by: operator(), what, detail };
}
