import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { suspendedClock } from '../../local/fault/suspended-clock.ts';
import { type HttpFront, startHttpFront } from '../support/http-front.ts';
import { OrchestratorProcess } from './support/orchestrator-process.ts';
import { Stage } from './support/stage.ts';

/** A laptop that is closed for seven minutes in the middle of a run; the test waits for as many seconds. */
let stage: Stage;
let front: HttpFront;

const STOPPED_MS = 7_000;
const LAPTOP = suspendedClock(60);
const EVERYTHING = ['--max-write-rate', '20000', '--max-read-rate', '20000'];

beforeAll(async () => {
  stage = await Stage.open({ items: 2_000 });
  front = await startHttpFront(stage.stack.environment['AWS_ENDPOINT_URL_DYNAMODB']);
});
afterAll(async () => {
  await stage.close();
  await front.close();
});

const onLaptop = (...args: string[]) =>
  new OrchestratorProcess([...args, '--json'], {
    ...stage.stack.environment,
    AWS_ENDPOINT_URL_DYNAMODB: front.endpoint,
    ...LAPTOP,
  });

/** Reads and writes of items of the user's table that the laptop has sent so far. */
const asked = () =>
  front.calls.filter(
    ({ operation, body }) =>
      operation !== 'DescribeTable' &&
      (body?.TableName === 'stuff' || body?.RequestItems?.stuff || body?.Statements),
  ).length;

test('a laptop that slept supervises on when it wakes, where nobody else came', async () => {
  const run = onLaptop('run', '--segments', '2', '--yes', '--max-write-rate', '150');
  await run.waitFor(({ event, updated }) => event === 'run.progress' && Number(updated) > 0);
  run.kill('SIGSTOP');
  await delay(STOPPED_MS);
  run.kill('SIGCONT');
  const rate = stage.orchestrate(['rate', run.runId, ...EVERYTHING]);
  expect(await rate.exit, rate.stderr).toBe(0);
  expect(await run.exit, run.stderr).toBe(0);
  expect(run.last).toMatchObject({ event: 'run.finished', status: 'verified', missing: 0 });
  expect(run.stderr).not.toMatch(/Internal error|^\s+at /m);
  expect((await stage.compare()).clean).toBe(true);
}, 120_000);

test('one that slept in its verification asks nothing more of the table, once another one has finished the run', async () => {
  const args = ['--attribute', 'second', '--segments', '2', '--max-write-rate', '20000'];
  const run = onLaptop('run', '--yes', ...args, '--max-read-rate', '20000');
  // Slow pages, so that the laptop falls asleep in the middle of the verification.
  front.script = async ({ operation, body }, answer) => {
    if (operation === 'Scan' && body.ConsistentRead && body.TableName === 'stuff') await delay(400);
    return answer.pass();
  };
  await run.waitFor(({ event }) => event === 'verification.started');
  const before = asked();
  await expect.poll(asked, { timeout: 20_000 }).toBeGreaterThan(before);
  run.kill('SIGSTOP');
  const stoppedAtMs = performance.now();
  const other = stage.orchestrate(['resume', run.runId]);
  expect(await other.exit, other.stderr).toBe(0);
  expect(other.last).toMatchObject({ status: 'verified' });
  await delay(Math.max(0, STOPPED_MS - (performance.now() - stoppedAtMs)));
  const asleep = asked();
  run.kill('SIGCONT');
  expect(await run.exit, run.stderr).toBe(8);
  expect(asked()).toBe(asleep);
  expect(run.stderr).toContain(`orchestrate status ${run.runId}`);
  expect(run.stderr).not.toMatch(/Internal error|^\s+at /m);
}, 120_000);
