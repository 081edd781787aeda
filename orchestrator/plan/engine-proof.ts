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
import { batchStatementFactory, PLAIN_FORMS, updateItemInput } from '../../core/item-write.ts';
import type { BatchForms, WriteApi } from '../../core/records.ts';
import type { Assignment, WriteRule } from '../../core/write-rule.ts';
import { batchFeatures, CONTROL_KEYS, type ProofCase, singleCases, targetCases } from './proof-cases.ts';

/** DynamoDB deletes the items of an interrupted proof after a day. */
const LIFETIME_SECONDS = 86_400;

export interface ProofResult {
  readonly holds: boolean;
  /** Where the result differed from what the write must do. */
  readonly findings: readonly string[];
  /** With batches: what a statement may do besides setting one target. */
  readonly forms: BatchForms;
}

/**
 * Tries the run's write on test items in the control table before the run touches the first item of a user. The items
 * are one that lacks the attribute, one that has it, one where it is NULL, and one that does not exist. For a recipe
 * there are also items whose sources are unchanged, changed and removed. It compares whole items afterwards and does
 * not rely on the replies.
 */
export async function proveEngine(
  client: DynamoDBClient,
  controlTable: string,
  rule: WriteRule,
  api: WriteApi,
): Promise<ProofResult> {
  const proof = new Proof(client, controlTable);
  const first = api === 'single' ? singleCases(rule) : targetCases(rule, 1);
  const findings = await proof.findingsOf(first, api, PLAIN_FORMS);
  let forms = PLAIN_FORMS;
  if (api === 'single' || findings.length > 0) return { holds: findings.length === 0, findings, forms };
  for (const feature of batchFeatures(rule)) {
    const against = await proof.findingsOf(feature.cases, api, feature.forms).catch(() => ['refused']);
    if (against.length === 0) forms = feature.grants(forms);
  }
  return { holds: true, findings: [], forms };
}

class Proof {
  readonly #client: DynamoDBClient;
  readonly #table: { readonly table: string; readonly keySchema: typeof CONTROL_KEYS };

  constructor(client: DynamoDBClient, table: string) {
    this.#client = client;
    this.#table = { table, keySchema: CONTROL_KEYS };
  }

  /** @returns where the items differ from what these cases expect. */
  async findingsOf(cases: readonly ProofCase[], api: WriteApi, forms: BatchForms): Promise<string[]> {
    const run = `PROOF#${randomUUID()}`;
    const expiresAt = { N: String(Math.floor(Date.now() / 1_000) + LIFETIME_SECONDS) };
    const tried = cases.map(({ before, assignment, writes, name }) => {
      const key: AttributeMap = { run: { S: run }, item: { S: name } };
      const item = before && { ...key, other: { S: 'untouched' }, expiresAt, ...before };
      return {
        name,
        key,
        item,
        assignment,
        expected: item && writes ? { ...item, ...assignment.set } : item,
      };
    });
    const TableName = this.#table.table;
    try {
      await inTurn(tried, async ({ item }) => {
        if (item) await this.#client.send(new PutItemCommand({ TableName, Item: item }));
      });
      await this.#write(tried, api, forms);
      const findings: string[] = [];
      await inTurn(tried, async ({ name, key, assignment, expected }) => {
        const { Item } = await this.#client.send(
          new GetItemCommand({ TableName, Key: key, ConsistentRead: true }),
        );
        if (!sameItem(Item, expected)) findings.push(finding(name, Item, assignment.set));
      });
      return findings;
    } finally {
      await inTurn(tried, ({ key }) => this.#client.send(new DeleteItemCommand({ TableName, Key: key })));
    }
  }

  async #write(
    tried: readonly { readonly key: AttributeMap; readonly assignment: Assignment }[],
    api: WriteApi,
    forms: BatchForms,
  ): Promise<void> {
    if (api === 'batch') {
      const statementOf = batchStatementFactory(this.#table, forms);
      const Statements = tried.map(({ key, assignment }) => statementOf(key, assignment));
      await this.#client.send(new BatchExecuteStatementCommand({ Statements }));
      return;
    }
    await inTurn(tried, async ({ key, assignment }) => {
      try {
        await this.#client.send(new UpdateItemCommand(updateItemInput(this.#table, key, assignment)));
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'ConditionalCheckFailedException') throw error;
      }
    });
  }
}

async function inTurn<T>(elements: readonly T[], act: (element: T) => Promise<unknown>): Promise<void> {
  for (const element of elements) await act(element);
}

function finding(name: string, found: AttributeMap | undefined, set: AttributeMap): string {
  const values = Object.keys(set).map(target => JSON.stringify(found?.[target]) ?? 'no attribute');
  const value = found === undefined ? 'no item' : values.join(' and ');
  switch (name) {
    case 'missing':
      return `on an item that lacks the attribute, the write left ${value}`;
    case 'absent':
      return `on a key without an item, the write left ${value}`;
    case 'present':
    case 'null':
      return `on an item that has the attribute as ${name}, the write left ${value}`;
    default:
      return `with ${name}, the write left ${value}`;
  }
}

/** Compares numbers by value, because an engine may return 1e21 in another notation. */
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
      name === 'N' && typeof inner === 'string'
        ? Number(inner)
        : isSet(name, inner)
          ? inOrder(inner)
          : normalised(inner),
    ]),
  );
}

/** DynamoDB returns the members of a set in any order. */
function isSet(name: string, value: unknown): value is readonly unknown[] {
  return ['SS', 'NS', 'BS'].includes(name) && Array.isArray(value);
}

function inOrder(values: readonly unknown[]): unknown[] {
  return values.map(value => String(normalised(value))).sort();
}
