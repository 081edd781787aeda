import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  BatchExecuteStatementCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import { batchStatementFactory, type ItemWrite, updateItemInput } from '../../core/item-write.ts';
import type { WriteApi } from '../../core/records.ts';

/** The control table's keys; beside them, its items have an attribute by which they expire, and ours one more. */
const CONTROL_KEYS = [
  { name: 'run', type: 'S' },
  { name: 'item', type: 'S' },
] as const;
const TAKEN_NAMES = new Set(['run', 'item', 'expiresAt', 'other']);

/** Should a proof be cut off, DynamoDB removes its items after a day. */
const LIFETIME_SECONDS = 86_400;

export interface ProofResult {
  readonly holds: boolean;
  /** What was found where something else was expected. */
  readonly findings: readonly string[];
}

/**
 * Tries the run's write on items of its own in the control table before the first item of a user is touched: on one
 * that lacks the attribute, one that has it, one where it is NULL, and one that does not exist. It judges by the
 * whole items afterwards, not by what the replies say.
 */
export async function proveEngine(
  client: DynamoDBClient,
  controlTable: string,
  { attribute, value }: Pick<ItemWrite, 'attribute' | 'value'>,
  api: WriteApi,
): Promise<ProofResult> {
  // A suffix of the attribute's own kind of characters, so that the name tried is read as the real one will be.
  const probed = TAKEN_NAMES.has(attribute) ? `${attribute}_` : attribute;
  const write: ItemWrite = { table: controlTable, keySchema: CONTROL_KEYS, attribute: probed, value };
  const run = `PROOF#${randomUUID()}`;
  const expiresAt = { N: String(Math.floor(Date.now() / 1_000) + LIFETIME_SECONDS) };
  const item = (name: string, more: AttributeMap = {}): AttributeMap => ({
    run: { S: run },
    item: { S: name },
    other: { S: 'untouched' },
    expiresAt,
    ...more,
  });
  const before = {
    missing: item('missing'),
    present: item('present', { [probed]: { S: 'from someone else' } }),
    null: item('null', { [probed]: { NULL: true } }),
  };
  const after: Record<string, AttributeMap | undefined> = {
    missing: item('missing', { [probed]: value }),
    present: before.present,
    null: before.null,
    absent: undefined,
  };
  const keys = Object.keys(after).map((name): AttributeMap => ({ run: { S: run }, item: { S: name } }));
  try {
    for (const Item of Object.values(before)) {
      await client.send(new PutItemCommand({ TableName: controlTable, Item }));
    }
    await tryWrites(client, write, keys, api);
    const findings: string[] = [];
    for (const [index, [name, expected]] of Object.entries(after).entries()) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: controlTable, Key: keys[index], ConsistentRead: true }),
      );
      if (!sameItem(Item, expected)) findings.push(finding(name, Item, probed));
    }
    return { holds: findings.length === 0, findings };
  } finally {
    for (const Key of keys) await client.send(new DeleteItemCommand({ TableName: controlTable, Key }));
  }
}

async function tryWrites(
  client: DynamoDBClient,
  write: ItemWrite,
  keys: readonly AttributeMap[],
  api: WriteApi,
): Promise<void> {
  if (api === 'batch') {
    await client.send(
      new BatchExecuteStatementCommand({ Statements: keys.map(batchStatementFactory(write)) }),
    );
    return;
  }
  for (const key of keys) {
    try {
      await client.send(new UpdateItemCommand(updateItemInput(write, key)));
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ConditionalCheckFailedException') throw error;
    }
  }
}

function finding(name: string, found: AttributeMap | undefined, attribute: string): string {
  const value = found === undefined ? 'no item' : (JSON.stringify(found[attribute]) ?? 'no attribute');
  switch (name) {
    case 'missing':
      return `on an item that lacks the attribute, the write left ${value}`;
    case 'absent':
      return `on a key without an item, the write left ${value}`;
    default:
      return `on an item whose attribute is ${name}, the write left ${value}`;
  }
}

/** Numbers are compared by value: an engine may write 1e21 in another way than it was sent. */
function sameItem(a: AttributeMap | undefined, b: AttributeMap | undefined): boolean {
  return isDeepStrictEqual(normalised(a), normalised(b));
}

function normalised(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(normalised);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      name === 'N' && typeof inner === 'string' ? Number(inner) : normalised(inner),
    ]),
  );
}
