import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, test } from 'vitest';
import { faultsOf } from '../../local/fault/fault-proxy.ts';
import type { LocalStackOptions } from '../../local/local-stack.ts';
import { Stage } from './support/stage.ts';

const JOB = fileURLToPath(new URL('../../dist/job.mjs', import.meta.url));

const stages: Stage[] = [];

/** The supervisor starts a worker for one segment of one, doctor for one segment of four. */
const isLaunchOfSupervisor = ({ body }: { readonly body: unknown }) =>
  JSON.stringify(body).includes('{"name":"FLEETFILL_TOTAL_SEGMENTS","value":"1"}');

afterEach(async () => {
  for (const stage of stages.splice(0)) await stage.close();
});

async function open(stack: Partial<LocalStackOptions> = {}): Promise<Stage> {
  const stage = await Stage.open({ items: 40, stack: { faults: faultsOf(), ...stack } });
  stages.push(stage);
  return stage;
}

async function doctorTask(stage: Stage, ...args: string[]) {
  const child = stage.orchestrate(['doctor', '--task', '--segments', '4', '--allow-no-pitr', ...args]);
  const exit = await child.exit;
  const findings = new Map(
    child.events
      .filter(({ event }) => event === 'doctor.finding')
      .map(event => [String(event['check']), event]),
  );
  return { exit, findings, last: child.last, stderr: child.stderr };
}

/** The engine promises nothing about the order of attributes. */
async function itemsOf(stage: Stage) {
  const { Items = [] } = await stage.client.send(new ScanCommand({ TableName: 'stuff' }));
  return Items.sort((a, b) => ((a['id']?.S ?? '') < (b['id']?.S ?? '') ? -1 : 1));
}

