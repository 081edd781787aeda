import { parseJsonValue } from '../../core/attribute-value.ts';
import { describeWrite } from '../../core/item-write.ts';
import type { RunRecord, RunStatus } from '../../core/records.ts';
import { constantRule } from '../../core/write-rule.ts';
import { describeNotIndexed } from '../run-summary.ts';
import type { Evidence } from '../snapshot/evidence.ts';
import { count, dollars, duration } from '../snapshot/format.ts';
import type { CutChange } from '../snapshot/history.ts';
import { outcomesOf } from '../snapshot/outcomes.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { describeCut } from '../snapshot/timeline.ts';
import { wayBackOf } from '../snapshot/way-back.ts';

/** `cuts`: each time live traffic changed the part of the budget that the fleet may use. */
export function evidenceOf(
  record: RunRecord,
  snapshot: Snapshot,
  writtenAt: string,
  cuts: readonly CutChange[],
): Evidence {
  const { run } = snapshot;
  return {
    writtenAt,
    proved: run.status === 'verified',
    conclusion: [conclusionOf(snapshot), notIndexedOf(record), run.unsupervised]
      .filter(part => part != null)
      .join(' '),
    options: optionsOf(record, snapshot),
    changes: [
      ...run.changes.map(({ id: _, ...change }) => change),
      ...cuts.map(cut => ({
        at: cut.at,
        by: 'traffic guard',
        what: 'rate' as const,
        detail: describeCut(cut),
      })),
    ].sort((a, b) => Date.parse(a.at) - Date.parse(b.at)),
    ...consumptionOf(snapshot),
    wayBack: wayBackOf(run),
  };
}

/** The run's claim covers items that lack the attribute. Readers of an index also need to know which it leaves out. */
function notIndexedOf(record: RunRecord): string | undefined {
  return record.status === 'verified' || record.status === 'quarantined'
    ? describeNotIndexed(record)
    : undefined;
}

function conclusionOf({ run, verifications, quarantine }: Snapshot): string {
  const proof = verifications.findLast(({ result }) => result !== null)?.result;
  const items = proof ? count(proof.scanned) : 'all';
  const missing = count(run.missing ?? 0);
  const sentences: Readonly<Record<RunStatus, string>> = {
    running: 'The run is not finished. This report shows its present state and proves nothing yet.',
    verifying:
      'The verification is not finished. This report shows its present state and proves nothing yet.',
    paused: 'The run is paused. What was written stays. Nothing is proved yet.',
    failed: `The run was stopped: ${run.reason ?? 'no reason is recorded'}. Nothing is proved.`,
    cancelled: 'The run was cancelled. What was written stays. Nothing is proved.',
    'dry-run': 'This was a dry run. It wrote nothing and proves nothing.',
    canary: 'This was a canary. Its items were written and verified; the others were not touched.',
    verified:
      `Verified: in a strongly consistent scan of every segment, begun after every task had stopped or its authority had ` +
      `lapsed, none of ${items} items lacked ${run.targets} when its page was read.`,
    quarantined:
      `${missing} of ${items} items lack ${run.targets}. Each of them is in quarantine with its key and its reason. ` +
      `The quarantine holds ${count(quarantine.open)} items.`,
    incomplete: `${missing} of ${items} items lacked ${run.targets} after ${run.pass} passes.`,
  };
  return sentences[run.status];
}

