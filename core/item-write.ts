import type {
  AttributeValue,
  BatchStatementRequest,
  ScanCommandInput,
  UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from './attribute-value.ts';
import type { KeySchema, WriteApi } from './records.ts';

/** What a run writes and where: the whole of its effect on the user's table. */
export interface ItemWrite {
  readonly table: string;
  readonly keySchema: KeySchema;
  readonly attribute: string;
  readonly value: AttributeValue;
}

/** At most this many statements in one BatchExecuteStatement [API reference]. */
export const MAX_BATCH_STATEMENTS = 25;

/**
 * In PartiQL engines read a dot in a quoted name as a path (dynoxide 1.2.1 does), so only plain names take the
 * batch path; UpdateItem's `#name` placeholders have no such reading.
 */
const PLAIN_NAME = /^[A-Za-z0-9_-]+$/;

/** A statement has at most 8,192 characters [API reference]; what is longer goes through UpdateItem. */
const MAX_STATEMENT_LENGTH = 8_192;

/** The names for which batch statements mean what they say, or the first that does not. */
export function nameUnfitForBatch({
  table,
  keySchema,
  attribute,
}: Omit<ItemWrite, 'value'>): string | undefined {
  const names = [table, attribute, ...keySchema.map(key => key.name)];
  const odd = names.find(name => !PLAIN_NAME.test(name));
  if (odd !== undefined) return odd;
  const statement = updateStatement({ table, keySchema, attribute });
  return statement.length > MAX_STATEMENT_LENGTH ? attribute : undefined;
}

/**
 * `UPDATE "stuff" SET "test" = ? WHERE "id" = ? AND "created" = ? AND "test" IS MISSING`. A PartiQL UPDATE never
 * creates an item, and an attribute of type NULL is not missing [developer guide, PartiQL update statements].
 */
function updateStatement({ table, keySchema, attribute }: Omit<ItemWrite, 'value'>): string {
  const keys = keySchema.map(key => `"${key.name}" = ?`).join(' AND ');
  return `UPDATE "${table}" SET "${attribute}" = ? WHERE ${keys} AND "${attribute}" IS MISSING`;
}

/** Builds the statements of a batch; the text is the same for every item, only the parameters differ. */
export function batchStatementFactory(write: ItemWrite): (key: AttributeMap) => BatchStatementRequest {
  const Statement = updateStatement(write);
  const names = write.keySchema.map(key => key.name);
  return key => ({ Statement, Parameters: [write.value, ...names.map(name => attributeOf(key, name))] });
}

/**
 * One conditional UpdateItem. Its refusal brings no item along: that would be the whole item, which the roles need not
 * be allowed to read. What stands there is read back by a projection.
 */
export function updateItemInput(write: ItemWrite, key: AttributeMap): UpdateItemCommandInput {
  return {
    TableName: write.table,
    Key: key,
    UpdateExpression: 'SET #attribute = :value',
    ConditionExpression: 'attribute_exists(#partitionKey) AND attribute_not_exists(#attribute)',
    ExpressionAttributeNames: { '#attribute': write.attribute, '#partitionKey': write.keySchema[0].name },
    ExpressionAttributeValues: { ':value': write.value },
    ReturnConsumedCapacity: 'TOTAL',
  };
}

/** A projection onto the key and, if asked, the attribute. */
export function keyProjection(
  { keySchema, attribute }: Pick<ItemWrite, 'keySchema' | 'attribute'>,
  withAttribute: boolean,
): Pick<ScanCommandInput, 'ProjectionExpression' | 'ExpressionAttributeNames'> {
  const names = keySchema.map((key, index): [string, string] => [`#key${index}`, key.name]);
  if (withAttribute) names.push(['#attribute', attribute]);
  return {
    ProjectionExpression: names.map(([placeholder]) => placeholder).join(', '),
    ExpressionAttributeNames: Object.fromEntries(names),
  };
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

/** How the operator reads the one write of the run. */
export function describeWrite(write: ItemWrite, api: WriteApi): string {
  if (api === 'batch') return updateStatement(write);
  const { UpdateExpression, ConditionExpression } = updateItemInput(write, placeholderKey(write.keySchema));
  return `UpdateItem ${UpdateExpression} IF ${ConditionExpression}`
    .replaceAll('#attribute', write.attribute)
    .replaceAll('#partitionKey', write.keySchema[0].name);
}

function placeholderKey(keySchema: KeySchema): AttributeMap {
  return Object.fromEntries(keySchema.map(({ name }) => [name, { S: '' }]));
}
