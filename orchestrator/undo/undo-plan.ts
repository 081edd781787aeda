import type { Rates, RunRecord } from '../../core/records.ts';
import { count, dollars, span } from '../plan/plan-figures.ts';
import { type Prices, unitsCost } from '../plan/prices.ts';
import { row as rowOf } from '../plan/rows.ts';
import type { LogSummary } from './log-summary.ts';

/** A strongly consistent read of an item of up to 4 KB costs one unit [developer guide]. */
const READ_UNITS_AN_ITEM = 1;

/** Time that no rate shortens: launching tasks, their last heartbeats, and waiting for them to stop. */
const SUPERVISION_SECONDS = 5;

export interface UndoPlanInput {
  readonly original: RunRecord;
  /** The undo's own id. The confirmation names both runs. */
  readonly runId: string;
  readonly log: LogSummary;
  readonly rates: Rates;
  readonly ratesReason: string;
  readonly tasks: number;
  readonly writeUnitsPerItem: number;
  readonly prices: Prices;
  /** What argues against the undo now. */
  readonly warnings: readonly string[];
  readonly dryRun: boolean;
}

export interface UndoForecast {
  /** The most values that the undo removes. It leaves alone what the application has changed since. */
  readonly toRemove: number;
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly seconds: number;
  /** US dollars, without Fargate. */
  readonly cost: number;
}

/** Forecasts the removals and the verification. */
export function forecastUndo({ log, rates, writeUnitsPerItem, prices }: UndoPlanInput): UndoForecast {
  const toRemove = log.set - log.undone;
  const writeUnits = toRemove * writeUnitsPerItem;
  const readUnits = (toRemove + log.unknown) * READ_UNITS_AN_ITEM;
  const { writes, reads } = unitsCost({ writeUnits, readUnits }, prices);
  return {
    toRemove,
    writeUnits,
    readUnits,
    seconds:
      writeUnits / rates.writeUnitsPerSecond + readUnits / rates.readUnitsPerSecond + SUPERVISION_SECONDS,
    cost: writes + reads,
  };
}

/** The plan of an undo as an operator reads it on a terminal. */
export function undoPlanText(input: UndoPlanInput): string {
  const { original, runId, log, rates, ratesReason, tasks, dryRun } = input;
  const { table, account, region, createdAt, status, undoLog } = original;
  const f = forecastUndo(input);
  const targets = (undoLog?.targets ?? []).map(({ name, value }) =>
    value === undefined ? `"${name}" (each item has its own value)` : `"${name}" = ${value}`,
  );
  return [
    row(
      'Undo',
      dryRun
        ? 'dry run: reads and counts the items, and writes nothing'
        : `run ${runId} removes what run ${original.runId} wrote`,
    ),
    row('Run', `${original.runId}, started ${createdAt}, ${status}`),
    row('Table', `${table}, account ${account}, ${region}`),
    row('Removes', `${targets.join(', ')} from items that exist and still have exactly this value`),
    row('Items', `at most ${count(f.toRemove)}, according to the undo log${alreadyUndone(log)}`),
    row('Not known', notKnown(log)),
    row(
      'Fleet',
      `${count(original.totalSegments + 1)} segments of the log, ${tasks} tasks; ${rates.writeUnitsPerSecond} write and ${rates.readUnitsPerSecond} read units a second: ${ratesReason}`,
    ),
    row(
      'Takes',
      `${count(f.writeUnits)} write and ${count(f.readUnits)} read units, ${dollars(f.cost)} without Fargate, and ${span(f.seconds)}`,
    ),
    row(
      'Beware',
      'If the application has set the very same value on an item since, the undo removes it too.',
    ),
    row(
      '',
      'If the undo crashes, it also removes the same value that the application sets on an item before the undo is resumed.',
    ),
    row('', 'Before you begin, stop the writers that set it, or deploy code that does not set it.'),
    ...input.warnings.map(line => row('Warning', line)),
  ].join('\n');
}

function alreadyUndone({ undone, undoneBy }: LogSummary): string {
  if (undone === 0 && undoneBy.length === 0) return '';
  return `; ${undoneBy.join(', ')} already handled ${count(undone)} more`;
}

function notKnown({ unknown }: LogSummary): string {
  if (unknown === 0) return 'none: the outcome of every write was recorded';
  return `at most ${count(unknown)} entries have no recorded outcome, because of a crash or a lost reply. The undo leaves these items alone, and counts those that still have the value.`;
}

function row(name: string, text: string): string {
  return rowOf(name, text, 13);
}
