import type { AskEngine } from './ask-engine.ts';
import type { WireItem } from './item-size.ts';

export interface TableSchema {
  readonly table: string;
  readonly arn: string;
  readonly partitionKey: string;
  readonly sortKey: string | undefined;
}

/** One item of a table. */
export interface ItemKey {
  readonly table: string;
  /** The key in wire format. */
  readonly attributes: WireItem;
  /** The partition key with its type: `S:abc`. */
  readonly partition: string;
  /** Partition and sort key as one text, unique in the table: `S:abc,N:1`. */
  readonly text: string;
}

interface TableDescription {
  readonly TableArn?: string;
  readonly KeySchema?: readonly { readonly AttributeName: string; readonly KeyType: string }[];
}

/** Key schemas of an engine's tables. Each one is read once. */
export class TableSchemas {
  readonly #ask: AskEngine;
  readonly #schemas = new Map<string, Promise<TableSchema | undefined>>();

  constructor(ask: AskEngine) {
    this.#ask = ask;
  }

  /** @returns undefined if the table does not exist or the engine does not describe it */
  get(table: string): Promise<TableSchema | undefined> {
    const known = this.#schemas.get(table);
    if (known !== undefined) return known;
    const asked = this.#describe(table);
    this.#schemas.set(table, asked);
    void asked.then(schema => {
      if (schema === undefined) this.#schemas.delete(table);
    });
    return asked;
  }

  /** Call it when the table was created or deleted, because the next table of that name may have another key. */
  forget(table: string): void {
    this.#schemas.delete(table);
  }

  async #describe(table: string): Promise<TableSchema | undefined> {
    const reply = await this.#ask('DescribeTable', { TableName: table });
    const { TableArn: arn = '', KeySchema = [] } = (reply?.['Table'] ?? {}) as TableDescription;
    const named = (type: string) => KeySchema.find(({ KeyType }) => KeyType === type)?.AttributeName;
    const partitionKey = named('HASH');
    return partitionKey === undefined ? undefined : { table, arn, partitionKey, sortKey: named('RANGE') };
  }
}

/** The key of an item or of a key; undefined if a key attribute is missing. */
export function keyIn(schema: TableSchema, item: WireItem): ItemKey | undefined {
  const { table, partitionKey, sortKey } = schema;
  const partitionValue = item[partitionKey];
  if (partitionValue === undefined) return undefined;
  const partition = textOf(partitionValue);
  if (sortKey === undefined)
    return { table, attributes: { [partitionKey]: partitionValue }, partition, text: partition };
  const sortValue = item[sortKey];
  if (sortValue === undefined) return undefined;
  const attributes = { [partitionKey]: partitionValue, [sortKey]: sortValue };
  return { table, attributes, partition, text: `${partition},${textOf(sortValue)}` };
}

/** `S:abc` */
export function textOf(value: Readonly<Record<string, unknown>>): string {
  const [type, content] = Object.entries(value)[0] ?? [];
  return `${type}:${String(content)}`;
}
