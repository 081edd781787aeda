import type { AttributeValue } from '@aws-sdk/client-dynamodb';

/**
 * Compares raw attribute values as DynamoDB does: numbers by value in any notation, sets and maps without order, lists
 * with order, and everything else exactly. The oracle relies on this, so it shares nothing with the code that the
 * oracle judges.
 */
export function sameValue(left: AttributeValue, right: AttributeValue): boolean {
  const type = typeOf(left);
  if (type !== typeOf(right)) return false;
  switch (type) {
    case 'M':
      return sameAttributes(left.M ?? {}, right.M ?? {});
    case 'L':
      return sameList(left.L ?? [], right.L ?? []);
    case 'S':
      return left.S === right.S;
    default:
      return canonicalText(left) === canonicalText(right);
  }
}

/** {@link sameValue} for whole items and for maps: the same names, each with the same value. */
export function sameAttributes(
  left: Readonly<Record<string, AttributeValue>>,
  right: Readonly<Record<string, AttributeValue>>,
): boolean {
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every(name => {
    const a = left[name];
    const b = right[name];
    return a !== undefined && b !== undefined && sameValue(a, b);
  });
}

function sameList(left: readonly AttributeValue[], right: readonly AttributeValue[]): boolean {
  return (
    left.length === right.length &&
    left.every((value, index) => {
      const other = right[index];
      return other !== undefined && sameValue(value, other);
    })
  );
}

/**
 * A value as one line of DynamoDB JSON: binary in base64, numbers in one notation, sets and maps sorted. Two values
 * have the same text exactly when {@link sameValue} holds, so the text serves for printing and for counting.
 */
export function canonicalText(value: AttributeValue): string {
  return JSON.stringify(canonical(value));
}

/** {@link canonicalText} for a whole item or a key. */
export function canonicalItemText(item: Readonly<Record<string, AttributeValue>>): string {
  return JSON.stringify(canonicalMap(item));
}

function canonical(value: AttributeValue): unknown {
  if (value.N !== undefined) return { N: canonicalNumber(value.N) };
  if (value.B !== undefined) return { B: base64(value.B) };
  if (value.SS !== undefined) return { SS: [...value.SS].sort() };
  if (value.NS !== undefined) return { NS: value.NS.map(canonicalNumber).sort() };
  if (value.BS !== undefined) return { BS: value.BS.map(base64).sort() };
  if (value.L !== undefined) return { L: value.L.map(canonical) };
  if (value.M !== undefined) return { M: canonicalMap(value.M) };
  return value;
}

function canonicalMap(map: Readonly<Record<string, AttributeValue>>): Record<string, unknown> {
  const sorted = Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, value]) => [name, canonical(value)]));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

const INTEGER = /^(?:0|-?[1-9]\d{0,37})$/;
const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** DynamoDB refuses more digits than this. Numbers that need more places are written with an exponent. */
const PLACES = 38;

/**
 * Writes each number in one notation without converting it to a double, because DynamoDB numbers have up to 38 digits.
 * @throws RangeError when the text is not a number.
 */
export function canonicalNumber(text: string): string {
  if (INTEGER.test(text)) return text;
  const [, sign = '', whole = '', fraction = '', power = '0'] = DECIMAL.exec(text) ?? [];
  if (whole === '' && fraction === '') throw new RangeError(`"${text}" is not a number.`);
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const exponent = Number(power) - fraction.length + digits.length - significant.length;
  return `${sign === '-' ? '-' : ''}${inPlaces(significant, exponent)}`;
}

function inPlaces(digits: string, exponent: number): string {
  if (exponent >= 0) {
    return digits.length + exponent <= PLACES ? `${digits}${'0'.repeat(exponent)}` : `${digits}e${exponent}`;
  }
  if (-exponent > PLACES) return `${digits}e${exponent}`;
  const padded = digits.padStart(1 - exponent, '0');
  return `${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
}

function typeOf(value: AttributeValue): string {
  for (const [type, content] of Object.entries(value)) if (content !== undefined) return type;
  throw new TypeError('The attribute value has no type.');
}
