import { randomUUID } from 'node:crypto';
import pMap from 'p-map';
import { createMetricsClient } from '../../core/aws-clients.ts';
import { systemClock } from '../../core/clock.ts';
import { ConfigurationError, SupersededError } from '../../core/errors.ts';
import {
  isFinished,
  isInAuthority,
  type OperatorChange,
  type RunRecord,
  type TaskRecord,
} from '../../core/records.ts';
import type { OperatorEdit } from '../../core/run-store.ts';
import type { CommandContext } from '../cli/command.ts';
import { EXIT, type ExitCode } from '../cli/exit-codes.ts';
import { nextCommand, nextRun } from '../cli/next-command.ts';
import { TaskWatch } from '../fleet/task-watch.ts';
import { openStores, operator, readRun } from '../session.ts';
import type { Stores } from '../stores.ts';
import { RunOpenMetric } from './run-open-metric.ts';

const LOOK_INTERVAL_MS = 250;

/** Beyond the authority time, for clocks that run at slightly different speeds. */
const SLACK_MS = 1_000;

const TOLD_AT_A_TIME = 10;

/**
 * Ends the tasks of a run that is to pause or to end for good, and returns when none has authority any more.
 * @param run its id
 */
export async function endTasks(
  context: CommandContext,
  run: string,
  what: 'pause' | 'cancel',
  edit: (record: RunRecord) => OperatorEdit,
): Promise<ExitCode> {
  const { output } = context;
  const stores = await openStores(context);
  const before = await readUnfinished(stores, run, what);
  output.setRun(before.runId);
  if (what === 'pause' && before.status === 'paused') {
    output.print(`Run ${before.runId} is paused already.`);
    return EXIT.ok;
  }
  const told = await stores.runs.operate(before.runId, operatorChange(what, `was ${before.status}`), edit);
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

/** @throws ConfigurationError when the run has ended, or there is none. */
export async function readUnfinished(stores: Stores, id: string, what: string): Promise<RunRecord> {
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

export function operatorChange(what: OperatorChange['what'], detail: string): OperatorChange {
  return { id: randomUUID(), at: systemClock.nowIso(), by: operator(), what, detail };
}
