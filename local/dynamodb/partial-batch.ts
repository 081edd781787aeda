import type { RequestPart } from './request-parts.ts';

type Json = Readonly<Record<string, unknown>>;

/** Why a part of a batch was refused. `code` is one of BatchStatementError's. */
export interface PartRefusal {
  readonly code: string;
  readonly message: string;
}

/**
 * How to split an operation whose parts succeed or fail separately: how to send only some parts to the engine, and how
 * to merge the refusals of the others into its reply.
 */
export interface PartialBatch {
  /** The request with only the parts for which `keeps` holds. Parts are counted as in request-parts.ts. */
  reduce(body: Json, keeps: (index: number) => boolean): Json;
  /** @param reply the engine's reply to the reduced request; an empty object if nothing was sent */
  merge(
    body: Json,
    reply: Json,
    refused: ReadonlyMap<number, PartRefusal>,
    parts: readonly RequestPart[],
  ): Json;
}

type ByTable<Entry> = Readonly<Record<string, Entry>>;

interface KeysOfTable {
  readonly Keys: readonly unknown[];
}

/** Each refused statement gets its answer at its own position. */
const statements: PartialBatch = {
  reduce: (body, keeps) => ({
    ...body,
    Statements: (body['Statements'] as unknown[]).filter((_, i) => keeps(i)),
  }),
  merge(_body, reply, refused, parts) {
    const answered = [...((reply['Responses'] ?? []) as unknown[])];
    const responses = parts.map(({ table }, index) => {
      const refusal = refused.get(index);
      if (refusal === undefined) return answered.shift();
      return { Error: { Code: refusal.code, Message: refusal.message }, TableName: table };
    });
    return { ...reply, Responses: responses };
  },
};

/** Refused keys are returned as unprocessed, ready to be sent again. */
const gets: PartialBatch = {
  reduce(body, keeps) {
    return { ...body, RequestItems: filterKeys(body['RequestItems'] as ByTable<KeysOfTable>, keeps) };
  },
  merge(body, reply, refused) {
    const unprocessed = filterKeys(body['RequestItems'] as ByTable<KeysOfTable>, index => refused.has(index));
    const own = (reply['UnprocessedKeys'] ?? {}) as ByTable<KeysOfTable>;
    const merged = Object.entries(unprocessed).map(([table, request]) => {
      return [table, { ...request, Keys: [...(own[table]?.Keys ?? []), ...request.Keys] }] as const;
    });
    return { Responses: {}, ...reply, UnprocessedKeys: { ...own, ...Object.fromEntries(merged) } };
  },
};

const writes: PartialBatch = {
  reduce(body, keeps) {
    return { ...body, RequestItems: filterWrites(body['RequestItems'] as ByTable<unknown[]>, keeps) };
  },
  merge(body, reply, refused) {
    const unprocessed = filterWrites(body['RequestItems'] as ByTable<unknown[]>, index => refused.has(index));
    const own = (reply['UnprocessedItems'] ?? {}) as ByTable<unknown[]>;
    const merged = Object.entries(unprocessed).map(([table, requests]) => {
      return [table, [...(own[table] ?? []), ...requests]] as const;
    });
    return { ...reply, UnprocessedItems: { ...own, ...Object.fromEntries(merged) } };
  },
};

export const PARTIAL_BATCHES: Readonly<Record<string, PartialBatch>> = {
  BatchExecuteStatement: statements,
  BatchGetItem: gets,
  BatchWriteItem: writes,
};

function filterKeys(
  tables: ByTable<KeysOfTable>,
  keeps: (index: number) => boolean,
): Record<string, KeysOfTable> {
  let index = 0;
  const kept = Object.entries(tables).map(([table, request]) => {
    return [table, { ...request, Keys: request.Keys.filter(() => keeps(index++)) }] as const;
  });
  return Object.fromEntries(kept.filter(([, { Keys }]) => Keys.length > 0));
}

function filterWrites(
  tables: ByTable<unknown[]>,
  keeps: (index: number) => boolean,
): Record<string, unknown[]> {
  let index = 0;
  const kept = Object.entries(tables).map(([table, requests]) => {
    return [table, requests.filter(() => keeps(index++))] as const;
  });
  return Object.fromEntries(kept.filter(([, requests]) => requests.length > 0));
}
