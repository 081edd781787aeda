import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { canonicalNumber } from './attribute-value.ts';

/** An item, or only its key, in the low-level client's form: attribute name to raw value. */
export type Item = Record<string, AttributeValue>;

export interface KeyAttribute {
  readonly name: string;
  readonly type: 'S' | 'N' | 'B';
}

export interface KeySchema {
  readonly partition: KeyAttribute;
  readonly sort?: KeyAttribute;
}

/** The founding case: a GUID and a timestamp in milliseconds. */
export const STUFF_KEY: KeySchema = {
  partition: { name: 'id', type: 'S' },
  sort: { name: 'created', type: 'N' },
};

export function keyAttributes(schema: KeySchema): readonly KeyAttribute[] {
  return schema.sort === undefined ? [schema.partition] : [schema.partition, schema.sort];
}

/**
 * The key attributes of an item.
 * @throws Error when one is missing, because such an item cannot belong to this table.
 */
export function keyOf(item: Item, schema: KeySchema): Item {
  const key: Item = {};
  for (const { name } of keyAttributes(schema)) {
    const value = item[name];
    if (value === undefined) throw new Error(`The item has no key attribute "${name}".`);
    key[name] = value;
  }
  return key;
}

/**
 * A key as one string, equal exactly when DynamoDB considers the keys equal. Each part is preceded by its length, so
 * that two different pairs of parts never give the same text.
 */
export function keyText(item: Item, schema: KeySchema): string {
  let text = '';
  for (const attribute of keyAttributes(schema)) {
    const part = keyPartText(item[attribute.name], attribute);
    text += `${part.length}:${part}`;
  }
  return text;
}

function keyPartText(value: AttributeValue | undefined, { name, type }: KeyAttribute): string {
  if (value !== undefined) {
    if (type === 'S' && value.S !== undefined) return value.S;
    if (type === 'N' && value.N !== undefined) return canonicalNumber(value.N);
    if (type === 'B' && value.B !== undefined) return Buffer.from(value.B).toString('base64');
  }
  throw new Error(`The key attribute "${name}" is absent or not of type ${type}.`);
}
