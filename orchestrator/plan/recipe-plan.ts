import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { pathText } from '../../core/attribute-path.ts';
import { encodeAttributeValue } from '../../core/attribute-value.ts';
import type { Recipe } from '../../core/recipe/recipe.ts';
import { typeOf } from '../user-table/attributes-seen.ts';
import type { SampleTally } from '../user-table/sample-tally.ts';
import { count } from './plan-figures.ts';
import { row } from './rows.ts';

/** Longer cells of the table are cut. If there are many columns, shorter cells are cut too. */
const WIDEST_CELL = 40;
const NARROWEST_CELL = 8;
/** Two of the 80 columns are before the table. */
const WIDEST_TABLE = 78;

/** What a recipe would do to the sampled items. */
export interface RecipePlan extends Recipe {
  /** Absent without a sample. */
  readonly sample?: RecipeSample;
}

export interface RecipeSample {
  /** Sampled items in scope that lack a target, including those whose values cannot be computed. */
  readonly inScope: number;
  readonly outOfScope: number;
  readonly notComputable: number;
  readonly reasons: readonly { readonly key: unknown; readonly reason: string }[];
  /** For each target, the types of the values to write and of the existing values, with counts. */
  readonly types: readonly {
    readonly target: string;
    readonly written: Readonly<Record<string, number>>;
    readonly there: Readonly<Record<string, number>>;
  }[];
  /** Items with their sources and the values to write, as DynamoDB JSON; null where there is no value. */
  readonly examples: readonly {
    readonly key: unknown;
    readonly sources: Readonly<Record<string, unknown>>;
    readonly set: Readonly<Record<string, unknown>>;
  }[];
}

export function recipePlan(recipe: Recipe, tally: SampleTally | undefined): RecipePlan {
  if (!tally) return recipe;
  const { computed, attributes } = tally;
  return {
    ...recipe,
    sample: {
      inScope: computed.inScope,
      outOfScope: computed.outOfScope,
      notComputable: computed.notComputable,
      reasons: computed.reasons.map(({ key, reason }) => ({ key: JSON.parse(key) as unknown, reason })),
      types: recipe.set.map(({ name }) => ({
        target: name,
        written: countBy(computed.valuesOf(name)),
        there: Object.fromEntries(attributes.of(name).types),
      })),
      examples: computed.examples.map(({ key, sources, set }) => ({
        key: Object.fromEntries(Object.entries(key).map(([name, value]) => [name, plain(value)])),
        sources: Object.fromEntries(
          sources.map(({ path, value }) => [pathText(path), value ? plain(value) : null]),
        ),
        set: Object.fromEntries(Object.entries(set).map(([name, value]) => [name, plain(value)])),
      })),
    },
  };
}

/** The lines of the plan about the recipe: what it sets and where, the counts, and the table of examples. */
export function recipeLines({ set, where, sample }: RecipePlan): string[] {
  return [
    ...set.map(({ name, expression }) => row('Set', `${name} = ${expression}`)),
    ...(where === undefined ? [] : [row('Where', where)]),
    row(
      '',
      'The run sets a target only where it is missing, on condition that the attributes which the expressions read have not changed. The run writes nothing else.',
    ),
    row(
      'Assumes',
      'Writers that bring an item into scope also set the targets. Writers that change what an expression reads also change its target (docs/certainty.md).',
    ),
    ...(sample ? sampleLines(sample) : []),
  ];
}

function sampleLines(sample: RecipeSample): string[] {
  const lacking = sample.inScope + sample.outOfScope;
  const types = sample.types.map(({ target, written, there }) => {
    const now = Object.keys(there).length > 0 ? `; already there: ${listOf(there)}` : '';
    return row('', `${target}: the run would write ${listOf(written)}${now}`);
  });
  return [
    row(
      'Scope',
      `Of ${count(lacking)} items of the sample that lack a target, ${count(sample.inScope)} are in scope and ` +
        `${count(sample.outOfScope)} are not. ${count(sample.notComputable)} in scope cannot be computed.`,
    ),
    ...types,
    ...tableOf(sample).map(line => `  ${line}`),
    ...sample.reasons.map(({ key, reason }) =>
      row('', `cannot be computed: ${JSON.stringify(key)}: ${reason}`),
    ),
  ];
}

function listOf(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts);
  return entries.length === 0 ? 'nothing' : entries.map(([type, items]) => `${items} ${type}`).join(', ');
}

/** At most ten items: the key, the sources, and the values to write. Cells are cut until the lines fit. */
function tableOf({ examples }: RecipeSample): string[] {
  const [first] = examples;
  if (!first) return [];
  const sources = Object.keys(first.sources);
  const targets = [...new Set(examples.flatMap(({ set }) => Object.keys(set)))];
  const rows = [
    ['item', ...sources, ...targets.map(name => `=> ${name}`)],
    ...examples.map(({ key, sources: read, set }) => [
      JSON.stringify(key),
      ...sources.map(name => (read[name] === null ? 'absent' : JSON.stringify(read[name]))),
      ...targets.map(name => (Object.hasOwn(set, name) ? JSON.stringify(set[name]) : 'has it')),
    ]),
  ];
  let cellWidth = WIDEST_CELL;
  while (cellWidth > NARROWEST_CELL && widthOf(rows, cellWidth) > WIDEST_TABLE) cellWidth -= 1;
  const widths = columnWidths(rows, cellWidth);
  return rows.map(row =>
    row
      .map((text, column) => cut(text, cellWidth).padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function columnWidths(rows: readonly string[][], cellWidth: number): number[] {
  return (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map(row => Math.min(cellWidth, row[column]?.length ?? 0))),
  );
}

function widthOf(rows: readonly string[][], cellWidth: number): number {
  return columnWidths(rows, cellWidth).reduce((sum, width) => sum + width + 2, -2);
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

function plain(value: AttributeValue): unknown {
  return JSON.parse(encodeAttributeValue(value)) as unknown;
}

function countBy(values: readonly AttributeValue[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) {
    const type = typeOf(value);
    counts[type] = (counts[type] ?? 0) + 1;
  }
  return counts;
}
