import { expect, test } from 'vitest';
import type { RunStatus } from '../../../core/records.ts';
import type { Stores } from '../../../orchestrator/stores.ts';
import { untilNobodyWrites } from '../../../orchestrator/supervise/await-end.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { runRecord } from '../../support/records.ts';

/** How long it waits for a run without tasks, whose record changes to this status at this moment. */
async function waitsMs(told: RunStatus, later?: { readonly status: RunStatus; readonly atMs: number }) {
  const clock = new FakeClock();
  const stores = {
    tasks: { list: async () => [] },
    runs: {
      read: async () => {
        const status = later && clock.monotonicMs() >= later.atMs ? later.status : told;
        return runRecord({ status, desired: 'pause' });
      },
    },
  } as unknown as Stores;
  let endedAtMs: number | undefined;
  const ended = untilNobodyWrites(stores, runRecord({ status: told, desired: 'pause' }), clock).then(() => {
    endedAtMs = clock.monotonicMs();
  });
  await clock.advance(20_000);
  await ended;
  return endedAtMs;
}

test('a run without tasks in authority is quiet at once during the sweep', async () => {
  expect(await waitsMs('running')).toBe(0);
});

test('at the end of a pass the supervisor may write until its authority is over', async () => {
  const waited = await waitsMs('verifying');
  expect(waited).toBeGreaterThanOrEqual(6_000);
  expect(waited).toBeLessThan(7_000);
});

test('or until it says itself that it has ended', async () => {
  expect(await waitsMs('verifying', { status: 'paused', atMs: 1_000 })).toBeLessThanOrEqual(1_500);
});
