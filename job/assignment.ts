import { askControlTable } from '../core/ask-control-table.ts';
import { ConfigurationError } from '../core/errors.ts';
import { type ProbeRecord, ProbeStore } from '../core/probe-store.ts';
import type { RunRecord } from '../core/records.ts';
import { RunStore } from '../core/run-store.ts';
import { START_PATIENCE_MS } from './authority.ts';
import type { TaskContext } from './task-context.ts';

/** The purpose of a task: a run, or a trial of the task's own role and route. */
export type Assignment =
  | { readonly run: RunRecord; readonly probe?: undefined }
  | { readonly probe: ProbeRecord; readonly run?: undefined };

/**
 * Reads the purpose of this task from the control table.
 * @throws ConfigurationError when there is neither a run nor a probe with this id.
 */
export async function readAssignment({
  task,
  controlTable,
  clock,
  stop,
  log,
}: TaskContext): Promise<Assignment> {
  const run = await askControlTable(
    {
      clock,
      signal: stop.signal,
      patienceMs: START_PATIENCE_MS,
      onRetry: reason => log.warn({ reason }, 'the control table does not answer, so the worker waits'),
    },
    () => new RunStore(controlTable).read(task.runId),
  );
  if (run) return { run };
  const probe = await new ProbeStore(controlTable).read(task.runId);
  if (probe) return { probe };
  throw new ConfigurationError(`There is no run ${task.runId} in the control table ${controlTable.name}.`);
}
