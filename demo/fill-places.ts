import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type FillOptions, type FillResult, fill } from './fill.ts';
import type { Item } from './item.ts';
import type { JournalOfWrites } from './journal.ts';
import type { Places } from './places.ts';

/**
 * Fills a table with the first `count` places and records each one in the journal, whose `regenerate` must make the
 * same items from the same places.
 * @throws as {@link fill} does. The journal is useless then, because it holds items that may not exist.
 */
export function fillWithPlaces(
  client: DynamoDBClient,
  table: string,
  places: Places,
  count: number,
  journal: Pick<JournalOfWrites, 'recordFill'>,
  options: FillOptions = {},
): Promise<FillResult> {
  function* entered(): Generator<Item> {
    for (let index = 0; index < count; index += 1) {
      const item = places.itemAt(index);
      journal.recordFill(item, index);
      yield item;
    }
  }
  return fill(client, table, entered(), options);
}
