import { afterEach, expect, test } from 'vitest';
import { Stage } from './support/stage.ts';
import { set, wholeTable } from './support/stuff.ts';

let stage: Stage;

afterEach(() => stage.close());

test('a canary is taken back; a dry run and an unfinished run have an answer of their own', {
  timeout: 180_000,
}, async () => {
  stage = await Stage.open({ items: 600, seed: 'undo of others' });
  const { client } = stage;
  const had = await wholeTable(client);

  const dry = stage.orchestrate(['run', '--segments', '2', '--yes', '--dry-run']);
  expect(await dry.exit, dry.stderr).toBe(0);
  const ofDry = stage.orchestrate(['undo', dry.runId, '--yes']);
  expect(await ofDry.exit).toBe(3);
  expect(ofDry.stderr).toContain('was a dry run. It wrote nothing, so there is nothing to undo.');

  const canary = stage.orchestrate(['run', '--segments', '2', '--yes', '--limit', '20']);
  expect(await canary.exit, canary.stderr).toBe(0);
  expect(canary.last).toMatchObject({ status: 'canary', updated: 20 });
  const ofCanary = stage.orchestrate(['undo', canary.runId, '--yes']);
  expect(await ofCanary.exit, ofCanary.stderr).toBe(0);
  expect(ofCanary.last).toMatchObject({ status: 'verified', removed: 20, changed: 0, unknown: 0 });
  expect(await wholeTable(client)).toEqual(had);

  const run = stage.orchestrate(['run', '--segments', '2', '--yes', '--max-write-rate', '60']);
  await run.waitFor(({ event, updated }) => event === 'run.progress' && Number(updated) > 0);
  const early = stage.orchestrate(['undo', run.runId, '--yes']);
  expect(await early.exit).toBe(8);
  expect(early.stderr).toContain('Only a run that has ended can be undone.');
  expect(early.stderr).toContain(`orchestrate cancel ${run.runId}`);
  const cancel = stage.orchestrate(['cancel', run.runId]);
  expect(await cancel.exit, cancel.stderr).toBe(0);
  expect(await run.exit).toBe(9);
  const ofCancelled = stage.orchestrate(['undo', run.runId, '--yes']);
  expect(await ofCancelled.exit, ofCancelled.stderr).toBe(0);
  expect(ofCancelled.last).toMatchObject({ status: 'verified', removed: run.last?.['updated'] });
  expect(await wholeTable(client)).toEqual(had);
});

test('an undo that is killed, with a task, goes on where it was, and counts each value once', {
  timeout: 180_000,
}, async () => {
  const items = 1_200;
  stage = await Stage.open({ items, seed: 'undo killed' });
  const { client } = stage;
  const had = await wholeTable(client);
  const run = stage.orchestrate(['run', '--segments', '4', '--yes']);
  expect(await run.exit, run.stderr).toBe(0);
  const { runId } = run;
  const ours = [...had.values()].slice(0, 30);
  for (const item of ours) await set(client, item, '5');

  const slow = ['--max-write-rate', '120', '--max-read-rate', '1000'];
  const undo = stage.orchestrate(['undo', runId, '--tasks', '2', '--yes', ...slow]);
  await undo.waitFor(({ event, updated }) => event === 'run.progress' && Number(updated) > 50);
  undo.kill('SIGKILL');
  await undo.exit;
  const worker = stage.stack.ecs.tasks().find(({ lastStatus, pid }) => lastStatus === 'RUNNING' && pid);
  process.kill(worker?.pid ?? 0, 'SIGKILL');
  const standing = [...(await wholeTable(client)).values()].filter(({ test }) => test?.N === '1').length;
  expect(standing).toBeGreaterThan(0);
  expect(standing).toBeLessThan(items - 80);

  const resumed = stage.orchestrate(['resume', undo.runId]);
  await resumed.waitFor(({ event }) => event === 'run.progress');
  const faster = stage.orchestrate(['rate', undo.runId, '--max-write-rate', '2000']);
  expect(await faster.exit, faster.stderr).toBe(0);
  expect(await resumed.exit, resumed.stderr).toBe(0);
  expect(resumed.last).toMatchObject({
    ...{ status: 'verified', undoes: runId, unknown: 0, quarantined: 0 },
    ...{ removed: items - ours.length, changed: ours.length, deleted: 0 },
  });
  for (const item of ours) had.set(item['id']?.S ?? '', { ...item, test: { N: '5' } });
  expect(await wholeTable(client)).toEqual(had);
  const again = stage.orchestrate(['undo', runId, '--yes']);
  expect(await again.exit, again.stderr).toBe(0);
  expect(again.last).toMatchObject({ status: 'verified', removed: 0 });
});

