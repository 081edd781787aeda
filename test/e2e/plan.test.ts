import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type AttributeValue, PutItemCommand, paginateScan } from '@aws-sdk/client-dynamodb';
import { afterEach, expect, test } from 'vitest';
import { type HttpFront, startHttpFront } from '../support/http-front.ts';
import { OrchestratorProcess } from './support/orchestrator-process.ts';
import { Stage } from './support/stage.ts';

let stage: Stage;

afterEach(() => stage.close());

type Item = Record<string, AttributeValue>;

async function itemsOf(table: string): Promise<Item[]> {
  const items: Item[] = [];
  for await (const page of paginateScan(
    { client: stage.client },
    { TableName: table, ConsistentRead: true },
  )) {
    items.push(...(page.Items ?? []));
  }
  return items;
}

/** The same text for the same value, in whatever order an engine returns names and the members of sets. */
function canonical(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .map(([name, inner]) => {
      const members = canonical(inner);
      return [name, /^(SS|NS|BS)$/.test(name) && Array.isArray(members) ? members.sort() : members];
    })
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

/** One digest of all items of a table that the filter accepts. */
async function digestOf(table: string, takes: (item: Item) => boolean = () => true): Promise<string> {
  const lines = (await itemsOf(table)).filter(takes).map(item => JSON.stringify(canonical(item)));
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}

const lacking = async () => (await itemsOf('stuff')).filter(item => item['test'] === undefined);

test('a dry run beside an interrupted run touches neither the table nor its records, and says how many it would write', async () => {
  stage = await Stage.open({ items: 4_000 });
  const run = stage.orchestrate(['--segments', '4', '--yes', '--max-write-rate', '300']);
  await run.waitFor(({ event, updated }) => event === 'run.progress' && Number(updated) > 300);
  expect(await stage.orchestrate(['pause', run.runId]).exit).toBe(0);
  expect(await run.exit).toBe(9);
  const ofRun = ({ run: id, item }: Item) =>
    id?.S === run.runId || (id?.S?.startsWith('LOCK#') === true && item?.S === 'LOCK');
  const before = { table: await digestOf('stuff'), records: await digestOf('fleetfill-control', ofRun) };
  const missing = (await lacking()).length;
  expect(missing).toBeGreaterThan(0);

  const dry = stage.orchestrate(['--segments', '8', '--dry-run']);
  expect(await dry.exit).toBe(0);
  expect(dry.stderr).toMatch(/^Next, a canary: orchestrate run --table stuff .* --limit 100$/m);
  expect(dry.last).toMatchObject({ event: 'run.finished', status: 'dry-run', matched: missing, updated: 0 });
  expect({ table: await digestOf('stuff'), records: await digestOf('fleetfill-control', ofRun) }).toEqual(
    before,
  );

  const resumed = stage.orchestrate(['resume', run.runId]);
  expect(await resumed.exit).toBe(0);
  expect(resumed.last).toMatchObject({ status: 'verified', missing: 0 });
}, 120_000);

test('a canary writes and verifies exactly the given number of items, and the next run continues', async () => {
  stage = await Stage.open({ items: 600 });
  const before = (await lacking()).length;
  const canary = stage.orchestrate(['--segments', '8', '--limit', '37', '--yes']);
  expect(await canary.exit).toBe(0);
  expect(canary.last).toMatchObject({ status: 'canary', matched: 37, updated: 37, missing: 0 });
  expect(canary.events.some(({ event }) => event === 'verification.started')).toBe(false);
  expect((await lacking()).length).toBe(before - 37);
  expect(canary.stderr).toContain('orchestrate run --table stuff --attribute test');

  const whole = stage.orchestrate(['--segments', '8', '--yes']);
  expect(await whole.exit).toBe(0);
  expect(whole.last).toMatchObject({ status: 'verified', matched: before - 37, updated: before - 37 });
}, 120_000);

test('a run that is cancelled ends with 9, and both commands say how to begin again', async () => {
  stage = await Stage.open({ items: 4_000 });
  const run = stage.orchestrate(['--segments', '2', '--value', '"x"', '--yes', '--max-write-rate', '200']);
  await run.waitFor(({ event, updated }) => event === 'run.progress' && Number(updated) > 0);
  const cancel = stage.orchestrate(['cancel', run.runId]);
  expect(await cancel.exit).toBe(0);
  expect(await run.exit).toBe(9);
  expect(run.last).toMatchObject({ event: 'run.finished', status: 'cancelled' });
  for (const { stderr } of [run, cancel]) {
    expect(stderr).toMatch(
      /A new run continues from there: orchestrate run --table stuff --attribute test --value '"x"' --segments 2 --max-write-rate 200 /,
    );
  }
}, 120_000);

test('a canary larger than what is missing writes all of it', async () => {
  stage = await Stage.open({ items: 40 });
  const before = (await lacking()).length;
  const canary = stage.orchestrate(['--segments', '32', '--tasks', '4', '--limit', '500', '--yes']);
  expect(await canary.exit).toBe(0);
  expect(canary.last).toMatchObject({ status: 'canary', updated: before, missing: 0 });
}, 120_000);

test('time and cost are within 15 % of the run that follows', async () => {
  stage = await Stage.open({
    items: 12_000,
    stack: {
      // More than filling the table can consume, so that only the budget limits anything.
      capacity: { writeUnitsPerSecond: 40_000, readUnitsPerSecond: 40_000, partitions: 40, latencyMs: 3 },
    },
  });
  const budget = ['--segments', '8', '--tasks', '4', '--max-write-rate', '250', '--max-read-rate', '400'];
  const planned = stage.orchestrate(['plan', ...budget, '--sample', '64']);
  expect(await planned.exit).toBe(0);
  // biome-ignore lint/suspicious/noExplicitAny: the event as JSON.
  const { forecast } = planned.last as any;
  const run = stage.orchestrate([...budget, '--yes']);
  expect(await run.exit).toBe(0);
  // biome-ignore lint/suspicious/noExplicitAny: the event as JSON.
  const finished = run.last as any;
  const file = join(tmpdir(), `fleetfill-cost-${run.runId}.json`);
  const report = stage.orchestrate(['report', run.runId, '--format', 'json', '--out', file]);
  expect(await report.exit).toBe(0);
  const { cost } = JSON.parse(await readFile(file, 'utf8'));
  await rm(file);
  const off = {
    // Without Fargate, because the plan includes the start on AWS, which a process here does not have.
    dollars: (forecast.cost.writes + forecast.cost.reads) / (cost.writes + cost.reads),
    seconds: forecast.seconds / (finished.durationMs / 1_000),
    writeUnits: forecast.writeUnits.value / finished.consumed.writeCapacityUnits,
    readUnits:
      (forecast.scanReadUnits + forecast.verificationReadUnits) / finished.consumed.readCapacityUnits,
  };
  for (const ratio of Object.values(off)) {
    expect(ratio).toBeGreaterThan(0.85);
    expect(ratio).toBeLessThan(1.15);
  }
}, 180_000);

test('--max-cost stops a run before it has cost more, and resume with a higher one goes on', async () => {
  stage = await Stage.open({ items: 6_000 });
  const directory = await mkdtemp(join(tmpdir(), 'fleetfill-prices-'));
  const file = join(directory, 'prices.json');
  await writeFile(
    file,
    JSON.stringify({
      region: 'us-east-1',
      asOf: '2026-01-02',
      source: 'a test: a dollar a write',
      perMillionWriteUnits: 1e6,
      perMillionReadUnits: 0,
      fargate: { X86_64: { perVcpuHour: 0, perGbHour: 0 } },
    }),
  );
  const run = stage.orchestrate([
    ...['--segments', '4', '--yes', '--max-write-rate', '150', '--prices', file, '--max-cost', '2500'],
  ]);
  expect(await run.exit).toBe(7);
  expect(run.last).toMatchObject({ status: 'failed' });
  const spent = Number((run.last as { consumed?: Record<string, unknown> }).consumed?.['writeCapacityUnits']);
  expect(spent).toBeGreaterThan(300);
  expect(spent).toBeLessThanOrEqual(2_500);
  expect(run.stderr).toContain(`orchestrate resume ${run.runId} --max-cost`);
  const rest = stage.orchestrate(['resume', run.runId, '--max-cost', '100000']);
  expect(await rest.exit).toBe(0);
  await rm(directory, { recursive: true });
}, 120_000);

test('code that does not set the attribute is named as such, and so is a writer that puts old items back', async () => {
  stage = await Stage.open({ items: 2_000 });
  const old = (await lacking())[0] as Item;
  const run = stage.orchestrate(['--segments', '2', '--yes', '--passes', '1', '--max-write-rate', '600']);
  await run.waitFor(({ event }) => event === 'run.started');
  let ended = false;
  const oldCode = (async () => {
    for (let index = 0; !ended; index++) {
      const created = { N: String(Date.now()) };
      await stage.client.send(
        new PutItemCommand({ TableName: 'stuff', Item: { id: { S: `late-${index}` }, created } }),
      );
      await stage.client.send(new PutItemCommand({ TableName: 'stuff', Item: old }));
      await delay(20);
    }
  })();
  const code = await run.exit;
  ended = true;
  await oldCode;
  expect(code).toBe(6);
  expect(run.last).toMatchObject({ status: 'incomplete' });
  const verification = run.events.findLast(({ event }) => event === 'verification.finished');
  expect(verification).toMatchObject({ diagnosis: { lost: 1, unknown: 0 } });
  expect(run.stderr).toMatch(
    /\d+ items? (was|were) created after the start, by code that does not set "test"\. Deploy code that sets it, then run again/,
  );
  expect(run.stderr).toContain('puts the whole old item back');
}, 120_000);

/** The engine has no point-in-time recovery and no replicas, so these two answers are built from the service model. */
async function refusingFront(): Promise<HttpFront> {
  return startHttpFront(stage.stack.endpoints.dynamodb, async (call, answer) => {
    if (call.operation === 'DescribeContinuousBackups') {
      return answer.reply(200, {
        ContinuousBackupsDescription: {
          ContinuousBackupsStatus: 'ENABLED',
          PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'DISABLED' },
        },
      });
    }
    if (call.operation !== 'DescribeTable' || call.body.TableName !== 'stuff') return answer.pass();
    const { status, body } = await answer.forward();
    const Table = { ...(body['Table'] as object), Replicas: [{ RegionName: 'eu-west-1' }] };
    return answer.reply(status, { ...body, Table });
  });
}

