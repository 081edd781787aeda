import { expect, test } from 'vitest';
import { commandsOf } from './support/markdown.ts';
import { outputMatches } from './support/output.ts';

const matches = (shown: string, output: string, countsVary = false) =>
  outputMatches(shown.split('\n'), output, countsVary);

test('ids, times, durations and rates may differ, counts may not', () => {
  const shown = 'Run 20261124073851-2510d3: 2000 scanned, 2000 updated, in 6 s.';
  expect(matches(shown, 'Run 20270101000000-abcdef: 2000 scanned, 2000 updated, in 71 s.\n')).toBe(true);
  expect(matches(shown, 'Run 20270101000000-abcdef: 2000 scanned, 1999 updated, in 6 s.\n')).toBe(false);
  expect(matches(shown, 'Run 20270101000000-abcdef: 2000 scanned, 1999 updated, in 6 s.\n', true)).toBe(true);
  expect(matches('at most 300 read units a second', 'at most 200 read units a second')).toBe(false);
});

test('an ellipsis stands for any lines, or for any text within one', () => {
  expect(matches('a\n…\nd', 'a\nb\nc\nd\n')).toBe(true);
  expect(matches('a\n…\nd', 'a\nd\n')).toBe(true);
  expect(matches('a … d', 'a b c d')).toBe(true);
  expect(matches('a\n…\nd', 'a\nb\nc\n')).toBe(false);
});

test('a console block is commands, what they print, and how they end', () => {
  const { commands, before } = commandsOf({
    info: ['console'],
    line: 1,
    text: '$ one \\\n  --more\nprinted\n[exit 6]\n$ two',
  });
  expect(before).toEqual([]);
  expect(commands).toEqual([
    { text: 'one \\\n  --more', shown: ['printed'], exitCode: 6 },
    { text: 'two', shown: undefined, exitCode: 0 },
  ]);
});
