import { sameAttributes } from './attribute-value.ts';
import type { Item } from './item.ts';

/**
 * One write of the application. Each one is idempotent, so it may be repeated until its reply is known:
 * - put: the whole item, whatever existed before;
 * - update: these attributes of an existing item; the others stay;
 * - delete.
 */
export type Write =
  | { readonly kind: 'put'; readonly item: Item }
  | { readonly kind: 'update'; readonly key: Item; readonly set: Item }
  | { readonly kind: 'delete'; readonly key: Item };

/** The item of a write, or at least its key. */
export function targetOf(write: Write): Item {
  return write.kind === 'put' ? write.item : write.key;
}

/** What DynamoDB holds under the key after the write. For `before` and the result, undefined means no item. */
export function applyWrite(write: Write, before: Item | undefined): Item | undefined {
  switch (write.kind) {
    case 'put':
      return write.item;
    case 'update':
      return before === undefined ? undefined : { ...before, ...write.set };
    case 'delete':
      return undefined;
  }
}

/** Whether the old value of `attribute` can no longer be read from the table after this write. */
export function overwritesAttribute(write: Write, attribute: string): boolean {
  return write.kind !== 'update' || write.set[attribute] !== undefined;
}

/** Compares two states of one key. Either may be undefined, which means no item. */
export function sameState(left: Item | undefined, right: Item | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return sameAttributes(left, right);
}
