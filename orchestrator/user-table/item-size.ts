import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';

/** Bytes of a list or map besides its elements, and bytes added by each element. */
const COLLECTION_BYTES = 3;
const ELEMENT_BYTES = 1;

/**
 * The size of an item in bytes, from which capacity units follow: the lengths of names and values [developer guide,
 * DynamoDB item sizes and formats]. The guide's figure for numbers is approximate: one byte for each two significant
 * digits, plus one.
 */
export function itemBytes(item: AttributeMap): number {
  return Object.entries(item).reduce((sum, [name, value]) => sum + attributeBytes(name, value), 0);
}

/** Bytes of one attribute with its name. */
function attributeBytes(name: string, value: AttributeValue): number {
  return Buffer.byteLength(name) + valueBytes(value);
}

function valueBytes(value: AttributeValue): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.N !== undefined) return numberBytes(value.N);
  if (value.B !== undefined) return value.B.byteLength;
  if (value.SS) return sumOf(value.SS, text => Buffer.byteLength(text));
  if (value.NS) return sumOf(value.NS, numberBytes);
  if (value.BS) return sumOf(value.BS, bytes => bytes.byteLength);
  if (value.L) return COLLECTION_BYTES + sumOf(value.L, element => ELEMENT_BYTES + valueBytes(element));
  if (value.M) return COLLECTION_BYTES + itemBytes(value.M) + ELEMENT_BYTES * Object.keys(value.M).length;
  // NULL and BOOL.
  return 1;
}

/** Leading and trailing zeros do not count. */
function numberBytes(text: string): number {
  const digits = text
    .replace(/e.*$/i, '')
    .replace(/[^0-9]/g, '')
    .replace(/^0+|0+$/g, '');
  return Math.ceil(digits.length / 2) + 1;
}

function sumOf<T>(elements: readonly T[], bytesOf: (element: T) => number): number {
  return elements.reduce((sum, element) => sum + bytesOf(element), 0);
}
