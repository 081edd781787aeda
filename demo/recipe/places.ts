import type { Item } from '../item.ts';
import type { Places } from '../places.ts';
import { KIND, OTHER, PLACE, TARGETS } from './backfill.ts';

/**
 * The demo's places as items of several kinds. Of twenty, sixteen are in scope, three have another kind and one has
 * none. Every tenth has a target from the start, some as NULL, which must not be replaced.
 */
export function withKinds(places: Places): Places {
  return {
    records: places.records,
    itemAt(index) {
      const item: Item = { ...places.itemAt(index) };
      const of = index % 20;
      if (of < 19) item[KIND] = of < 16 ? PLACE : OTHER;
      if (index % 10 === 3) item[TARGETS[0]] = index % 20 === 3 ? { NULL: true } : { S: 'set by hand' };
      return item;
    },
  };
}
