import {
  type AttributeValue,
  DeleteItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { fillWithPlaces } from '../../../demo/fill-places.ts';
import { type Item, keyOf, STUFF_KEY } from '../../../demo/item.ts';
import { Journal } from '../../../demo/journal.ts';
import { compare, type JournalReport } from '../../../demo/oracle.ts';
import type { Places } from '../../../demo/places.ts';
import { sendWrite } from '../../../demo/send-write.ts';
import type { Write } from '../../../demo/write.ts';
import type { EngineForTests } from './engine-table.ts';

export const ONE: AttributeValue = { N: '1' };
export const TWO: AttributeValue = { N: '2' };

/**
 * In every table, index 0 has NULL, 5 a number, and so on in steps of five. The items in between lack the attribute.
 */
export const ITEMS = 60;
export const WITH_NULL = 0;
export const WITH_NUMBER = 5;
export const WITHOUT = 1;

/** A filled table on which the tool has run without a fault, with its journal. */
export class FinishedTable {
  readonly name: string;
  readonly journal: Journal;
  readonly #engine: EngineForTests;
  readonly #places: Places;

  static async make(engine: EngineForTests, places: Places): Promise<FinishedTable> {
    const table = new FinishedTable(engine, places, await engine.createTable());
    await fillWithPlaces(engine.client, table.name, places, ITEMS, table.journal);
    for (let index = 0; index < ITEMS; index += 1) {
      if (table.itemAt(index)['test'] === undefined) await table.setBehindTheJournal(index, 'test', ONE);
    }
    return table;
  }

  private constructor(engine: EngineForTests, places: Places, name: string) {
    this.#engine = engine;
    this.#places = places;
    this.name = name;
    this.journal = new Journal({ attribute: 'test', regenerate: index => places.itemAt(index) });
  }

  /** The item as the fill put it. */
  itemAt(index: number): Item {
    return this.#places.itemAt(index);
  }

  itemWithoutTest(index: number): Item {
    const { test: _, ...others } = this.itemAt(index);
    return others;
  }

  keyAt(index: number): Item {
    return keyOf(this.itemAt(index), STUFF_KEY);
  }

  async setBehindTheJournal(index: number, attribute: string, value: AttributeValue): Promise<void> {
    await this.#engine.client.send(
      new UpdateItemCommand({
        TableName: this.name,
        Key: this.keyAt(index),
        UpdateExpression: 'SET #a = :v',
        ExpressionAttributeNames: { '#a': attribute },
        ExpressionAttributeValues: { ':v': value },
      }),
    );
  }

  async putBehindTheJournal(item: Item): Promise<void> {
    await this.#engine.client.send(new PutItemCommand({ TableName: this.name, Item: item }));
  }

  async deleteBehindTheJournal(index: number): Promise<void> {
    await this.#engine.client.send(new DeleteItemCommand({ TableName: this.name, Key: this.keyAt(index) }));
  }

  /** A write of the application, recorded in the journal. */
  async write(write: Write): Promise<void> {
    const target = { client: this.#engine.client, table: this.name, key: STUFF_KEY };
    this.journal.begin(write);
    const outcome = await sendWrite(target, write, { giveUpAfterMs: 1000, requestTimeoutMs: 1000 });
    if (outcome.result !== 'applied') throw new Error(`The write was not applied: ${outcome.result}`);
    this.journal.applied(write, { old: outcome.old, repeated: false });
  }

  judge(value: AttributeValue | AttributeValue[] = ONE): Promise<JournalReport> {
    return compare(this.#engine.client, this.name, this.journal, { attribute: 'test', value });
  }
}
