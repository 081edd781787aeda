import { describe, expect, test } from 'vitest';
import { readStatement } from '../../../local/dynamodb/partiql.ts';

const read = (text: string) => {
  const statement = readStatement(text);
  return statement && { ...statement, equals: Object.fromEntries(statement.equals) };
};

describe('a PartiQL statement', () => {
  test('of the fleet names its table and its key by the places of its parameters', () => {
    expect(
      read('UPDATE "stuff" SET "test" = ? WHERE "id" = ? AND "created" = ? AND "test" IS MISSING'),
    ).toEqual({
      action: 'UPDATE',
      table: 'stuff',
      equals: { id: { parameter: 1 }, created: { parameter: 2 } },
    });
  });

  test('may hold literals, escapes and names without quotes, in any case', () => {
    expect(read(`delete from "my ""table""" where id = 'it''s' and created=-1.5e3`)).toEqual({
      action: 'DELETE',
      table: 'my "table"',
      equals: { id: { literal: { S: "it's" } }, created: { literal: { N: '-1.5e3' } } },
    });
  });

  test('may insert', () => {
    expect(read(`INSERT INTO "stuff" VALUE {'id': ?, 'n': {'deep': ?}, 'created': ?}`)).toMatchObject({
      action: 'INSERT',
      table: 'stuff',
      equals: { id: { parameter: 0 }, created: { parameter: 2 } },
    });
  });

  test('may select, from an index too', () => {
    expect(read('SELECT "a", \'?\' FROM "stuff"."by-a" WHERE "id" = ?')).toMatchObject({
      action: 'SELECT',
      table: 'stuff',
      equals: { id: { parameter: 0 } },
    });
  });

  test('fixes no attribute when it has an OR, or no condition', () => {
    expect(read('SELECT * FROM stuff WHERE id = ? OR id = ?')?.equals).toEqual({});
    expect(read('SELECT * FROM stuff')?.equals).toEqual({});
  });

  test('is not recognised in other text', () => {
    expect(read('EXPLAIN everything')).toBeUndefined();
    expect(read('')).toBeUndefined();
    expect(read('SELECT 1')).toBeUndefined();
  });
});
