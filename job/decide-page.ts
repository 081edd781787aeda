import type { AttributeMap } from '../core/attribute-value.ts';
import { type ItemWrite, keyOf } from '../core/item-write.ts';
import type { Assignment } from '../core/write-rule.ts';

/** An item of a page that must reach an outcome. */
export interface DecidedItem {
  readonly key: AttributeMap;
  /** Undefined if its values cannot be computed from what was read. A consistent read decides for good. */
  readonly assignment: Assignment | undefined;
}

/** The items of a page, apart from those that have every target. */
export interface DecidedPage {
  readonly items: readonly DecidedItem[];
  readonly outOfScope: number;
}

/** Decides what to do with each item of a page, as the Scan returned it. */
export function decidePage(
  { keySchema, rule }: Pick<ItemWrite, 'keySchema' | 'rule'>,
  page: readonly AttributeMap[],
): DecidedPage {
  const items: DecidedItem[] = [];
  let outOfScope = 0;
  for (const item of page) {
    const decision = rule.decide(item);
    // The Scan of a constant returns only keys.
    const key = rule.sources.length === 0 && rule.targets.length === 1 ? item : keyOf(keySchema, item);
    if (decision.kind === 'write') items.push({ key, assignment: decision.assignment });
    else if (decision.kind === 'not-computable') items.push({ key, assignment: undefined });
    else if (decision.kind === 'out-of-scope') outOfScope += 1;
  }
  return { items, outOfScope };
}
