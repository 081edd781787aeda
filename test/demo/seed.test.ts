import { DeleteTableCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import type { Item, KeySchema } from '../../demo/item.ts';
import { useEngine } from './support/engine-table.ts';
import { type Finished, runBundle } from './support/run-bundle.ts';

const engine = useEngine();

function seed(...args: string[]): Promise<Finished> {
  return runBundle('seed', args, engine.environment);
}

async function itemsOf(table: string): Promise<Item[]> {
  const { Items = [] } = await engine.client.send(
    new ScanCommand({ TableName: table, ConsistentRead: true }),
  );
  return Items;
}

function expectOneLine({ stderr, stdout }: Finished, message: RegExp): void {
  expect(stdout).toBe('');
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(stderr).toMatch(message);
}

describe('seed', () => {
  test('puts the given number of items of the founding case, none with the attribute', async () => {
    const table = await engine.createTable();
    const finished = await seed('--table', table, '--items', '25');
    expect(finished).toStrictEqual({
      exitCode: 0,
      stdout: `Put 25 items without "test" into "${table}".\n`,
      stderr: '',
    });
    const items = await itemsOf(table);
    expect(items).toHaveLength(25);
    for (const item of items) {
      expect(item).toMatchObject({
        id: { S: expect.any(String) },
        created: { N: expect.stringMatching(/^\d{13}$/) },
      });
      expect(item).not.toHaveProperty('test');
    }
  });

  test('refuses a table that is not empty, and appends when told to', async () => {
    const table = await engine.createTable();
    await seed('--table', table, '--items', '3');
    const again = await seed('--table', table, '--items', '3');
    expect(again.exitCode).toBe(3);
    expectOneLine(again, /not empty.*--append/);
    expect(await itemsOf(table)).toHaveLength(3);
    expect((await seed('--table', table, '--items', '4', '--append')).exitCode).toBe(0);
    expect(await itemsOf(table)).toHaveLength(7);
  });

  test('puts the same items for the same seed', async () => {
    const tables = [await engine.createTable(), await engine.createTable()];
    for (const table of tables) await seed('--table', table, '--items', '5', '--seed', 'x');
    const [one = [], other = []] = await Promise.all(tables.map(itemsOf));
    expect(one).toHaveLength(5);
    expect(one).toStrictEqual(other);
  });

  test('says that a table does not exist', async () => {
    const finished = await seed('--table', 'nowhere');
    expect(finished.exitCode).toBe(3);
    expectOneLine(finished, /no table "nowhere" in us-east-1/);
  });

  const otherKeys: [string, KeySchema, RegExp][] = [
    ['without a sort key', { partition: { name: 'id', type: 'S' } }, /is id \(S\)\./],
    [
      'of another type',
      { partition: { name: 'id', type: 'S' }, sort: { name: 'created', type: 'S' } },
      /is id \(S\), created \(S\)\./,
    ],
    [
      'of another name',
      { partition: { name: 'ID', type: 'S' }, sort: { name: 'created', type: 'N' } },
      /is ID \(S\)/,
    ],
  ];
  test.each(otherKeys)('refuses a table with a key %s', async (_, key, message) => {
    const table = await engine.createTable(key);
    const finished = await seed('--table', table);
    expect(finished.exitCode).toBe(3);
    expectOneLine(finished, message);
    expect(await itemsOf(table)).toStrictEqual([]);
    await engine.client.send(new DeleteTableCommand({ TableName: table }));
  });

  test.each([
    [['--itmes', '3'], /Unknown argument: itmes/],
    [['stuff'], /Unknown argument: stuff/],
    [['--items', 'many'], /--items must be a whole number/],
    [['--items', '0'], /--items must be a whole number/],
    [['--items', '2.5'], /--items must be a whole number/],
    [['--table', ''], /--table must not be empty/],
    [['--table', 'a', '--table', 'b'], /--table is given twice/],
    [['--append', '--seed', 'x'], /exclude each other/],
  ])('refuses %j', async (args, message) => {
    const finished = await seed(...args);
    expect(finished.exitCode).toBe(2);
    expectOneLine(finished, message);
  });

  test('says that nothing answers, without a stack trace', async () => {
    const finished = await runBundle('seed', [], {
      ...engine.environment,
      AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:9',
    });
    expect(finished.exitCode).toBe(3);
    expectOneLine(finished, /ECONNREFUSED/);
  });

  test('says how to use it', async () => {
    const { exitCode, stdout, stderr } = await seed('--help');
    expect({ exitCode, stderr }).toStrictEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/--append/);
    expect(stdout).toMatch(/Examples:/);
  });
});
