import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { RunRecord } from '../../core/records.ts';
import { layoutOf } from '../../core/undo/item-removal.ts';
import { type LogStore, supervisorLogSegment } from '../../core/undo/log-store.ts';
import { UndoLogWriter } from '../../core/undo/log-writer.ts';

/**
 * The undo log for what is written outside of a task, by a repair or `failures --retry`; undefined for a run that keeps
 * none. Close it when nothing more is written: what is known by then still has to be recorded.
 */
export function openSupervisorLog(
  run: RunRecord,
  { store, clock }: { readonly store: LogStore; readonly clock: Clock },
): UndoLogWriter | undefined {
  if (!run.undoLog) return undefined;
  const log = new UndoLogWriter({
    ...{ store, clock, runId: run.runId },
    layout: layoutOf(run.keySchema, run.undoLog),
    pass: run.pass + 1,
    launchId: `supervisor-${randomUUID()}`,
    expiresAt: run.undoLog.expiresAt,
  });
  log.open(supervisorLogSegment(run), 0);
  return log;
}
