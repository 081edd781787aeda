import { setTimeout as delay } from 'node:timers/promises';
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shiftedClock } from '../../local/fault/shifted-clock.ts';
import { type HttpFront, startHttpFront } from '../support/http-front.ts';
import { OrchestratorProcess } from './support/orchestrator-process.ts';
import { Stage } from './support/stage.ts';

/** One run, left by the process that started it and continued by another. The tests follow it in order. */
let stage: Stage;
let front: HttpFront;
let runId: string;

const ELEVEN_MINUTES_MS = 11 * 60_000;

beforeAll(async () => {
  stage = await Stage.open({ items: 6_000 });
  front = await startHttpFront(stage.stack.environment['AWS_ENDPOINT_URL_DYNAMODB']);
  const first = stage.orchestrate(['run', '--segments', '2', '--yes', '--max-write-rate', '30']);
  await first.waitFor(({ event, updated }) => event === 'run.progress' && Number(updated) > 0);
  runId = first.runId;
  first.kill('SIGKILL');
  await first.exit;
});

afterAll(async () => {
  await stage.close();
  await front.close();
});

/** `wait` over a connection that can fail, on a separate machine. */
const wait = (environment: Readonly<Record<string, string>> = {}) =>
  new OrchestratorProcess(['wait', runId, '--json'], {
    ...stage.stack.environment,
    AWS_ENDPOINT_URL_DYNAMODB: front.endpoint,
    ...environment,
  });

const says = (process: OrchestratorProcess, words: RegExp) =>
  expect.poll(() => process.stderr, { timeout: 70_000 }).toMatch(words);

/** Resolves once the waiting command has asked the control table `more` more times. */
async function asks(more: number): Promise<void> {
  const before = front.calls.length;
  await expect.poll(() => front.calls.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(before + more);
}

async function statusOf(): Promise<unknown> {
  const status = stage.orchestrate(['status', runId]);
  await status.exit;
  return status.last?.['status'];
}

const recordOf = async () => {
  const Key = { run: { S: runId }, item: { S: 'RUN' } };
  return (await stage.client.send(new GetItemCommand({ TableName: 'fleetfill-control', Key }))).Item;
};

test('nobody has supervised for ten minutes: it says so, and leaves with 130', async () => {
  // A machine with a fast clock sees at once what others see after ten minutes.
  const before = await recordOf();
  const left = wait(shiftedClock(ELEVEN_MINUTES_MS));
  expect(await left.exit, left.stderr).toBe(130);
  expect(left.stderr).toContain(`orchestrate resume ${runId} --detach`);
  expect(left.events).toEqual([]);
  // Whoever waits supervises nothing and changes nothing.
  expect(await recordOf()).toEqual(before);
}, 60_000);

test('Ctrl-C leaves the run alone; lost connections and expired credentials leave the wait alone', async () => {
  const supervisor = stage.orchestrate(['resume', runId]);
  await supervisor.waitFor(({ event }) => event === 'run.started');

  const interrupted = wait();
  await asks(3);
  interrupted.kill('SIGINT');
  expect(await interrupted.exit).toBe(130);
  expect(interrupted.stderr).toContain(`orchestrate wait ${runId}`);
  expect(await statusOf()).toBe('running');

  const patient = wait();
  await asks(3);
  front.script = (_, answer) => answer.cut();
  await delay(5_000);
  front.script = (_, answer) => answer.refuse('ExpiredTokenException', 'The security token has expired');
  await says(patient, /credentials have expired[\s\S]*Log in again/);
  front.script = (_, answer) => answer.pass();
  await says(patient, /can be read again/);

  const faster = stage.orchestrate(['rate', runId, '--max-write-rate', '20000', '--max-read-rate', '20000']);
  expect(await faster.exit).toBe(0);
  expect(await patient.exit, patient.stderr).toBe(0);
  expect(patient.last).toMatchObject({ event: 'run.finished', runId, status: 'verified' });
  expect(patient.events.filter(({ event }) => event !== 'warning')).toHaveLength(1);
  expect(await supervisor.exit).toBe(0);
}, 150_000);
