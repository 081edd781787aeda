import type {
  AttributeValue,
  BatchGetItemCommandInput,
  UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { type AttributeMap, decodeAttributeValue, encodeAttributeMap } from '../attribute-value.ts';
import type { KeySchema, TargetRecord, UndoLogRecord } from '../records.ts';
import type { LogLayout, LogTarget } from './chunk.ts';

/**
 * DynamoDB deletes expired items one by one within about two days, and an undo must not lose its log while it reads.
 */
const LEAST_LIFE_MS = 48 * 3_600_000;

/** The last moment at which a run with this log can be undone, ISO 8601. */
export function undoableUntil({ expiresAt }: Pick<UndoLogRecord, 'expiresAt'>): string {
  return new Date(expiresAt * 1_000 - LEAST_LIFE_MS).toISOString();
}

/** What an undo needs to know of a table. */
export interface RemovalTable {
  readonly table: string;
  readonly keySchema: KeySchema;
}

/** The layout of a run's log, from the run's record. */
export function layoutOf(keySchema: KeySchema, { targets }: Pick<UndoLogRecord, 'targets'>): LogLayout {
  return { keySchema, targets: targets.map(targetOf) };
}

function targetOf({ name, value }: TargetRecord): LogTarget {
  return value === undefined ? { name } : { name, constant: decodeAttributeValue(JSON.parse(value)) };
}

/** The entry in a run's record for an attribute with the same value on every item. */
export function constantTarget(name: string, value: AttributeValue): TargetRecord {
  const { value: json } = JSON.parse(encodeAttributeMap({ value })) as { value: unknown };
  return { name, value: JSON.stringify(json) };
}

/**
 * The only write of an undo: it removes the attribute of an existing item if the attribute still has exactly this
 * value. It cannot create an item, because its condition requires a value and a missing item has none.
 */
export function removeItemInput(
  { table, keySchema }: RemovalTable,
  key: AttributeMap,
  attribute: string,
  value: AttributeValue,
): UpdateItemCommandInput {
  return {
    TableName: table,
    Key: key,
    UpdateExpression: 'REMOVE #attribute',
    ConditionExpression: 'attribute_exists(#partitionKey) AND #attribute = :value',
    ExpressionAttributeNames: { '#attribute': attribute, '#partitionKey': keySchema[0].name },
    ExpressionAttributeValues: { ':value': value },
    ReturnConsumedCapacity: 'TOTAL',
  };
}

/** Reads only the targets and keys of these items, with strong consistency. */
export function readTargetsInput(
  { table, keySchema }: RemovalTable,
  targets: readonly LogTarget[],
  keys: readonly AttributeMap[],
): BatchGetItemCommandInput {
  const names = [...new Set([...keySchema, ...targets].map(({ name }) => name))];
  return {
    RequestItems: {
      [table]: {
        Keys: [...keys],
        ConsistentRead: true,
        ProjectionExpression: names.map((_, index) => `#n${index}`).join(', '),
        ExpressionAttributeNames: Object.fromEntries(names.map((name, index) => [`#n${index}`, name])),
      },
    },
    ReturnConsumedCapacity: 'TOTAL',
  };
}

/** The state of a log entry: the item has the run's value, another one or none, or there is no item. */
export type Standing = 'ours' | 'changed' | 'removed' | 'deleted';

/** `item`: the item that was read; undefined if there is none. */
export function standingOf(
  item: AttributeMap | undefined,
  attribute: string,
  value: AttributeValue,
): Standing {
  if (item === undefined) return 'deleted';
  const found = Object.hasOwn(item, attribute) ? item[attribute] : undefined;
  if (found === undefined) return 'removed';
  return isSameValue(found, value) ? 'ours' : 'changed';
}

/** DynamoDB's equality: sets have no order, and numbers are compared by value. */
export function isSameValue(a: AttributeValue, b: AttributeValue): boolean {
  return encodeAttributeMap({ value: canonical(a) }) === encodeAttributeMap({ value: canonical(b) });
}

function canonical(value: AttributeValue): AttributeValue {
  if (value.N !== undefined) return { N: canonicalNumber(value.N) };
  if (value.NS !== undefined) return { NS: value.NS.map(canonicalNumber).sort() };
  if (value.SS !== undefined) return { SS: [...value.SS].sort() };
  if (value.BS !== undefined) {
    return { BS: [...value.BS].sort((a, b) => Buffer.compare(a, b)) };
  }
  if (value.L !== undefined) return { L: value.L.map(canonical) };
  if (value.M !== undefined) {
    const entries = Object.entries(value.M).sort(([a], [b]) => (a < b ? -1 : 1));
    return { M: Object.fromEntries(entries.map(([name, part]) => [name, canonical(part)])) };
  }
  return value;
}

/** Sign, digits without outer zeros, and exponent: the same text for the same number, up to 38 digits. */
function canonicalNumber(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text.trim()) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${sign === '-' ? '-' : ''}${significant}e${power}`;
}
