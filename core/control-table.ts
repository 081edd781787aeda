import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  type QueryCommandOutput,
  ScanCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';

/** What the stores need of the DocumentClient. The protocol's model replaces it with a lossy network. */
export type ControlTableClient = Pick<DynamoDBDocumentClient, 'send'>;

export interface ControlKey {
  readonly run: string;
  readonly item: string;
}

export type ControlItem = Record<string, unknown> & ControlKey;

/** Named clauses that are joined with AND, so that a condition reads like the protocol step's own sentence. */
export type Clauses = readonly string[];

/** An update: attributes to set and to remove. Undefined values are left out. */
export interface Change {
  readonly set: Readonly<Record<string, unknown>>;
  readonly remove?: readonly string[];
}

/** A condition that was false, with the item that made it fail, if there is one. */
export interface Refused {
  readonly refused: true;
  readonly existing?: ControlItem;
}

export type Outcome = { readonly refused: false; readonly item: ControlItem } | Refused;

/** Items of a page. Pages are short, so that parsing them does not delay heartbeats and grants. */
const PAGE_ITEMS = 100;

export type TransactItem = NonNullable<TransactWriteCommandInput['TransactItems']>[number];

/**
 * The only place that calls the control table. Every read is strongly consistent. A single write whose condition fails
 * returns the item that made it fail, so that a writer with a lost reply can see that the item is its own.
 */
export class ControlTable {
  readonly name: string;
  readonly #client: ControlTableClient;

  constructor(client: ControlTableClient, name: string) {
    this.#client = client;
    this.name = name;
  }

  async get(key: ControlKey): Promise<ControlItem | undefined> {
    const { Item } = await this.#client.send(
      new GetCommand({ TableName: this.name, Key: { run: key.run, item: key.item }, ConsistentRead: true }),
    );
    return Item as ControlItem | undefined;
  }

  /** All items of a run whose sort key begins with the prefix, in order of the sort key. */
  async query(run: string, prefix: string, limit = PAGE_ITEMS): Promise<ControlItem[]> {
    const items: ControlItem[] = [];
    for await (const page of this.queryPages(run, prefix, { limit })) items.push(...page);
    return items;
  }

  /**
   * Like {@link query}, page by page, so that at most one page of up to 1 MB is in memory.
   * @param order `descending` begins at the end; `after` is the sort key after which to begin; `limit`: items of a
   * page.
   */
  async *queryPages(
    run: string,
    prefix: string,
    {
      descending = false,
      after,
      limit = PAGE_ITEMS,
    }: {
      readonly descending?: boolean;
      readonly after?: string | undefined;
      readonly limit?: number;
    } = {},
  ): AsyncGenerator<ControlItem[]> {
    let start: Record<string, unknown> | undefined = after === undefined ? undefined : { run, item: after };
    do {
      const page: QueryCommandOutput = await this.#client.send(
        new QueryCommand({
          TableName: this.name,
          KeyConditionExpression: '#run = :run AND begins_with(#item, :prefix)',
          ExpressionAttributeNames: { '#run': 'run', '#item': 'item' },
          ExpressionAttributeValues: { ':run': run, ':prefix': prefix },
          ConsistentRead: true,
          Limit: limit,
          ...(descending && { ScanIndexForward: false }),
          ...(start && { ExclusiveStartKey: start }),
        }),
      );
      yield (page.Items ?? []) as ControlItem[];
      start = page.LastEvaluatedKey;
    } while (start);
  }

  /** The first items of a run with sort keys from `from` to `to`, in order; at most one short page. */
  async page(run: string, from: string, to: string): Promise<ControlItem[]> {
    const { Items = [] } = await this.#client.send(
      new QueryCommand({
        TableName: this.name,
        KeyConditionExpression: '#run = :run AND #item BETWEEN :from AND :to',
        ExpressionAttributeNames: { '#run': 'run', '#item': 'item' },
        ExpressionAttributeValues: { ':run': run, ':from': from, ':to': to },
        ConsistentRead: true,
        Limit: PAGE_ITEMS,
      }),
    );
    return Items as ControlItem[];
  }

  /** All items with this sort key, of all runs. Only for lists that a person asks for. */
  async scanItems(item: string): Promise<ControlItem[]> {
    const items: ControlItem[] = [];
    let start: Record<string, unknown> | undefined;
    do {
      const page = await this.#client.send(
        new ScanCommand({
          TableName: this.name,
          FilterExpression: '#item = :item',
          ExpressionAttributeNames: { '#item': 'item' },
          ExpressionAttributeValues: { ':item': item },
          ConsistentRead: true,
          ...(start && { ExclusiveStartKey: start }),
        }),
      );
      items.push(...((page.Items ?? []) as ControlItem[]));
      start = page.LastEvaluatedKey;
    } while (start);
    return items;
  }

  /** Puts the whole item if the condition holds. Clauses use `#name` for attributes and `:name` for `values`. */
  async put(item: ControlItem, clauses: Clauses, values: Record<string, unknown> = {}): Promise<Outcome> {
    return this.#conditional(async () => {
      await this.#client.send(
        new PutCommand({
          TableName: this.name,
          Item: item,
          ...(clauses.length > 0 && condition(clauses, values)),
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      );
      return item;
    });
  }

  /** Changes an item if the condition holds, and returns the whole item as it is afterwards. */
  async update(
    key: ControlKey,
    change: Change,
    clauses: Clauses,
    values: Record<string, unknown> = {},
  ): Promise<Outcome> {
    return this.#conditional(async () => {
      const { Attributes } = await this.#client.send(
        new UpdateCommand({
          TableName: this.name,
          Key: { run: key.run, item: key.item },
          ...updateExpression(change, clauses, values),
          ReturnValues: 'ALL_NEW',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      );
      return Attributes as ControlItem;
    });
  }

  /**
   * Makes all of the writes or none.
   * @returns whether they took effect; false if a condition was false.
   */
  async transact(items: TransactItem[]): Promise<boolean> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#client.send(new TransactWriteCommand({ TransactItems: items }));
        return true;
      } catch (error) {
        const codes = cancellationCodes(error);
        if (codes === undefined) throw error;
        if (codes.includes('ConditionalCheckFailed')) return false;
        // A conflict with another write of the same item says nothing about the condition.
        if (attempt >= 10) throw error;
      }
    }
  }

  conditionCheck(key: ControlKey, clauses: Clauses, values: Record<string, unknown>): TransactItem {
    return {
      ConditionCheck: {
        TableName: this.name,
        Key: { run: key.run, item: key.item },
        ...condition(clauses, values),
      },
    };
  }

  conditionalPut(item: ControlItem, clauses: Clauses, values: Record<string, unknown> = {}): TransactItem {
    return {
      Put: { TableName: this.name, Item: item, ...(clauses.length > 0 && condition(clauses, values)) },
    };
  }

  conditionalDelete(key: ControlKey, clauses: Clauses, values: Record<string, unknown> = {}): TransactItem {
    return {
      Delete: {
        TableName: this.name,
        Key: { run: key.run, item: key.item },
        ...(clauses.length > 0 && condition(clauses, values)),
      },
    };
  }

  async #conditional(write: () => Promise<ControlItem>): Promise<Outcome> {
    for (let attempt = 0; ; attempt++) {
      try {
        return { refused: false, item: await write() };
      } catch (error) {
        if (isNamed(error, 'ConditionalCheckFailedException')) return this.#refusal(error);
        if (!isNamed(error, 'TransactionConflictException') || attempt >= 10) throw error;
      }
    }
  }

  /** The DocumentClient translates replies, but not the item in an error. */
  #refusal({ Item }: Error & { Item?: Record<string, AttributeValue> }): Refused {
    return Item ? { refused: true, existing: unmarshall(Item) as ControlItem } : { refused: true };
  }
}

