import { DeleteItemCommand, type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ControlTable } from '../../core/control-table.ts';
import { RateControl } from '../../core/rate/rate-control.ts';
import type { Counters, RunRecord, UndoLogRecord } from '../../core/records.ts';
import { SegmentStore } from '../../core/segment-store.ts';
import { constantTarget, layoutOf } from '../../core/undo/item-removal.ts';
import { readLog } from '../../core/undo/log-reader.ts';
import { LogStore, undoPartition } from '../../core/undo/log-store.ts';
import { constantRule, type Decision, type SourceState, type WriteRule } from '../../core/write-rule.ts';
import { SegmentWork } from '../../job/segment-work.ts';
import { backfillStages, openUndoLog, type Stages, undoStages } from '../../job/stages.ts';
import { UserTable } from '../../job/user-table.ts';
import { type Item, STUFF_KEY, stuffItems, useEngine } from '../support/engine.ts';
import { type HttpFront, startHttpFront } from '../support/http-front.ts';
import { quickClock } from '../support/quick-clock.ts';
import { rates, runRecord } from '../support/records.ts';
import { HELD_AUTHORITY } from './support/write-bench.ts';

const ITEMS = 60;
const NEVER = new AbortController().signal;
const engine = useEngine();
const clock = quickClock(50);

let table: string;
let control: ControlTable;
let front: HttpFront;
let client: DynamoDBClient;
let items: readonly Item[];

beforeEach(async () => {
  table = await engine.createTable();
  control = await engine.createControlTable(documents => ({
    // A chunk takes some time, so a write that does not wait for it would come first.
    send: (async (command: Parameters<typeof documents.send>[0]) => {
      const item = 'Item' in command.input ? command.input.Item?.['item'] : undefined;
      if (String(item).startsWith('CHUNK#')) await new Promise(resolve => setTimeout(resolve, 100));
      return documents.send(command);
    }) as typeof documents.send,
  }));
  items = stuffItems(ITEMS);
  await engine.fill(table, items);
  front = await startHttpFront(engine.endpoint);
  client = engine.connect(front.endpoint);
});

afterEach(() => front.close());

const undoLog: UndoLogRecord = { targets: [constantTarget('test', { N: '1' })], expiresAt: 4_000_000_000 };

const record = (given: Partial<RunRecord> = {}): RunRecord =>
  runRecord({ runId: 'run', table, keySchema: STUFF_KEY, totalSegments: 1, tasks: 1, undoLog, ...given });

const FOUNDING = constantRule('test', { N: '1' });

const undoRecord = (runId: string, log = undoLog): RunRecord =>
  record({
    runId,
    totalSegments: 2,
    writeApi: 'single',
    undoes: { runId: 'run', totalSegments: 1, ...log },
  });

/** One launch of one segment, from its claim to its completion marker. */
async function work(run: RunRecord, launchId: string, rule: WriteRule = FOUNDING): Promise<Counters> {
  const segments = new SegmentStore(control);
  const owner = { runId: run.runId, segment: 0, pass: 1, launchId };
  const seen = await segments.read(run.runId, 0);
  if (seen) await segments.assign(seen, owner);
  else await segments.assignNew(owner, 1);
  const claimed = await segments.claim(owner);
  const log = run.undoes ? undefined : openUndoLog({ run, controlTable: control, clock, pass: 1, launchId });
  const rate = new RateControl({ clock, mostWritesInFlight: 8 });
  rate.grant(rates(100_000), 1);
  const userTable = new UserTable({
    client,
    write: { table, keySchema: STUFF_KEY, rule },
    authority: HELD_AUTHORITY,
    rate,
    onWriteLatency: () => {},
    mayWrite: log && (signal => log.mayWrite(signal)),
  });
  const options = {
    ...{ run, table: userTable, rate, controlTable: control, clock },
    ask: <T>(call: () => Promise<T>) => call(),
    onUnrecorded: () => {},
  };
  const stages: Stages = run.undoes
    ? undoStages({ ...options, undoes: run.undoes }, NEVER)
    : backfillStages({ ...options, undoLog: log }, NEVER);
  const segmentWork = new SegmentWork({
    owner,
    claimed,
    segments,
    clock,
    onCounters: () => {},
    records: stages.recordsOf(0),
  });
  const writing = stages.writing.run(NEVER);
  await stages.doSegment(segmentWork, claimed);
  await segmentWork.completion(NEVER);
  stages.writing.close();
  await writing;
  const after = await segments.read(run.runId, 0);
  if (!after) throw new Error('There is no such segment.');
  return after.counters;
}

