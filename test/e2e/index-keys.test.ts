import {
  type AttributeValue,
  CreateTableCommand,
  PutItemCommand,
  UpdateTableCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from './support/stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ items: 1 });
  await createWithLateIndex();
});
afterAll(() => stage.close());

/** Creates items before the index, because only older items can have a value that the index cannot hold. */
async function createWithLateIndex(): Promise<void> {
  const id = { AttributeName: 'id', AttributeType: 'S' } as const;
  await stage.client.send(
    new CreateTableCommand({
      TableName: 'people',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [id],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    }),
  );
  const emails: (AttributeValue | undefined)[] = [
    { NULL: true },
    { S: '' },
    { N: '1' },
    undefined,
    undefined,
  ];
  const put = (email: AttributeValue | undefined, index: number) => {
    const Item = { id: { S: `p${index}` }, ...(email && { email }) };
    return stage.client.send(new PutItemCommand({ TableName: 'people', Item }));
  };
  await Promise.all(Array.from({ length: 100 }, (_, index) => put(emails[index % emails.length], index)));
  await stage.client.send(
    new UpdateTableCommand({
      TableName: 'people',
      AttributeDefinitions: [id, { AttributeName: 'email', AttributeType: 'S' }],
      GlobalSecondaryIndexUpdates: [
        {
          Create: {
            IndexName: 'by-email',
            KeySchema: [{ AttributeName: 'email', KeyType: 'HASH' }],
            Projection: { ProjectionType: 'ALL' },
          },
        },
      ],
    }),
  );
}

const PEOPLE = ['--table', 'people', '--attribute', 'email', '--value', '"none"'];
const WORDS =
  /60 items are not in the index by-email: their "email" is NULL \(20 items\), empty or of another type/;

test('a run on an index key says which items have it and are not in the index, wherever it says "verified"', async () => {
  const run = stage.orchestrate(['run', ...PEOPLE, '--segments', '2', '--yes']);
  expect(await run.exit, run.stderr).toBe(0);
  const finished = { status: 'verified', updated: 40, missing: 0, nulls: 20, notIndexed: 60 };
  expect(run.last).toMatchObject({ event: 'run.finished', ...finished });
  expect(run.stderr).toMatch(WORDS);

  const verify = stage.orchestrate(['verify', '--table', 'people', '--attribute', 'email']);
  expect(await verify.exit).toBe(0);
  expect(verify.last).toMatchObject({ scanned: 100, missing: 0, nulls: 20, notIndexed: 60 });
  expect(verify.stderr).toMatch(WORDS);

  const status = stage.orchestrate(['status', run.runId]);
  expect(await status.exit).toBe(0);
  expect(status.last).toMatchObject({ missing: 0, nulls: 20, notIndexed: 60 });
  expect(status.stderr).toMatch(WORDS);

  const wait = stage.orchestrate(['wait', run.runId]);
  expect(await wait.exit).toBe(0);
  expect(wait.last).toMatchObject(finished);

  const report = stage.orchestrate(['report', run.runId, '--format', 'md']);
  expect(await report.exit).toBe(0);
  expect(report.stderr).toMatch(WORDS);
}, 60_000);

test('nothing is said of an attribute that is the key of no index', async () => {
  const run = stage.orchestrate(['run', '--table', 'people', '--attribute', 'other', '--yes']);
  expect(await run.exit, run.stderr).toBe(0);
  expect(run.last).toMatchObject({ status: 'verified', nulls: 0 });
  expect(run.last).not.toHaveProperty('notIndexed');
  expect(run.stderr).not.toContain('not in the index');
}, 60_000);
