import { DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { GetCommand, PutCommand, TransactWriteCommand } from '@aws-sdk/lib-dynamodb';
import { beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { ControlTable, type ControlTableClient } from '../../core/control-table.ts';
import { TableLockedError } from '../../core/errors.ts';
import { LOCK_TABLE, LockStore } from '../../core/lock-store.ts';
import type { RunRecord, RunStatus } from '../../core/records.ts';
import { RunStore } from '../../core/run-store.ts';
import { joined, TaskStore } from '../../core/task-store.ts';
import { documentClient, useEngine } from '../support/engine.ts';
import { newRun, rates } from '../support/records.ts';

const engine = useEngine();
let tables = 0;
let arn: string;
let warnings: string[];

beforeEach(() => {
  arn = `arn:aws:dynamodb:us-east-1:000000000000:table/stuff-${tables++}`;
  warnings = [];
});

type Around = (client: ControlTableClient) => ControlTableClient;

/**
 * A fleet: its own control table and the account's lock table. The test may wrap the lock table's client with `around`.
 */
async function fleet(around: Around = client => client) {
  const client = around(documentClient(engine.client));
  const { name } = await engine.createControlTable();
  const locks = new LockStore({ client, clock: systemClock, onUnavailable: reason => warnings.push(reason) });
  const control = new ControlTable(client, name);
  return { name, control, locks, runs: new RunStore(control, locks) };
}

type Fleet = Awaited<ReturnType<typeof fleet>>;

const start = ({ name, runs }: Fleet, runId: string, override?: string) =>
  runs.create(newRun({ runId, tableArn: arn, controlTable: name }), override);

async function end({ runs }: Fleet, { runId, epoch }: RunRecord, ...through: RunStatus[]): Promise<void> {
  for (const status of through) await runs.supervise({ runId, epoch }, () => ({ status }));
}

async function lockItem() {
  const { Item } = await documentClient(engine.client).send(
    new GetCommand({ TableName: LOCK_TABLE, Key: { table: arn }, ConsistentRead: true }),
  );
  return Item;
}

const denied = () =>
  Object.assign(new Error('is not authorized to perform'), { name: 'AccessDeniedException' });

/** Denies calls as IAM would, by table and action. */
const denying =
  (isDenied: (command: object, tables: readonly string[]) => boolean): Around =>
  client => ({
    send: ((command: { input: { TableName?: string; TransactItems?: object[] } }) => {
      const parts = (command.input.TransactItems ?? []).map(
        part => (Object.values(part)[0] as { TableName: string }).TableName,
      );
      if (isDenied(command, command.input.TableName ? [command.input.TableName] : parts)) throw denied();
      return client.send(command as never);
    }) as ControlTableClient['send'],
  });

// First in this file, because the lock table must not exist yet.
test('of two runs that start at once before the lock table exists, one gets the table', async () => {
  const fleets = [await fleet(), await fleet()] as const;
  const outcomes = await Promise.allSettled([start(fleets[0], 'run-a'), start(fleets[1], 'run-b')]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const winner = outcomes[0].status === 'fulfilled' ? 'run-a' : 'run-b';
  const lost = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
  expect(lost.reason).toBeInstanceOf(TableLockedError);
  expect(lost.reason).toMatchObject({ holder: winner });
  expect(await lockItem()).toMatchObject({ run: winner });
});

describe('a run with another control table', () => {
  test('does not get a table that is held, and learns who holds it', async () => {
    const [one, other] = [await fleet(), await fleet()];
    expect(await start(one, 'run-a')).toMatchObject({ accountLock: true });
    const refused = await start(other, 'run-b').catch(error => error);
    expect(refused).toMatchObject({
      holder: 'run-a',
      elsewhere: { controlTable: one.name, holder: 'someone@somewhere', at: newRun().createdAt },
    });
    expect(await other.runs.read('run-b')).toBeUndefined();
    expect(await lockItem()).toEqual({
      table: arn,
      run: 'run-a',
      controlTable: one.name,
      holder: 'someone@somewhere',
      at: newRun().createdAt,
    });
    await expect(other.runs.assertFreeElsewhere(arn)).rejects.toThrow(/run-a of the control table/);
    await expect(one.runs.assertFreeElsewhere(arn)).resolves.toBeUndefined();
  });

  test('gets it when the first has ended, which frees the lock with the end', async () => {
    const [one, other] = [await fleet(), await fleet()];
    const first = await start(one, 'run-a');
    await end(one, first, 'verifying', 'verified');
    expect(await lockItem()).toBeUndefined();
    await start(other, 'run-b');
    expect(await lockItem()).toMatchObject({ run: 'run-b' });
  });

  test('does not get it while the first is paused or has failed: both can be resumed', async () => {
    const [one, other] = [await fleet(), await fleet()];
    const first = await start(one, 'run-a');
    await end(one, first, 'paused');
    await expect(start(other, 'run-b')).rejects.toBeInstanceOf(TableLockedError);
  });

  test('may start beside it as a dry run, which writes nothing to the table', async () => {
    const [one, other] = [await fleet(), await fleet()];
    await start(one, 'run-a');
    const dry = await other.runs.create(newRun({ runId: 'run-b', tableArn: arn, dryRun: true }));
    expect(dry.accountLock).toBeUndefined();
  });

  test('has another table of another account, whatever its name', async () => {
    const [one, other] = [await fleet(), await fleet()];
    await start(one, 'run-a');
    arn = arn.replace('000000000000', '111122223333');
    await expect(start(other, 'run-b')).resolves.toMatchObject({ accountLock: true });
  });
});

describe('a lock whose run has ended without freeing it', () => {
  test('is taken over: its own record says that it has ended', async () => {
    const [one, other] = [await fleet(), await fleet()];
    const first = await start(one, 'run-a');
    const lock = await lockItem();
    await end(one, first, 'verifying', 'verified');
    await documentClient(engine.client).send(new PutCommand({ TableName: LOCK_TABLE, Item: lock }));
    await start(other, 'run-b');
    expect(await lockItem()).toMatchObject({ run: 'run-b' });
  });

  test('whose control table is gone is freed only by typing the id of its run', async () => {
    const [one, other] = [await fleet(), await fleet()];
    await start(one, 'run-a');
    await engine.client.send(new DeleteTableCommand({ TableName: one.name }));
    await expect(start(other, 'run-b')).rejects.toBeInstanceOf(TableLockedError);
    await expect(start(other, 'run-b', 'run-x')).rejects.toBeInstanceOf(TableLockedError);
    await start(other, 'run-b', 'run-a');
    expect(await lockItem()).toMatchObject({ run: 'run-b', controlTable: other.name });
  });

  test('whose record may not be read stays', async () => {
    const one = await fleet();
    const other = await fleet(denying((_, of) => of.includes(one.name)));
    await end(one, await start(one, 'run-a'));
    await expect(start(other, 'run-b')).rejects.toBeInstanceOf(TableLockedError);
  });

  test('is not overridden when its run is in this control table', async () => {
    const one = await fleet();
    await start(one, 'run-a');
    await expect(start(one, 'run-b', 'run-a')).rejects.toMatchObject({
      holder: 'run-a',
      elsewhere: undefined,
    });
  });
});

describe('a retry of what a run has in quarantine', () => {
  /** A run of this fleet that has ended, and a retry of its quarantine. */
  async function retrying(one: Fleet, runId = 'run-a') {
    const run = await start(one, runId);
    await end(one, run, 'verifying', 'quarantined');
    const launch = { runId, launchId: 'retry-1', pass: 1, segments: [], launchedAt: newRun().createdAt };
    const retry = joined({ ...launch, granted: rates(10) }, 'first', run.epoch);
    return { run, begin: () => one.runs.lockForRetry(run, retry, 'someone@somewhere') };
  }
  const finish = ({ control }: Fleet) =>
    new TaskStore(control).finish(
      'run-a',
      'retry-1',
      'first',
      { kind: 'done', message: '' },
      newRun().createdAt,
    );

  test('holds the table against the runs of every control table, until it ends', async () => {
    const [one, other] = [await fleet(), await fleet()];
    const { run, begin } = await retrying(one);
    await begin();
    expect(await lockItem()).toMatchObject({ run: 'run-a', retry: 'retry-1', controlTable: one.name });
    const refused = await start(other, 'run-b').catch(error => error);
    expect(refused).toMatchObject({ holder: 'run-a', retry: true, elsewhere: { controlTable: one.name } });
    expect(refused.message).toMatch(/^A retry of what run run-a has in quarantine/);
    await expect(start(one, 'run-c')).rejects.toBeInstanceOf(TableLockedError);
    await finish(one);
    await one.runs.unlockRetry(run, 'retry-1');
    expect(await lockItem()).toBeUndefined();
    await expect(start(other, 'run-b')).resolves.toMatchObject({ accountLock: true });
  });

  test('does not begin while a run of another control table holds the table', async () => {
    const [one, other] = [await fleet(), await fleet()];
    const { begin } = await retrying(one);
    await start(other, 'run-b');
    await expect(begin()).rejects.toMatchObject({ holder: 'run-b', elsewhere: { controlTable: other.name } });
    expect(await one.runs.holderOf(arn)).toBeUndefined();
    expect(await lockItem()).toMatchObject({ run: 'run-b' });
  });

  test('that ended without freeing the table leaves it to others', async () => {
    const [one, other] = [await fleet(), await fleet()];
    const { begin } = await retrying(one);
    await begin();
    await finish(one);
    await start(other, 'run-b');
    expect(await lockItem()).toMatchObject({ run: 'run-b' });
  });

  test('keeps the table when another fleet saw the run’s lock before and took it for one to free', async () => {
    const [one, other] = [await fleet(), await fleet()];
    const { begin } = await retrying(one);
    const stale = { table: arn, run: 'run-a', controlTable: one.name, holder: 'x', at: newRun().createdAt };
    await documentClient(engine.client).send(new PutCommand({ TableName: LOCK_TABLE, Item: stale }));
    // The retry takes the lock between the other fleet's look and its transaction.
    const { hasEnded } = other.locks;
    other.locks.hasEnded = async lock => {
      const ended = await hasEnded.call(other.locks, lock);
      if (lock.retry === undefined) await begin();
      return ended;
    };
    await expect(start(other, 'run-b')).rejects.toMatchObject({
      holder: 'run-a',
      retry: true,
    });
    expect(await lockItem()).toMatchObject({ retry: 'retry-1' });
  });

  test('goes on with the lock in the control table when it may not write the lock table', async () => {
    const one = await fleet(
      denying((command, of) => command instanceof TransactWriteCommand && of.includes(LOCK_TABLE)),
    );
    const { run, begin } = await retrying(one);
    await begin();
    expect(await one.runs.holderOf(arn)).toEqual({ runId: 'run-a', retry: 'retry-1' });
    await finish(one);
    await one.runs.unlockRetry(run, 'retry-1');
    expect(await one.runs.holderOf(arn)).toBeUndefined();
    expect(warnings).toHaveLength(1);
  });
});

describe('an account that denies the lock table', () => {
  test.each<[string, Around]>([
    ['read', denying((_, of) => of.includes(LOCK_TABLE))],
    ['written', denying((command, of) => command instanceof TransactWriteCommand && of.includes(LOCK_TABLE))],
  ])(
    'by whoever may not have it %s is warned of, once, and the control table locks for itself',
    async (_, around) => {
      const one = await fleet(around);
      expect((await start(one, 'run-a')).accountLock).toBeUndefined();
      expect(warnings).toEqual(['is not authorized to perform']);
      await expect(start(one, 'run-b')).rejects.toMatchObject({ holder: 'run-a' });
      const run = (await one.runs.read('run-a')) as RunRecord;
      await end(one, run, 'verifying', 'verified');
      await expect(start(one, 'run-c')).resolves.toBeDefined();
      expect(warnings).toHaveLength(1);
    },
  );

  test('does not keep a run that holds a lock there from ending', async () => {
    let revoked = false;
    const one = await fleet(denying((_, of) => revoked && of.includes(LOCK_TABLE)));
    const run = await start(one, 'run-a');
    revoked = true;
    await end(one, run, 'verifying', 'verified');
    expect((await one.runs.read('run-a'))?.status).toBe('verified');
    const other = await fleet();
    await expect(start(other, 'run-b')).resolves.toBeDefined();
  });
});

test('a lost reply of the start is read back: the lock is its own', async () => {
  let lost = false;
  const one = await fleet(client => ({
    send: (async (command: object) => {
      const reply = await client.send(command as never);
      if (!(command instanceof TransactWriteCommand) || lost) return reply;
      lost = true;
      // The SDK sends it again, and the condition is now false.
      return client.send(command as never);
    }) as ControlTableClient['send'],
  }));
  await expect(start(one, 'run-a')).resolves.toMatchObject({ runId: 'run-a', accountLock: true });
});