async function logged() {
  const source = {
    store: new LogStore(control),
    layout: layoutOf(STUFF_KEY, undoLog),
    runId: 'run',
    totalSegments: 1,
  };
  const set: string[] = [];
  const unknown: string[] = [];
  for await (const chunk of readLog(source, 0)) {
    set.push(...chunk.set.map(({ key }) => key['id']?.S ?? ''));
    unknown.push(...chunk.unknown.map(({ key }) => key['id']?.S ?? ''));
  }
  return { set, unknown };
}

const keyOf = ({ id, created }: Item): Item => ({ id: id as never, created: created as never });

const give = (item: Item | undefined, value: string) =>
  engine.client.send(
    new UpdateItemCommand({
      TableName: table,
      Key: keyOf(item as Item),
      UpdateExpression: 'SET #test = :value',
      ExpressionAttributeNames: { '#test': 'test' },
      ExpressionAttributeValues: { ':value': { N: value } },
    }),
  );

/** Loses every third call of this operation, in turn before and after it takes effect. */
function loseSome(operation: string): void {
  let number = 0;
  front.script = async (call, answer) => {
    if (call.operation !== operation || ++number % 3 !== 0) return answer.pass();
    if (number % 2 === 0) await answer.forward();
    answer.cut();
  };
}

test('a chunk with an entry for every item is stored before the first write of its page', async () => {
  const seen: number[] = [];
  front.script = async (call, answer) => {
    if (call.operation === 'BatchExecuteStatement') {
      const chunks = await control.query(undoPartition('run', 0), 'CHUNK#');
      seen.push(chunks.reduce((sum, { entries }) => sum + (entries as number), 0));
    }
    return answer.pass();
  };
  await work(record(), 'a');
  expect(seen[0]).toBeGreaterThan(0);
  expect(await logged()).toMatchObject({ unknown: [] });
  expect((await logged()).set.sort()).toEqual(items.map(({ id }) => id?.S ?? '').sort());
  expect(await new SegmentStore(control).read('run', 0)).toMatchObject({ undoChunks: expect.any(Number) });
});

test('only a reply makes an entry `set`; after a lost reply it is unknown; a value that was there before is neither', async () => {
  await give(items[0], '1');
  loseSome('BatchExecuteStatement');
  const counters = await work(record(), 'a');
  const { set, unknown } = await logged();
  expect(counters.updated).toBe(set.length);
  expect(unknown.length).toBe(counters.alreadySet);
  expect(unknown.length).toBeGreaterThan(0);
  expect(new Set([...set, ...unknown]).size).toBe(ITEMS - 1);
  expect([...set, ...unknown]).not.toContain(items[0]?.['id']?.S);
});

test('an undo removes what is known and unchanged, and leaves everything else as it is', async () => {
  await give(items[0], '1');
  loseSome('BatchExecuteStatement');
  await work(record(), 'a');
  const { set, unknown } = await logged();
  const of = (id: string | undefined) => items.find(item => item['id']?.S === id);
  await give(of(set[0]), '9');
  await engine.client.send(new DeleteItemCommand({ TableName: table, Key: keyOf(of(set[1]) as Item) }));

  loseSome('UpdateItem');
  const counters = await work(undoRecord('undo'), 'u');
  expect(counters).toMatchObject({
    matched: set.length,
    updated: set.length - 2,
    alreadySet: 1,
    deleted: 1,
    quarantined: 0,
  });
  const standing = new Map((await engine.items(table)).map(item => [item['id']?.S, item['test']?.N]));
  expect(standing.size).toBe(ITEMS - 1);
  expect(standing.get(items[0]?.['id']?.S)).toBe('1');
  expect(standing.get(set[0])).toBe('9');
  for (const id of unknown) expect(standing.get(id)).toBe('1');
  for (const id of set.slice(2)) expect(standing.get(id)).toBeUndefined();
});

test('a second undo removes nothing, whatever the application has written since', async () => {
  await work(record(), 'a');
  await work(undoRecord('undo'), 'u');
  await give(items[3], '1');
  const before = await engine.items(table);
  const counters = await work(undoRecord('again'), 'v');
  expect(counters).toMatchObject({ matched: 0, updated: 0 });
  expect(await engine.items(table)).toEqual(before);
});

test('values that fail for good are in quarantine, and the next undo tries them again', async () => {
  await work(record(), 'a');
  const bad = items[5]?.['id']?.S;
  front.script = (call, answer) =>
    call.operation === 'UpdateItem' && call.body.Key.id.S === bad
      ? answer.refuse('ValidationException', 'not this one')
      : answer.pass();
  expect(await work(undoRecord('undo'), 'u')).toMatchObject({ updated: ITEMS - 1, quarantined: 1 });
  front.script = (_, answer) => answer.pass();
  expect(await work(undoRecord('again'), 'v')).toMatchObject({ updated: 1, quarantined: 0 });
});

