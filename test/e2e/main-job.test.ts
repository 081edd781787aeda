import { setTimeout as delay } from 'node:timers/promises';
import { type AttributeValue, paginateScan, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, expect, test } from 'vitest';
import { faultsOf } from '../../local/fault/fault-proxy.ts';
import type { OrchestratorEvent, OrchestratorProcess } from './support/orchestrator-process.ts';
import { Stage } from './support/stage.ts';

let stage: Stage;

afterEach(() => stage.close());

const RATES = ['--max-write-rate', '20000', '--max-read-rate', '20000'];

function expectSumsToAddUp(finished: OrchestratorEvent | undefined): void {
  const { matched, updated, alreadySet, deleted, quarantined } = finished as unknown as Record<
    string,
    number
  >;
  expect((updated ?? 0) + (alreadySet ?? 0) + (deleted ?? 0) + (quarantined ?? 0)).toBe(matched);
}

async function halfWay(run: OrchestratorProcess, items: number): Promise<void> {
  await run.waitFor(({ event, updated }) => event === 'run.progress' && Number(updated) >= items);
}

test('the literal command starts a task for each of 32 segments and ends verified', async () => {
  stage = await Stage.open({ items: 2_000 });
  const run = stage.orchestrate(['--segments', '32', '--yes']);
  expect(await run.exit).toBe(0);
  expect(run.stray).toEqual([]);
  expect(run.events[0]).toMatchObject({ event: 'run.started', account: '000000000000', region: 'us-east-1' });
  const launched = run.events.filter(({ event }) => event === 'task.launched');
  expect(launched.flatMap(({ segments }) => segments).sort((a, b) => Number(a) - Number(b))).toEqual(
    Array.from({ length: 32 }, (_, segment) => segment),
  );
  expect(new Set(launched.map(({ taskArn }) => taskArn)).size).toBe(32);
  expect(run.last).toMatchObject({
    event: 'run.finished',
    status: 'verified',
    segments: 32,
    tasks: 32,
    missing: 0,
  });
  expectSumsToAddUp(run.last);
  expect((await stage.compare()).clean).toBe(true);
});

test('with the application writing all through the run, the table is as the journal says, and so are the counters', async () => {
  stage = await Stage.open({ items: 20_000, applicationRate: 100 });
  const run = stage.orchestrate(['--segments', '32', '--tasks', '8', '--yes', ...RATES]);
  expect(await run.exit).toBe(0);
  const report = await stage.compare();
  expect(report).toMatchObject({ clean: true, counts: {} });
  expectSumsToAddUp(run.last);
  expect(run.last?.['updated']).toBe(report.filled.atLeast);
  expect(report.filled.atLeast).toBe(report.filled.atMost);
  const dimensions = { Table: 'stuff' };
  for (const [metric, counter] of [
    ['ItemsScanned', 'scanned'],
    ['ItemsUpdated', 'updated'],
    ['ItemsAlreadySet', 'alreadySet'],
    ['ItemsDeleted', 'deleted'],
    ['ItemsQuarantined', 'quarantined'],
  ] as const) {
    expect(stage.stack.cloudWatch.sum('Fleetfill', metric, dimensions), metric).toBe(run.last?.[counter]);
  }
});

test('a worker killed in the middle is replaced, and the run verifies', async () => {
  stage = await Stage.open({ items: 12_000, applicationRate: 50 });
  // Slow enough that the other tasks are still working when the victim is replaced.
  const run = stage.orchestrate(['--segments', '8', '--tasks', '4', '--yes', '--max-write-rate', '1000']);
  await halfWay(run, 2_000);
  const victim = stage.stack.ecs.tasks().find(({ lastStatus }) => lastStatus === 'RUNNING');
  process.kill(victim?.pid ?? 0, 'SIGKILL');
  expect(await run.exit).toBe(0);
  expect(run.last).toMatchObject({ status: 'verified', missing: 0, launches: 5 });
  expect(
    run.events.find(({ event, launch }) => event === 'task.ended' && launch === victim?.launch),
  ).toMatchObject({
    kind: 'error',
    reason: expect.stringContaining('137'),
  });
  expect((await stage.compare()).clean).toBe(true);
});

test('after a killed orchestrator the fleet goes on, and resume takes over and verifies', async () => {
  stage = await Stage.open({ items: 12_000, applicationRate: 50 });
  const run = stage.orchestrate(['--segments', '8', '--tasks', '4', '--yes', '--max-write-rate', '2000']);
  await halfWay(run, 2_000);
  run.kill('SIGKILL');
  await run.exit;
  const refused = stage.orchestrate(['--yes']);
  expect(await refused.exit).toBe(8);
  expect(refused.stderr).toContain(`orchestrate resume ${run.runId}`);
  const resumed = stage.orchestrate(['resume', run.runId]);
  expect(await resumed.exit).toBe(0);
  expect(resumed.last).toMatchObject({ runId: run.runId, status: 'verified', missing: 0 });
  expect((await stage.compare()).clean).toBe(true);

  const again = stage.orchestrate(['resume', run.runId]);
  expect(await again.exit).toBe(0);
  expect(again.last).toEqual({ ...resumed.last, at: again.last?.at });
});

test('two orchestrators started together: one runs, the other exits with 8', async () => {
  stage = await Stage.open({ items: 3_000 });
  const both = [
    stage.orchestrate(['--segments', '4', '--yes']),
    stage.orchestrate(['--segments', '4', '--yes']),
  ];
  const codes = await Promise.all(both.map(({ exit }) => exit));
  expect(codes.sort()).toEqual([0, 8]);
});

/** In single mode no reply says what a refused write consumed, although DynamoDB charges for it. */
test('writes that their condition refused are counted in what a run consumed, in single mode too', async () => {
  const items = 60;
  stage = await Stage.open({ items, stack: { faults: faultsOf({ seed: 'refused' }) } });
  const { faults } = stage.stack;
  let sent = 0;
  faults?.add({
    name: 'slow writes',
    fault: { kind: 'delay', ms: 3_000, side: 'before-effect' },
    operations: ['UpdateItem'],
    tables: ['stuff'],
    clients: ['fleet'],
    where: () => {
      sent += 1;
      return true;
    },
  });
  const run = stage.orchestrate(['--segments', '1', '--write-api', 'single', '--yes', ...RATES]);
  while (sent === 0) await delay(20);
  for await (const { Items = [] } of paginateScan({ client: stage.client }, { TableName: 'stuff' })) {
    for (const { id, created } of Items) {
      await stage.client.send(
        new UpdateItemCommand({
          TableName: 'stuff',
          Key: { id, created } as Record<string, AttributeValue>,
          UpdateExpression: 'SET test = if_not_exists(test, :theirs)',
          ExpressionAttributeValues: { ':theirs': { N: '2' } },
        }),
      );
    }
  }
  faults?.switch('slow writes', false);
  expect(await run.exit).toBe(0);
  const { updated, alreadySet, matched, consumed } = run.last as unknown as {
    updated: number;
    alreadySet: number;
    matched: number;
    consumed: { writeCapacityUnits: number };
  };
  expect(updated + alreadySet).toBe(matched);
  expect(alreadySet).toBeGreaterThan(items / 2);
  expect(consumed.writeCapacityUnits).toBe(matched);
}, 60_000);
