import {
  DeregisterTaskDefinitionCommand,
  DescribeTaskDefinitionCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
} from '@aws-sdk/client-ecs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Stage } from './support/stage.ts';

const SLOWLY = ['--segments', '4', '--max-write-rate', '100', '--allow-no-pitr', '--yes'];

let stage: Stage;
let ecs: ECSClient;

beforeEach(async () => {
  stage = await Stage.open({ items: 1_000, seed: 'an update of the stack' });
  ecs = new ECSClient({
    endpoint: stage.stack.endpoints.ecs,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
});

afterEach(async () => {
  ecs.destroy();
  await stage.close();
});

/**
 * Does what a stack update does without UpdateReplacePolicy: it registers a new revision and deregisters the old one.
 */
async function replaceDefinition(name: string): Promise<string> {
  const { taskDefinition: old } = await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: name }));
  const { family, networkMode, requiresCompatibilities, cpu, memory, containerDefinitions } = old ?? {};
  const { taskDefinition: next } = await ecs.send(
    new RegisterTaskDefinitionCommand({
      family,
      networkMode,
      requiresCompatibilities,
      cpu,
      memory,
      containerDefinitions,
    }),
  );
  await ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition: old?.taskDefinitionArn }));
  return next?.taskDefinitionArn ?? '';
}

/** The process of a running task. */
async function anyWorker(): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const pid = stage.stack.ecs.tasks().find(task => task.lastStatus === 'RUNNING')?.pid;
    if (pid !== undefined) return pid;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  throw new Error('No task runs.');
}

test('a run whose task definition is deregistered stops with a command to resume, which works', async () => {
  const family = stage.stack.environment['FLEETFILL_TASK_DEFINITION'] ?? '';
  const run = stage.orchestrate(['run', ...SLOWLY, '--task-definition', `${family}:1`]);
  await run.waitFor(({ event }) => event === 'task.launched');
  const next = await replaceDefinition(family);
  expect(next).toMatch(/:2$/);
  process.kill(await anyWorker(), 'SIGKILL');
  expect(await run.exit).toBe(7);
  expect(run.stderr).toContain('is INACTIVE');
  expect(run.stderr).toContain(`orchestrate resume ${run.runId} --task-definition ${family}`);

  const resumed = stage.orchestrate(['resume', run.runId, '--task-definition', family]);
  expect(await resumed.exit).toBe(0);
  expect(resumed.events.at(-1)).toMatchObject({ event: 'run.finished', status: 'verified' });
}, 60_000);
