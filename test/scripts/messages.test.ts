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

test('a message joined from several lines is one message, with its file and line', () => {
  const [message] = messages.filter(({ text }) => text.startsWith('Run {run} was begun by a later version'));
  expect(message).toMatchObject({ file: 'core/errors.ts', line: expect.any(Number) });
  expect(message?.text).toMatch(/\(ImageUri\)\.$/);
});

test('a sentence of the page is one message, including the text inside its elements', () => {
  expect(messages.map(({ text }) => text)).toContain(
    'The budget is cut. {cut}. After each minute without throttling, the fleet regains a tenth of its budget.',
  );
});

test('the list leaves out texts that no person reads, and what the imitated services say in AWS’s words', () => {
  const texts = messages.map(({ text }) => text);
  const noise = /attribute_exists|node:|<!doctype|^#|RealDate|Task can not be blank|^\$0 pause/;
  expect(texts.filter(text => noise.test(text))).toEqual(texts.filter(text => /^#+ /.test(text)));
});

test('the list can be read in part', () => {
  const head = ['-c', 'set -o pipefail; node scripts/messages.mjs | head -4'];
  expect(execFileSync('bash', head, { encoding: 'utf8' })).toMatch(/^\n## demo \(\d+\)\n\ndemo\//);
});
