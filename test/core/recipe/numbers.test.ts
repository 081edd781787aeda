import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileRecipe } from '../../../core/recipe/compile.ts';
import { sameAssignment } from '../../../core/write-rule.ts';

const copy = compileRecipe({ set: [{ name: 'target', expression: 'source' }] }, undefined);

function copied(source: AttributeValue): AttributeValue | undefined {
  const decision = copy.decide({ source });
  return decision.kind === 'write' ? decision.assignment.set['target'] : undefined;
}

/** A number as digits and a power of ten, computed only with whole numbers. */
function scaled(literal: string): [bigint, bigint] {
  const [mantissa = '', exponent = '0'] = literal.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  return [BigInt(`${whole}${fraction}`), BigInt(Number(exponent) - fraction.length)];
}

function equalNumbers(a: string, b: string): boolean {
  const [digitsA, powerA] = scaled(a);
  const [digitsB, powerB] = scaled(b);
  // Exponents lie between -170 and 130.
  return digitsA * 10n ** (powerA + 400n) === digitsB * 10n ** (powerB + 400n);
}

const digits = (most: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: most });

/** Any number that DynamoDB holds: 38 digits, from 1E-130 to 1E125. */
const dynamoNumber = fc
  .tuple(fc.constantFrom('', '-'), digits(38), fc.integer({ min: -130, max: 87 }), fc.boolean())
  .map(([sign, text, power, plain]) =>
    plain
      ? `${sign}${text}`
      : `${sign}${text.slice(0, 1)}${text.length > 1 ? `.${text.slice(1)}` : ''}E${power}`,
  );

test('no number loses a digit: it arrives as it was, or not at all', () => {
  fc.assert(
    fc.property(dynamoNumber, literal => {
      const number = copied({ N: literal })?.N;
      return number === undefined || equalNumbers(number, literal);
    }),
    { numRuns: 2_000 },
  );
});

test('every whole number of 64 bits and every decimal of 15 digits arrives', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), int => {
      expect(copied({ N: String(int) })).toEqual({ N: String(int) });
    }),
  );
  fc.assert(
    fc.property(digits(8), digits(7), (whole, fraction) => {
      const literal = `${whole}.${fraction}`;
      expect(equalNumbers(copied({ N: literal })?.N ?? 'absent', literal)).toBe(true);
    }),
  );
});

test('every double arrives as its shortest decimal', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), double => {
      const outside = double !== 0 && (Math.abs(double) >= 1e126 || Math.abs(double) < 1e-130);
      fc.pre(!outside);
      expect(Number(copied({ N: String(double) })?.N)).toBe(double + 0);
    }),
  );
});

test('text, binary, truth and NULL arrive as they are', () => {
  const value = fc.oneof<fc.Arbitrary<AttributeValue>[]>(
    fc.string({ unit: 'binary', maxLength: 500 }).map(S => ({ S })),
    fc.uint8Array({ maxLength: 200 }).map(B => ({ B })),
    fc.boolean().map(BOOL => ({ BOOL })),
    fc.constant({ NULL: true }),
  );
  fc.assert(
    fc.property(value, source => {
      expect(copied(source)).toEqual(source);
    }),
  );
});

test('a set decides the same in any order, and the assignment is the same', () => {
  const rule = compileRecipe(
    { set: [{ name: 'target', expression: 'string(size(tags)) + ("a" in tags ? "+a" : "")' }] },
    undefined,
  );
  const assigned = (tags: AttributeValue) => {
    const decision = rule.decide({ tags });
    if (decision.kind !== 'write') throw new Error(decision.kind);
    return decision.assignment;
  };
  fc.assert(
    fc.property(fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 }), SS => {
      const [forward, backward] = [assigned({ SS }), assigned({ SS: [...SS].reverse() })];
      expect(forward.set).toEqual(backward.set);
      expect(forward.set['target']).toEqual({ S: `${SS.length}${SS.includes('a') ? '+a' : ''}` });
      expect(sameAssignment(forward, backward)).toBe(true);
      expect(sameAssignment(forward, assigned({ SS: [...SS, 'e'] }))).toBe(false);
    }),
  );
});

test('assignments differ by values, by sources and by what became absent', () => {
  const rule = compileRecipe(
    { set: [{ name: 'target', expression: 'has(item.x) && x == "1" ? "one" : "other"' }] },
    undefined,
  );
  const assigned = (item: Record<string, AttributeValue>) => {
    const decision = rule.decide(item);
    if (decision.kind !== 'write') throw new Error(decision.kind);
    return decision.assignment;
  };
  const other = assigned({ x: { S: '2' } });
  expect(sameAssignment(other, assigned({ x: { S: '2' } }))).toBe(true);
  expect(sameAssignment(other, assigned({ x: { S: '3' } }))).toBe(false);
  expect(sameAssignment(other, assigned({}))).toBe(false);
  expect(
    sameAssignment(assigned({ x: { B: new Uint8Array([1]) } }), assigned({ x: { B: new Uint8Array([1]) } })),
  ).toBe(true);
});

test('an attribute of any name is read as itself', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), name => {
      fc.pre(name !== 'target');
      const rule = compileRecipe(
        { set: [{ name: 'target', expression: `item[${JSON.stringify(name)}] + "!"` }] },
        undefined,
      );
      expect(rule.sources).toEqual([[name]]);
      const other = { [`${name} `]: { S: 'another' } };
      expect(rule.decide(Object.fromEntries([[name, { S: 'own' }], ...Object.entries(other)]))).toMatchObject(
        {
          assignment: { set: { target: { S: 'own!' } }, sources: [{ path: [name], value: { S: 'own' } }] },
        },
      );
      expect(rule.decide(other).kind).toBe('not-computable');
    }),
  );
});

test('NULL is a value and not absence, in every type of expression', () => {
  const rule = compileRecipe(
    {
      set: [
        { name: 'target', expression: '!has(item.a) ? "absent" : a == null ? "NULL" : "here"' },
        { name: 'scope', expression: 'string(type(item.a) == null_type)' },
      ],
    },
    undefined,
  );
  const value = fc.constantFrom<AttributeValue | undefined>(
    undefined,
    { NULL: true },
    { S: '' },
    { N: '0' },
    { BOOL: false },
    { B: new Uint8Array() },
  );
  fc.assert(
    fc.property(value, a => {
      const decision = rule.decide({ ...(a && { a }), scope: { S: 'there' } });
      const word = a === undefined ? 'absent' : a.NULL ? 'NULL' : 'here';
      const source = a === undefined ? { path: ['a'], is: 'absent' } : { path: ['a'], is: 'equal', value: a };
      expect(decision).toMatchObject({ assignment: { set: { target: { S: word } }, sources: [source] } });
      expect(rule.decide({ ...(a && { a }), target: { S: 'there' } }).kind).toBe(
        a === undefined ? 'not-computable' : 'write',
      );
    }),
  );
});
