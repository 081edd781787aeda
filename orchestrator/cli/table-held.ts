import { TableLockedError } from '../../core/errors.ts';
import type { TableHolder } from '../../core/run-store.ts';
import { nextCommand } from './next-command.ts';

/**
 * Says what holds the table and which command to type next.
 * @param startAnyway the command for a holder whose control table is gone, if there is one
 */
export function tableHeld(
  table: string,
  { holder, retry, elsewhere }: Pick<TableLockedError, 'holder' | 'retry' | 'elsewhere'>,
  startAnyway?: string,
): TableLockedError {
  const there = elsewhere ? ['--control-table', elsewhere.controlTable] : [];
  const next = (verb: string, ...more: string[]) => nextCommand(verb, holder, ...more, ...there);
  const who = elsewhere
    ? ` ${elsewhere.holder} started it at ${elsewhere.at}, with the control table ${elsewhere.controlTable}.`
    : '';
  const lines = retry
    ? [
        `A retry of the items in quarantine of run ${holder} holds the table ${table}.${who}`,
        `Wait until that command has ended. If it was killed, repeat it: ${next('failures', '--retry')}`,
      ]
    : [
        `The unfinished run ${holder} holds the table ${table}.${who}`,
        `See: ${next('status')}`,
        // Supervision needs the fleet of that control table, which this command does not know.
        ...(elsewhere ? [] : [`Continue it: ${next('resume')}`]),
        `End it: ${next('cancel')}`,
      ];
  if (elsewhere && startAnyway !== undefined) {
    const gone = retry
      ? 'If that control table is gone'
      : 'If that control table is gone and no task of that run is alive';
    lines.push(`${gone}, start anyway: ${startAnyway} --override-lock ${holder}`);
  }
  return new TableLockedError(holder, lines.join('\n'), { retry, elsewhere });
}

/** The same, for what holds the table in this control table. */
export function tableHeldHere(table: string, { runId, retry }: TableHolder): TableLockedError {
  return tableHeld(table, { holder: runId, retry: retry !== undefined, elsewhere: undefined });
}
