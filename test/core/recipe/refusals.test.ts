import { describe, expect, test } from 'vitest';
import { compileRecipe } from '../../../core/recipe/compile.ts';

const KEYS = [{ name: 'id', type: 'S' }] as const;

function refusal(expression: string, where?: string, name = 'target'): string {
  try {
    compileRecipe({ set: [{ name, expression }], ...(where !== undefined && { where }) }, KEYS);
  } catch (error) {
    expect(error).toMatchObject({ code: 'Configuration' });
    return (error as Error).message;
  }
  return 'accepted';
}

describe('an expression is refused, with a caret under the place', () => {
  test('that does not parse', () => {
    expect(refusal('created / 1000 + * 2')).toBe(
      [
        '--set target: the expression cannot be read: "+" was not expected here',
        '  created / 1000 + * 2',
        '                 ^',
      ].join('\n'),
    );
  });

  test('in the line of the error, with its tabs kept', () => {
    expect(refusal('"a" +\n\tnope(status)')).toBe(
      ['--set target: there is no function "nope"', '  \tnope(status)', '  \t^'].join('\n'),
    );
  });

  test.each<[string, RegExp]>([
    ['', /empty/],
    ['"abc', /cannot be read/],
    ['nope(status)', /no function "nope"/],
    ['status.nope()', /no function "nope"/],
    ['now()', /no function "now"/],
    ['"a" + 1', /CEL has no string \+ int/],
    ['-"a"', /CEL has no -string/],
    ['1 + 1.0', /CEL has no int \+ double/],
    ['status.contains(1)', /CEL has no any\.contains\(int\)/],
    ['int(status, 2)', /CEL has no int\(any, int\)/],
    ['1 ? "a" : "b"', /of type int, where bool is needed/],
    ['"a" && true', /of type string, where bool is needed/],
    ['1 == "a"', /int and string are never equal/],
    ['"x" in "xyz"', /of type string, where list or map is needed/],
    ['"X#" + type', /CEL has no string \+ type; the name of a type means the type, so write item\.type/],
    ['type == "SESSION"', /never equal; the name of a type/],
    ['size + 1', /"size" has a meaning in CEL; write item\.size/],
    ['item', /`item` alone/],
    ['size(item) > 1', /`item` alone/],
    ['item[kind]', /computed index/],
    ['profile[kind]', /computed index/],
    ['tags[0]', /element of a list/],
    ['tags.exists(t, t == "a")', /cannot iterate over an attribute/],
    ['tags.map(t, t)', /cannot iterate over an attribute/],
    ['profile == profile.email', /profile is a map, since profile\.email is read too/],
    ['timestamp("2024-01-01T00:00:00Z")', /the result is a timestamp/],
    ['duration("1s")', /the result is a duration/],
    ['type(status)', /the result is a type/],
    ['Message{a: 1}', /no type "Message"/],
    ['target + "x"', /"target" is a target of this run/],
    ['item["target"]', /"target" is a target of this run/],
    ['has(item.target) ? 1 : 2', /"target" is a target of this run/],
    [`"${'x'.repeat(5_000)}"`, /more than 4096 characters/],
    ['timestamp("2024-01-01T00:00:00Z").getHours(1)', /CEL has no/],
  ])('%s', (expression, message) => {
    const refused = refusal(expression);
    expect(refused).toMatch(/^--set target: /);
    expect(refused).toMatch(message);
    expect(refused.split('\n').at(-1)).toMatch(/^\s*\^$/);
  });

  test.each<[string, RegExp]>([
    ['1', /of type int; it must be true or false/],
    ['kind + "a"', /of type string/],
    ['target == 1', /is a target of this run/],
    ['item.exists(x, true)', /`item` alone/],
  ])('a condition: %s', (where, message) => {
    expect(refusal('1', where)).toMatch(/^--where: /);
    expect(refusal('1', where)).toMatch(message);
  });
});

test('a target that is a key, and the same target twice', () => {
  expect(refusal('1', undefined, 'id')).toBe(
    '--set id: "id" is part of the table\'s key, which never changes.',
  );
  const twice = { name: 'a', expression: '1' };
  expect(() => compileRecipe({ set: [twice, twice] }, KEYS)).toThrow('--set a is given twice.');
});

test('more targets and sources than a statement holds', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ name: `t${index}`, expression: `s${index}` }));
  expect(() => compileRecipe({ set: many(17) }, KEYS)).toThrow('16 targets at most');
  const sources = Array.from({ length: 33 }, (_, index) => `s${index}`).join(' + ');
  expect(refusal(sources)).toMatch(/reads 33 attributes/);
});

test.each(['has(item.profile) && profile.email == "x"', 'has(profile.email)'])('accepts %s', expression => {
  expect(refusal(expression)).toBe('accepted');
});

test('the sources of a recipe are known before the first item', () => {
  const recipe = compileRecipe(
    {
      set: [
        { name: 'a', expression: 'x + item["b c"] + x' },
        { name: 'd', expression: '["p"].exists(v, v == profile.role)' },
      ],
      where: 'has(item.z) && id != ""',
    },
    KEYS,
  );
  expect(recipe.targets).toEqual(['a', 'd']);
  expect(recipe.sources).toEqual([['x'], ['b c'], ['profile', 'role'], ['z'], ['id']]);
  expect(recipe.sourcesOf('a')).toEqual([['x'], ['b c']]);
});
