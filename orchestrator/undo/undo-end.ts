import { targetsText } from '../../core/recipe/recipe.ts';
import type { RunRecord, UndoneRun } from '../../core/records.ts';
import { nextCommand } from '../cli/next-command.ts';
import type { runFinished } from '../run-summary.ts';

/** Says how an undo ended, and what to type next. */
export function describeUndoEnd(
  run: RunRecord,
  undoes: UndoneRun,
  summary: ReturnType<typeof runFinished>,
): string {
  const { updated, alreadySet, deleted, quarantined, missing, durationMs } = summary;
  const { unknown = 0 } = run;
  const counts =
    `${updated} values removed, ${alreadySet} had another value or none, ${deleted} items deleted, ` +
    `${quarantined} in quarantine, in ${Math.round(durationMs / 1_000)} s.`;
  const left =
    unknown === 0
      ? ''
      : `\n${unknown} values remain that run ${undoes.runId} may or may not have written. The undo left them alone. ` +
        `List their keys: ${nextCommand('undo', undoes.runId, '--list-unknown')}`;
  const resume = nextCommand('resume', run.runId, ...(run.stopReason?.resumeWith ?? []));
  const again = nextCommand('undo', undoes.runId);
  const next: Partial<Record<RunRecord['status'], string>> = {
    verified: `Verified: in strongly consistent reads of every item of the log, no item still had the value that run ${undoes.runId} set${unknown === 0 ? '' : ', apart from the values whose outcome is unknown'}.${left}`,
    quarantined: `${missing} items still have the value; all of them are in quarantine. See: ${nextCommand('failures', run.runId)}${left}`,
    incomplete: `${missing} items have the value of ${targetsText(run)} again, because somebody set it after the undo had removed it. The undo left these items alone.${left}`,
    paused: `Paused. Continue with: ${resume}`,
    cancelled: `Cancelled. What was removed stays removed. Another undo continues from there: ${again}`,
    failed: `Stopped: ${run.stopReason?.message ?? 'unknown'}\nWhen the cause is fixed: ${resume}`,
  };
  return `Run ${run.runId}, the undo of ${undoes.runId}: ${counts}\n${next[run.status] ?? run.status}`;
}
