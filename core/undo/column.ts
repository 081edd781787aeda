import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { decodeAttributeValue, encodeAttributeMap } from '../attribute-value.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';

/**
 * One attribute of many items, in the smallest form that decodes to exactly the same values. The first form that fits
 * every value is used; the last one fits all.
 *
 * | form     | values                                             | bytes each                         |
 * |----------|----------------------------------------------------|------------------------------------|
 * | guid     | S, GUIDs in lower case                             | 16                                 |
 * | GUID     | S, GUIDs in upper case                             | 16                                 |
 * | integers | N, whole numbers of at most 53 bits                | what the largest difference needs  |
 * | S, N, B  | any of that type                                   | its length and a size              |
 * | JSON     | any                                                | its DynamoDB JSON and a size       |
 */
const FORMS = { guid: 0, upperGuid: 1, integers: 2, S: 3, N: 4, B: 5, json: 6 } as const;

const GUID_BYTES = 16;
const GUID_LENGTH = 36;
const DASH = 0x2d;

/** The value of a hexadecimal digit by its character code; 16 or more for any other character. */
const LOWER_DIGITS = digitsOf('0123456789abcdef');
const UPPER_DIGITS = digitsOf('0123456789ABCDEF');

function digitsOf(digits: string): Uint8Array {
  const values = new Uint8Array(128).fill(0xff);
  for (const [value, digit] of [...digits].entries()) values[digit.charCodeAt(0)] = value;
  return values;
}

/** @returns whether the column is already compact, so that deflating it would gain nothing */
export function writeColumn(to: ByteWriter, values: readonly AttributeValue[]): boolean {
  const texts = allOf(values, ({ S }) => S);
  if (texts) return writeTexts(to, texts);
  const numbers = allOf(values, ({ N }) => N);
  if (numbers) return writeNumbers(to, numbers);
  const binaries = allOf(values, ({ B }) => B);
  if (binaries) {
    to.byte(FORMS.B);
    for (const bytes of binaries) to.sized(bytes);
    return false;
  }
  to.byte(FORMS.json);
  for (const value of values) to.sized(Buffer.from(encodeAttributeMap({ value }), 'utf8'));
  return false;
}

/** The same part of every value; undefined when a value has no such part. */
function allOf<T>(
  values: readonly AttributeValue[],
  part: (value: AttributeValue) => T | undefined,
): T[] | undefined {
  const parts: T[] = [];
  for (const value of values) {
    const found = part(value);
    if (found === undefined) return undefined;
    parts.push(found);
  }
  return parts;
}

function writeTexts(to: ByteWriter, texts: readonly string[]): boolean {
  const lower = guidBytes(texts, LOWER_DIGITS);
  const guids = lower ?? guidBytes(texts, UPPER_DIGITS);
  if (guids) {
    to.byte(lower ? FORMS.guid : FORMS.upperGuid);
    to.bytes(guids);
    return true;
  }
  to.byte(FORMS.S);
  for (const text of texts) to.sized(Buffer.from(text, 'utf8'));
  return false;
}

/** The bytes of GUIDs written with these digits; undefined if one of the texts is something else. */
function guidBytes(texts: readonly string[], digits: Uint8Array): Uint8Array | undefined {
  const bytes = new Uint8Array(texts.length * GUID_BYTES);
  let end = 0;
  for (const text of texts) {
    if (text.length !== GUID_LENGTH) return undefined;
    for (let at = 0; at < GUID_LENGTH; ) {
      const code = text.charCodeAt(at);
      if (at === 8 || at === 13 || at === 18 || at === 23) {
        if (code !== DASH) return undefined;
        at += 1;
        continue;
      }
      const high = digits[code] ?? 0xff;
      const low = digits[text.charCodeAt(at + 1)] ?? 0xff;
      if (high > 0xf || low > 0xf) return undefined;
      bytes[end++] = (high << 4) | low;
      at += 2;
    }
  }
  return bytes;
}

