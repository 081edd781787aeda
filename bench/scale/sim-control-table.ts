import {
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { ControlTableClient } from '../../core/control-table.ts';
import { applyUpdate, conditionHolds, type Expressions, type Item } from '../../test/model/conditions.ts';
import type { Actor, SimWorld } from './sim-world.ts';

const BYTES_PER_WRITE_UNIT = 1_024;
const BYTES_PER_READ_UNIT = 4_096;

/** The requests for the run's partition key in one second. */
export interface SecondOfPartition {
  writeUnits: number;
  readUnits: number;
}

/** A control table in memory that counts its requests by second and partition key. */
export class SimControlTable {
  readonly #world: SimWorld;
  readonly #items = new Map<string, Map<string, Item>>();
  /** The sort keys of each partition key, in order. */
  readonly #keys = new Map<string, string[]>();
  readonly #seconds = new Map<string, SecondOfPartition[]>();
  calls = 0;

  constructor(world: SimWorld) {
    this.#world = world;
  }

  /** A client for one process. A reply takes `latencyMs` and never reaches a process that has died meanwhile. */
  clientOf(actor: Actor, latencyMs: number): ControlTableClient {
    const send = async (command: unknown) => {
      this.calls += 1;
      if (latencyMs > 0) await this.#world.sleep(actor, latencyMs);
      if (actor.dead) return new Promise(() => {});
      return this.#execute(command);
    };
    return { send } as unknown as ControlTableClient;
  }

  item(run: string, item: string): Item | undefined {
    return this.#items.get(run)?.get(item);
  }

  itemsOf(run: string, prefix: string): Item[] {
    const of = this.#items.get(run);
    return (this.#keys.get(run) ?? [])
      .filter(key => key.startsWith(prefix))
      .map(key => of?.get(key))
      .filter(item => item !== undefined);
  }

  write(item: Item): void {
    const { run, item: key } = item as { run: string; item: string };
    const of = this.#items.get(run) ?? new Map<string, Item>();
    this.#items.set(run, of);
    if (!of.has(key)) this.#insert(run, key);
    of.set(key, item);
  }

  /** The counts of one partition key, second by second. */
  secondsOf(run: string): readonly SecondOfPartition[] {
    return this.#seconds.get(run) ?? [];
  }

  #execute(command: unknown): Record<string, unknown> {
    if (command instanceof GetCommand) {
      const found = this.#at(command.input.Key);
      this.#count(String(command.input.Key?.['run']), { readUnits: readUnits(found ? sizeOf(found) : 1) });
      return { Item: found && { ...found } };
    }
    if (command instanceof PutCommand) {
      const { Item: given = {}, ConditionExpression } = command.input;
      const item = definedOnly(given);
      this.#charge(item);
      this.#require(ConditionExpression, item, command.input);
      this.write(item);
      return {};
    }
    if (command instanceof UpdateCommand) {
      const { Key = {}, UpdateExpression = '', ConditionExpression } = command.input;
      const before = this.#at(Key);
      const updated = definedOnly(applyUpdate(UpdateExpression, before ?? { ...Key }, command.input));
      this.#charge(updated);
      this.#require(ConditionExpression, Key, command.input);
      this.write(updated);
      return { Attributes: { ...updated } };
    }
    if (command instanceof QueryCommand) return this.#query(command.input);
    if (command instanceof TransactWriteCommand) return this.#transact(command.input);
    throw new TypeError(`The simulation knows no ${command?.constructor.name}.`);
  }

  #query(input: QueryCommand['input']): Record<string, unknown> {
    const values = input.ExpressionAttributeValues ?? {};
    const run = String(values[':run']);
    const keys = this.#keys.get(run) ?? [];
    const prefix = values[':prefix'] as string | undefined;
    const from =
      (input.ExclusiveStartKey?.['item'] as string | undefined) ?? prefix ?? String(values[':from']);
    const to = prefix === undefined ? String(values[':to']) : `${prefix}\uffff`;
    let at = lowerBound(keys, from);
    if (input.ExclusiveStartKey && keys[at] === from) at += 1;
    const found: Item[] = [];
    let bytes = 0;
    const most = input.Limit ?? Number.POSITIVE_INFINITY;
    for (; at < keys.length && found.length < most && (keys[at] as string) <= to; at++) {
      const item = this.#items.get(run)?.get(keys[at] as string) as Item;
      bytes += sizeOf(item);
      found.push({ ...item });
    }
    this.#count(run, { readUnits: readUnits(bytes) });
    const more = at < keys.length && (keys[at] as string) <= to;
    const last = found.at(-1);
    return {
      Items: found,
      ...(more && last && { LastEvaluatedKey: { run, item: last['item'] } }),
    };
  }

  #transact({ TransactItems = [] }: TransactWriteCommand['input']): Record<string, unknown> {
    const holds = TransactItems.map(({ ConditionCheck, Put }) => {
      const part = ConditionCheck ?? Put;
      if (!part) throw new TypeError('The simulation knows no such part of a transaction.');
      const key = 'Item' in part ? (part.Item as Item) : ((part as { Key?: Item }).Key ?? {});
      const existing = this.#at(key);
      // A transaction costs twice the units [developer guide].
      this.#charge(existing ?? key, 2);
      return conditionHolds(part.ConditionExpression, existing, part);
    });
    if (holds.includes(false)) {
      throw named('TransactionCanceledException', {
        CancellationReasons: holds.map(held => ({ Code: held ? 'None' : 'ConditionalCheckFailed' })),
      });
    }
    for (const { Put } of TransactItems) if (Put?.Item) this.write(definedOnly(Put.Item));
    return {};
  }

  #require(condition: string | undefined, key: Item, given: Expressions): void {
    const existing = this.#at(key);
    if (conditionHolds(condition, existing, given)) return;
    const Item = existing && marshall(existing, { removeUndefinedValues: true });
    throw named('ConditionalCheckFailedException', Item ? { Item } : {});
  }

  #at(key: Item | undefined): Item | undefined {
    return key && this.#items.get(String(key['run']))?.get(String(key['item']));
  }

  #charge(item: Item, times = 1): void {
    const units = Math.ceil(sizeOf(item) / BYTES_PER_WRITE_UNIT) * times;
    this.#count(String(item['run']), { writeUnits: units });
  }

  #count(run: string, { writeUnits = 0, readUnits: read = 0 }: Partial<SecondOfPartition>): void {
    const seconds = this.#seconds.get(run) ?? [];
    this.#seconds.set(run, seconds);
    const second = Math.floor(this.#world.nowMs / 1_000);
    while (seconds.length <= second) seconds.push({ writeUnits: 0, readUnits: 0 });
    const now = seconds[second] as SecondOfPartition;
    now.writeUnits += writeUnits;
    now.readUnits += read;
  }

  #insert(run: string, key: string): void {
    const keys = this.#keys.get(run) ?? [];
    this.#keys.set(run, keys);
    keys.splice(lowerBound(keys, key), 0, key);
  }
}

/** About the size that DynamoDB counts: names and values without punctuation. */
function sizeOf(item: Item): number {
  return JSON.stringify(item).length * 0.9;
}

function readUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / BYTES_PER_READ_UNIT));
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function definedOnly(item: Item): Item {
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined));
}

function named(name: string, fields: Record<string, unknown>): Error {
  return Object.assign(new Error(name), { name }, fields);
}
