import {
  type AttributeValue,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';

export type RawItem = Record<string, AttributeValue>;

/** The control table, read only by the contract's names and without the tool's code. */
export class ControlRecords {
  readonly table: string;
  readonly #client: DynamoDBClient;

  constructor(client: DynamoDBClient, table: string) {
    this.#client = client;
    this.table = table;
  }

  /** Every item of a table, whole. */
  async itemsOf(table: string): Promise<RawItem[]> {
    const items: RawItem[] = [];
    let from: RawItem | undefined;
    do {
      const page = await this.#client.send(
        new ScanCommand({ TableName: table, ConsistentRead: true, ExclusiveStartKey: from }),
      );
      items.push(...(page.Items ?? []));
      from = page.LastEvaluatedKey;
    } while (from);
    return items;
  }

  /** Records whose sort key begins with the prefix, in order. */
  async raw(prefix: string): Promise<RawItem[]> {
    const all = await this.itemsOf(this.table);
    const name = (item: RawItem) => item['item']?.S ?? '';
    return all.filter(item => name(item).startsWith(prefix)).sort((a, b) => (name(a) < name(b) ? -1 : 1));
  }

  async read(prefix: string): Promise<Record<string, unknown>[]> {
    return (await this.raw(prefix)).map(item => unmarshall(item));
  }

  async put(item: RawItem): Promise<void> {
    await this.#client.send(new PutItemCommand({ TableName: this.table, Item: item }));
  }

  async delete(item: RawItem): Promise<void> {
    const { run, item: name } = item;
    if (!run || !name) throw new Error('This is no record of a control table.');
    await this.#client.send(new DeleteItemCommand({ TableName: this.table, Key: { run, item: name } }));
  }

  /** How many locks are held, by any holder. */
  async locks(): Promise<number> {
    return (await this.read('LOCK')).length;
  }
}
