import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Terminal } from '../orchestrator/support/terminal.ts';
import { ORCHESTRATE } from './support/orchestrator-process.ts';
import { Stage } from './support/stage.ts';

let stage: Stage;
let terminal: Terminal;

beforeAll(async () => {
  stage = await Stage.open({ items: 40 });
});
afterEach(() => terminal.end());
afterAll(() => stage.close());

const QUESTION = 'To begin, type stuff@0000/us-east-1: ';

/** A run in a terminal that is asking for confirmation. */
async function asked(): Promise<Terminal> {
  const environment = { PATH: process.env['PATH'], TERM: 'xterm', NO_COLOR: '1', ...stage.stack.environment };
  const command = [process.execPath, ORCHESTRATE, '--segments', '2'];
  terminal = new Terminal(command, environment, { columns: 100, rows: 50 });
  await terminal.until(screen => screen.some(line => line.startsWith(QUESTION.trim())), 60_000);
  return terminal;
}

async function lacking(): Promise<number> {
  const { Items = [] } = await stage.client.send(
    new ScanCommand({ TableName: 'stuff', ConsistentRead: true }),
  );
  return Items.filter(item => item['test'] === undefined).length;
}

test.each([
  ['another answer', 'yes'],
  ['no answer', ''],
  ['the table of another Region', 'stuff@0000/eu-west-1'],
  ['Ctrl-C', '\u0003'],
  ['Ctrl-D', '\u0004'],
])('%s is no confirmation: 4, and nothing is written', async (_, answer) => {
  const before = await lacking();
  expect(before).toBeGreaterThan(0);
  const { exited, everything } = await asked().then(at => {
    at.type(answer);
    return { exited: at.exited, everything: () => at.everything() };
  });
  expect(await exited).toBe(4);
  const screen = (await everything()).join('\n');
  expect(screen).toContain('Nothing was written.');
  expect(screen).not.toMatch(/^\s+at |Internal error/m);
  expect(await lacking()).toBe(before);
});

test('the plan is printed above the question, and the answer starts the run', async () => {
  const at = await asked();
  const plan = (await at.everything()).join('\n');
  for (const part of [
    'Table      stuff, account 000000000000, us-east-1',
    'Write      UPDATE "stuff"',
    'Cost ',
  ]) {
    expect(plan).toContain(part);
  }
  at.type('stuff@0000/us-east-1');
  expect(await at.exited).toBe(0);
  expect(await lacking()).toBe(0);
}, 120_000);