test('a value that became computable only by a consistent read is logged before it is written', async () => {
  const late = items[7]?.['id']?.S;
  const decisions: Decision[] = [{ kind: 'not-computable', reason: 'not in the old copy' }];
  const rule: WriteRule = {
    ...FOUNDING,
    sources: [['country']],
    decide: item => (item['id']?.S === late && decisions.shift()) || FOUNDING.decide(item),
  };
  let entries = 0;
  front.script = async (call, answer) => {
    if (call.operation === 'BatchExecuteStatement' && JSON.stringify(call.body).includes(String(late))) {
      const chunks = await control.query(undoPartition('run', 0), 'CHUNK#');
      entries = chunks.reduce((sum, chunk) => sum + (chunk['entries'] as number), 0);
    }
    return answer.pass();
  };
  expect(await work(record(), 'a', rule)).toMatchObject({ updated: ITEMS });
  expect(entries).toBe(ITEMS);
  expect((await logged()).set).toContain(late);
});

test('a recomputed value has its own log entry, and the undo removes that value', async () => {
  const log: UndoLogRecord = { targets: [{ name: 'label' }], expiresAt: undoLog.expiresAt };
  const rule: WriteRule = {
    targets: ['label'],
    sources: [['days']],
    decide: item => {
      if (item['label'] !== undefined) return { kind: 'has-targets' };
      const label = { S: `of ${item['days']?.N ?? 'no'} days` };
      const source: SourceState = item['days']
        ? { path: ['days'], is: 'equal', value: item['days'] }
        : { path: ['days'], is: 'absent' };
      return { kind: 'write', assignment: { set: { label }, sources: [source] } };
    },
  };
  const changed = items[7] as Item;
  let done = false;
  front.script = async (call, answer) => {
    const isItsWrite =
      call.operation === 'UpdateItem' && JSON.stringify(call.body).includes(String(changed['id']?.S));
    if (!isItsWrite || done) return answer.pass();
    done = true;
    await engine.client.send(
      new UpdateItemCommand({
        TableName: table,
        Key: keyOf(changed),
        UpdateExpression: 'SET #days = :days',
        ExpressionAttributeNames: { '#days': 'days' },
        ExpressionAttributeValues: { ':days': { N: '3' } },
      }),
    );
    return answer.pass();
  };
  const run = record({ undoLog: log, writeApi: 'single' });
  expect(await work(run, 'a', rule)).toMatchObject({ updated: ITEMS, recomputed: 1 });
  expect(await engine.read(table, keyOf(changed))).toMatchObject({ label: { S: 'of 3 days' } });
  expect(await work(undoRecord('undo', log), 'u')).toMatchObject({ matched: ITEMS, updated: ITEMS });
  expect((await engine.items(table)).filter(({ label }) => label !== undefined)).toEqual([]);
});

test('the values of a recipe are removed target by target, each only if it is unchanged', async () => {
  const log: UndoLogRecord = { targets: [{ name: 'owner' }, { name: 'test' }], expiresAt: undoLog.expiresAt };
  const rule: WriteRule = {
    targets: ['owner', 'test'],
    sources: [['created']],
    decide: item => {
      const values: Item = { owner: { S: `of ${item['id']?.S}` }, test: item['created'] as never };
      const set = Object.fromEntries(Object.entries(values).filter(([name]) => item[name] === undefined));
      if (Object.keys(set).length === 0) return { kind: 'has-targets' };
      return { kind: 'write', assignment: { set, sources: [] } };
    },
  };
  await give(items[0], '1');
  const before = await engine.items(table);
  await work(record({ undoLog: log }), 'a', rule);
  expect((await engine.items(table)).every(({ owner }) => owner?.S?.startsWith('of '))).toBe(true);
  await give(items[1], '9');
  const counters = await work(undoRecord('undo', log), 'u');
  expect(counters).toMatchObject({ matched: 2 * ITEMS - 1, updated: 2 * ITEMS - 2, alreadySet: 1 });
  const byId = (all: readonly Item[]) => new Map(all.map(item => [item['id']?.S, item]));
  const expected = byId(before);
  expected.set(items[1]?.['id']?.S, { ...(items[1] as Item), test: { N: '9' } });
  expect(byId(await engine.items(table))).toEqual(expected);
});
