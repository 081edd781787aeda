import { expect, test } from 'vitest';
import { row } from '../../../orchestrator/plan/rows.ts';

test('a row that fits is one line', () => {
  expect(row('Units', '3,000 write units, 1 an item')).toBe('Units      3,000 write units, 1 an item');
});

test('a longer row continues below its text, and no line is wider than 80', () => {
  const text = Array.from({ length: 40 }, (_, index) => `word${index}`).join(' ');
  const lines = row('Warning', text).split('\n');
  expect(lines.length).toBeGreaterThan(3);
  expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(80);
  expect(lines.slice(1).every(line => /^ {11}\S/.test(line))).toBe(true);
  expect(lines.map(line => line.slice(11)).join(' ')).toBe(text);
});

test('a word that is too wide gets its own line, unbroken', () => {
  const word = 'x'.repeat(90);
  expect(row('Table', `a ${word} b`).split('\n')).toEqual([
    'Table      a',
    ' '.repeat(11) + word,
    `${' '.repeat(11)}b`,
  ]);
});

test('a command can be copied whole, and the sentence goes on below it', () => {
  const text =
    'Recovery is off. Turn it on: aws dynamodb update-continuous-backups --table-name stuff --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true. If another backup exists, use --allow-no-pitr.';
  const lines = row('Refused', text).split('\n');
  expect(lines.map(line => line.slice(11))).toEqual([
    'Recovery is off. Turn it on:',
    '  aws dynamodb update-continuous-backups --table-name stuff \\',
    '  --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true',
    'If another backup exists, use --allow-no-pitr.',
  ]);
});
