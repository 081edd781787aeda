import { TransactWriteCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { beforeEach, describe, expect, test } from 'vitest';
import { ControlTable, type ControlTableClient } from '../../core/control-table.ts';
import { documentClient, useEngine } from '../support/engine.ts';

const engine = useEngine();
let table: ControlTable;

beforeEach(async () => {
  table = await engine.createControlTable();
});

const KEY = { run: 'run-1', item: 'THING' };
const LARGE = 'x'.repeat(300_000);

describe('reading', () => {
  test('an item that is not there is undefined', async () => {
    expect(await table.get(KEY)).toBeUndefined();
  });

  test('a list is whole over several pages, in order, and of this run and prefix only', async () => {
    const items = Array.from({ length: 6 }, (_, index) => ({
      run: 'run-1',
      item: `A#${index}`,
      text: LARGE,
    }));
    for (const item of [...items].reverse()) await table.put(item, []);
    await table.put({ run: 'run-1', item: 'B#0' }, []);
    await table.put({ run: 'run-2', item: 'A#9' }, []);
    expect((await table.query('run-1', 'A#')).map(({ item }) => item)).toEqual(items.map(({ item }) => item));
  });

  test('a list over all runs is whole over several pages', async () => {
    for (let run = 0; run < 5; run++) {
      await table.put({ run: `run-${run}`, item: 'RUN', text: LARGE }, []);
      await table.put({ run: `run-${run}`, item: 'OTHER' }, []);
    }
    const found = await table.scanItems('RUN');
    expect(found.map(({ run }) => run).sort()).toEqual(['run-0', 'run-1', 'run-2', 'run-3', 'run-4']);
  });
});

describe('a write on condition', () => {
  test('that holds returns the whole item after the write', async () => {
    await table.put({ ...KEY, kept: 'as it was', count: 1, gone: true }, []);
    const outcome = await table.update(
      KEY,
      { set: { count: 2, added: [1] }, remove: ['gone'] },
      ['#count = :one'],
      { one: 1 },
    );
    expect(outcome).toEqual({ refused: false, item: { ...KEY, kept: 'as it was', count: 2, added: [1] } });
    expect(await table.get(KEY)).toEqual({ ...KEY, kept: 'as it was', count: 2, added: [1] });
  });

  test('that does not hold returns the stored item and changes nothing', async () => {
    await table.put({ ...KEY, count: 1 }, []);
    const refused = { refused: true, existing: { ...KEY, count: 1 } };
    expect(await table.put({ ...KEY, count: 2 }, ['attribute_not_exists(#run)'])).toEqual(refused);
    expect(await table.update(KEY, { set: { count: 2 } }, ['#count = :two'], { two: 2 })).toEqual(refused);
    expect(await table.get(KEY)).toEqual({ ...KEY, count: 1 });
  });

  test('on an item that does not exist says that there is none', async () => {
    expect(await table.update(KEY, { set: { count: 1 } }, ['attribute_exists(#run)'])).toEqual({
      refused: true,
    });
    expect(await table.get(KEY)).toBeUndefined();
  });

  test('needs every one of its clauses, an OR in one of them included', async () => {
    await table.put({ ...KEY, count: 1 }, []);
    const write = (...clauses: string[]) =>
      table.update(KEY, { set: { seen: true } }, clauses, { one: 1, two: 2 });
    expect((await write('#count = :one OR #count = :two', '#count = :two')).refused).toBe(true);
    expect((await write('#count = :two', '#count = :one OR #count = :two')).refused).toBe(true);
    expect((await write('#count = :one OR #count = :two', '#count = :one')).refused).toBe(false);
  });

  test('leaves out undefined attributes, and may set an attribute that its condition names', async () => {
    await table.put({ ...KEY, status: 'a' }, []);
    const outcome = await table.update(KEY, { set: { status: 'b', end: undefined } }, ['#status = :status'], {
      status: 'a',
    });
    expect(outcome).toEqual({ refused: false, item: { ...KEY, status: 'b' } });
  });

  test('takes names that DynamoDB reserves', async () => {
    const outcome = await table.update(KEY, { set: { status: 'x', size: 1, table: 'stuff' } }, []);
    expect(outcome).toEqual({ refused: false, item: { ...KEY, status: 'x', size: 1, table: 'stuff' } });
  });
});

describe('a transaction', () => {
  const other = { run: 'run-1', item: 'OTHER' };

  test('takes effect as a whole', async () => {
    await table.put({ ...other, count: 1 }, []);
    const done = await table.transact([
      table.conditionCheck(other, ['#count = :one'], { one: 1 }),
      table.conditionalPut({ ...KEY, new: true }, ['attribute_not_exists(#run)']),
    ]);
    expect(done).toBe(true);
    expect(await table.get(KEY)).toEqual({ ...KEY, new: true });
  });

  test('has no effect at all when one condition does not hold', async () => {
    await table.put({ ...other, count: 2 }, []);
    const done = await table.transact([
      table.conditionalPut({ ...KEY, new: true }, []),
      table.conditionalDelete(other, ['#count = :one'], { one: 1 }),
    ]);
    expect(done).toBe(false);
    expect(await table.get(KEY)).toBeUndefined();
    expect(await table.get(other)).toEqual({ ...other, count: 2 });
  });
});

describe('a conflict with another write of the same item', () => {
  /** Fails this often with a conflict before it lets a request through. */
  function conflicting(times: number): { client: ControlTableClient; tries: () => number } {
    const behind = documentClient(engine.client);
    let tries = 0;
    const send = async (command: unknown) => {
      tries += 1;
      if (tries > times) return behind.send(command as never);
      const conflict = new Error('conflict');
      if (command instanceof UpdateCommand) conflict.name = 'TransactionConflictException';
      if (command instanceof TransactWriteCommand) {
        Object.assign(conflict, {
          name: 'TransactionCanceledException',
          CancellationReasons: [{ Code: 'None' }, { Code: 'TransactionConflict' }],
        });
      }
      throw conflict;
    };
    return { client: { send } as unknown as ControlTableClient, tries: () => tries };
  }

  test('says nothing about the condition: a write is tried again', async () => {
    const busy = new ControlTable(conflicting(3).client, table.name);
    expect((await busy.update(KEY, { set: { count: 1 } }, [])).refused).toBe(false);
  });

  test('says nothing about the conditions: a transaction is tried again', async () => {
    const busy = new ControlTable(conflicting(3).client, table.name);
    expect(await busy.transact([busy.conditionalPut({ ...KEY }, [])])).toBe(true);
  });

  test('that does not end is an error, not a refusal', async () => {
    const { client, tries } = conflicting(1_000);
    const busy = new ControlTable(client, table.name);
    await expect(busy.update(KEY, { set: { count: 1 } }, [])).rejects.toThrow('conflict');
    await expect(busy.transact([busy.conditionalPut({ ...KEY }, [])])).rejects.toThrow('conflict');
    expect(tries()).toBeLessThan(50);
  });
});

test('what a service refuses for another reason is thrown as it came', async () => {
  const nowhere = new ControlTable(documentClient(engine.client), 'no-such-table');
  await expect(nowhere.get(KEY)).rejects.toThrow(
    expect.objectContaining({ name: 'ResourceNotFoundException' }),
  );
  await expect(nowhere.put({ ...KEY }, [])).rejects.toThrow();
  await expect(nowhere.transact([nowhere.conditionalPut({ ...KEY }, [])])).rejects.toThrow();
});
