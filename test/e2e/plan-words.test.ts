import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from './support/stage.ts';

let stage: Stage;
let directory: string;

beforeAll(async () => {
  stage = await Stage.open({ items: 200 });
  directory = await mkdtemp(join(tmpdir(), 'fleetfill-plan-'));
});
afterAll(async () => {
  await stage.close();
  await rm(directory, { recursive: true, force: true });
});

/** The text for people. With --json it goes to stderr. */
async function planned(...more: string[]) {
  const plan = stage.orchestrate(['plan', '--max-write-rate', '100', ...more]);
  const code = await plan.exit;
  return { code, words: plan.stderr, event: plan.last };
}

async function prices(list: object): Promise<string> {
  const file = join(directory, 'prices.json');
  await writeFile(file, JSON.stringify(list));
  return file;
}

test('a plan says what is written where, how it knows, and how long it takes at which rate', async () => {
  const { code, words } = await planned();
  expect(code).toBe(0);
  const unwrapped = words.replace(/\n {11}(?=\S)/g, ' ');
  for (const part of [
    /^Table {6}stuff, account 000000000000, us-east-1, arn:aws:dynamodb:\S+:table\/stuff$/m,
    /^Write {6}UPDATE "stuff" SET "test" = \? WHERE "id" = \? AND "created" = \? AND "test" IS MISSING with test = 1,/m,
    /^Missing {4}[\d,]+ items lack "test"/m,
    /^Sample {5}200 items in 32 of 32 segments, chosen at random.*the sample took [\d.]+ read units, under \$0\.01/m,
    /^Units {6}[\d,]+ write units, 1 an item [\d,.]+ read units to find the items, [\d.]+ to verify them with strong consistency$/m,
    /^Time {7}.+ at 25, .+ at 50, .+ at 100 \(chosen\), .+ at 200 /m,
    /^Cost {7}.*writes .*, reads .*, Fargate .*, CloudWatch /m,
    /prices of \d{4}-\d\d-\d\d, us-east-1/,
    /not counted: .*control table.*Logs.*further passes/,
    /^Next, a dry run: orchestrate run --max-write-rate 100 --dry-run$/m,
    /^Then a canary: orchestrate run --max-write-rate 100 --limit 100$/m,
  ]) {
    expect(unwrapped).toMatch(part);
  }
  expect(words.split('\n').filter(line => line.length > 80)).toEqual([]);
});

test('the change ticket is one page, with the stop conditions in force and the way back', async () => {
  const { code, words } = await planned('--format', 'md', '--max-cost', '7', '--max-quarantine', '3');
  expect(code).toBe(0);
  const ticket = words.slice(0, words.indexOf('\nNext, a dry run'));
  expect(ticket.split('\n').length).toBeLessThanOrEqual(55);
  const headings = [...ticket.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading);
  expect(headings).toEqual([
    'Change: set `test` on every item of `stuff` that lacks it',
    'What it does to items',
    'Steps',
    'Stop conditions',
    'The way back',
    'Checks before the start',
  ]);
  for (const part of [
    'when over 3 items cannot be written (exit 7)',
    'before it costs more than $7 (exit 7)',
    '`orchestrate pause RUN`',
    '`orchestrate rate RUN --max-write-rate 25`',
    '**into a new table**',
    'Never `REMOVE test` where `test = 1`',
  ]) {
    expect(ticket).toContain(part);
  }
});

test('your own prices, with their date, change the cost in dollars', async () => {
  const own = {
    region: 'eu-central-1',
    asOf: '2026-02-03',
    source: 'our contract',
    perMillionWriteUnits: 1e6,
  };
  const { code, words, event } = await planned('--prices', await prices(own));
  expect(code).toBe(0);
  expect(words).toContain('prices of 2026-02-03, eu-central-1: our contract');
  const { forecast } = event as unknown as {
    forecast: { writeUnits: { value: number }; cost: { writes: number } };
  };
  expect(forecast.cost.writes).toBeCloseTo(forecast.writeUnits.value);
});

test('an invalid price list is refused, with every problem', async () => {
  const file = await prices({ asOf: 'today', source: 'x', perMillionWriteUnits: -1, perMillionReads: 1 });
  const { code, words } = await planned('--prices', file);
  expect(code).toBe(2);
  for (const part of ['region', 'asOf: is not a date', 'perMillionWriteUnits', 'perMillionReads']) {
    expect(words).toContain(part);
  }
});
