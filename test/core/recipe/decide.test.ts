import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import type { AttributeMap } from '../../../core/attribute-value.ts';
import { compileRecipe } from '../../../core/recipe/compile.ts';
import type { Decision } from '../../../core/write-rule.ts';

const KEYS = [
  { name: 'id', type: 'S' },
  { name: 'created', type: 'N' },
] as const;

const S = (text: string): AttributeValue => ({ S: text });
const N = (text: string): AttributeValue => ({ N: text });

function decide(set: Record<string, string>, item: AttributeMap, where?: string): Decision {
  const targets = Object.entries(set).map(([name, expression]) => ({ name, expression }));
  return compileRecipe({ set: targets, ...(where !== undefined && { where }) }, KEYS).decide({
    id: S('a'),
    created: N('1700000000123'),
    ...item,
  });
}

function computed(expression: string, item: AttributeMap = {}): AttributeValue | string {
  const decision = decide({ target: expression }, item);
  if (decision.kind === 'not-computable') return decision.reason;
  if (decision.kind !== 'write') return decision.kind;
  return decision.assignment.set['target'] ?? 'no value';
}

describe('a value', () => {
  test.each<[string, AttributeMap, AttributeValue]>([
    ['created / 1000 + 90 * 24 * 3600', {}, N('1707776000')],
    ['"STATUS#" + status', { status: S('OPEN') }, S('STATUS#OPEN')],
    ['item.status', { status: S('') }, S('')],
    ['item["a b"] + item["c.d"]', { 'a b': S('1'), 'c.d': S('2') }, S('12')],
    ['item.type + "!"', { type: S('x') }, S('x!')],
    ['item.item', { item: S('itself') }, S('itself')],
    ['item["package"]', { package: S('reserved') }, S('reserved')],
    ['item["__proto__x"]', { __proto__x: S('odd') }, S('odd')],
    ['profile.email.lowerAscii()', { profile: { M: { email: S('A@B') } } }, S('a@b')],
    ['item["profile"]["e mail"]', { profile: { M: { 'e mail': S('x') } } }, S('x')],
    ['has(item.a) ? item.a : "none"', {}, S('none')],
    ['has(item.a) ? item.a : "none"', { a: S('here') }, S('here')],
    ['has(profile.email) ? "yes" : "no"', { profile: { M: {} } }, S('no')],
    [
      'has(item.profile) && has(item.profile.email)',
      { profile: { M: { email: { NULL: true } } } },
      { BOOL: true },
    ],
    ['price * 2.0', { price: N('19.99') }, N('39.98')],
    ['price', { price: N('0.1') }, N('0.1')],
    ['price', { price: N('19.99') }, N('19.99')],
    ['price', { price: N('-0.50') }, N('-0.5')],
    ['price + 1', { price: N('1E3') }, N('1001')],
    ['price + 1', { price: N('42.000') }, N('43')],
    ['n', { n: N('9223372036854775807') }, N('9223372036854775807')],
    ['n', { n: N('-9223372036854775808') }, N('-9223372036854775808')],
    ['n', { n: N('1E+100') }, N('1e+100')],
    ['-1.0 * 0.0', {}, N('0')],
    ['5u', {}, N('5')],
    ['"x" in tags', { tags: { SS: ['y', 'x'] } }, { BOOL: true }],
    ['size(tags)', { tags: { NS: ['1', '2', '3'] } }, N('3')],
    ['tags.size()', { tags: { BS: [new Uint8Array([1])] } }, N('1')],
    ['2 in tags', { tags: { NS: ['1', '2.0'] } }, { BOOL: true }],
    ['b"\\x01" in tags', { tags: { BS: [new Uint8Array([1])] } }, { BOOL: true }],
    ['data', { data: { B: new Uint8Array([0, 255]) } }, { B: new Uint8Array([0, 255]) }],
    ['flag ? 1 : 0', { flag: { BOOL: false } }, N('0')],
    ['gone == null', { gone: { NULL: true } }, { BOOL: true }],
    ['null', {}, { NULL: true }],
    ['[1, "a", status]', { status: S('x') }, { L: [N('1'), S('a'), S('x')] }],
    ['{"a": {"b": status}}', { status: S('x') }, { M: { a: { M: { b: S('x') } } } }],
    ['{"A": "one", "B": "two"}[kind]', { kind: S('B') }, S('two')],
    ['["A", "B"].exists(k, k == kind)', { kind: S('B') }, { BOOL: true }],
    ['status in ["A", "B"]', { status: S('B') }, { BOOL: true }],
    ['timestamp(created / 1000).getFullYear()', {}, N('2023')],
    ['timestamp(created / 1000).getHours()', {}, N('22')],
    ['timestamp(created / 1000).getDayOfYear()', {}, N('317')],
    ['int(timestamp(at))', { at: S('2024-01-15T14:30:45.123Z') }, N('1705329045')],
    ['string(timestamp(1700000000))', {}, S('2023-11-14T22:13:20Z')],
    ['type(status) == string', { status: S('x') }, { BOOL: true }],
    ['size(status)', { status: S('😀') }, N('1')],
    ['int("12")', {}, N('12')],
    ['false && 1 / 0 == 1', {}, { BOOL: false }],
    ['status.split("#")[1]', { status: S('a#b') }, S('b')],
  ])('%s', (expression, item, expected) => {
    expect(computed(expression, item)).toEqual(expected);
  });

  test.each<[string, AttributeMap, RegExp]>([
    ['status', {}, /status is absent/],
    ['item["a b"]', {}, /item\["a b"\] is absent/],
    ['profile.email', { profile: S('no map') }, /profile\.email is absent/],
    ['n', { n: N('12345678901234567890123456789012345678') }, /n: the number .* has more digits/],
    ['n', { n: N('0.1234567890123456789012345678901234567') }, /has more digits/],
    ['n', { n: N('9223372036854775809') }, /has more digits/],
    ['n + 1', { n: N('9223372036854775807') }, /overflow/],
    ['n * 1.5', { n: N('2') }, /no matching overload/],
    ['double(n)', { n: N('9007199254740993') }, /would lose digits/],
    ['1.0 / 0.0', {}, /it is Infinity/],
    ['0.0 / 0.0', {}, /it is NaN/],
    ['1e200', {}, /outside the range of DynamoDB/],
    ['1e-200', {}, /outside the range of DynamoDB/],
    ['1 / n', { n: N('0') }, /divide by zero/],
    ['int(s)', { s: S('') }, /not a whole number/],
    ['double(s)', { s: S('none') }, /not a number/],
    ['profile', { profile: { M: {} } }, /cannot read a whole map or list/],
    ['profile', { profile: { L: [] } }, /cannot read a whole map or list/],
    ['tags', { tags: { SS: ['a'] } }, /it is a set/],
    ['tags == tags', { tags: { SS: ['a'] } }, /it is a set/],
    ['{1: "a"}', {}, /must be strings/],
    ['{"__proto__": "a"}', {}, /__proto__/],
    ['s', { s: S('x'.repeat(4_097)) }, /4097 bytes/],
    ['s', { s: S('é'.repeat(2_049)) }, /4098 bytes/],
    ['tags.size()', { tags: { SS: ['x'.repeat(4_000), 'y'.repeat(97)] } }, /4097 bytes/],
    ['timestamp(at)', { at: N('1') }, /it is a time/],
    ['s.matches("(")', { s: S('x') }, /./],
  ])('that cannot be: %s', (expression, item, reason) => {
    expect(computed(expression.startsWith('timestamp') ? `dyn(${expression})` : expression, item)).toMatch(
      reason,
    );
  });
});

