import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { listMessages } from '../../scripts/message-list.mjs';

const messages = listMessages(process.cwd());

test.each([
  ['help', 'Days for which the run can be undone'],
  ['wrong value', 'is not a whole number'],
  ['error', 'There is no run {run}.'],
  ['finding', 'Point-in-time recovery is off for {table}:'],
  ['finding: what follows', 'DynamoDB would refuse every write.'],
  ['finding: advice', 'Choose another attribute.'],
  ['finding: question', 'whether point-in-time recovery is on'],
  ['plan', '{good} of {length} passed'],
  ['terminal', 'Verification of pass {pass} begins.'],
  ['terminal, page and report', '{by} started the run'],
  ['page and report', 'Rate against budget'],
  ['report', '## Who changed it, and when'],
  ['log of a task', 'worker started'],
])('the list has %s: %s', (kind, text) => {
  expect(messages.filter(message => message.text === text).map(message => message.kind)).toContain(kind);
});

test('a message that is joined of several lines is one, with its file and line', () => {
  const [message] = messages.filter(({ text }) => text.startsWith('Run {run} was begun by a later version'));
  expect(message).toMatchObject({ file: 'core/errors.ts', line: expect.any(Number) });
  expect(message?.text).toMatch(/\(ImageUri\)\.$/);
});

test('what no person reads is not in the list', () => {
  const texts = messages.map(({ text }) => text);
  expect(texts.filter(text => /attribute_exists|node:|<!doctype/.test(text))).toEqual([]);
});

test('the list may be read in part', () => {
  const head = ['-c', 'set -o pipefail; node scripts/messages.mjs | head -4'];
  expect(execFileSync('bash', head, { encoding: 'utf8' })).toMatch(/^\n## demo \(\d+\)\n\ndemo\//);
});
