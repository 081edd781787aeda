import { isDeepStrictEqual } from 'node:util';
import { DeleteItemCommand, DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, expect, test } from 'vitest';
import { Stage } from './support/stage.ts';
import { type Item, keyOf, set, wholeTable } from './support/stuff.ts';

const ITEMS = 2_000;

let stage: Stage;

afterEach(() => stage.close());

/** The undo log of a run is as old as this from now on. */
async function expireLog({ stack }: Stage, runId: string, expiresAt: number): Promise<void> {
  const client = new DynamoDBClient({
    endpoint: stack.controlEngine.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  await client.send(
    new UpdateItemCommand({
      TableName: stack.environment['FLEETFILL_CONTROL_TABLE'],
      Key: { run: { S: runId }, item: { S: 'RUN' } },
      UpdateExpression: 'SET undoLog.expiresAt = :at',
      ConditionExpression: 'attribute_exists(undoLog.expiresAt)',
      ExpressionAttributeValues: { ':at': { N: String(expiresAt) } },
    }),
  );
  client.destroy();
}

const hoursFromNow = (hours: number) => Math.floor(Date.now() / 1_000) + hours * 3_600;

test('a run is undone: only its own values go, and nothing of the application’s', {
  timeout: 180_000,
}, async () => {
  stage = await Stage.open({ items: ITEMS, seed: 'undo' });
  const { client } = stage;
  const before = await wholeTable(client);
  const [same, own, changed, deleted, ...rest] = [...before.values()] as [Item, Item, Item, Item, ...Item[]];
  // The application's own values from before the run. One of them equals the run's value.
  await set(client, same, '1');
  await set(client, own, '7');
  const had = await wholeTable(client);

  const run = stage.orchestrate(['run', '--segments', '4', '--yes']);
  expect(await run.exit, run.stderr).toBe(0);
  const runId = String(run.events[0]?.runId);
  expect(run.events.at(-1)).toMatchObject({ event: 'run.finished', updated: ITEMS - 2 });

  await set(client, changed, '9');
  // The very value that the run sets, once more, on an item that had it before the run.
  await set(client, same, '1');
  await client.send(new DeleteItemCommand({ TableName: 'stuff', Key: keyOf(deleted) }));

  const expected = { undoes: runId, changed: 1, deleted: 1, unknown: 0 };
  const dry = stage.orchestrate(['undo', runId, '--dry-run']);
  expect(await dry.exit, dry.stderr).toBe(0);
  expect(dry.events.at(-1)).toMatchObject({ ...expected, status: 'dry-run', removed: ITEMS - 4 });

  const list = stage.orchestrate(['undo', runId, '--list']);
  expect(await list.exit, list.stderr).toBe(0);
  const listed = list.events.map(({ key }) => (key as Item)['id']?.S);
  expect(new Set(listed).size).toBe(ITEMS - 2);
  expect(listed).not.toContain(same['id']?.S);

  const refused = stage.orchestrate(['undo', runId]);
  expect(await refused.exit).toBe(4);
  expect(refused.stderr.replace(/\s+/g, ' ')).toContain(`removes what run ${runId} wrote`);

  const undo = stage.orchestrate(['undo', runId, '--tasks', '2', '--yes']);
  expect(await undo.exit, undo.stderr).toBe(0);
  const undoId = String(undo.events[0]?.runId);
  expect(undoId).not.toBe(runId);
  expect(undo.events.at(-1)).toMatchObject({
    ...expected,
    event: 'run.finished',
    runId: undoId,
    status: 'verified',
    removed: ITEMS - 4,
    quarantined: 0,
  });

  had.delete(deleted['id']?.S ?? '');
  had.set(changed['id']?.S ?? '', { ...changed, test: { N: '9' } });
  const after = await wholeTable(client);
  expect(after.size).toBe(ITEMS - 1);
  expect([...after].filter(([id, item]) => !isDeepStrictEqual(item, had.get(id)))).toEqual([]);
  expect(rest.length).toBe(ITEMS - 4);

  const again = stage.orchestrate(['undo', runId, '--yes']);
  expect(await again.exit, again.stderr).toBe(0);
  expect(again.events.at(-1)).toMatchObject({ status: 'verified', undoes: runId, removed: 0, changed: 0 });
  expect(again.stderr.replace(/\s+/g, ' ')).toContain(`${undoId} already handled`);

  const ofUndo = stage.orchestrate(['undo', undoId, '--yes']);
  expect(await ofUndo.exit).toBe(3);
  expect(ofUndo.stderr).toContain(`is itself an undo of run ${runId}`);

  await expireLog(stage, runId, hoursFromNow(47));
  const expiring = stage.orchestrate(['undo', runId, '--yes']);
  expect(await expiring.exit).toBe(3);
  expect(expiring.stderr).toContain('An undo is refused in the last 48 hours before that');
  await expireLog(stage, runId, hoursFromNow(-1));
  const expired = stage.orchestrate(['undo', runId, '--yes']);
  expect(await expired.exit).toBe(3);
  expect(expired.stderr).toMatch(new RegExp(`The undo log of run ${runId} expired at .*orchestrate report`));
  await expireLog(stage, runId, hoursFromNow(800));

  const second = stage.orchestrate(['run', '--segments', '2', '--yes', '--no-undo-log']);
  expect(await second.exit, second.stderr).toBe(0);
  const secondId = String(second.events[0]?.runId);
  const later = stage.orchestrate(['undo', runId, '--yes']);
  expect(await later.exit).toBe(3);
  expect(later.stderr).toContain(secondId);
  const without = stage.orchestrate(['undo', secondId, '--yes']);
  expect(await without.exit).toBe(3);
  expect(without.stderr).toContain('kept no undo log');
});
