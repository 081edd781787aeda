import { targetsText } from '../../core/recipe/recipe.ts';
import { linesOf } from '../checks/finding.ts';
import type { Plan } from './plan.ts';
import { bytes, count, countRange, dollars, percent, percentRange, span } from './plan-figures.ts';
import { recipeLines } from './recipe-plan.ts';
import { row } from './rows.ts';

/** The plan as an operator reads it on a terminal. */
export function planText(plan: Plan): string {
  return [
    row('Table', `${plan.table}, account ${plan.account}, ${plan.region}, ${plan.tableArn}`),
    row('Write', plan.statement),
    ...writtenRows(plan),
    ...modeRows(plan),
    row(
      'Fleet',
      `${plan.segments} segments, ${plan.tasks} tasks of ${plan.taskDefinition} in ${plan.cluster}`,
    ),
    row(
      'Budget',
      `${plan.rates.writeUnitsPerSecond} write and ${plan.rates.readUnitsPerSecond} read units a second for the whole fleet: ${plan.ratesReason}`,
    ),
    ...sampleRows(plan),
    ...forecastRows(plan),
    ...undoRows(plan),
    ...findingRows(plan),
  ].join('\n');
}

function writtenRows({ attribute, value, typedValue, recipe }: Plan): string[] {
  if (recipe) return recipeLines(recipe);
  return [
    row(
      '',
      `with ${attribute} = ${value}, which is ${typedValue} in DynamoDB. The run writes nothing else to this table.`,
    ),
  ];
}

function modeRows({ dryRun, limit, table }: Plan): string[] {
  if (dryRun)
    return [
      row(
        'Dry run',
        `does everything except the writes to ${table}. The figures below are those of a real run.`,
      ),
    ];
  if (limit !== undefined)
    return [
      row(
        'Canary',
        `The run writes and verifies ${limit} items, then stops. The figures below are those of a whole run.`,
      ),
    ];
  return [];
}

function undoRows({ undoLog, undoDays, dryRun, forecast: f }: Plan): string[] {
  if (dryRun) return [];
  if (!undoLog) return [row('Undo log', 'none, so the only way back is to restore the table into a new one')];
  const share = f.writeUnits.value === 0 ? '' : ` (${percent(undoLog.share)} of what the writes take)`;
  return [
    row(
      'Undo log',
      `takes ${count(Math.ceil(undoLog.writeUnits))} write units of the control table${share}. For ${undoDays} days, orchestrate undo can undo the run.`,
    ),
  ];
}

function sampleRows({ sample, sampleMissing, forecast: f, ...plan }: Plan): string[] {
  const items = `${count(f.items)} items of ${bytes(f.itemBytes)} on average (${f.itemsBasis})`;
  if (!sample || f.share === null) {
    return [
      row('Items', items),
      row(
        'Missing',
        `not known (${sampleMissing ?? 'the sample held no item'}), so the plan assumes all items`,
      ),
    ];
  }
  const nulls =
    sample.nulls > 0
      ? `; in ${count(sample.nulls)} items of the sample it is NULL, which counts as present`
      : '';
  const skew =
    sample.skew > 2 && sample.segments > 1
      ? `; the segments are uneven, and the largest has ${sample.skew.toFixed(1)} times the average`
      : '';
  const cut =
    sample.cutShort > 0
      ? `; ${sample.cutShort} segments were not read to the end, because of large partition keys`
      : '';
  return [
    row('Items', `${items}; the largest in the sample has ${bytes(sample.largestItemBytes)}`),
    row(
      'Missing',
      `${countRange(f.missing)} items lack ${targetsText(plan)}${plan.recipe?.where === undefined ? '' : ' and are in scope'}, ${percentRange(f.share)}${nulls}`,
    ),
    row(
      'Sample',
      `${count(sample.items)} items in ${sample.segments} of ${count(sample.totalSegments)} segments, chosen at random${skew}${cut}; ` +
        `the sample took ${count(sample.readUnits)} read units, ${dollars(f.cost.sample)}, ${span(sample.durationMs / 1_000)}`,
    ),
  ];
}

function forecastRows(plan: Plan): string[] {
  const { forecast: f, replicas, stream, prices, maxCost } = plan;
  const { table, indexes, total } = f.writeUnitsPerItem;
  const perItem =
    indexes.length === 0
      ? `${count(total)} an item`
      : `${count(total)} an item: ${count(table)} the table, ${indexes.map(({ name, units }) => `${count(units)} ${name}`).join(', ')}`;
  const copies = [
    ...(replicas > 0 ? [`the replicas in ${replicas} other Regions take the same again`] : []),
    ...(stream ? [`${count(f.missing.value)} stream records`] : []),
  ];
  return [
    row(
      'Units',
      `${count(f.writeUnits.value)} write units, ${perItem}${copies.length > 0 ? `; ${copies.join('; ')}` : ''}`,
    ),
    row(
      '',
      `${count(f.scanReadUnits)} read units to find the items, ${count(f.verificationReadUnits)} to verify them with strong consistency`,
    ),
    row(
      'Time',
      f.times
        .map(
          ({ writeUnitsPerSecond, seconds, chosen }) =>
            `${span(seconds)} at ${count(writeUnitsPerSecond)}${chosen ? ' (chosen)' : ''}`,
        )
        .join(', '),
    ),
    row('', 'These rates are write units a second. On Fargate, tasks need about a minute to start.'),
    row('Cost', costLine(plan)),
    ...(maxCost === undefined
      ? []
      : [
          row(
            '',
            f.cost.total > maxCost
              ? `This is more than --max-cost ${dollars(maxCost)}, so the run will stop early.`
              : `The run stops before it exceeds --max-cost ${dollars(maxCost)}.`,
          ),
        ]),
    row('', `prices of ${prices.asOf}, ${prices.region}: ${prices.source}`),
    row('', `not counted: ${plan.notCounted.join('; ')}`),
  ];
}

export function costLine({ forecast: { cost }, taskSize }: Plan): string {
  const what = taskSize?.publicIpv4 ? 'Fargate with public IPv4 addresses' : 'Fargate';
  const fargate = cost.fargate === null ? `${what} not known` : `${what} ${dollars(cost.fargate)}`;
  const range = cost.atMost - cost.total > 0.01 ? `, up to ${dollars(cost.atMost)} within the interval` : '';
  return `${dollars(cost.total)}${range}: writes ${dollars(cost.writes)}, reads ${dollars(cost.reads)}, ${fargate}, CloudWatch ${dollars(cost.cloudWatch)}`;
}

function findingRows({ findings }: Plan): string[] {
  const good = findings.filter(({ level }) => level === 'ok').length;
  return [
    row('Checks', `${good} of ${findings.length} passed`),
    ...linesOf(findings, 'warning').map(line => row('Warning', line)),
    ...linesOf(findings, 'failure').map(line => row('Refused', line)),
  ];
}
