import { beforeEach, describe, expect, test } from 'vitest';
import { ControlTable, type ControlTableClient } from '../../../core/control-table.ts';
import type { LogLayout } from '../../../core/undo/chunk.ts';
import { countLog, type LoggedChunk, type LogSource, readLog } from '../../../core/undo/log-reader.ts';
import { LogStore, undoPartition } from '../../../core/undo/log-store.ts';
import { UndoLogWriter } from '../../../core/undo/log-writer.ts';
import { MemoryTable } from '../../model/memory-table.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const LAYOUT: LogLayout = {
  keySchema: [{ name: 'id', type: 'S' }],
  targets: [{ name: 'test', constant: { N: '1' } }],
};
const RUN = 'run-1';
const NEVER = new AbortController().signal;

let memory: MemoryTable;
let clock: FakeClock;
let store: LogStore;
/** What the control table does with the next requests. It answers all later ones. */
let faults: ('lost reply' | 'lost request')[];

beforeEach(() => {
  memory = new MemoryTable();
  clock = new FakeClock();
  faults = [];
  const send = async (command: unknown) => {
    const fault = faults.shift();
    if (fault === 'lost request') throw Object.assign(new Error('no reply'), { name: 'TimeoutError' });
    const reply = memory.execute(command);
    if (fault === 'lost reply') throw Object.assign(new Error('no reply'), { name: 'TimeoutError' });
    return reply;
  };
  store = new LogStore(new ControlTable({ send } as unknown as ControlTableClient, 'control'));
});

function writer(launchId: string, { pass = 1, segment = 0, chunks = 0 } = {}): UndoLogWriter {
  const log = new UndoLogWriter({
    store,
    layout: LAYOUT,
    clock,
    runId: RUN,
    pass,
    launchId,
    expiresAt: 1_800_000_000,
  });
  log.open(segment, chunks);
  return log;
}

const entriesFor = (...ids: string[]) => ids.map(id => ({ key: { id: { S: id } }, values: [{ N: '1' }] }));

const source = (): LogSource => ({ store, layout: LAYOUT, runId: RUN, totalSegments: 4 });

async function read(segment = 0): Promise<LoggedChunk[]> {
  const chunks: LoggedChunk[] = [];
  for await (const chunk of readLog(source(), segment)) chunks.push(chunk);
  return chunks;
}

const idsOf = (values: LoggedChunk['set']) => values.map(({ key }) => key['id']?.S);

async function states(segment = 0) {
  const chunks = await read(segment);
  return {
    set: chunks.flatMap(({ set }) => idsOf(set)),
    unknown: chunks.flatMap(({ unknown }) => idsOf(unknown)),
  };
}

function records(prefix: string, segment = 0): number {
  return memory
    .items()
    .filter(({ run, item }) => run === undoPartition(RUN, segment) && String(item).startsWith(prefix)).length;
}

describe('what is read back', () => {
  test('set, not set, and unknown for every entry without an outcome', async () => {
    const log = writer('a');
    const [first, second] = await log.put(0, entriesFor('1', '2', '3'), NEVER);
    if (first) log.settled(first, 'set');
    if (second) log.settled(second, 'notSet');
    await log.close();
    expect(await states()).toEqual({ set: ['1'], unknown: ['3'] });
    expect(await read()).toMatchObject([{ set: [{ value: { N: '1' }, target: 0 }], undone: undefined }]);
    expect(await countLog(source(), 0)).toMatchObject({
      chunks: 1,
      entries: 3,
      set: 1,
      unknown: 1,
      undone: 0,
    });
  });

  test('two launches that logged one item: the log shows it both as set and as unknown', async () => {
    const dead = writer('a');
    await dead.put(0, entriesFor('1', '2'), NEVER);
    const next = writer('b');
    const [entry] = await next.put(0, entriesFor('1'), NEVER);
    if (entry) next.settled(entry, 'set');
    await next.close();
    expect(await states()).toEqual({ set: ['1'], unknown: ['1', '2'] });
  });

  test('an item that was set in several passes and by a repair is named once', async () => {
    for (const pass of [1, 3]) {
      const log = writer(`pass ${pass}`, { pass });
      const entries = await log.put(0, entriesFor('1', '2', `only ${pass}`), NEVER);
      for (const entry of entries) log.settled(entry, 'set');
      await log.close();
    }
    const repair = writer('repair', { pass: 2, segment: 4 });
    const [entry] = await repair.put(4, entriesFor('1'), NEVER);
    if (entry) repair.settled(entry, 'set');
    await repair.close();
    expect((await states()).set).toEqual(['2', 'only 3', 'only 1']);
    expect((await states(4)).set).toEqual(['1']);
  });
});

