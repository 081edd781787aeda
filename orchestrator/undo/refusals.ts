import { PreflightError, TableLockedError } from '../../core/errors.ts';
import { targetsOf, targetsText, writtenOptions } from '../../core/recipe/recipe.ts';
import { isFinished, type RunRecord, type RunStatus, type UndoLogRecord } from '../../core/records.ts';
import { undoableUntil } from '../../core/undo/item-removal.ts';
import { nextCommand } from '../cli/next-command.ts';

/** An undo that ended in one of these states has handled every value of the log and named the ones that it left. */
const BROUGHT_TO_AN_END: ReadonlySet<RunStatus> = new Set(['verified', 'quarantined', 'incomplete']);

/**
 * Checks from the records whether a run can be undone. Each refusal says what to do instead.
 * @param others every run of the control table
 * @returns what is needed to read the run's log
 * @throws TableLockedError when the run has not ended; PreflightError for everything else.
 */
export function requireUndoable(run: RunRecord, others: readonly RunRecord[], nowMs: number): UndoLogRecord {
  if (run.undoes) {
    throw new PreflightError(
      `Run ${run.runId} is itself an undo of run ${run.undoes.runId}. It removed values and wrote none, so there is nothing to undo. ` +
        `To set ${targetsText(run)} again, start a new run: ${nextCommand('plan', '--table', run.table, ...writtenOptions(run))}`,
    );
  }
  if (run.dryRun) {
    throw new PreflightError(
      `Run ${run.runId} was a dry run. It wrote nothing, so there is nothing to undo.`,
    );
  }
  if (!isFinished(run.status)) {
    throw new TableLockedError(
      run.runId,
      `Run ${run.runId} is ${run.status}. Only a run that has ended can be undone.\n` +
        `End it first: ${nextCommand('cancel', run.runId)}\nOr continue it: ${nextCommand('resume', run.runId)}`,
    );
  }
  if (!run.undoLog) {
    throw new PreflightError(
      `Run ${run.runId} kept no undo log (--no-undo-log), so nothing records which values it wrote. ` +
        `You can still restore the table as it was into a new table; the report says how: ${nextCommand('report', run.runId)}`,
    );
  }
  refuseExpired(run, run.undoLog, nowMs);
  refuseLaterRuns(run, others);
  return run.undoLog;
}

function refuseExpired(run: RunRecord, { expiresAt }: UndoLogRecord, nowMs: number): void {
  const expiresAtMs = expiresAt * 1_000;
  if (nowMs < Date.parse(undoableUntil({ expiresAt }))) return;
  const at = new Date(expiresAtMs).toISOString();
  throw new PreflightError(
    nowMs < expiresAtMs
      ? `The undo log of run ${run.runId} expires at ${at}. An undo is refused in the last 48 hours before that, because DynamoDB might delete the log while it is read.`
      : `The undo log of run ${run.runId} expired at ${at}. DynamoDB deletes it, or has already done so. You can still restore the table as it was into a new table; the report says how: ${nextCommand('report', run.runId)}`,
  );
}

/** A later run may have written the same value. Removing it here would undo that run's write as well. */
function refuseLaterRuns(run: RunRecord, others: readonly RunRecord[]): void {
  const targets = new Set(setBy(run));
  const undone = new Set(
    others.flatMap(({ undoes, status }) => (undoes && BROUGHT_TO_AN_END.has(status) ? [undoes.runId] : [])),
  );
  const later = others.filter(
    other =>
      other.tableArn === run.tableArn &&
      other.createdAt > run.createdAt &&
      !other.dryRun &&
      other.undoes === undefined &&
      setBy(other).some(name => targets.has(name)) &&
      !undone.has(other.runId),
  );
  if (later.length === 0) return;
  const names = later.map(({ runId, status, createdAt }) => `  ${runId}  ${status}  of ${createdAt}`);
  const latest = later.reduce((a, b) => (a.createdAt > b.createdAt ? a : b));
  throw new PreflightError(
    `After run ${run.runId}, ${later.length === 1 ? 'another run' : `${later.length} other runs`} set ${targetsText(run)} on this table:\n${names.join('\n')}\n` +
      `An item does not show which run wrote its value. Undo the latest run first: ${nextCommand('undo', latest.runId)}`,
  );
}

/** The attributes that a run set, from its log, or from its settings if it has no log. */
function setBy(run: RunRecord): readonly string[] {
  return run.undoLog?.targets.map(({ name }) => name) ?? targetsOf(run);
}
