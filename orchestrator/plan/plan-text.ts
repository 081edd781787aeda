import { targetsText } from '../../core/recipe/recipe.ts';
import { linesOf } from '../checks/finding.ts';
import type { Plan } from './plan.ts';
import { bytes, count, countRange, dollars, percent, percentRange, span } from './plan-figures.ts';
import { recipeLines } from './recipe-plan.ts';

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
    return [row('Dry run', `does everything except the writes to ${table}. Below is what a run would do.`)];
  if (limit !== undefined)
    return [
      row(
        'Canary',
        `${limit} items are written and verified, then the run stops. Below is what a whole run would do.`,
      ),
    ];
  return [];
}

function undoRows({ undoLog, undoDays, dryRun, forecast: f }: Plan): string[] {
  if (dryRun) return [];
  if (!undoLog)
    return [row('Undo log', 'none. Without it the only way back is to restore the table into a new one.')];
  const share =
    f.writeUnits.value === 0 ? '' : `, ${percent(undoLog.share)} of what the writes take at this rate`;
  return [
    row(
      'Undo log',
      `${count(Math.ceil(undoLog.writeUnits))} write units to the control table${share}. For ${undoDays} days orchestrate undo can undo the run.`,
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
        `not known, so the plan assumes all items: ${sampleMissing ?? 'the sample held no item'}`,
      ),
    ];
  }
  const nulls =
    sample.nulls > 0 ? `; NULL in ${count(sample.nulls)} of the sample, which counts as present` : '';
  const skew =
    sample.skew > 2 && sample.segments > 1
      ? `; uneven, the largest is ${sample.skew.toFixed(1)} times the average`
      : '';
  const cut =
    sample.cutShort > 0
      ? `; ${sample.cutShort} segments were not read to the end, because of large partition keys`
      : '';
  return [
    row('Items', `${items}, the largest seen ${bytes(sample.largestItemBytes)}`),
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
    ...(replicas > 0 ? [`each again in ${replicas} other Regions`] : []),
    ...(stream ? [`${count(f.missing.value)} stream records`] : []),
  ];
  return [
    row(
      'Units',
      `${count(f.writeUnits.value)} write units, ${perItem}${copies.length > 0 ? `; ${copies.join('; ')}` : ''}`,
    ),
    row(
      '',
      `${count(f.scanReadUnits)} read units to find them, ${count(f.verificationReadUnits)} to verify with strong consistency`,
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
    row('', 'The rates are write units a second. On Fargate, add a minute until the tasks run.'),
    row('Cost', costLine(plan)),
    ...(maxCost === undefined
      ? []
      : [
          row(
            '',
            f.cost.total > maxCost
              ? `more than --max-cost ${dollars(maxCost)}, so the run will stop before its end`
              : `the run stops before it exceeds --max-cost ${dollars(maxCost)}`,
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
    ...linesOf(findings, 'warning').map(line => `Warning: ${line}`),
    ...linesOf(findings, 'failure').map(line => `Refused: ${line}`),
  ];
}

function row(label: string, text: string): string {
  return `${label.padEnd(10)} ${text}`;
}