describe('the order of things', () => {
  test('a page may be written once its chunk is stored, and not before', async () => {
    faults = ['lost request', 'lost reply'];
    const log = writer('a');
    let stands = false;
    const put = log.put(0, entriesFor('1'), NEVER).then(() => {
      stands = true;
    });
    await clock.advance(1);
    expect(stands).toBe(false);
    await clock.advance(5_000);
    await put;
    expect(records('CHUNK#')).toBe(1);
    expect(log.chunks(0)).toBe(1);
  });

  test('outcomes are stored after two seconds at the latest, in one record', async () => {
    const log = writer('a');
    const entries = await log.put(0, entriesFor('1', '2'), NEVER);
    for (const entry of entries) {
      log.settled(entry, 'set');
      await clock.advance(900);
    }
    expect(records('OUTCOME#')).toBe(0);
    await clock.advance(300);
    expect(records('OUTCOME#')).toBe(1);
    expect((await states()).set).toEqual(['1', '2']);
  });

  test('a checkpoint waits for the outcomes; an urgent one has them at once', async () => {
    const log = writer('a');
    const entries = await log.put(0, entriesFor('1', '2'), NEVER);
    const seen: string[] = [];
    if (entries[0]) log.settled(entries[0], 'set');
    void log.recorded(0, false).then(() => seen.push('calm'));
    await clock.advance(500);
    expect(seen).toEqual([]);
    await clock.advance(1_600);
    expect(seen).toEqual(['calm']);
    if (entries[1]) log.settled(entries[1], 'set');
    void log.recorded(0, true).then(() => seen.push('urgent'));
    await clock.advance(1);
    expect(seen).toEqual(['calm', 'urgent']);
    expect(records('OUTCOME#')).toBe(2);
  });

  test('writes stop when the oldest outcome is four seconds old, and continue once it is stored', async () => {
    const log = writer('a');
    const [entry] = await log.put(0, entriesFor('1'), NEVER);
    if (entry) log.settled(entry, 'set');
    faults = Array(1_000).fill('lost request');
    await clock.advance(3_900);
    let written = false;
    await log.mayWrite(NEVER);
    await clock.advance(200);
    const waiting = log.mayWrite(NEVER).then(() => {
      written = true;
    });
    await clock.advance(1);
    expect(written).toBe(false);
    faults = [];
    await clock.advance(20_000);
    await waiting;
    expect(records('OUTCOME#')).toBe(1);
  });

  test('who waits for the log stops waiting when the work ends', async () => {
    const log = writer('a');
    const [entry] = await log.put(0, entriesFor('1'), NEVER);
    if (entry) log.settled(entry, 'set');
    faults = Array(100).fill('lost request');
    await clock.advance(5_000);
    const ended = new AbortController();
    const waiting = expect(log.mayWrite(ended.signal)).rejects.toThrow('over');
    ended.abort(new Error('over'));
    await waiting;
  });
});

describe('requests whose reply is lost', () => {
  test('a chunk and a record of outcomes are put once, however often they are sent', async () => {
    const log = writer('a');
    faults = ['lost reply', 'lost reply'];
    const put = log.put(0, entriesFor('1', '2'), NEVER);
    await clock.advance(5_000);
    const [entry] = await put;
    if (entry) log.settled(entry, 'set');
    faults = ['lost reply'];
    await clock.advance(20_000);
    expect([records('CHUNK#'), records('OUTCOME#')]).toEqual([1, 1]);
    expect(await states()).toEqual({ set: ['1'], unknown: ['2'] });
  });

  test('what could not be written down in time is written down by the close, as it was', async () => {
    const log = writer('a');
    const entries = await log.put(0, entriesFor('1', '2'), NEVER);
    if (entries[0]) log.settled(entries[0], 'set');
    faults = ['lost reply', ...Array(2).fill('lost request')];
    await clock.advance(2_100);
    if (entries[1]) log.settled(entries[1], 'set');
    const closed = log.close();
    await clock.advance(20_000);
    await closed;
    expect((await states()).set).toEqual(['1', '2']);
  });

  test('a close returns even when the control table cannot be reached', async () => {
    const log = writer('a');
    const [entry] = await log.put(0, entriesFor('1'), NEVER);
    if (entry) log.settled(entry, 'set');
    faults = Array(1_000).fill('lost request');
    const closed = log.close();
    await clock.advance(60_000);
    await closed;
    const asked = expect(log.recorded(0, true)).rejects.toThrow();
    await clock.advance(60_000);
    await asked;
    faults = [];
    expect(await states()).toEqual({ set: [], unknown: ['1'] });
  });
});

test('another content under the same name is refused', async () => {
  await writer('a').put(0, entriesFor('1'), NEVER);
  const second = writer('a');
  const put = expect(second.put(0, entriesFor('other'), NEVER)).rejects.toThrow('another');
  await clock.advance(1_000);
  await put;
});

test('chunks count on from what earlier launches are known to have put', async () => {
  const log = writer('a', { chunks: 7 });
  await log.put(0, entriesFor('1'), NEVER);
  expect(log.chunks(0)).toBe(8);
});
