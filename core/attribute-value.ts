import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { convertToAttr } from '@aws-sdk/util-dynamodb';
import { ConfigurationError } from './errors.ts';

/** A key or an item as DynamoDB sends it. Numbers stay the decimal strings they are: 38 digits fit no double. */
export type AttributeMap = Record<string, AttributeValue>;

/**
 * DynamoDB JSON of a map: `{"id":{"S":"…"},"created":{"N":"…"}}`, binary as base64, attribute names in the order
 * of their code units, so that equal keys give equal text.
 */
export function encodeAttributeMap(map: AttributeMap): string {
  const ordered = Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify(ordered, (_, value: unknown) => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
    // Buffer has a toJSON of its own, which has run by the time the replacer sees the value.
    if (isSerialisedBuffer(value)) return Buffer.from(value.data).toString('base64');
    return value;
  });
}

function isSerialisedBuffer(value: unknown): value is { type: 'Buffer'; data: number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer';
}

/** The inverse of {@link encodeAttributeMap} for keys: scalars S, N and B. */
export function decodeKey(text: string): AttributeMap {
  const parsed = JSON.parse(text) as Record<string, { S?: string; N?: string; B?: string }>;
  return Object.fromEntries(
    Object.entries(parsed).map(([name, value]): [string, AttributeValue] => {
      if (value.B !== undefined) return [name, { B: new Uint8Array(Buffer.from(value.B, 'base64')) }];
      if (value.N !== undefined) return [name, { N: value.N }];
      return [name, { S: value.S ?? '' }];
    }),
  );
}

/** DynamoDB holds magnitudes from 1E-130 to below 1E126 [developer guide, Data types: Number]. */
const SMALLEST_NUMBER = 1e-130;
const NUMBERS_END = 1e126;

const JSON_NUMBER_OR_STRING = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * The attribute value that a JSON text stands for.
 * @throws ConfigurationError when the text is not JSON, or holds a number that JSON parsing would change.
 */
export function parseJsonValue(text: string): AttributeValue {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text, asMap);
  } catch (cause) {
    if (cause instanceof ConfigurationError) throw cause;
    throw new ConfigurationError(
      `The value ${text} is not JSON. A string needs its quotes, for instance --value '"none"'.`,
      { cause },
    );
  }
  for (const literal of text.match(JSON_NUMBER_OR_STRING) ?? []) {
    if (!literal.startsWith('"')) refuseChangedNumber(literal);
  }
  // What a double does not hold exactly was refused above, so no number is imprecise.
  return convertToAttr(parsed, { convertEmptyValues: false, allowImpreciseNumbers: true });
}

/**
 * Of a plain object the library takes an entry `constructor` for its class; a Map has no such name.
 * @throws ConfigurationError for the one name that no object of the SDK can hold.
 */
function asMap(name: string, value: unknown): unknown {
  if (name === '__proto__') throw new ConfigurationError('The value names an attribute "__proto__".');
  const plain = typeof value === 'object' && value !== null && !Array.isArray(value);
  return plain ? new Map(Object.entries(value)) : value;
}

function refuseChangedNumber(literal: string): void {
  const number = Number(literal);
  const magnitude = Math.abs(number);
  if (magnitude >= NUMBERS_END || (magnitude > 0 && magnitude < SMALLEST_NUMBER)) {
    throw new ConfigurationError(`The number ${literal} is outside of what DynamoDB can hold.`);
  }
  if (decimalValue(literal) !== decimalValue(String(number))) {
    throw new ConfigurationError(
      `The number ${literal} would become ${number} on its way through JSON; the table would hold another value than you wrote.`,
    );
  }
}

/** A decimal literal as sign, digits without outer zeros, and exponent: equal text if and only if equal value. */
function decimalValue(literal: string): string {
  const [mantissa = '', exponent = '0'] = literal.toLowerCase().replace(/^-/, '').split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${literal.startsWith('-') ? '-' : ''}${significant}e${power}`;
}
