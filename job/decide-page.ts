import type { AttributeMap } from '../core/attribute-value.ts';
import { type ItemWrite, keyOf } from '../core/item-write.ts';
import type { Assignment } from '../core/write-rule.ts';

/** An item of a page that has to come to an outcome. */
export interface DecidedItem {
  readonly key: AttributeMap;
  /** Undefined where its values cannot be computed from what was read: a consistent read will tell for good. */
  readonly assignment: Assignment | undefined;
}

/** What a page holds beside items that have every target. */
export interface DecidedPage {
  readonly items: readonly DecidedItem[];
  readonly outOfScope: number;
}

/** Decides what is to be done with each item of a page, as the Scan brought it. */
export function decidePage(
  { keySchema, rule }: Pick<ItemWrite, 'keySchema' | 'rule'>,
  page: readonly AttributeMap[],
): DecidedPage {
  const items: DecidedItem[] = [];
  let outOfScope = 0;
  for (const item of page) {
    const decision = rule.decide(item);
    // Of a constant's Scan only keys come.
    const key = rule.sources.length === 0 && rule.targets.length === 1 ? item : keyOf(keySchema, item);
    if (decision.kind === 'write') items.push({ key, assignment: decision.assignment });
    else if (decision.kind === 'not-computable') items.push({ key, assignment: undefined });
    else if (decision.kind === 'out-of-scope') outOfScope += 1;
  }
  return { items, outOfScope };
}
