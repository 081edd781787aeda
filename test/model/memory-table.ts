import {
  GetCommand,
  PutCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { applyUpdate, conditionHolds, type Expressions, type Item } from './conditions.ts';

/** A control table in memory. Each command takes effect in one step, as in DynamoDB. */
export class MemoryTable {
  readonly #items = new Map<string, Item>();

  items(): Item[] {
    return [...this.#items.values()];
  }

  item(run: string, item: string): Item | undefined {
    return this.#items.get(identity({ run, item }));
  }

  /** @throws like the service: ConditionalCheckFailedException, TransactionCanceledException. */
  execute(command: unknown): Record<string, unknown> {
    if (command instanceof GetCommand) return { Item: this.#read(command.input.Key) };
    if (command instanceof PutCommand) {
      const { Item = {}, ConditionExpression } = command.input;
      this.#require(ConditionExpression, Item, command.input);
      this.#write(Item);
      return {};
    }
    if (command instanceof UpdateCommand) {
      const { Key = {}, UpdateExpression = '', ConditionExpression } = command.input;
      this.#require(ConditionExpression, Key, command.input);
      const updated = applyUpdate(UpdateExpression, this.#read(Key) ?? { ...Key }, command.input);
      this.#write(updated);
      return { Attributes: structuredClone(updated) };
    }
    if (command instanceof QueryCommand) {
      const values = command.input.ExpressionAttributeValues ?? {};
      const { [':run']: wanted, [':prefix']: prefix, [':from']: from, [':to']: to } = values;
      const within = (item: string) =>
        prefix === undefined ? item >= String(from) && item <= String(to) : item.startsWith(String(prefix));
      const found = this.items()
        .filter(({ run, item }) => run === wanted && within(String(item)))
        .sort((a, b) => (String(a['item']) < String(b['item']) ? -1 : 1));
      if (command.input.ScanIndexForward === false) found.reverse();
      // A list by prefix is returned whole, because the model has no pages.
      const page = found.slice(0, prefix === undefined ? command.input.Limit : undefined);
      return { Items: structuredClone(page) };
    }
    if (command instanceof ScanCommand) {
      const wanted = command.input.ExpressionAttributeValues?.[':item'];
      return { Items: structuredClone(this.items().filter(({ item }) => item === wanted)) };
    }
    if (command instanceof TransactWriteCommand) return this.#transact(command.input);
    throw new TypeError(`The model knows no ${command?.constructor.name}.`);
  }

  #transact({ TransactItems = [] }: TransactWriteCommandInput): Record<string, unknown> {
    const holds = TransactItems.map(({ ConditionCheck, Put, Delete }) => {
      const part = ConditionCheck ?? Put ?? Delete;
      if (!part) throw new TypeError('The model knows no such part of a transaction.');
      const key = 'Item' in part ? part.Item : 'Key' in part ? part.Key : undefined;
      return conditionHolds(part.ConditionExpression, this.#read(key), part);
    });
    if (holds.includes(false)) {
      throw named('TransactionCanceledException', {
        CancellationReasons: holds.map(held => ({ Code: held ? 'None' : 'ConditionalCheckFailed' })),
      });
    }
    for (const { Put, Delete } of TransactItems) {
      if (Put?.Item) this.#write(Put.Item);
      if (Delete?.Key) this.#items.delete(identity(Delete.Key));
    }
    return {};
  }

  #require(condition: string | undefined, key: Item, given: Expressions): void {
    const existing = this.#read(key);
    if (conditionHolds(condition, existing, given)) return;
    // Like the DocumentClient, which does not translate the item in an error.
    throw named('ConditionalCheckFailedException', existing ? { Item: marshall(existing) } : {});
  }

  #read(key: Item | undefined): Item | undefined {
    const item = key && this.#items.get(identity(key));
    return item && structuredClone(item);
  }

  #write(item: Item): void {
    const defined = Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined));
    this.#items.set(identity(item), structuredClone(defined));
  }
}

function identity({ run, item }: Item): string {
  return `${run}\n${item}`;
}

function named(name: string, fields: Record<string, unknown>): Error {
  return Object.assign(new Error(name), { name }, fields);
}
