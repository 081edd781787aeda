import { randomUUID } from 'node:crypto';
import { createMetricsClient } from '../../core/aws-clients.ts';
import { systemClock } from '../../core/clock.ts';
import { ConfigurationError, SupersededError } from '../../core/errors.ts';
import { isFinished, type OperatorChange, type RunRecord } from '../../core/records.ts';
import type { OperatorEdit } from '../../core/run-store.ts';
import type { CommandContext } from '../cli/command.ts';
import { EXIT, type ExitCode } from '../cli/exit-codes.ts';
import { nextCommand, nextRun } from '../cli/next-command.ts';
import { operatorName } from '../operator-name.ts';
import { openStores, readRun } from '../session.ts';
import type { Stores } from '../stores.ts';
import { untilNobodyWrites } from './await-end.ts';
import { RunOpenMetric } from './run-open-metric.ts';

/**
 * Ends the tasks of a run that was told to pause or stop. Returns when none of them has authority any longer.
 * @param run the run's id
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
    output.print(`Run ${before.runId} is already paused.`);
    return EXIT.ok;
  }
  const told = await stores.runs.operate(before.runId, operatorChange(what, `was ${before.status}`), edit);
  output.say(`Waiting until every task has stopped or lost its authority.`);
  if (told) await untilNobodyWrites(stores, told, systemClock);
  const after = await stores.runs.conclude(before.runId, systemClock.nowIso());
  if (after?.desired === 'run' && !isFinished(after.status)) {
    throw new SupersededError(
      `Somebody has resumed run ${before.runId} in the meantime. It is ${after.status} and continues.\nSee: ${nextCommand('status', before.runId)}`,
    );
  }
  if (after && after.status !== 'running' && after.status !== 'verifying') await closeSignal(after, context);
  const status = after?.status ?? 'gone';
  output.event(`run.${what === 'pause' ? 'paused' : 'cancelled'}`, { status });
  output.print(describeEnded(before, status));
  return EXIT.ok;
}

/**
 * Says what state the run is in now. It may not be the requested one: the run may have ended first, or been cancelled.
 */
function describeEnded(run: RunRecord, status: RunRecord['status'] | 'gone'): string {
  const is = `Run ${run.runId} is ${status}. No task can write any more.`;
  if (status === 'paused' || status === 'failed')
    return `${is} Continue with: ${nextCommand('resume', run.runId)}`;
  if (status === 'cancelled') {
    return `${is} What was written stays. A new run continues from there: ${nextRun(run)}`;
  }
  return `${is} The run ended before the command could stop it. See: ${nextCommand('report', run.runId)}`;
}

/** @throws ConfigurationError when the run has ended or does not exist. */
export async function readUnfinished(stores: Stores, id: string, what: string): Promise<RunRecord> {
  const run = await readRun(stores, id);
  if (isFinished(run.status) || (what === 'pause' && run.status === 'failed')) {
    throw new ConfigurationError(`Run ${run.runId} is ${run.status}; there is nothing to ${what}.`);
  }
  return run;
}

async function closeSignal(run: RunRecord, { output }: CommandContext): Promise<void> {
  const signal = new RunOpenMetric(createMetricsClient(), run, error =>
    output.say(`Warning: CloudWatch did not accept the end of the metric RunOpen: ${String(error)}`),
  );
  await signal.close();
}

export function operatorChange(what: OperatorChange['what'], detail: string): OperatorChange {
  return { id: randomUUID(), at: systemClock.nowIso(), by: operatorName(), what, detail };
}
