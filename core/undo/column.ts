import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { decodeAttributeValue, encodeAttributeMap } from '../attribute-value.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';

/**
 * One attribute of many items, in the smallest form that gives back exactly what went in. The first form that fits
 * every value is taken; the last one fits any.
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

/** The value of a hexadecimal digit by its character code; 16 and more for what is none. */
const LOWER_DIGITS = digitsOf('0123456789abcdef');
const UPPER_DIGITS = digitsOf('0123456789ABCDEF');

function digitsOf(digits: string): Uint8Array {
  const values = new Uint8Array(128).fill(0xff);
  for (const [value, digit] of [...digits].entries()) values[digit.charCodeAt(0)] = value;
  return values;
}

/** @returns whether the column is compact as it is, so that deflating it would gain nothing */
export function writeColumn(to: ByteWriter, values: readonly AttributeValue[]): boolean {
  const texts = values.map(({ S }) => S);
  if (texts.every(text => text !== undefined)) return writeTexts(to, texts);
  const numbers = values.map(({ N }) => N);
  if (numbers.every(text => text !== undefined)) return writeNumbers(to, numbers);
  const binaries = values.map(({ B }) => B);
  if (binaries.every(bytes => bytes !== undefined)) {
    to.byte(FORMS.B);
    for (const bytes of binaries) to.sized(bytes);
    return false;
  }
  to.byte(FORMS.json);
  for (const value of values) to.sized(Buffer.from(encodeAttributeMap({ value }), 'utf8'));
  return false;
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

/** The bytes of GUIDs that are written with these digits; undefined when one of the texts is something else. */
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
  const numbers = texts.map(Number);
  const least = numbers.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const range = numbers.reduce((most, number) => Math.max(most, number - least), 0);
  const exact = numbers.every(
    (number, index) => Number.isSafeInteger(number) && String(number) === texts[index],
  );
  if (!exact || !Number.isSafeInteger(range)) {
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
  for (const number of numbers) {
    for (let rest = number - least, place = 0; place < width; place++, rest = Math.floor(rest / 0x100)) {
      to.byte(rest % 0x100);
    }
  }
  return true;
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
      throw new RangeError(`The undo log has no column of form ${form}.`);
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
