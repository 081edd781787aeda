import { expect, test } from 'vitest';
import { TableLockedError } from '../../../core/errors.ts';
import { isInAuthority, type RunRecord } from '../../../core/records.ts';
import { joined } from '../../../core/task-store.ts';
import { constantRule } from '../../../core/write-rule.ts';
import { createStores, type Stores } from '../../../orchestrator/stores.ts';
import { retryQuarantined } from '../../../orchestrator/verify/retry.ts';
import { STUFF_KEY, useEngine } from '../../support/engine.ts';
import { quickClock } from '../../support/quick-clock.ts';
import { newRun, rates } from '../../support/records.ts';

const engine = useEngine();
const AT = '2026-01-01T00:00:00.000Z';

/** A run that has ended, and a retry of its quarantine whose process holds the table's lock. */
async function withRetryAtWork(): Promise<{ stores: Stores; run: RunRecord }> {
  const stores = createStores(await engine.createControlTable());
  const created = await stores.runs.create(newRun({ keySchema: STUFF_KEY }));
  await stores.runs.supervise(created, () => ({ status: 'verifying' }));
  const run = await stores.runs.supervise(created, () => ({ status: 'quarantined' }));
  const record = { runId: run.runId, launchId: 'retry-1', pass: 1, segments: [], launchedAt: AT };
  await stores.runs.lockForRetry(
    run,
    joined({ ...record, granted: rates(10) }, 'first', run.epoch),
    'somebody',
  );
  return { stores, run };
}

const retryAgain = ({ stores, run }: { stores: Stores; run: RunRecord }) =>
  retryQuarantined({
    ...{ stores, run, items: [], clock: quickClock(20) },
    write: { table: run.table, keySchema: STUFF_KEY, rule: constantRule('test', { N: '1' }) },
    change: detail => ({ id: 'change', at: AT, by: 'somebody', what: 'retry', detail }),
    detach: new AbortController().signal,
    onSettled: () => {},
  });

test('a retry that was killed holds the table until the next retry has seen that it is gone', async () => {
  const { stores, run } = await withRetryAtWork();
  expect(await stores.runs.holderOf(run.tableArn)).toEqual({ runId: run.runId, retry: 'retry-1' });
  await expect(stores.runs.create(newRun({ runId: 'run-2' }))).rejects.toThrow(TableLockedError);
  await retryAgain({ stores, run });
  expect((await stores.tasks.list(run.runId)).filter(({ status }) => isInAuthority(status))).toEqual([]);
  expect(await stores.runs.holderOf(run.tableArn)).toBeUndefined();
  await expect(stores.runs.create(newRun({ runId: 'run-2' }))).resolves.toBeDefined();
});

test('a retry that is alive has no second one beside it', async () => {
  const { stores, run } = await withRetryAtWork();
  let number = 1;
  const beating = setInterval(() => {
    number += 1;
    const beat = { runId: run.runId, launchId: 'retry-1', instance: 'first', number, at: AT };
    void stores.tasks.heartbeat({ ...beat, seen: 'run', seenRenewal: 0 }).catch(() => {});
  }, 10);
  try {
    await expect(retryAgain({ stores, run })).rejects.toThrow('is running');
  } finally {
    clearInterval(beating);
  }
  expect(await stores.runs.holderOf(run.tableArn)).toMatchObject({ retry: 'retry-1' });
});
