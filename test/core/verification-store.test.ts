import { expect, test } from 'vitest';
import { SupersededError } from '../../core/errors.ts';
import type { VerificationFindings } from '../../core/records.ts';
import { VerificationStore } from '../../core/verification-store.ts';
import { useEngine } from '../support/engine.ts';

const engine = useEngine();

const findings = (scanned: number): VerificationFindings => ({
  scanned,
  missing: 1,
  quarantined: 0,
  nulls: 0,
  readUnits: 1.5,
  open: ['{"id":{"S":"a"}}'],
  sample: ['{"id":{"S":"a"}}'],
});

const position = (sequence: number, scanned: number, lastEvaluatedKey?: string) => ({
  segment: 3,
  sequence,
  lastEvaluatedKey,
  done: lastEvaluatedKey === undefined,
  findings: findings(scanned),
  at: '2026-01-01T00:00:00.000Z',
});

const reader = (epoch: number, id = '0001-abc') => ({ runId: 'run-1', id, epoch });

async function open(): Promise<VerificationStore> {
  return new VerificationStore(await engine.createControlTable());
}

test('a segment starts at its beginning, then stands where its last page was saved', async () => {
  const store = await open();
  expect(await store.claim(reader(1), 3)).toMatchObject({ segment: 3, epoch: 1 });
  await store.save(reader(1), position(1, 10, 'key-10'));
  expect(await store.claim(reader(1), 3)).toMatchObject(position(1, 10, 'key-10'));
  await store.save(reader(1), position(2, 17));
  const [saved] = await store.list('run-1', '0001-abc');
  expect(saved).toMatchObject({ done: true, sequence: 2, findings: findings(17) });
  expect(saved).not.toHaveProperty('lastEvaluatedKey');
});

test('a later supervisor claims it with what stands there, and from then on the earlier one is refused', async () => {
  const store = await open();
  await store.claim(reader(1), 3);
  await store.save(reader(1), position(1, 10, 'key-10'));
  expect(await store.claim(reader(2), 3)).toMatchObject({ epoch: 2, sequence: 1, findings: findings(10) });
  await expect(store.save(reader(1), position(2, 20, 'key-20'))).rejects.toThrow(SupersededError);
  await expect(store.claim(reader(1), 3)).rejects.toThrow(SupersededError);
  await store.save(reader(2), position(2, 12, 'key-12'));
  expect((await store.list('run-1', '0001-abc'))[0]).toMatchObject(position(2, 12, 'key-12'));
});

test('a delayed save does not move the position back, and a writer recognises its own repeated save', async () => {
  const store = await open();
  await store.claim(reader(1), 3);
  await store.save(reader(1), position(1, 10, 'key-10'));
  await store.save(reader(1), position(2, 20, 'key-20'));
  await store.save(reader(1), position(1, 10, 'key-10'));
  expect((await store.list('run-1', '0001-abc'))[0]).toMatchObject(position(2, 20, 'key-20'));
});

test('a verification that began again knows nothing of the one before', async () => {
  const store = await open();
  await store.claim(reader(1), 3);
  await store.save(reader(1), position(1, 10));
  const afresh = await store.claim(reader(1, '0001-def'), 3);
  expect(afresh).not.toHaveProperty('sequence');
  expect(afresh).not.toHaveProperty('done');
  await store.save(reader(1), position(2, 99));
  expect(await store.claim(reader(1, '0001-def'), 3)).not.toHaveProperty('findings');
});
