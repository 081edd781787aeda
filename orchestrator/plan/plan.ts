import { encodeAttributeValue, parseJsonValue } from '../../core/attribute-value.ts';
import type { ItemWrite } from '../../core/item-write.ts';
import { describeWrite, nameUnfitForBatch, sourceUnfitForBatch } from '../../core/item-write.ts';
import type { Written } from '../../core/recipe/recipe.ts';
import type { Rates, TaskSize, WriteApi } from '../../core/records.ts';
import type { Finding } from '../checks/finding.ts';
import type { TableFacts } from '../checks/table.ts';
import type { TableSample } from '../user-table/sample.ts';
import type { ChargedIndex } from '../user-table/write-units.ts';
import { type Forecast, forecast } from './forecast.ts';
import type { Prices } from './prices.ts';
import { type RecipePlan, recipePlan } from './recipe-plan.ts';
import { type UndoLogCost, undoLogCost } from './undo-log-cost.ts';

/**
 * Everything known and decided before a run. The text of the plan, the change ticket and the event are made from it.
 */
export interface PlanInput {
  readonly facts: TableFacts;
  readonly region: string;
  readonly write: ItemWrite;
  readonly written: Written;
  readonly writeApi: 'auto' | WriteApi;
  readonly segments: number;
  readonly verificationSegments: number;
  readonly tasks: number;
  readonly limit: number | undefined;
  readonly dryRun: boolean;
  readonly taskDefinition: string;
  readonly cluster: string;
  readonly taskSize: TaskSize | undefined;
  readonly rates: Rates;
  readonly ratesReason: string;
  readonly maxCost: number | undefined;
  readonly maxQuarantine: number | undefined;
  readonly prices: Prices;
  readonly indexes: readonly ChargedIndex[];
  readonly sample: TableSample | undefined;
  /** Why there is no sample. */
  readonly sampleMissing: string | undefined;
  readonly findings: readonly Finding[];
  /** How long the run can be undone; null if it keeps no log. */
  readonly undoDays: number | null;
}

export interface Plan
  extends Omit<PlanInput, 'facts' | 'write' | 'written' | 'indexes' | 'sample' | 'writeApi'> {
  readonly table: string;
  /** With a recipe, its first target. */
  readonly attribute: string;
  /** JSON; absent with a recipe. */
  readonly value?: string;
  readonly account: string;
  readonly tableArn: string;
  readonly writeApi: WriteApi;
  /** The value as DynamoDB JSON. */
  readonly typedValue?: string;
  readonly recipe?: RecipePlan;
  /** The write of the run with its condition, as text. */
  readonly statement: string;
  readonly billing: 'on-demand' | 'provisioned';
  readonly replicas: number;
  readonly stream: boolean;
  readonly sample: SampleSummary | null;
  readonly forecast: Forecast;
  readonly notCounted: readonly string[];
  readonly undoLog: UndoLogCost | null;
}

export interface SampleSummary {
  readonly segments: number;
  readonly totalSegments: number;
  readonly wholeTable: boolean;
  readonly items: number;
  readonly missing: number;
  readonly nulls: number;
  readonly meanItemBytes: number;
  readonly largestItemBytes: number;
  /** The size of the largest sampled segment divided by the average. */
  readonly skew: number;
  readonly cutShort: number;
  readonly readUnits: number;
  readonly durationMs: number;
}

export function composePlan(input: PlanInput): Plan {
  const { facts, write, written, indexes, sample, writeApi: asked, ...rest } = input;
  const { description } = facts;
  const unfit = nameUnfitForBatch(write) !== undefined || sourceUnfitForBatch(write) !== undefined;
  const writeApi = asked === 'single' || unfit ? 'single' : 'batch';
  const replicas = description.Replicas?.length ?? 0;
  const stream = description.StreamSpecification?.StreamEnabled === true;
  const billing =
    description.BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST' ? 'on-demand' : 'provisioned';
  const expected = forecast({ ...input, description, replicas });
  return {
    ...rest,
    table: write.table,
    attribute: write.rule.targets[0],
    account: facts.account,
    tableArn: facts.arn,
    writeApi,
    ...writtenOf(written, sample),
    statement: describeWrite(write, writeApi),
    billing,
    replicas,
    stream,
    sample: sample ? summarise(sample) : null,
    forecast: expected,
    undoLog: input.undoDays === null ? null : costOfUndoLog(input, expected),
    notCounted: notCounted(input, billing, replicas, stream),
  };
}

function costOfUndoLog(
  { facts, sample, rates, tasks, write, written }: PlanInput,
  expected: Forecast,
): UndoLogCost {
  return undoLogCost({
    keySchema: facts.keySchema,
    keys: sample?.tally.seen.map(({ key }) => key) ?? [],
    values: written.recipe
      ? write.rule.targets.map(target => sample?.tally.computed.valuesOf(target) ?? [])
      : [],
    itemBytes: expected.itemBytes,
    writeUnitsPerItem: expected.writeUnitsPerItem.total,
    taskUnitsPerSecond: rates.writeUnitsPerSecond / tasks,
    writeUnits: expected.writeUnits.value,
  });
}

function writtenOf(
  { value, recipe }: Written,
  sample: TableSample | undefined,
): Pick<Plan, 'value' | 'typedValue' | 'recipe'> {
  if (recipe) return { recipe: recipePlan(recipe, sample?.tally) };
  return value === undefined ? {} : { value, typedValue: encodeAttributeValue(parseJsonValue(value)) };
}

function summarise({ tally, totalSegments, wholeTable, readUnits, durationMs }: TableSample): SampleSummary {
  const mean = tally.items / Math.max(1, tally.segments.length);
  return {
    segments: tally.segments.length,
    totalSegments,
    wholeTable,
    items: tally.items,
    missing: tally.missing,
    nulls: tally.nulls,
    meanItemBytes: Math.round(tally.bytes / Math.max(1, tally.items)),
    largestItemBytes: Math.round(tally.largestBytes),
    skew: mean === 0 ? 1 : Math.max(...tally.segments.map(({ items }) => items)) / mean,
    cutShort: tally.segments.filter(({ whole }) => !whole).length,
    readUnits,
    durationMs: Math.round(durationMs),
  };
}

function notCounted(
  { taskSize }: PlanInput,
  billing: Plan['billing'],
  replicas: number,
  stream: boolean,
): string[] {
  return [
    'requests to the control table',
    'CloudWatch Logs and PutMetricData requests',
    'the image pull and data transfer, including a NAT gateway',
    'further passes, if the verification finds many missing items',
    ...(taskSize ? [] : ['Fargate, because the size of a task is unknown']),
    ...(stream ? ['consumers of the stream, which get a record for each item'] : []),
    ...(replicas > 0 ? ['the different prices of the Regions of the replicas'] : []),
    ...(billing === 'provisioned'
      ? ['that you already pay for the provisioned capacity, so the cost shown is the most it can be']
      : []),
    'the storage of point-in-time recovery, and discounts, taxes and other table classes',
  ];
}
