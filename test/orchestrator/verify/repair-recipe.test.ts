import { type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RateControl } from '../../../core/rate/rate-control.ts';
import { compileRecipe } from '../../../core/recipe/compile.ts';
import type { RunRecord } from '../../../core/records.ts';
import { layoutOf } from '../../../core/undo/item-removal.ts';
import { type LoggedChunk, readLog } from '../../../core/undo/log-reader.ts';
import { LogStore, supervisorLogSegment, undoPartition } from '../../../core/undo/log-store.ts';
import { repair } from '../../../orchestrator/verify/repair.ts';
import { openSupervisorLog } from '../../../orchestrator/verify/supervisor-log.ts';
import { type Item, STUFF_KEY, useEngine } from '../../support/engine.ts';
import { type HttpFront, startHttpFront } from '../../support/http-front.ts';
import { quickClock } from '../../support/quick-clock.ts';
import { rates } from '../../support/records.ts';

const RULE = compileRecipe(
  {
    set: [
      { name: 'label', expression: 'country + "#" + string(rank)' },
      { name: 'half', expression: 'rank / 2' },
    ],
    where: 'kind == "A"',
  },
  STUFF_KEY,
);
const RUN = {
  runId: 'run-1',
  pass: 1,
  totalSegments: 4,
  keySchema: STUFF_KEY,
  undoLog: { targets: [{ name: 'label' }, { name: 'half' }], expiresAt: 4_000_000_000 },
} as unknown as RunRecord;

const engine = useEngine();
let front: HttpFront;
let client: DynamoDBClient;
let store: LogStore;
let table: string;
let reasons: string[];

beforeEach(async () => {
  front = await startHttpFront(engine.endpoint);
  client = engine.connect(front.endpoint);
  store = new LogStore(await engine.createControlTable());
  table = await engine.createTable();
  reasons = [];
});

afterEach(() => front.close());

const keyOf = (index: number): Item => ({ id: { S: `id-${index}` }, created: { N: String(index) } });
const item = (index: number, more: Item = {}): Item => ({
  ...keyOf(index),
  ...{ kind: { S: 'A' }, country: { S: 'DE' }, rank: { N: '7' } },
  ...more,
});

async function mend(...indexes: number[]) {
  const clock = quickClock(100);
  const rate = new RateControl({ clock, mostWritesInFlight: 8 });
  rate.grant(rates(100_000), 1);
  const undoLog = openSupervisorLog(RUN, { store, clock });
  try {
    return await repair({
      ...{ client, rate, clock, undoLog, keys: indexes.map(keyOf), held: async () => {} },
      write: { table, keySchema: STUFF_KEY, rule: RULE },
      signal: new AbortController().signal,
      onQuarantine: async (_, reason) => void reasons.push(reason),
    });
  } finally {
    await undoLog?.close();
  }
}

async function logged(): Promise<LoggedChunk[]> {
  const source = {
    store,
    runId: 'run-1',
    totalSegments: 4,
    layout: layoutOf(STUFF_KEY, { targets: [{ name: 'label' }, { name: 'half' }] }),
  };
  const chunks: LoggedChunk[] = [];
  for await (const chunk of readLog(source, supervisorLogSegment(RUN))) chunks.push(chunk);
  return chunks;
}

const setIn = (chunks: readonly LoggedChunk[]) =>
  chunks.flatMap(({ set }) => set.map(({ key, target, value }) => [key['id']?.S, target, value])).sort();

test('computes what each item lacks from its present values, and logs exactly that', async () => {
  await engine.fill(table, [item(0), item(1, { label: { S: 'theirs' } }), item(2, { kind: { S: 'B' } })]);
  expect(await mend(0, 1, 2, 3)).toMatchObject({ updated: 2, outOfScope: 1, deleted: 1, quarantined: 0 });
  expect(await engine.read(table, keyOf(0))).toMatchObject({ label: { S: 'DE#7' }, half: { N: '3' } });
  expect(await engine.read(table, keyOf(1))).toMatchObject({ label: { S: 'theirs' }, half: { N: '3' } });
  expect(await engine.read(table, keyOf(2))).not.toHaveProperty('label');
  const chunks = await logged();
  expect(setIn(chunks)).toEqual([
    ['id-0', 0, { S: 'DE#7' }],
    ['id-0', 1, { N: '3' }],
    ['id-1', 1, { N: '3' }],
  ]);
  expect(chunks.flatMap(({ unknown }) => unknown)).toEqual([]);
});

test('names an item that cannot be computed, and logs nothing of it', async () => {
  await engine.fill(table, [item(0, { rank: { S: 'seven' } })]);
  expect(await mend(0)).toMatchObject({ quarantined: 1, updated: 0 });
  expect(reasons).toEqual([expect.stringContaining('--set half')]);
  expect(await logged()).toEqual([]);
});

test('recomputes a value whose source changed before the write, and undoes only what was written', async () => {
  await engine.fill(table, [item(0)]);
  let changed = false;
  front.script = async ({ operation }, answer) => {
    if (operation !== 'UpdateItem' || changed) return answer.pass();
    changed = true;
    await engine.client.send(
      new UpdateItemCommand({
        TableName: table,
        Key: keyOf(0),
        UpdateExpression: 'SET #r = :r',
        ExpressionAttributeNames: { '#r': 'rank' },
        ExpressionAttributeValues: { ':r': { N: '8' } },
      }),
    );
    return answer.pass();
  };
  expect(await mend(0)).toMatchObject({ updated: 1, recomputed: 1 });
  expect(await engine.read(table, keyOf(0))).toMatchObject({ label: { S: 'DE#8' }, half: { N: '4' } });
  const chunks = await logged();
  expect(setIn(chunks)).toEqual([
    ['id-0', 0, { S: 'DE#8' }],
    ['id-0', 1, { N: '4' }],
  ]);
  // The first try was answered and refused, so it certainly set nothing.
  expect(chunks.flatMap(({ unknown }) => unknown)).toEqual([]);
});

test('what a lost reply leaves open is unknown', async () => {
  await engine.fill(table, [item(0)]);
  let lost = false;
  front.script = async ({ operation }, answer) => {
    if (operation !== 'UpdateItem' || lost) return answer.pass();
    lost = true;
    await answer.forward();
    answer.cut();
  };
  expect(await mend(0)).toMatchObject({ alreadySet: 1, updated: 0 });
  const chunks = await logged();
  expect(setIn(chunks)).toEqual([]);
  expect(chunks.flatMap(({ unknown }) => unknown)).toHaveLength(2);
});

test('every record of the log expires with the log', async () => {
  const control = await engine.createControlTable();
  store = new LogStore(control);
  await engine.fill(table, [item(0)]);
  await mend(0);
  const partition = undoPartition('run-1', supervisorLogSegment(RUN));
  const records = [await control.query(partition, 'CHUNK#'), await control.query(partition, 'OUTCOME#')];
  expect(records.map(({ length }) => length)).toEqual([1, 1]);
  expect(new Set(records.flat().map(({ expiresAt }) => expiresAt))).toEqual(new Set([4_000_000_000]));
});
