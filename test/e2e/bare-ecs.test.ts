import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { type BareEcs, startBareEcs } from './support/bare-ecs.ts';
import { ORCHESTRATE, OrchestratorProcess } from './support/orchestrator-process.ts';
import { Stage } from './support/stage.ts';

const JOB = fileURLToPath(new URL('../../dist/job.mjs', import.meta.url));

let stage: Stage;
let ecs: BareEcs;

afterEach(async () => {
  await ecs.close();
  await stage.close();
});

test('on an ECS that only starts what a command says, a detached run ends verified', async () => {
  stage = await Stage.open({ items: 4_000, applicationRate: 20 });
  const { AWS_ENDPOINT_URL_ECS: _, AWS_ENDPOINT_URL: __, ...rest } = stage.stack.environment;
  // The variables that a task has from its role and Region. It gets none of the operator's options.
  const ofTasks = Object.fromEntries(Object.entries(rest).filter(([name]) => name.startsWith('AWS_')));
  ecs = await startBareEcs({ 'job.mjs': JOB, 'orchestrate.mjs': ORCHESTRATE }, () => ({
    ...ofTasks,
    AWS_ENDPOINT_URL_ECS: ecs.endpoint,
  }));
  const environment = { ...rest, AWS_ENDPOINT_URL_ECS: ecs.endpoint, AWS_ENDPOINT_URL: ecs.endpoint };
  const orchestrate = (...words: string[]) =>
    new OrchestratorProcess(
      [...words, '--json'],
      environment,
      stage.stack.logDirectory.replace(/\/logs$/, ''),
    );

  const run = orchestrate('run', '--segments', '4', '--yes', '--max-write-rate', '400', '--detach');
  expect(await run.exit, run.stderr).toBe(0);
  const returnedAtMs = performance.now();
  expect(run.last).toMatchObject({ event: 'run.detached', runId: run.runId });
  const supervisor = ecs.tasks.find(({ taskArn }) => taskArn === run.last?.['taskArn']);
  expect(returnedAtMs - (supervisor?.startedAtMs ?? 0)).toBeLessThan(20_000);
  expect(supervisor?.command.slice(0, 7)).toEqual([
    ...['node', 'orchestrate.mjs', 'resume', run.runId, '--expect-epoch', '1', '--json'],
  ]);

  const wait = orchestrate('wait', run.runId);
  expect(await wait.exit, wait.stderr).toBe(0);
  expect(wait.last).toMatchObject({ event: 'run.finished', runId: run.runId, status: 'verified' });
  expect((await stage.compare()).clean).toBe(true);
  await expect.poll(() => supervisor?.exitCode, { timeout: 15_000 }).toBe(0);
  // Other questions of the preflight get no answer and become warnings.
  expect([...ecs.operations]).toEqual(expect.arrayContaining(['RunTask', 'DescribeTasks']));
}, 120_000);
