import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { RunRecord } from '../../core/records.ts';
import { layoutOf } from '../../core/undo/item-removal.ts';
import { type LogStore, supervisorLogSegment } from '../../core/undo/log-store.ts';
import { UndoLogWriter } from '../../core/undo/log-writer.ts';

/**
 * Opens the undo log for writes outside of tasks: those of a repair and of `failures --retry`. It is undefined if the
 * run keeps no log. Close it after the last write, so that it records the outcomes known by then.
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