test('an undo is paused, slowed, cancelled and resumed like a run', {
  timeout: 180_000,
}, async () => {
  stage = await Stage.open({ items: 1_500, seed: 'undo operated' });
  const { client } = stage;
  const recipe = ['--set', 'label=country + "#" + string(population)', '--set', 'half=population / 2'];
  const run = stage.orchestrate(['run', ...recipe, '--segments', '4', '--tasks', '2', '--yes']);
  expect(await run.exit, run.stderr).toBe(0);
  const runId = String(run.events[0]?.runId);
  const had = await wholeTable(client);
  const withTargets = async () =>
    [...(await wholeTable(client)).values()].filter(({ label, half }) => label ?? half).length;
  expect(await withTargets()).toBe(1_500);

  const slow = ['--max-write-rate', '100', '--max-read-rate', '1000'];
  const undo = stage.orchestrate(['undo', runId, '--tasks', '2', '--yes', ...slow]);
  await undo.waitFor(({ event, updated }) => event === 'run.progress' && Number(updated) > 50);
  const { runId: undoId } = undo;
  const slower = stage.orchestrate(['rate', undoId, '--max-write-rate', '80']);
  expect(await slower.exit, slower.stderr).toBe(0);
  const pause = stage.orchestrate(['pause', undoId]);
  expect(await pause.exit, pause.stderr).toBe(0);
  expect(await undo.exit).toBe(9);
  expect(undo.last).toMatchObject({ event: 'run.finished', status: 'paused', undoes: runId });
  const paused = await withTargets();
  expect(paused).toBeGreaterThan(0);

  const other = stage.orchestrate(['run', ...recipe, '--yes']);
  expect(await other.exit, other.stderr).toBe(8);
  const shown = stage.orchestrate(['status', undoId]);
  expect(await shown.exit).toBe(0);
  expect(shown.last).toMatchObject({ status: 'paused', budget: { writeUnitsPerSecond: 80 } });
  expect(await withTargets()).toBe(paused);

  const resumed = stage.orchestrate(['resume', undoId]);
  await resumed.waitFor(({ event }) => event === 'run.progress');
  const cancel = stage.orchestrate(['cancel', undoId]);
  expect(await cancel.exit, cancel.stderr).toBe(0);
  expect(await resumed.exit).toBe(9);
  expect(resumed.last).toMatchObject({ status: 'cancelled', undoes: runId });

  const second = stage.orchestrate(['undo', runId, '--yes']);
  expect(await second.exit, second.stderr).toBe(0);
  // Two values of each item. What the cancelled undo removed in an unfinished chunk looks removed to the next undo.
  const [before, removed, changed] = [
    resumed.last?.['removed'],
    second.last?.['removed'],
    second.last?.['changed'],
  ];
  expect(Number(removed)).toBeGreaterThan(0);
  expect(Number(before) + Number(removed) + Number(changed)).toBe(3_000);
  const after = await wholeTable(client);
  expect(after.size).toBe(had.size);
  for (const [id, { label: _, half: __, ...rest }] of had) expect(after.get(id)).toEqual(rest);
});
