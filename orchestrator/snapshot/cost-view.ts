import type { Counters, RunRecord, TaskRecord } from '../../core/records.ts';
import { fargateCost, PRICES, unitsCost } from '../plan/prices.ts';
import type { CostView, ExpectedCost } from './snapshot.ts';

const NOT_COUNTED =
  'Not counted: requests to the control table, CloudWatch metrics and logs, data transfer, stream consumers, and what the backup costs.';

/** What the run has cost so far, by the price list. */
export function costView(
  run: RunRecord,
  counters: Counters,
  tasks: readonly TaskRecord[],
  nowMs: number,
): CostView {
  const prices = run.prices ?? PRICES;
  const copies = 1 + (run.replicas ?? 0);
  const { writes, reads } = unitsCost({ ...counters, writeUnits: counters.writeUnits * copies }, prices);
  const seconds = tasks
    .filter(({ end }) => end?.kind !== 'not-started')
    .map(
      task =>
        Math.max(0, Date.parse(task.endedAt ?? '') || nowMs) / 1_000 - Date.parse(task.launchedAt) / 1_000,
    );
  const fargate = run.taskSize ? fargateCost(seconds, run.taskSize, prices) : null;
  return {
    writes,
    reads,
    fargate,
    total: writes + reads + (fargate ?? 0),
    taskSeconds: Math.round(seconds.reduce((sum, value) => sum + value, 0)),
    expected: expectedCost(run),
    notCounted:
      fargate === null
        ? `${NOT_COUNTED} Fargate is not counted either, because the record does not have the size of a task.`
        : NOT_COUNTED,
    pricesAsOf: prices.asOf,
    pricesSource: prices.source,
  };
}

/**
 * One unit pays for a write of 1 KB, or for a strongly consistent read of 4 KB; an eventually consistent read costs
 * half.
 */
const READ_UNIT_BYTES = 4_096;
const WRITE_UNIT_BYTES = 1_024;

/**
 * The expected cost of one sweep and one verification: the plan's forecast, if the run has one. Otherwise it is
 * computed from DynamoDB's figures at the start. That assumes that every item lacks the attribute, no index projects it
 * and all items have the same size.
 */
function expectedCost({ forecast, tableSize, prices = PRICES }: RunRecord): ExpectedCost | null {
  if (forecast) {
    const { cost, itemsBasis, ...figures } = forecast;
    return {
      ...figures,
      dollars: cost.writes + cost.reads,
      fargate: cost.fargate,
      basis: `the plan, for one sweep and one verification (number of items: ${itemsBasis})`,
    };
  }
  if (!tableSize || tableSize.items === 0 || tableSize.bytes === 0) return null;
  const { items, bytes } = tableSize;
  const writeUnits = items * Math.ceil(Math.max(1, bytes / items) / WRITE_UNIT_BYTES);
  const readUnits = Math.ceil((bytes / READ_UNIT_BYTES) * 1.5);
  const { writes, reads } = unitsCost({ writeUnits, readUnits }, prices);
  return {
    items,
    missing: null,
    writeUnits,
    readUnits,
    dollars: writes + reads,
    fargate: null,
    seconds: null,
    basis:
      "one sweep and one verification, calculated from DynamoDB's item count and table size at the start (up to six hours old). " +
      'It assumes that every item lacks the attribute and that no index holds it. It does not include Fargate',
  };
}
