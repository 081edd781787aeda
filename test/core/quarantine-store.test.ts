import { beforeEach, expect, test } from 'vitest';
import { QuarantineStore } from '../../core/quarantine-store.ts';
import { useEngine } from '../support/engine.ts';

const engine = useEngine();
let store: QuarantineStore;

beforeEach(async () => {
  store = new QuarantineStore(await engine.createControlTable());
});

const record = (key: string, reason = 'too large') => ({
  runId: 'run-1',
  key,
  reason,
  attempts: 1,
  segment: 3,
  at: '2026-01-01T00:00:00.000Z',
});

test('an item is listed once, however often its page is repeated, with its last reason', async () => {
  await store.add(record('{"id":{"S":"a"}}', 'first'));
  await store.add(record('{"id":{"S":"a"}}', 'second'));
  expect(await store.list('run-1')).toEqual([record('{"id":{"S":"a"}}', 'second')]);
});

test('an item is resolved once, whoever tries it again, and a repeated request is no second time', async () => {
  const key = '{"id":{"S":"a"}}';
  await store.add(record(key));
  const by = (launchId: string, outcome: 'updated' | 'alreadySet') => ({ outcome, at: 'now', by: launchId });
  expect(await store.resolve('run-1', key, by('retry-1', 'updated'))).toBe(true);
  expect(await store.resolve('run-1', key, by('retry-1', 'updated'))).toBe(true);
  expect(await store.resolve('run-1', key, by('retry-2', 'alreadySet'))).toBe(false);
  expect(await store.list('run-1')).toEqual([{ ...record(key), resolved: by('retry-1', 'updated') }]);
});

test('items of other runs are not listed', async () => {
  await store.add({ ...record('{"id":{"S":"a"}}'), runId: 'run-2' });
  expect(await store.list('run-1')).toEqual([]);
});

test('a key of any length and any characters is kept as it is', async () => {
  const keys = [
    JSON.stringify({ id: { S: 'ä"#\u0000'.repeat(500) } }),
    JSON.stringify({ id: { B: 'AP8=' } }),
  ];
  for (const key of keys) await store.add(record(key));
  expect((await store.list('run-1')).map(({ key }) => key).sort()).toEqual([...keys].sort());
});
