import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type CelInput, type CelValue, isCelList, isCelMap, isCelUint } from '@bufbuild/cel';
import { decimalValue, isDynamoNumber } from '../decimal.ts';
import type { SourceUse } from './syntax.ts';

/** An expression can read values up to this size, because a condition's operand must be small [design]. */
export const LARGEST_SOURCE_BYTES = 4_096;

const LEAST_INT = -(2n ** 63n);
const GREATEST_INT = 2n ** 63n - 1n;

/** DynamoDB nests lists and maps up to this deep [developer guide, Limits]. */
const DEEPEST_NESTING = 32;

/** A value that the other side cannot represent. The message completes "cannot be computed: …". */
export class UnmappableValueError extends Error {}

/**
 * What an expression sees of an attribute. A set has no order, so an expression can only test its members.
 * @throws UnmappableValueError for maps, lists, values that are too large, numbers that would lose a digit, and sets
 * whose value is used for more than their members.
 */
export function celFromAttribute(value: AttributeValue, use: SourceUse): CelInput {
  refuseLarge(value);
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return celNumber(value.N);
  if (value.BOOL !== undefined) return value.BOOL;
  if (value.NULL !== undefined) return null;
  if (value.B !== undefined) return value.B;
  const members = membersOf(value);
  if (members === undefined) {
    throw new UnmappableValueError(
      'it is a map or a list, and an expression cannot read a whole map or list',
    );
  }
  if (use !== 'members') {
    throw new UnmappableValueError('it is a set, and an expression can use only `in` and `size` with a set');
  }
  return members;
}

function membersOf(value: AttributeValue): readonly CelInput[] | undefined {
  if (value.SS) return value.SS;
  if (value.NS) return value.NS.map(celNumber);
  return value.BS;
}

/** An int if the number is whole and fits 64 bits; otherwise the double whose shortest decimal is that number. */
function celNumber(literal: string): CelInput {
  if (/^-?\d{1,18}$/.test(literal)) return BigInt(literal);
  const decimal = decimalValue(literal);
  const whole = wholeOf(decimal);
  if (whole !== undefined && whole >= LEAST_INT && whole <= GREATEST_INT) return whole;
  const double = Number(literal);
  if (Number.isFinite(double) && decimalValue(String(double)) === decimal) return double;
  throw new UnmappableValueError(`the number ${literal} has more digits than an expression can hold`);
}

function wholeOf(decimal: string): bigint | undefined {
  const [digits = '0', exponent = '0'] = decimal.split('e');
  const power = Number(exponent);
  if (power < 0 || power > 20) return undefined;
  return BigInt(digits) * 10n ** BigInt(power);
}

/**
 * The attribute for an expression's result.
 * @throws UnmappableValueError for NaN, infinities, values that DynamoDB's types cannot hold, times and types.
 */
export function attributeFromCel(value: CelValue, depth = 0): AttributeValue {
  switch (typeof value) {
    case 'string':
      return { S: value };
    case 'bigint':
      return { N: String(value) };
    case 'boolean':
      return { BOOL: value };
    case 'number':
      return { N: dynamoNumber(value) };
    default:
  }
  if (value === null) return { NULL: true };
  if (value instanceof Uint8Array) return { B: value };
  if (isCelUint(value)) return { N: String(value.value) };
  if (depth > DEEPEST_NESTING)
    throw new UnmappableValueError(`it nests deeper than ${DEEPEST_NESTING} levels`);
  if (isCelList(value)) return { L: [...value].map(element => attributeFromCel(element, depth + 1)) };
  if (isCelMap(value)) {
    return {
      M: Object.fromEntries(
        [...value].map(([name, entry]) => [entryName(name), attributeFromCel(entry, depth + 1)]),
      ),
    };
  }
  throw new UnmappableValueError(
    'it is a time, a duration or a type, which no attribute can hold; use int() or string()',
  );
}

function entryName(name: unknown): string {
  if (typeof name !== 'string') throw new UnmappableValueError('the names in a DynamoDB map must be strings');
  if (name === '__proto__') throw new UnmappableValueError('it names an entry "__proto__"');
  return name;
}

function dynamoNumber(number: number): string {
  if (!Number.isFinite(number)) throw new UnmappableValueError(`it is ${number}`);
  if (!isDynamoNumber(number)) throw new UnmappableValueError(`${number} is outside the range of DynamoDB`);
  return number === 0 ? '0' : String(number);
}

function refuseLarge(value: AttributeValue): void {
  const bytes = sourceBytes(value);
  if (bytes > LARGEST_SOURCE_BYTES) {
    throw new UnmappableValueError(
      `it has ${bytes} bytes, and a source may have at most ${LARGEST_SOURCE_BYTES}`,
    );
  }
}

function sourceBytes(value: AttributeValue): number {
  const texts = value.S === undefined ? (value.SS ?? value.NS) : [value.S];
  // No character has more than three bytes for each unit of its length.
  if (texts) {
    const units = texts.reduce((sum, text) => sum + text.length, 0);
    return units * 3 <= LARGEST_SOURCE_BYTES
      ? units
      : texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  }
  return (value.BS ?? (value.B ? [value.B] : [])).reduce((sum, bytes) => sum + bytes.length, 0);
}
