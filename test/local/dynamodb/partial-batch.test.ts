import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PARTIAL_BATCHES } from '../../../local/dynamodb/partial-batch.ts';
import type { RequestPart } from '../../../local/dynamodb/request-parts.ts';

const REFUSAL = { code: 'ThrottlingError', message: 'Later.' };

/** Parts of a batch with their tables, and which of them are refused. */
const batches = fc.array(fc.record({ table: fc.constantFrom('a', 'b', 'c'), refused: fc.boolean() }), {
  minLength: 1,
  maxLength: 25,
});

function batchOf(operation: string) {
  const batch = PARTIAL_BATCHES[operation];
  if (batch === undefined) throw new Error(`${operation} has no parts.`);
  return batch;
}

function refusedOf(parts: readonly { refused: boolean }[]) {
  return new Map(parts.flatMap(({ refused }, index) => (refused ? [[index, REFUSAL] as const] : [])));
}

describe('a batch of which parts are refused', () => {
  test('sends the other statements, and answers all of them in their places', () => {
    fc.assert(
      fc.property(batches, parts => {
        const batch = batchOf('BatchExecuteStatement');
        const body = { Statements: parts.map((_, index) => ({ Statement: String(index) })) };
        const refused = refusedOf(parts);
        const sent = batch.reduce(body, index => !refused.has(index))['Statements'] as {
          Statement: string;
        }[];
        expect(sent.map(({ Statement }) => Number(Statement))).toEqual(
          parts.flatMap((part, index) => (part.refused ? [] : [index])),
        );
        const reply = { Responses: sent.map(({ Statement }) => ({ TableName: Statement })) };
        const described = parts.map(({ table }): RequestPart => ({ table, kind: 'write' }));
        expect(batch.merge(body, reply, refused, described)['Responses']).toEqual(
          parts.map((part, index) =>
            part.refused
              ? { Error: { Code: REFUSAL.code, Message: REFUSAL.message }, TableName: part.table }
              : { TableName: String(index) },
          ),
        );
      }),
    );
  });

  test.each([
    ['BatchGetItem', 'UnprocessedKeys'],
    ['BatchWriteItem', 'UnprocessedItems'],
  ])('of a %s sends the others, and gives the refused ones back', (operation, unprocessed) => {
    const requestOf = (entries: readonly unknown[]) =>
      operation === 'BatchGetItem' ? { Keys: entries, ConsistentRead: true } : entries;
    fc.assert(
      fc.property(batches, unsorted => {
        // Parts are counted table by table, in the request's order.
        const parts = [...unsorted].sort((one, other) => (one.table < other.table ? -1 : 1));
        const numbered = parts.map((part, index) => ({ ...part, index }));
        const byTable = (chosen: typeof numbered) =>
          Object.fromEntries(
            [...new Set(chosen.map(({ table }) => table))].map(table => [
              table,
              requestOf(chosen.filter(part => part.table === table).map(({ index }) => index)),
            ]),
          );
        const batch = batchOf(operation);
        const body = { RequestItems: byTable(numbered) };
        const refused = refusedOf(parts);
        expect(batch.reduce(body, index => !refused.has(index))['RequestItems']).toEqual(
          byTable(numbered.filter(part => !part.refused)),
        );
        expect(batch.merge(body, {}, refused, [])[unprocessed]).toEqual(
          byTable(numbered.filter(part => part.refused)),
        );
      }),
    );
  });
});
