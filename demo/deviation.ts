import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { canonicalItemText, canonicalText, sameValue } from './attribute-value.ts';
import type { Item } from './item.ts';

/** Everything that can be wrong with an item, each kind with what it means. */
export const DEVIATION_KINDS = {
  'attribute-missing': 'live items lack the attribute',
  'application-value-overwritten': 'the application set the attribute, and now it has another value',
  'null-replaced': 'the attribute was there as NULL, and now it has another value',
  'not-the-tools-value':
    'an attribute that the application never set has a value other than the one that the tool sets',
  'item-changed': 'attributes that the tool must not touch differ from what the application wrote',
  'deleted-item-exists': 'deleted items are back',
  'item-lost': 'items that nobody deleted are gone',
  'unknown-item': 'the table holds items that neither the demo nor the application wrote',
} as const;

export type DeviationKind = keyof typeof DEVIATION_KINDS;

export interface Deviation {
  readonly kind: DeviationKind;
  /** The key as DynamoDB JSON. */
  readonly key: string;
  /** The expected and the found value, as DynamoDB JSON. */
  readonly detail: string;
}

export interface Comparison {
  readonly deviations: readonly Omit<Deviation, 'key'>[];
  /** The attribute's value if the application did not set it, so that the tool must have. */
  readonly filled: AttributeValue | undefined;
}

/**
 * Compares the item in the table with the one that the journal expects; `undefined` means no item.
 * @param attribute the attribute to fill. If `expected` has it, the application or the fill set it and only that value
 * is right. If not, any value is returned as `filled`, and the caller judges it.
 */
export function compareStates(
  expected: Item | undefined,
  found: Item | undefined,
  attribute: string,
): Comparison {
  if (found === undefined) {
    if (expected === undefined) return { deviations: [], filled: undefined };
    return { deviations: [{ kind: 'item-lost', detail: canonicalItemText(expected) }], filled: undefined };
  }
  if (expected === undefined) {
    return {
      deviations: [{ kind: 'deleted-item-exists', detail: canonicalItemText(found) }],
      filled: undefined,
    };
  }
  const deviations: Omit<Deviation, 'key'>[] = [];
  const changed = changedAttributes(expected, found, attribute);
  if (changed.length > 0) deviations.push({ kind: 'item-changed', detail: changed.join('; ') });

  const set = expected[attribute];
  const has = found[attribute];
  if (has === undefined) {
    const detail = set === undefined ? 'never set' : `was ${canonicalText(set)}`;
    deviations.push({ kind: 'attribute-missing', detail });
  } else if (set !== undefined && !sameValue(set, has)) {
    const kind = set.NULL === true ? 'null-replaced' : 'application-value-overwritten';
    deviations.push({ kind, detail: difference(attribute, set, has) });
  }
  return { deviations, filled: set === undefined ? has : undefined };
}

function changedAttributes(expected: Item, found: Item, attribute: string): string[] {
  const names = new Set([...Object.keys(expected), ...Object.keys(found)]);
  names.delete(attribute);
  const changed: string[] = [];
  for (const name of names) {
    const a = expected[name];
    const b = found[name];
    if (a === undefined || b === undefined || !sameValue(a, b)) changed.push(difference(name, a, b));
  }
  return changed;
}

function difference(
  name: string,
  expected: AttributeValue | undefined,
  found: AttributeValue | undefined,
): string {
  const text = (value: AttributeValue | undefined) => (value === undefined ? 'absent' : canonicalText(value));
  return `"${name}" should be ${text(expected)} and is ${text(found)}`;
}
