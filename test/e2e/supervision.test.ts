import { setTimeout as delay } from 'node:timers/promises';
import { DeleteItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, expect, test } from 'vitest';
import type { OrchestratorProcess } from './support/orchestrator-process.ts';
import { Stage } from './support/stage.ts';

let stage: Stage;

afterEach(() => stage.close());

async function halfWay(run: OrchestratorProcess, items: number): Promise<void> {
  await run.waitFor(({ event, updated }) => event === 'run.progress' && Number(updated) >= items);
}

test('two resumes: the later one supervises, the earlier one exits with 8', async () => {
  stage = await Stage.open({ items: 12_000 });
  const run = stage.orchestrate(['--segments', '4', '--yes', '--max-write-rate', '1500']);
  await halfWay(run, 1_000);
  const resumed = stage.orchestrate(['resume', run.runId]);
  expect(await run.exit).toBe(8);
  expect(run.stderr).toContain(`See: orchestrate status ${run.runId}`);
  expect(await resumed.exit).toBe(0);
  expect((await stage.compare()).clean).toBe(true);
});

test('a run whose record somebody deleted ends with 1, without a stack trace', async () => {
  stage = await Stage.open({ items: 4_000 });
  const run = stage.orchestrate(['--segments', '2', '--yes', '--max-write-rate', '300']);
  await run.waitFor(({ event, updated }) => event === 'run.progress' && Number(updated) > 0);
  const Key = { run: { S: run.runId }, item: { S: 'RUN' } };
  await stage.client.send(new DeleteItemCommand({ TableName: 'fleetfill-control', Key }));
  expect(await run.exit).toBe(1);
  expect(run.stderr).toContain(`The record of run ${run.runId} is gone from the control table.`);
  expect(run.stderr).not.toContain('Internal error');
  expect(run.stderr).not.toMatch(/^\s+at /m);
});

test('Ctrl-C detaches with 130 and says how to resume; the fleet goes on', async () => {
  stage = await Stage.open({ items: 16_000 });
  const run = stage.orchestrate(['--segments', '4', '--yes', '--max-write-rate', '900']);
  await halfWay(run, 1_000);
  run.kill('SIGINT');
  expect(await run.exit).toBe(130);
  expect(run.stderr).toContain(`orchestrate resume ${run.runId}`);
  const status = async () => {
    const look = stage.orchestrate(['status', run.runId]);
    await look.exit;
    return look.last as unknown as { counters: { updated: number } };
  };
  const before = await status();
  await delay(2_500);
  expect((await status()).counters.updated).toBeGreaterThan(before.counters.updated);
  const resumed = stage.orchestrate(['resume', run.runId]);
  expect(await resumed.exit).toBe(0);
});