describe('the scope', () => {
  const inScope = (where: string, item: AttributeMap) => decide({ target: '1' }, item, where).kind;

  test.each<[string, AttributeMap, string]>([
    ['kind == "SESSION"', { kind: S('SESSION') }, 'write'],
    ['kind == "SESSION"', { kind: S('USER') }, 'out-of-scope'],
    ['kind == "SESSION"', {}, 'out-of-scope'],
    ['n > 5', { n: S('text') }, 'not-computable'],
    ['n > 5', {}, 'out-of-scope'],
    ['n > 5 && m > 5', { n: S('text') }, 'out-of-scope'],
    ['n > 5 || kind == "A"', { kind: S('A') }, 'write'],
    ['flag', { flag: S('no bool') }, 'not-computable'],
    ['has(item.kind)', {}, 'out-of-scope'],
    ['!has(item.kind)', {}, 'write'],
    ['"a" in tags', { tags: { SS: ['a'] } }, 'write'],
    ['size(tags) > 1', { tags: { SS: ['a'] } }, 'out-of-scope'],
    ['gone == null', { gone: { NULL: true } }, 'write'],
    ['gone == null', {}, 'out-of-scope'],
  ])('%s of %j is %s', (where, item, kind) => {
    expect(inScope(where, item)).toBe(kind);
  });

  test('is not asked for an item that has every target', () => {
    expect(decide({ target: '1' }, { target: { NULL: true }, n: S('x') }, 'n > 5')).toEqual({
      kind: 'has-targets',
    });
  });

  test('an absent source of --set does not put the item out of scope', () => {
    expect(decide({ target: 'other' }, { kind: S('A') }, 'kind == "A"')).toEqual({
      kind: 'not-computable',
      reason: '--set target: other is absent',
    });
  });
});