function isNamed(error: unknown, name: string): error is Error {
  return error instanceof Error && error.name === name;
}

function cancellationCodes(error: unknown): string[] | undefined {
  if (!isNamed(error, 'TransactionCanceledException')) return undefined;
  const { CancellationReasons = [] } = error as { CancellationReasons?: { Code?: string }[] };
  return CancellationReasons.map(reason => reason.Code ?? 'None');
}

/** The names that an expression mentions as `#name`. Each one stands for the attribute of the same name. */
function namesIn(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/#(\w+)/g)].map(([placeholder, name = '']) => [placeholder, name]),
  );
}

function valuesIn(text: string, values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    [...new Set(text.match(/:\w+/g) ?? [])].map(placeholder => [placeholder, values[placeholder.slice(1)]]),
  );
}

function attributes(text: string, values: Record<string, unknown>) {
  const used = valuesIn(text, values);
  return {
    ExpressionAttributeNames: namesIn(text),
    ...(Object.keys(used).length > 0 && { ExpressionAttributeValues: used }),
  };
}

function joined(clauses: Clauses): string {
  return clauses.map(clause => `(${clause})`).join(' AND ');
}

function condition(clauses: Clauses, values: Record<string, unknown>) {
  const text = joined(clauses);
  return { ConditionExpression: text, ...attributes(text, values) };
}

function updateExpression(change: Change, clauses: Clauses, values: Record<string, unknown>) {
  const set = Object.entries(change.set).filter(([, value]) => value !== undefined);
  const sets = set.map(([name]) => `#${name} = :set_${name}`);
  const removes = (change.remove ?? []).map(name => `#${name}`);
  const update = [
    sets.length > 0 ? `SET ${sets.join(', ')}` : '',
    removes.length > 0 ? `REMOVE ${removes.join(', ')}` : '',
  ]
    .filter(part => part !== '')
    .join(' ');
  const text = joined(clauses);
  const all = { ...values, ...Object.fromEntries(set.map(([name, value]) => [`set_${name}`, value])) };
  return {
    UpdateExpression: update,
    ...(text !== '' && { ConditionExpression: text }),
    ...attributes(`${update} ${text}`, all),
  };
}
