import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AttributeMap,
  decodeKey,
  encodeAttributeMap,
  parseJsonValue,
} from '../../core/attribute-value.ts';
import { ConfigurationError } from '../../core/errors.ts';

/** A number of up to 38 digits, with a fraction and a sign, as DynamoDB would send it. */
const decimal = fc
  .tuple(
    fc.boolean(),
    fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 38 }),
    fc.integer({ min: 0, max: 37 }),
  )
  .map(([negative, digits, point]) => {
    const text = digits.join('');
    const whole = text.slice(0, Math.max(1, text.length - point));
    const fraction = text.slice(whole.length);
    return `${negative ? '-' : ''}${whole}${fraction && `.${fraction}`}`;
  });

const scalar: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.string({ unit: 'binary' }).map(S => ({ S })),
  decimal.map(N => ({ N })),
  fc.uint8Array({ maxLength: 40 }).map(B => ({ B })),
);

const key: fc.Arbitrary<AttributeMap> = fc.dictionary(fc.string({ unit: 'binary', minLength: 1 }), scalar, {
  minKeys: 1,
  maxKeys: 2,
});

describe('a key as text', () => {
  test('is the same key again: strings, numbers of 38 digits and binary', () => {
    fc.assert(
      fc.property(key, given => {
        expect(decodeKey(encodeAttributeMap(given))).toEqual(given);
      }),
    );
  });

  test('never passes a number through a double', () => {
    const N = '-99999999999999999999999999999999999998.7'.slice(0, 40);
    expect(decodeKey(encodeAttributeMap({ n: { N } }))).toEqual({ n: { N } });
  });

  test('does not depend on the order in which an engine lists the attributes', () => {
    fc.assert(
      fc.property(key, given => {
        const turned = Object.fromEntries(Object.entries(given).reverse());
        expect(encodeAttributeMap(turned)).toBe(encodeAttributeMap(given));
      }),
    );
  });

  test('differs between any two different keys', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        fc.pre(JSON.stringify(Object.entries(a).sort()) !== JSON.stringify(Object.entries(b).sort()));
        expect(encodeAttributeMap(a)).not.toBe(encodeAttributeMap(b));
      }),
    );
  });

  test('is DynamoDB JSON, with binary as base64 whether it is a Buffer or plain bytes', () => {
    const bytes = [0, 255, 16, 128];
    const text = '{"bin":{"B":"AP8QgA=="},"id":{"S":"a"}}';
    expect(encodeAttributeMap({ id: { S: 'a' }, bin: { B: Uint8Array.from(bytes) } })).toBe(text);
    expect(encodeAttributeMap({ id: { S: 'a' }, bin: { B: Buffer.from(bytes) } })).toBe(text);
  });

  test('keeps an empty string and empty binary apart from nothing', () => {
    const empty: AttributeMap = { s: { S: '' }, b: { B: new Uint8Array() } };
    expect(decodeKey(encodeAttributeMap(empty))).toEqual(empty);
  });
});

describe('--value as JSON', () => {
  test.each<[string, AttributeValue]>([
    ['1', { N: '1' }],
    ['-7.5', { N: '-7.5' }],
    ['"one"', { S: 'one' }],
    ['""', { S: '' }],
    ['true', { BOOL: true }],
    ['null', { NULL: true }],
    ['[]', { L: [] }],
    ['{}', { M: {} }],
    [' 1 ', { N: '1' }],
    ['"1e999"', { S: '1e999' }],
    ['"a \\"quoted\\" 00012"', { S: 'a "quoted" 00012' }],
    [
      '{"a":[1,"x",null,{"b":false}]}',
      { M: { a: { L: [{ N: '1' }, { S: 'x' }, { NULL: true }, { M: { b: { BOOL: false } } }] } } },
    ],
    ['[1,1]', { L: [{ N: '1' }, { N: '1' }] }],
    ['{"constructor":1,"toString":"x"}', { M: { constructor: { N: '1' }, toString: { S: 'x' } } }],
    ['{"SS":["a"]}', { M: { SS: { L: [{ S: 'a' }] } } }],
  ])('%s is what it says', (text, expected) => {
    expect(parseJsonValue(text)).toEqual(expected);
  });

  test('refuses the one name that would be lost on its way through the SDK', () => {
    expect(() => parseJsonValue('[{"__proto__":1}]')).toThrow(ConfigurationError);
    expect(() => parseJsonValue('[{"__proto__":1}]')).toThrow(/names an attribute "__proto__"/);
  });

  test.each(['', 'abc', "'one'", '{a:1}', '[1,]', '01', '+1', '.5', 'NaN', 'Infinity', 'undefined'])(
    'refuses %s, which is not JSON',
    text => {
      expect(() => parseJsonValue(text)).toThrow(ConfigurationError);
      expect(() => parseJsonValue(text)).toThrow(/is not JSON/);
    },
  );

  test.each([
    '9007199254740993',
    '-9007199254740993',
    '0.1000000000000000055511151231257827',
    '123456789012345678901234567890',
    '1e-400',
    '3.141592653589793238462643383279',
    '{"deep":[0.30000000000000004441]}',
  ])('refuses %s, which JSON would change', text => {
    expect(() => parseJsonValue(text)).toThrow(ConfigurationError);
    expect(() => parseJsonValue(text)).toThrow(/would become/);
  });

  test.each(['1e126', '-1e126', '1e308', '1e999', '1e-131', '-1e-200', '[1e126]'])(
    'refuses %s, which DynamoDB cannot hold',
    text => {
      expect(() => parseJsonValue(text)).toThrow(ConfigurationError);
      expect(() => parseJsonValue(text)).toThrow(/outside the range of DynamoDB/);
    },
  );

  test.each([
    '1e125',
    '9.99999e125',
    '-1e125',
    '1e-130',
    '-1e-130',
    '9007199254740992',
    '18014398509481984',
    '1e21',
    '123456789e-20',
    '0.1',
    '1.50',
    '1E3',
    '1e+3',
    '100000e-5',
    '0e999',
  ])('takes %s, whose value JSON keeps', text => {
    expect(Number(parseJsonValue(text).N)).toBe(Number(text));
  });

  test('takes negative zero as the zero that it is to DynamoDB', () => {
    for (const text of ['-0', '-0.0', '-0e5']) expect(parseJsonValue(text)).toEqual({ N: '0' });
  });

  test('takes every number that a program writes as JSON without changing it', () => {
    const magnitude = (n: number) => n === 0 || (Math.abs(n) >= 1e-130 && Math.abs(n) < 1e126);
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }).filter(magnitude), n => {
        expect(Number(parseJsonValue(JSON.stringify(n)).N)).toBe(n === 0 ? 0 : n);
      }),
    );
  });

  test('never changes a value silently: what it takes reads back as the same JSON', () => {
    fc.assert(
      fc.property(fc.json(), text => {
        let value: AttributeValue;
        try {
          value = parseJsonValue(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigurationError);
          return;
        }
        expect(plain(value)).toEqual(JSON.parse(text));
      }),
    );
  });
});

/** The JSON that an attribute value stands for. */
function plain(value: AttributeValue): unknown {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return Number(value.N);
  if (value.BOOL !== undefined) return value.BOOL;
  if (value.NULL) return null;
  if (value.L) return value.L.map(plain);
  if (value.M)
    return Object.fromEntries(Object.entries(value.M).map(([name, inner]) => [name, plain(inner)]));
  throw new TypeError(`JSON has no such value: ${JSON.stringify(value)}`);
}