describe('what is written', () => {
  const two = { a: 'x + "!"', b: 'y' };

  test('are the targets that are missing, with the sources that they depend on', () => {
    const item = { x: S('1'), y: S('2'), kind: S('K') };
    expect(decide(two, item, 'kind == "K" && created > 0')).toEqual({
      kind: 'write',
      assignment: {
        set: { a: S('1!'), b: S('2') },
        sources: [
          { path: ['kind'], is: 'equal', value: S('K') },
          { path: ['x'], is: 'equal', value: S('1') },
          { path: ['y'], is: 'equal', value: S('2') },
        ],
      },
    });
    expect(decide(two, { ...item, a: S('theirs') })).toEqual({
      kind: 'write',
      assignment: { set: { b: S('2') }, sources: [{ path: ['y'], is: 'equal', value: S('2') }] },
    });
  });

  test('is nothing when one target cannot be computed, unless that target is there already', () => {
    expect(decide(two, { x: S('1') }).kind).toBe('not-computable');
    expect(decide(two, { x: S('1'), b: S('theirs') }).kind).toBe('write');
  });

  test('depends on absence or presence when the expression asks only for that', () => {
    const decision = decide(
      { a: 'has(item.x) ? "x" : has(m.n) ? "n" : "none"' },
      { m: { M: { n: { L: [] } } } },
    );
    expect(decision).toMatchObject({
      assignment: {
        set: { a: S('n') },
        sources: [
          { path: ['x'], is: 'absent' },
          { path: ['m', 'n'], is: 'present' },
        ],
      },
    });
  });

  test('a set whose members one target uses and whose value another copies fails only for the copy', () => {
    const recipe = { a: '"x" in tags ? "yes" : "no"', b: 'tags' };
    expect(decide({ ...recipe }, { tags: { SS: ['x'] }, b: S('there') }).kind).toBe('write');
    expect(decide({ ...recipe }, { tags: { SS: ['x'] }, a: S('there') }).kind).toBe('not-computable');
  });

  test('the key is no condition, since it never changes', () => {
    expect(decide({ a: 'id + string(created)' }, {})).toMatchObject({ assignment: { sources: [] } });
  });
});
