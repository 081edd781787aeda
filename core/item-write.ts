import type { AttributeValue, BatchStatementRequest, UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import type { AttributePath } from './attribute-path.ts';
import type { AttributeMap } from './attribute-value.ts';
import type { BatchForms, KeySchema, SourceType, WriteApi } from './records.ts';
import type { Assignment, SourceState, WriteRule } from './write-rule.ts';

/** What a run writes and where. It has no other effect on the user's table. */
export interface ItemWrite {
  readonly table: string;
  readonly keySchema: KeySchema;
  readonly rule: WriteRule;
}

type KeyedTable = Pick<ItemWrite, 'table' | 'keySchema'>;

/** At most this many statements in one BatchExecuteStatement [API reference]. */
export const MAX_BATCH_STATEMENTS = 25;

/**
 * In PartiQL, engines read a dot in a quoted name as a path (dynoxide 1.2.1 does). So only plain names take the batch
 * path. UpdateItem's `#name` placeholders do not have this problem.
 */
const PLAIN_NAME = /^[A-Za-z0-9_-]+$/;

/** A statement has at most 8,192 characters [API reference]; a longer one goes through UpdateItem. */
const MAX_STATEMENT_LENGTH = 8_192;

export const SOURCE_TYPES: readonly SourceType[] = ['S', 'N', 'B', 'BOOL', 'SS', 'NS', 'BS'];

/** The statement forms that every engine is tried with first: one target, no sources. */
export const PLAIN_FORMS: BatchForms = { sources: [] };

/** @returns the first name that is unsafe in a batch statement; undefined if all have their plain meaning. */
export function nameUnfitForBatch({ table, keySchema, rule }: ItemWrite): string | undefined {
  const [target] = rule.targets;
  const names = [table, ...rule.targets, ...keySchema.map(key => key.name)];
  const odd = names.find(name => !PLAIN_NAME.test(name));
  if (odd !== undefined) return odd;
  const longest = rule.sources.map((path): SourceState => ({ path, is: 'present' }));
  const statement = statementOf({ table, keySchema }, rule.targets, longest, 'clauses');
  return statement.length > MAX_STATEMENT_LENGTH ? target : undefined;
}

/**
 * @returns the path of the first source that a batch statement cannot use: an entry of a map, or a name that is not
 * plain.
 */
export function sourceUnfitForBatch({ rule }: Pick<ItemWrite, 'rule'>): AttributePath | undefined {
  return rule.sources.find(path => path.length > 1 || !PLAIN_NAME.test(path[0]));
}

/**
 * Whether the engine proof has shown that a batch statement of the form that this assignment needs does what it says.
 * The founding case, one target without sources, needs only the proof of batches itself.
 */
export function isBatchable({ set, sources }: Assignment, forms: BatchForms): boolean {
  if (sources.length > 0 && !sources.every(source => isBatchableSource(source, forms))) return false;
  return forms.several !== undefined || countOf(set) === 1;
}

function isBatchableSource(source: SourceState, forms: BatchForms): boolean {
  if (source.path.length > 1 || !PLAIN_NAME.test(source.path[0])) return false;
  if (source.is !== 'equal') return forms[source.is] === true;
  const type = sourceType(source.value);
  return type !== undefined && forms.sources.includes(type);
}

/** A batch cannot compare NULL: in PartiQL, `IS NULL` also holds for missing attributes. */
export function sourceType(value: AttributeValue): SourceType | undefined {
  return SOURCE_TYPES.find(type => value[type] !== undefined);
}

function countOf(set: AttributeMap): number {
  let count = 0;
  for (const _ in set) count += 1;
  return count;
}

/**
 * `UPDATE "stuff" SET "test" = ? WHERE "id" = ? AND "created" = ? AND "test" IS MISSING`, and for a recipe also
 * `AND "status" = ? AND "region" IS MISSING`. A PartiQL UPDATE never creates an item, and an attribute of type NULL is
 * not missing [developer guide, PartiQL update statements].
 */
function statementOf(
  { table, keySchema }: KeyedTable,
  targets: readonly string[],
  sources: readonly SourceState[],
  spelling: NonNullable<BatchForms['several']>,
): string {
  const assignments = targets.map(target => `"${target}" = ?`).join(spelling === 'commas' ? ', ' : ' SET ');
  const conditions = [
    ...keySchema.map(key => `"${key.name}" = ?`),
    ...targets.map(target => `"${target}" IS MISSING`),
    ...sources.map(({ path: [name], is }) => `"${name}" ${CONDITIONS[is]}`),
  ];
  return `UPDATE "${table}" SET ${assignments} WHERE ${conditions.join(' AND ')}`;
}

const CONDITIONS: Readonly<Record<SourceState['is'], string>> = {
  absent: 'IS MISSING',
  present: 'IS NOT MISSING',
  equal: '= ?',
};

/** Builds the statements of a batch. The text is the same for every item of one form; only the parameters differ. */
export function batchStatementFactory(
  table: KeyedTable,
  forms: BatchForms = PLAIN_FORMS,
): (key: AttributeMap, assignment: Assignment) => BatchStatementRequest {
  const names = table.keySchema.map(key => key.name);
  const texts = new Map<string, string>();
  const textOf = ({ set, sources }: Assignment): string => {
    const targets = Object.keys(set);
    // All names here are plain, so joined names cannot be confused.
    let form = targets.join();
    for (const { path, is } of sources) form += ` ${is} ${path[0]}`;
    const known = texts.get(form);
    if (known !== undefined) return known;
    const text = statementOf(table, targets, sources, forms.several ?? 'commas');
    texts.set(form, text);
    return text;
  };
  // A constant has the same assignment for every item, so its text and values are looked up once.
  let last:
    | { assignment: Assignment; text: string; values: AttributeValue[]; sources: AttributeValue[] }
    | undefined;
  return (key, assignment) => {
    if (last?.assignment !== assignment) {
      last = {
        assignment,
        text: textOf(assignment),
        values: Object.values(assignment.set),
        sources: valuesOf(assignment.sources),
      };
    }
    const keys = names.map(name => attributeOf(key, name));
    return { Statement: last.text, Parameters: [...last.values, ...keys, ...last.sources] };
  };
}

function valuesOf(sources: readonly SourceState[]): AttributeValue[] {
  const values: AttributeValue[] = [];
  for (const source of sources) if (source.is === 'equal') values.push(source.value);
  return values;
}

/**
 * One conditional UpdateItem. A refusal does not return the item, because the roles may not be allowed to read a whole
 * item. A projection reads the needed part back.
 */
export function updateItemInput(
  { table, keySchema }: KeyedTable,
  key: AttributeMap,
  { set, sources }: Assignment,
): UpdateItemCommandInput {
  const names: Record<string, string> = { '#partitionKey': keySchema[0].name };
  const values: Record<string, AttributeValue> = {};
  const conditions = ['attribute_exists(#partitionKey)'];
  const assignments: string[] = [];
  for (const [index, [name, value]] of Object.entries(set).entries()) {
    names[`#target${index}`] = name;
    values[`:target${index}`] = value;
    assignments.push(`#target${index} = :target${index}`);
    conditions.push(`attribute_not_exists(#target${index})`);
  }
  for (const [index, source] of sources.entries()) {
    const path = pathPlaceholder(source.path, names);
    if (source.is === 'absent') conditions.push(`attribute_not_exists(${path})`);
    if (source.is === 'present') conditions.push(`attribute_exists(${path})`);
    if (source.is === 'equal') {
      values[`:source${index}`] = source.value;
      conditions.push(`${path} = :source${index}`);
    }
  }
  return {
    TableName: table,
    Key: key,
    UpdateExpression: `SET ${assignments.join(', ')}`,
    ConditionExpression: conditions.join(' AND '),
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
    ReturnConsumedCapacity: 'TOTAL',
  };
}

/** The path as `#name3.#name4`. Adds new names to `names`. */
function pathPlaceholder(path: readonly string[], names: Record<string, string>): string {
  return path.map(name => placeholderOf(name, names)).join('.');
}

function placeholderOf(name: string, names: Record<string, string>): string {
  const known = Object.entries(names).find(([, used]) => used === name);
  if (known) return known[0];
  const placeholder = `#name${Object.keys(names).length}`;
  names[placeholder] = name;
  return placeholder;
}

interface Projection {
  readonly ProjectionExpression: string;
  readonly ExpressionAttributeNames: Record<string, string>;
}

/** A projection onto the key alone. */
export function keyProjection({ keySchema }: Pick<ItemWrite, 'keySchema'>): Projection {
  return projectionOf(keySchema.map(({ name }) => [name]));
}

/** A projection onto the key, the targets and the sources, which a decision needs, and onto `more`. */
export function itemProjection(
  { keySchema, rule }: Pick<ItemWrite, 'keySchema' | 'rule'>,
  more: readonly string[] = [],
): Projection {
  const names = [...keySchema.map(({ name }) => name), ...rule.targets, ...more];
  return projectionOf([...names.map(name => [name]), ...rule.sources]);
}

/** Paths in a projection must not overlap [developer guide], so a path below another one is left out. */
function projectionOf(paths: readonly (readonly string[])[]): Projection {
  const names: Record<string, string> = {};
  const wanted = paths.filter(
    (path, index) =>
      !paths.some((other, at) => isAtOrBelow(path, other) && (path.length > other.length || at < index)),
  );
  return {
    ProjectionExpression: wanted.map(path => pathPlaceholder(path, names)).join(', '),
    ExpressionAttributeNames: names,
  };
}

function isAtOrBelow(path: readonly string[], other: readonly string[]): boolean {
  return path.length >= other.length && other.every((name, index) => path[index] === name);
}

/** The filter with which a Scan returns only items that lack a target. Its names are added to those of a projection. */
export function lackingFilter(
  { rule }: Pick<ItemWrite, 'rule'>,
  projection: Projection,
): Projection & { FilterExpression: string } {
  const names = { ...projection.ExpressionAttributeNames };
  const lacking = rule.targets.map(target => `attribute_not_exists(${placeholderOf(target, names)})`);
  return { ...projection, FilterExpression: lacking.join(' OR '), ExpressionAttributeNames: names };
}

/** The key of an item: only the key attributes, raw. */
export function keyOf(keySchema: KeySchema, item: AttributeMap): AttributeMap {
  return Object.fromEntries(keySchema.map(({ name }) => [name, attributeOf(item, name)]));
}

function attributeOf(item: AttributeMap, name: string): AttributeValue {
  const value = item[name];
  if (value === undefined) throw new TypeError(`The item has no key attribute ${name}.`);
  return value;
}

/** The write of an item that has every source and no target, each of them an empty string. */
export function exampleAssignment({ keySchema, rule }: Pick<ItemWrite, 'keySchema' | 'rule'>): Assignment {
  return {
    set: Object.fromEntries(rule.targets.map(target => [target, { S: '' }])),
    sources: rule.sources
      .filter(([first]) => !keySchema.some(key => key.name === first))
      .map(path => ({ path, is: 'equal', value: { S: '' } })),
  };
}

/** The write of the run as text for the operator; for a recipe, that of {@link exampleAssignment}. */
export function describeWrite(write: ItemWrite, api: WriteApi): string {
  const { table, keySchema, rule } = write;
  const example = exampleAssignment(write);
  if (api === 'batch') return statementOf({ table, keySchema }, rule.targets, example.sources, 'commas');
  const key = Object.fromEntries(keySchema.map(({ name }) => [name, { S: '' }]));
  const { UpdateExpression, ConditionExpression, ExpressionAttributeNames } = updateItemInput(
    { table, keySchema },
    key,
    example,
  );
  const text = `UpdateItem ${UpdateExpression} IF ${ConditionExpression}`;
  return text.replace(/#\w+/g, placeholder => ExpressionAttributeNames?.[placeholder] ?? placeholder);
}
