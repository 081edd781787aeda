import type { BatchGetItemCommand } from '@aws-sdk/client-dynamodb';
import { beforeEach, expect, test } from 'vitest';
import { encodeChunks, type LogLayout } from '../../../core/undo/chunk.ts';
import { LogStore, supervisorLogSegment } from '../../../core/undo/log-store.ts';
import { encodeOutcomes } from '../../../core/undo/outcomes.ts';
import type { VerificationPosition } from '../../../core/verification-store.ts';
import { type LogStandingRequest, readLogStanding } from '../../../orchestrator/undo/log-standing.ts';
import { STUFF_KEY, useEngine } from '../../support/engine.ts';
import { quickClock } from '../../support/quick-clock.ts';

const LAYOUT: LogLayout = { keySchema: STUFF_KEY, targets: [{ name: 'test', constant: { N: '1' } }] };
const RUN = 'run-1';
const EXPIRES_AT = 4_000_000_000;
/** More than the report keeps by name. */
const ITEMS = 1_200;

const engine = useEngine();
let store: LogStore;
let table: string;

const keyOf = (index: number) => ({ id: { S: `id-${index}` }, created: { N: String(index) } });
const entries = Array.from({ length: ITEMS }, (_, index) => ({
  key: keyOf(index),
  values: [{ N: '1' }],
}));

beforeEach(async () => {
  store = new LogStore(await engine.createControlTable());
  table = await engine.createTable();
  await engine.fill(
    table,
    entries.map(({ key }) => ({ ...key, test: { N: '1' } })),
  );
});

/** Puts the log of one launch: every entry, and the outcome `set` for these. */
async function put(launchId: string, segment: number, set: readonly number[]): Promise<void> {
  const name = { runId: RUN, segment, pass: 1, launchId };
  const [chunk] = encodeChunks(LAYOUT, entries);
  if (chunk?.to !== ITEMS) throw new Error('One chunk was to hold all of it.');
  await store.putChunk(name, { number: 0, entries: ITEMS, data: chunk.data }, EXPIRES_AT);
  const data = encodeOutcomes([{ chunk: 0, set, notSet: [] }]);
  await store.putOutcomes(name, { number: 0, data }, EXPIRES_AT);
}

const standing = (undoRun = 'undo-1', more: Partial<LogStandingRequest> = {}) =>
  readLogStanding({
    client: engine.client,
    table,
    source: { store, layout: LAYOUT, runId: RUN, totalSegments: 2 },
    undoRun,
    rate: { reserveReads: async () => 0, settleReads: () => 0, throttled: () => {} },
    clock: quickClock(10),
    signal: new AbortController().signal,
    ...more,
  });

const all = Array.from({ length: ITEMS }, (_, index) => index);

test('what any one of the launches knows is known', async () => {
  // The first launch died without any outcome; the second has all but two.
  await put('launch-a', 0, []);
  await put('launch-b', 0, all.slice(2));
  expect(await standing()).toMatchObject({ ours: ITEMS - 2, unknown: 2 });
});

test('what the supervisor knows is known, even if the task does not know it', async () => {
  await put('launch-a', 0, []);
  await put('repair', supervisorLogSegment({ totalSegments: 2 }), all);
  expect(await standing()).toMatchObject({ ours: ITEMS, unknown: 0 });
});

test('an undo counts the unknown entries even when another one has dealt with the rest', async () => {
  await put('launch-a', 0, all.slice(5));
  await store.markUndone({ runId: RUN, segment: 0 }, '0001#launch-a#000000', {
    by: 'undo-0',
    ended: { updated: ITEMS - 5, alreadySet: 0, deleted: 0, quarantined: 0 },
    at: '2026-01-01T00:00:00.000Z',
    expiresAt: EXPIRES_AT,
  });
  const found = await standing();
  expect(found).toMatchObject({ ours: 0, unknown: 5 });
  expect(found.unknownKeys).toHaveLength(5);
});

test('an interrupted read of the log resumes and finds the same as an uninterrupted one', async () => {
  await put('launch-a', 0, all.slice(0, 700));
  await put('launch-b', 1, all.slice(690));
  const whole = await standing();
  const saved = new Map<number, VerificationPosition>();
  const read: string[] = [];
  /** One supervisor after another, each of which dies after this many calls. */
  const readOn = async (calls: number) => {
    const stop = new AbortController();
    const send = async (command: BatchGetItemCommand) => {
      if (calls-- === 0) stop.abort(new Error('killed'));
      stop.signal.throwIfAborted();
      const reply = await engine.client.send(command);
      for (const key of command.input.RequestItems?.[table]?.Keys ?? []) read.push(String(key['id']?.S));
      return reply;
    };
    return standing('undo-1', {
      client: { send } as unknown as LogStandingRequest['client'],
      signal: stop.signal,
      checkpoints: {
        claim: async segment => saved.get(segment),
        // As the control table returns them.
        save: async position => void saved.set(position.segment, JSON.parse(JSON.stringify(position))),
      },
      mostUnsavedValues: 80,
    });
  };
  for (const calls of [7, 30, 61]) await expect(readOn(calls)).rejects.toThrow('killed');
  expect(await readOn(1_000)).toEqual(whole);
  // Three kills, each with two segments of ten values in flight.
  expect(read.length).toBeLessThanOrEqual(2 * ITEMS + 3 * 20);
  const before = read.length;
  expect(await readOn(0)).toEqual(whole);
  expect(read).toHaveLength(before);
});
