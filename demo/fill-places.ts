import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type FillOptions, type FillResult, fill } from './fill.ts';
import type { Item } from './item.ts';
import type { JournalOfWrites } from './journal.ts';
import type { Places } from './places.ts';

/**
 * Fills a table with the first `count` places and enters each in the journal, which must make its items anew
 * from the same places.
 * @throws as {@link fill} does; the journal is of no use then, since it holds items that may not be there.
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
