import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { convertToAttr } from '@aws-sdk/util-dynamodb';
import { readJsonValue } from './json-value.ts';

/** A key or an item as DynamoDB sends it. Numbers stay decimal strings, because no double holds 38 digits. */
export type AttributeMap = Record<string, AttributeValue>;

/**
 * DynamoDB JSON of a map: `{"id":{"S":"…"},"created":{"N":"…"}}`, binary as base64, attribute names in the order
 * of their code units, so that equal keys give equal text.
 */
export function encodeAttributeMap(map: AttributeMap): string {
  return encode(Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** DynamoDB JSON of one value: `{"N":"1"}`. */
export function encodeAttributeValue(value: AttributeValue): string {
  return encode(value);
}

function encode(content: unknown): string {
  return JSON.stringify(content, (_, value: unknown) => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
    // Buffer's own toJSON has already run when the replacer sees the value.
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

/** The inverse of {@link encodeAttributeMap} for one value of any type, from its parsed JSON. */
export function decodeAttributeValue(json: unknown): AttributeValue {
  const [[type, value] = []] = Object.entries(json as Record<string, unknown>);
  switch (type) {
    case 'B':
      return { B: bytesOf(value) };
    case 'BS':
      return { BS: (value as string[]).map(bytesOf) };
    case 'L':
      return { L: (value as unknown[]).map(decodeAttributeValue) };
    case 'M':
      return {
        M: Object.fromEntries(
          Object.entries(value as Record<string, unknown>).map(([name, part]): [string, AttributeValue] => [
            name,
            decodeAttributeValue(part),
          ]),
        ),
      };
    default:
      return json as AttributeValue;
  }
}

function bytesOf(base64: unknown): Uint8Array {
  return new Uint8Array(Buffer.from(String(base64), 'base64'));
}

/**
 * The attribute value that a JSON text stands for.
 * @throws ConfigurationError when the text is not JSON, or holds a number that JSON parsing would change.
 */
export function parseJsonValue(text: string): AttributeValue {
  // Numbers that a double does not hold exactly were refused before, so no number is imprecise here.
  return convertToAttr(readJsonValue(text), { convertEmptyValues: false, allowImpreciseNumbers: true });
}