test('a run is refused for all its reasons at once, with what to do, and nothing is written', async () => {
  stage = await Stage.open({ items: 100 });
  const before = await digestOf('stuff');
  const front = await refusingFront();
  const environment = { ...stage.stack.environment, AWS_ENDPOINT_URL_DYNAMODB: front.endpoint };
  const words = ['--account', '123456789012', '--attribute', 'created', '--json'];
  const run = new OrchestratorProcess([...words, '--yes'], environment);
  expect(await run.exit).toBe(3);
  expect(run.events).toEqual([]);
  for (const part of [
    'Point-in-time recovery',
    'eu-west-1',
    'account 000000000000',
    'is a key of the table',
  ]) {
    expect(run.stderr).toContain(part);
  }
  expect(run.stderr).toMatch(/--allow-no-pitr/);
  expect(run.stderr).not.toMatch(/^\s+at /m);
  const plan = new OrchestratorProcess(['plan', ...words], environment);
  expect(await plan.exit).toBe(3);
  expect(plan.last).toMatchObject({ event: 'plan.finished', account: '000000000000' });
  expect(plan.stderr).toContain('refused, for 4 reasons');
  await front.close();
  expect(await digestOf('stuff')).toBe(before);
}, 60_000);

test('a run is refused when items newer than --deployed-at lack the attribute, or when there is neither a terminal nor --yes', async () => {
  stage = await Stage.open({ items: 100 });
  const Item = { id: { S: 'new' }, created: { N: String(Date.now()) } };
  await stage.client.send(new PutItemCommand({ TableName: 'stuff', Item }));
  const deployedAt = new Date(Date.now() - 60_000).toISOString();
  const refused = stage.orchestrate(['--yes', '--deployed-at', deployedAt]);
  expect(await refused.exit).toBe(3);
  expect(refused.stderr).toContain('"S":"new"');
  const unconfirmed = stage.orchestrate(['--segments', '4']);
  expect(await unconfirmed.exit).toBe(4);
  expect(unconfirmed.stderr).toContain('orchestrate --segments 4 --json --yes');
  expect((await lacking()).some(({ id }) => id?.S === 'new')).toBe(true);
}, 60_000);
