import {
  type Counters,
  isInAuthority,
  type RunRecord,
  type StopReason,
  type TaskRecord,
} from '../../core/records.ts';
import { fargateCost, PRICES, unitsCost } from '../plan/prices.ts';
import { costView } from '../snapshot/cost-view.ts';

/**
 * Counters arrive with checkpoints, seconds after the requests, and tasks learn from a heartbeat that they must stop.
 * For this long the fleet may spend its whole budget unseen.
 */
const UNSEEN_SECONDS = 12;

/** A strongly consistent scan consumes twice the units of the eventually consistent sweep. */
const VERIFICATION_BY_SWEEP = 2;

/** The price of a task's second is taken from a whole hour, because fargateCost() charges at least a minute. */
const HOUR_SECONDS = 3_600;

export interface CostNow {
  readonly run: RunRecord;
  readonly counters: Counters;
  readonly tasks: readonly TaskRecord[];
  readonly nowMs: number;
  /** Every segment is complete, so the verification comes next. Its cost is counted as it proceeds. */
  readonly sweepComplete: boolean;
}

/** Why a run with `--max-cost` must stop now, before it costs more; undefined while it may continue. */
export function costStop({ run, counters, tasks, nowMs, sweepComplete }: CostNow): StopReason | undefined {
  const { maxCostUsd, prices = PRICES, rates, taskSize } = run;
  if (maxCostUsd === undefined) return undefined;
  const spent = costView(run, counters, tasks, nowMs).total;
  const copies = 1 + (run.replicas ?? 0);
  const live = tasks.filter(({ status }) => isInAuthority(status)).length;
  const spending =
    sum(
      unitsCost(
        { writeUnits: rates.writeUnitsPerSecond * copies, readUnits: rates.readUnitsPerSecond },
        prices,
      ),
    ) + (taskSize ? (live * fargateCost([HOUR_SECONDS], taskSize, prices)) / HOUR_SECONDS : 0);
  const ahead = sweepComplete
    ? sum(unitsCost({ writeUnits: 0, readUnits: verificationUnitsLeft(run, counters) }, prices))
    : spending * UNSEEN_SECONDS;
  if (spent + ahead <= maxCostUsd) return undefined;
  const what = sweepComplete ? 'the verification would bring' : 'requests in flight may bring';
  return {
    kind: 'failed',
    message: `The run has cost $${spent.toFixed(4)}, and ${what} it over --max-cost $${maxCostUsd}.`,
    resumeWith: ['--max-cost', (maxCostUsd * 2).toFixed(2)],
  };
}

/** Read units that the verification still needs, estimated from those of the sweep. */
function verificationUnitsLeft(run: RunRecord, counters: Counters): number {
  const swept = counters.readUnits - run.supervisorCounters.readUnits;
  const { counted, verification } = run;
  const read = verification && counted?.id === verification.id ? counted.counters.readUnits : 0;
  return Math.max(0, (VERIFICATION_BY_SWEEP * swept) / run.pass - read);
}

function sum({ writes, reads }: ReturnType<typeof unitsCost>): number {
  return writes + reads;
}
