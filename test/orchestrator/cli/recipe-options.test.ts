import { describe, expect, test } from 'vitest';
import { ConfigurationError } from '../../../core/errors.ts';
import { checkExpressions, checkRecipeSettings } from '../../../orchestrator/cli/recipe-options.ts';

const given = (...names: string[]): ReadonlySet<string> => new Set(names);

async function refusalOf(set: string | readonly string[], where?: string): Promise<string> {
  try {
    await checkExpressions({ set: [set].flat(), where });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
  throw new Error('It was not refused.');
}

describe('options of a recipe', () => {
  test.each([
    ['--where alone', { set: [], where: 'a == 1' }, given(), '--where needs --set'],
    ['--set beside --value', { set: ['a=b'] }, given('value'), 'leave out --value.'],
    [
      '--set beside both',
      { set: ['a=b'] },
      given('attribute', 'value'),
      'leave out --attribute and --value.',
    ],
    ['a --set without a name', { set: ['= b'] }, given(), '--set takes NAME=EXPRESSION'],
    ['a --set without an expression', { set: ['expiresAt'] }, given(), '--set takes NAME=EXPRESSION'],
    ['a name that is too long', { set: [`${'n'.repeat(256)}=b`] }, given(), 'more than 255 characters'],
  ])('%s is refused', (_, settings, names, words) => {
    expect(() => checkRecipeSettings(settings, names)).toThrow(ConfigurationError);
    expect(() => checkRecipeSettings(settings, names)).toThrow(words);
  });

  test('that go together are taken, defaults of the others beside them', () => {
    expect(() => checkRecipeSettings({ set: ['a=b', 'c = d'], where: 'e == 1' }, given('set'))).not.toThrow();
  });
});

describe('an invalid expression', () => {
  test.each([
    ['does not parse', 'a=b +', undefined],
    ['names a function that there is none of', 'a=shout(b)', undefined],
    ['is of types that do not go together', 'a="x" + 1', undefined],
    ['reads its own target', 'a=a + 1', undefined],
    ['reads the item as a whole', 'a=string(item)', undefined],
    ['has a --where that is no condition', 'a=b', '"x"'],
  ])('%s: the message has the expression, and a caret under the place', async (_, set, where) => {
    const lines = (await refusalOf(set, where)).split('\n');
    const expression = where ?? set.slice('a='.length);
    const shown = lines.findIndex(line => line.includes(expression));
    const caret = lines[shown + 1] ?? '';
    expect(lines[shown]).toContain(expression);
    expect(caret.trim()).toBe('^');
    const column = caret.indexOf('^') - (lines[shown] ?? '').indexOf(expression);
    expect(column).toBeGreaterThanOrEqual(0);
    expect(column).toBeLessThanOrEqual(expression.length);
  });

  test('is one message also where a target is given twice', async () => {
    expect(await refusalOf(['a=b', 'a=c'])).toBe('--set a is given twice.');
  });
});
