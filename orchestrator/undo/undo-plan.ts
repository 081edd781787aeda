import type { Rates, RunRecord } from '../../core/records.ts';
import { count, dollars, span } from '../plan/plan-figures.ts';
import { type Prices, unitsCost } from '../plan/prices.ts';
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
    value === undefined ? `"${name}" (a value of each item's own)` : `"${name}" = ${value}`,
  );
  return [
    row(
      'Undo',
      dryRun
        ? 'dry run: reads every item and counts, and writes nothing'
        : `run ${runId} takes back what run ${original.runId} wrote`,
    ),
    row('Run', `${original.runId}, begun ${createdAt}, ${status}`),
    row('Table', `${table}, account ${account}, ${region}`),
    row('Removes', `${targets.join(', ')} from items that exist and still have exactly this value`),
    row('Items', `${count(f.toRemove)} at most, according to the undo log${alreadyUndone(log)}`),
    row('Not known', notKnown(log)),
    row(
      'Fleet',
      `${count(original.totalSegments + 1)} segments of the log, ${tasks} tasks; ${rates.writeUnitsPerSecond} write and ${rates.readUnitsPerSecond} read units a second: ${ratesReason}`,
    ),
    row(
      'Takes',
      `${count(f.writeUnits)} write and ${count(f.readUnits)} read units, ${dollars(f.cost)} and Fargate; ${span(f.seconds)}`,
    ),
    row(
      'Beware',
      'If the application has since set the very same value on an item, the undo removes it too.',
    ),
    row(
      '',
      'The undo also removes a value that the application sets again between a crash of the undo and its resumption.',
    ),
    row('', 'Before you begin, stop the writers that set it, or deploy code that does not set it.'),
    ...input.warnings.map(line => row('Warning', line)),
  ].join('\n');
}

function alreadyUndone({ undone, undoneBy }: LogSummary): string {
  if (undone === 0 && undoneBy.length === 0) return '';
  return `; ${count(undone)} more were already handled by ${undoneBy.join(', ')}`;
}

function notKnown({ unknown }: LogSummary): string {
  if (unknown === 0) return 'none: the outcome of every write was recorded';
  return `${count(unknown)} entries at most have no outcome, because of a crash or a lost reply. The undo leaves them alone and counts those that still have the value.`;
}

function row(name: string, text: string): string {
  return `${name.padEnd(13)}${text}`;
}
