import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalNumber, canonicalText, sameAttributes, sameValue } from '../../demo/attribute-value.ts';

describe('canonicalNumber', () => {
  test.each([
    ['0', '0'],
    ['-0', '0'],
    ['0.000', '0'],
    ['007', '7'],
    ['+7', '7'],
    ['1.50', '1.5'],
    ['-1.5e2', '-150'],
    ['150', '150'],
    ['1E-3', '0.001'],
    ['.5', '0.5'],
    ['12345678901234567890123456789012345678', '12345678901234567890123456789012345678'],
    ['1.2345678901234567890123456789012345678', '1.2345678901234567890123456789012345678'],
    ['1e125', '1e125'],
    ['100e123', '1e125'],
    ['1e-130', '1e-130'],
  ])('%s is %s', (written, canonical) => {
    expect(canonicalNumber(written)).toBe(canonical);
  });

  test('two notations have the same canonical form exactly when they have the same value', () => {
    const digits = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
    fc.assert(
      fc.property(digits, fc.integer({ min: 0, max: 6 }), digits, (number, shift, other) => {
        const shifted = `${number * 10n ** BigInt(shift)}e-${shift}`;
        expect(canonicalNumber(shifted)).toBe(canonicalNumber(String(number)));
        expect(canonicalNumber(String(number)) === canonicalNumber(String(other))).toBe(number === other);
      }),
    );
  });

  test.each(['', '.', 'e5', 'NaN', '1 2', '0x10'])('refuses "%s"', text => {
    expect(() => canonicalNumber(text)).toThrow(RangeError);
  });
});

describe('sameValue', () => {
  const bytes = (...values: number[]) => Uint8Array.from(values);
  test.each<[string, AttributeValue, AttributeValue, boolean]>([
    ['numbers by value', { N: '1.0' }, { N: '1' }, true],
    ['a number is not the string of it', { N: '1' }, { S: '1' }, false],
    ['string sets without order', { SS: ['a', 'b'] }, { SS: ['b', 'a'] }, true],
    ['number sets without order, by value', { NS: ['1.0', '2'] }, { NS: ['2', '1'] }, true],
    ['binary sets without order', { BS: [bytes(1), bytes(2)] }, { BS: [bytes(2), bytes(1)] }, true],
    ['sets of different members', { SS: ['a', 'b'] }, { SS: ['a', 'c'] }, false],
    ['lists in order', { L: [{ S: 'a' }, { S: 'b' }] }, { L: [{ S: 'b' }, { S: 'a' }] }, false],
    [
      'maps without order',
      { M: { a: { N: '1' }, b: { N: '2' } } },
      { M: { b: { N: '2' }, a: { N: '1' } } },
      true,
    ],
    ['maps with one more', { M: { a: { N: '1' } } }, { M: { a: { N: '1' }, b: { NULL: true } } }, false],
    ['NULL is not false', { NULL: true }, { BOOL: false }, false],
    ['binary by content', { B: bytes(1, 2) }, { B: bytes(1, 2) }, true],
    ['binary of other content', { B: bytes(1, 2) }, { B: bytes(1, 3) }, false],
    ['numbers deep inside', { L: [{ M: { x: { N: '1e1' } } }] }, { L: [{ M: { x: { N: '10' } } }] }, true],
    ['an empty list and an empty map', { L: [] }, { M: {} }, false],
  ])('%s', (_, left, right, same) => {
    expect(sameValue(left, right)).toBe(same);
    expect(sameValue(right, left)).toBe(same);
    expect(canonicalText(left) === canonicalText(right)).toBe(same);
  });

  test('items with the same number of attributes under different names differ', () => {
    expect(sameAttributes({ a: { N: '1' } }, { b: { N: '1' } })).toBe(false);
  });
});