describe('doctor --task', () => {
  test('proves each call of a worker, changes no item and leaves no lock', async () => {
    const stage = await open();
    const before = await itemsOf(stage);
    const { exit, findings, last } = await doctorTask(stage);
    for (const step of ['scan', 'read-back', 'write-batch', 'write-single', 'metric', 'record']) {
      expect(findings.get(`task:${step}`)).toMatchObject({ level: 'ok' });
    }
    expect(findings.get('supervisor')).toMatchObject({
      level: 'ok',
      message: expect.stringContaining('--detach'),
    });
    for (const step of ['records', 'table', 'lock', 'scan', 'repair', 'launch', 'traffic', 'metric']) {
      expect(findings.get(`supervisor:${step}`)).toMatchObject({ level: 'ok' });
    }
    expect(last).toMatchObject({ event: 'doctor.finished', failures: 0 });
    expect(exit).toBe(0);
    expect(await itemsOf(stage)).toEqual(before);
    const run = stage.orchestrate(['run', '--segments', '2', '--allow-no-pitr', '--yes']);
    expect(await run.exit).toBe(0);
  });

  test.each([
    ['BatchExecuteStatement', 'task:write-batch', 'SetItAndReadItBack'],
    ['UpdateItem', 'task:write-single', 'SetItAndReadItBack'],
    ['Scan', 'task:scan', 'FindItemsWithoutIt'],
    ['BatchGetItem', 'task:read-back', 'SetItAndReadItBack'],
  ])('names the statement that is missing when %s is denied', async (operation, check, statement) => {
    const stage = await open();
    stage.stack.faults?.add({
      name: 'denied',
      clients: ['fleet'],
      tables: ['stuff'],
      operations: [operation],
      fault: { kind: 'deny' },
    });
    const { exit, findings } = await doctorTask(stage);
    expect(findings.get(check)).toMatchObject({
      level: 'failure',
      advice: expect.stringContaining(statement),
    });
    expect(exit).toBe(3);
  });

  test.each([
    [{ operations: ['GetMetricData'] }, 'supervisor:traffic', 'SeeTheTraffic'],
    [{ operations: ['UpdateItem'], tables: ['stuff'] }, 'supervisor:repair', 'RepairWhatVerificationFound'],
    [{ operations: ['StopTask'] }, 'supervisor:launch', 'WatchAndStopTasks'],
    [{ operations: ['RunTask'], where: isLaunchOfSupervisor }, 'supervisor:launch', 'GiveTasksTheirRoles'],
  ])('names the statement that the supervisor lacks when %j is denied', async (calls, check, statement) => {
    const stage = await open();
    stage.stack.faults?.add({ name: 'denied', clients: ['orchestrator'], ...calls, fault: { kind: 'deny' } });
    const { exit, findings } = await doctorTask(stage);
    expect(findings.get('task')).toMatchObject({ level: 'ok' });
    expect(findings.get(check)).toMatchObject({
      level: 'failure',
      advice: expect.stringContaining(statement),
    });
    expect([...findings.values()].filter(({ level }) => level === 'failure')).toHaveLength(1);
    expect(exit).toBe(3);
  });

  test('says that the supervisor is another image when it does not know the question', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fleetfill-other-supervisor-'));
    await copyFile(JOB, join(folder, 'job.mjs'));
    await writeFile(join(folder, 'orchestrate.mjs'), 'process.exit(2);');
    const stage = await open({ jobBundle: join(folder, 'job.mjs') });
    const { findings, exit } = await doctorTask(stage);
    expect(findings.get('supervisor')).toMatchObject({
      level: 'failure',
      message: expect.stringContaining('exit code 2'),
      advice: expect.stringContaining('older version'),
    });
    expect(exit).toBe(3);
    await rm(folder, { recursive: true });
  });

  test('says that the control table is out of reach when the task may not use it', async () => {
    const stage = await open();
    stage.stack.faults?.add({
      name: 'denied',
      clients: ['fleet'],
      tables: ['fleetfill-control'],
      fault: { kind: 'deny' },
    });
    const { exit, findings } = await doctorTask(stage);
    expect(findings.get('task')).toMatchObject({
      level: 'failure',
      message: expect.stringContaining('exit code 1'),
      advice: expect.stringContaining('could not use the control table'),
    });
    expect(exit).toBe(3);
  });

  test('says what to attach when RunTask is denied', async () => {
    const stage = await open();
    stage.stack.faults?.add({ name: 'denied', operations: ['RunTask'], fault: { kind: 'deny' } });
    const { exit, findings } = await doctorTask(stage);
    expect(findings.get('task')).toMatchObject({
      level: 'failure',
      advice: expect.stringContaining('iam:PassRole'),
    });
    expect(exit).toBe(3);
  });

  test.each([
    ['Capacity is unavailable at this time. Please try again later or in a different zone', 'no capacity'],
    ["ECS was unable to assume the role 'arn:aws:iam::111122223333:role/x'", 'ecs-tasks.amazonaws.com'],
  ])('says what to do when ECS refuses with "%s"', async (message, words) => {
    const stage = await open();
    stage.stack.faults?.add({
      name: 'refused',
      operations: ['RunTask'],
      fault: { kind: 'fail', status: 400, error: 'ClientException', message },
    });
    const { exit, findings } = await doctorTask(stage);
    expect(findings.get('task')).toMatchObject({ level: 'failure', advice: expect.stringContaining(words) });
    expect(exit).toBe(3);
  });

  test('gives up on a task that does not start, and has it stopped', async () => {
    const stage = await open({ taskDelays: { pendingMs: 15_000 } });
    const stops: string[] = [];
    stage.stack.faults?.tap({
      received: ({ operation }) => operation === 'StopTask' && stops.push(operation),
    });
    const { exit, findings } = await doctorTask(stage, '--patience', '5');
    expect(findings.get('task')).toMatchObject({
      level: 'failure',
      message: expect.stringMatching(/did not start within \d+ s\. ECS says that it is PENDING/),
      advice: expect.stringContaining('cannot pull the image'),
    });
    expect(findings.get('supervisor')).toMatchObject({
      level: 'failure',
      message: expect.stringMatching(/did not report within \d+ s\. ECS says that it is PENDING/),
    });
    expect(stops).toEqual(['StopTask', 'StopTask']);
    expect(exit).toBe(3);
  });

  test('says that the image is another when its process ends with 2', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fleetfill-other-image-'));
    await writeFile(join(folder, 'job.mjs'), 'process.exit(2);');
    const stage = await open({ jobBundle: join(folder, 'job.mjs') });
    const { findings } = await doctorTask(stage);
    expect(findings.get('task')).toMatchObject({
      level: 'failure',
      message: expect.stringContaining('exit code 2'),
      advice: expect.stringContaining('another version of Fleetfill'),
    });
    await rm(folder, { recursive: true });
  });
});