function optionsOf(record: RunRecord, { run, tasks, counters }: Snapshot): Evidence['options'] {
  const took = run.finishedAt ? Date.parse(run.finishedAt) - Date.parse(run.createdAt) : undefined;
  const all: readonly (readonly [string, string | undefined])[] = [
    ['Run', run.runId],
    ['Fleetfill', record.toolVersion],
    ['Table', run.table],
    ['Table ARN', run.tableArn],
    ['Account and Region', `${run.account}, ${run.region}`],
    ['Write', `${run.written}, where it is missing, and nothing else`],
    ['Statement', statementOf(record)],
    ['Mode', modeOf(record)],
    ['Write API', `${run.writeApi}, ${run.writeApiReason}`],
    ['Segments', count(run.totalSegments)],
    ['Tasks', `${count(run.tasksWanted)} at the same time, ${count(tasks.length)} launched in all`],
    ['Task', taskOf(record)],
    [
      'Budget at the end',
      `${count(run.budget.writeUnitsPerSecond)} write, ${count(run.budget.readUnitsPerSecond)} read units a second`,
    ],
    ['Unsupervised rate', `${count(run.unattendedRate)} write units a second`],
    ['Launch limit', `${count(run.maxAttempts)} launches of a segment in a row without progress`],
    ['Cost limit', record.maxCostUsd === undefined ? undefined : dollars(record.maxCostUsd)],
    ['Quarantine limit', record.maxQuarantine === undefined ? undefined : count(record.maxQuarantine)],
    ['Passes', `${run.pass}, of ${run.passes} allowed`],
    ['Planned', planOf(record)],
    ['Started', `${run.createdAt} by ${run.createdBy}`],
    ['Ended', run.finishedAt ?? undefined],
    ['Duration', took === undefined ? undefined : duration(took)],
    [
      'Items',
      run.undoes === null
        ? `${count(counters.scanned)} scanned, ${count(counters.matched)} lacked the attribute when read`
        : `${count(counters.scanned)} values in the undo log, ${count(counters.matched)} known to have been set`,
    ],
    [
      'Outcomes',
      [...outcomesOf(counters, run.undoes !== null), `${count(counters.quarantined)} in quarantine`].join(
        ', ',
      ),
    ],
    ['Control table', run.controlTable],
    ['Metrics', run.namespace],
  ];
  return all.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
}

function statementOf({ table, keySchema, attribute, value, recipe, writeApi }: RunRecord): string {
  if (recipe || value === undefined) {
    return 'sets each target that an item lacks, on condition that the target is still missing and that the attributes which the expressions read have not changed';
  }
  return describeWrite({ table, keySchema, rule: constantRule(attribute, parseJsonValue(value)) }, writeApi);
}

function modeOf({ dryRun, limit }: RunRecord): string | undefined {
  if (dryRun) return 'dry run';
  return limit === undefined ? undefined : `canary of ${count(limit)} items`;
}

function taskOf({ taskSize, spot }: RunRecord): string | undefined {
  if (!taskSize) return undefined;
  const { cpuUnits, memoryMiB, architecture } = taskSize;
  return `${cpuUnits / 1_024} vCPU, ${count(memoryMiB)} MiB, ${architecture}${spot ? ', Spot' : ''}`;
}

function planOf({ forecast }: RunRecord): string | undefined {
  if (!forecast) return undefined;
  const { items, missing, seconds } = forecast;
  return `${count(missing)} of ${count(items)} items to set, ${duration(seconds * 1_000)} at the budget chosen`;
}

function consumptionOf({
  run,
  counters,
  cost,
}: Snapshot): Pick<Evidence, 'consumption' | 'consumptionNotes'> {
  const { expected } = cost;
  const known = (value: number | null | undefined, text: (value: number) => string) =>
    value == null ? 'not known' : text(value);
  return {
    consumption: [
      { what: 'Items read', consumed: count(counters.scanned), expected: known(expected?.items, count) },
      {
        what: 'Items that lacked it',
        consumed: count(counters.matched),
        expected: known(expected?.missing, count),
      },
      {
        what: 'Write units',
        consumed: count(counters.writeUnits),
        expected: known(expected?.writeUnits, count),
      },
      {
        what: 'Read units',
        consumed: count(counters.readUnits),
        expected: known(expected?.readUnits, count),
      },
      {
        what: 'Writes and reads',
        consumed: dollars(cost.writes + cost.reads),
        expected: known(expected?.dollars, dollars),
      },
      {
        what: `Fargate, ${duration(cost.taskSeconds * 1_000)} of tasks`,
        consumed: cost.fargate === null ? 'not known' : dollars(cost.fargate),
        expected: known(expected?.fargate, dollars),
      },
      {
        what: 'Total',
        consumed: dollars(cost.total),
        expected: known(
          expected && expected.fargate !== null ? expected.dollars + expected.fargate : null,
          dollars,
        ),
      },
      {
        what: 'Time under supervision',
        consumed: duration(run.activeMs),
        expected: known(expected?.seconds, seconds => duration(seconds * 1_000)),
      },
    ],
    consumptionNotes: [
      expected
        ? `Expected: ${expected.basis}.`
        : 'There is no expectation, because DynamoDB had no count of the items at the start.',
      `Prices: ${cost.pricesSource}, as of ${cost.pricesAsOf}.`,
      cost.notCounted,
    ],
  };
}