function writeNumbers(to: ByteWriter, texts: readonly string[]): boolean {
  const numbers = new Float64Array(texts.length);
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const [index, text] of texts.entries()) {
    const number = wholeOf(text);
    numbers[index] = number;
    least = Math.min(least, number);
    most = Math.max(most, number);
  }
  const range = most - least;
  // NaN if one of the texts is not a whole number.
  if (!Number.isSafeInteger(range)) {
    to.byte(FORMS.N);
    for (const text of texts) to.sized(Buffer.from(text, 'utf8'));
    return false;
  }
  let width = 0;
  for (let rest = range; rest > 0; rest = Math.floor(rest / 0x100)) width += 1;
  to.byte(FORMS.integers);
  to.byte(least < 0 ? 1 : 0);
  to.number(Math.abs(least));
  to.byte(width);
  to.bytes(differences(numbers, least, width));
  return true;
}

const MINUS = 0x2d;
const ZERO = 0x30;

/** Any number with this many digits is a safe integer. */
const SAFE_DIGITS = 15;

/** The whole number that `String` would write in the same way; NaN for any other text. */
function wholeOf(text: string): number {
  const start = text.charCodeAt(0) === MINUS ? 1 : 0;
  const digits = text.length - start;
  if (digits > SAFE_DIGITS) {
    const number = Number(text);
    return Number.isSafeInteger(number) && String(number) === text ? number : Number.NaN;
  }
  // A zero may only stand alone.
  if (digits === 0 || (text.charCodeAt(start) === ZERO && text.length > 1)) return Number.NaN;
  let number = 0;
  for (let at = start; at < text.length; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    number = number * 10 + digit;
  }
  return start === 1 ? -number : number;
}

/** The difference of each number from the smallest, in `width` bytes, lowest byte first. */
function differences(numbers: Float64Array, least: number, width: number): Uint8Array {
  const bytes = new Uint8Array(numbers.length * width);
  let end = 0;
  for (const number of numbers) {
    const low = (number - least) >>> 0;
    const high = (number - least - low) / 0x1_0000_0000;
    for (let place = 0; place < width; place++) {
      bytes[end++] = place < 4 ? low >>> (8 * place) : high >>> (8 * (place - 4));
    }
  }
  return bytes;
}

/** `count` values, as {@link writeColumn} got them. */
export function readColumn(from: ByteReader, count: number): AttributeValue[] {
  const form = from.byte();
  const values = <T>(read: () => T): T[] => Array.from({ length: count }, read);
  switch (form) {
    case FORMS.guid:
      return values(() => ({ S: guidOf(from.bytes(GUID_BYTES)) }));
    case FORMS.upperGuid:
      return values(() => ({ S: guidOf(from.bytes(GUID_BYTES)).toUpperCase() }));
    case FORMS.integers: {
      const sign = from.byte() === 1 ? -1 : 1;
      const least = sign * from.number();
      const width = from.byte();
      return values(() => ({ N: String(least + readWhole(from, width)) }));
    }
    case FORMS.S:
      return values(() => ({ S: Buffer.from(from.sized()).toString('utf8') }));
    case FORMS.N:
      return values(() => ({ N: Buffer.from(from.sized()).toString('utf8') }));
    case FORMS.B:
      return values(() => ({ B: from.sized() }));
    case FORMS.json:
      return values(() => {
        const { value } = JSON.parse(Buffer.from(from.sized()).toString('utf8')) as { value: unknown };
        return decodeAttributeValue(value);
      });
    default:
      throw new RangeError(`This version cannot read a column of the form ${form} in the undo log.`);
  }
}

function readWhole(from: ByteReader, width: number): number {
  let value = 0;
  for (let place = 0, weight = 1; place < width; place++, weight *= 0x100) value += from.byte() * weight;
  return value;
}

function guidOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
