import type { WireItem, WireValue } from './item-size.ts';
import { type Operand, readStatement } from './partiql.ts';
import { type ItemKey, keyIn, type TableSchemas, textOf } from './table-schemas.ts';

/** What a request does to one item, or for a Scan or Query, to a range of items. */
export interface RequestPart {
  readonly table: string;
  readonly kind: 'read' | 'write';
  /** Undefined for a range, or if the request does not name its item. */
  readonly key?: ItemKey | undefined;
  /** The whole new item, if the request contains it. */
  readonly item?: WireItem | undefined;
  readonly consistent?: boolean | undefined;
  /** Transactions consume twice the units [developer guide, "DynamoDB Transactions"]. */
  readonly transactional?: boolean;
  /** The partition key of a Query, as {@link ItemKey.partition}. */
  readonly partition?: string | undefined;
  /** The segment of a parallel Scan. */
  readonly segment?: { readonly segment: number; readonly totalSegments: number };
}

type Body = Readonly<Record<string, unknown>>;

interface KeyRequest {
  readonly TableName: string;
  readonly Key: WireItem;
  readonly Item: WireItem;
  readonly ConsistentRead?: boolean;
}

interface Statement {
  readonly Statement: string;
  readonly Parameters?: readonly WireValue[];
  readonly ConsistentRead?: boolean;
}

type ReadPart = (body: Body, schemas: TableSchemas) => Promise<RequestPart[]>;

const KEY_WRITES = ['Put', 'Update', 'Delete', 'ConditionCheck'];

const READERS: Readonly<Record<string, ReadPart>> = {
  GetItem: async (body, schemas) => [await keyPart('read', body as unknown as KeyRequest, schemas)],
  PutItem: async (body, schemas) => [await keyPart('write', body as unknown as KeyRequest, schemas)],
  UpdateItem: async (body, schemas) => [await keyPart('write', body as unknown as KeyRequest, schemas)],
  DeleteItem: async (body, schemas) => [await keyPart('write', body as unknown as KeyRequest, schemas)],
  BatchGetItem: batchGetParts,
  BatchWriteItem: batchWriteParts,
  BatchExecuteStatement: ({ Statements }, schemas) => statementParts(Statements, schemas, false),
  ExecuteStatement: (body, schemas) => statementParts([body], schemas, false),
  ExecuteTransaction: ({ TransactStatements }, schemas) => statementParts(TransactStatements, schemas, true),
  TransactWriteItems: ({ TransactItems }, schemas) =>
    transactParts('write', TransactItems, KEY_WRITES, schemas),
  TransactGetItems: ({ TransactItems }, schemas) => transactParts('read', TransactItems, ['Get'], schemas),
  Scan: async body => [scanPart(body)],
  Query: async (body, schemas) => [await queryPart(body, schemas)],
};

/**
 * The parts of a request to DynamoDB, in the order of the request. A batch answers in the same order.
 *
 * @returns undefined for an operation that touches no item, and for a body that only the engine can refuse
 */
export async function readParts(
  operation: string,
  body: Body,
  schemas: TableSchemas,
): Promise<readonly RequestPart[] | undefined> {
  const reader = Object.hasOwn(READERS, operation) ? READERS[operation] : undefined;
  try {
    const parts = await reader?.(body, schemas);
    return parts?.every(({ table }) => typeof table === 'string') && parts.length > 0 ? parts : undefined;
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

async function keyPart(
  kind: 'read' | 'write',
  { TableName: table, Key, Item: item, ConsistentRead: consistent }: KeyRequest,
  schemas: TableSchemas,
): Promise<RequestPart> {
  const schema = await schemas.get(table);
  return { table, kind, key: schema && keyIn(schema, Key ?? item), item, consistent };
}

async function batchGetParts({ RequestItems }: Body, schemas: TableSchemas): Promise<RequestPart[]> {
  const tables = RequestItems as Record<string, { Keys: WireItem[]; ConsistentRead?: boolean }>;
  const requests = Object.entries(tables).flatMap(([TableName, { Keys, ConsistentRead = false }]) =>
    Keys.map(Key => ({ TableName, Key, ConsistentRead }) as KeyRequest),
  );
  return Promise.all(requests.map(request => keyPart('read', request, schemas)));
}

async function batchWriteParts({ RequestItems }: Body, schemas: TableSchemas): Promise<RequestPart[]> {
  const tables = RequestItems as Record<string, { PutRequest?: KeyRequest; DeleteRequest?: KeyRequest }[]>;
  const requests = Object.entries(tables).flatMap(([TableName, writes]) =>
    writes.map(
      ({ PutRequest, DeleteRequest }) => ({ ...PutRequest, ...DeleteRequest, TableName }) as KeyRequest,
    ),
  );
  return Promise.all(requests.map(request => keyPart('write', request, schemas)));
}

async function transactParts(
  kind: 'read' | 'write',
  items: unknown,
  actions: readonly string[],
  schemas: TableSchemas,
): Promise<RequestPart[]> {
  const requests = (items as Record<string, KeyRequest>[]).map(
    item => actions.map(action => item[action]).find(request => request !== undefined) as KeyRequest,
  );
  const parts = await Promise.all(requests.map(request => keyPart(kind, request, schemas)));
  return parts.map(part => ({ ...part, consistent: true, transactional: true }));
}

async function statementParts(
  statements: unknown,
  schemas: TableSchemas,
  transactional: boolean,
): Promise<RequestPart[]> {
  return Promise.all(
    (statements as Statement[]).map(async ({ Statement, Parameters = [], ConsistentRead: consistent }) => {
      const read = readStatement(Statement);
      // The engine reports what is wrong with it. Here it belongs to no table.
      if (read === undefined) throw new TypeError('Not a statement.');
      const { action, table, equals } = read;
      const schema = await schemas.get(table);
      const given = (operand: Operand) =>
        'literal' in operand ? operand.literal : Parameters[operand.parameter];
      const values = [...equals].flatMap(([name, operand]) => {
        const value = given(operand);
        return value === undefined ? [] : [[name, value] as const];
      });
      const key = schema && keyIn(schema, Object.fromEntries(values));
      return { table, kind: action === 'SELECT' ? 'read' : 'write', key, consistent, transactional };
    }),
  );
}

function scanPart({ TableName, ConsistentRead, Segment, TotalSegments }: Body): RequestPart {
  return {
    table: TableName as string,
    kind: 'read',
    consistent: ConsistentRead === true,
    segment: { segment: Number(Segment ?? 0), totalSegments: Number(TotalSegments ?? 1) },
  };
}

/** `id = :id` or `#id = :id` at any place in the condition [API reference, Query]. */
const EQUALITY = /(?<name>[#\w.-]+)\s*=\s*(?<value>:\w+)/g;

async function queryPart(body: Body, schemas: TableSchemas): Promise<RequestPart> {
  const { TableName, KeyConditionExpression = '', IndexName, ConsistentRead } = body;
  const names = (body['ExpressionAttributeNames'] ?? {}) as Record<string, string>;
  const values = (body['ExpressionAttributeValues'] ?? {}) as WireItem;
  const table = TableName as string;
  const schema = await schemas.get(table);
  const equality = [...String(KeyConditionExpression).matchAll(EQUALITY)].find(
    ({ groups }) => (names[groups?.['name'] ?? ''] ?? groups?.['name']) === schema?.partitionKey,
  );
  const value = values[equality?.groups?.['value'] ?? ''];
  const partition = value === undefined || IndexName !== undefined ? undefined : textOf(value);
  return { table, kind: 'read', consistent: ConsistentRead === true, partition };
}
