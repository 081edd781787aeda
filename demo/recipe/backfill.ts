import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { sameValue } from '../attribute-value.ts';
import type { Item } from '../item.ts';

/** What the demo sets, as passed to `orchestrate`. */
export const SET = [
  'placeKey=country + "#" + string(population)',
  'expiresAt=created / 1000 + 20 * 365 * 24 * 3600',
] as const;
export const WHERE = 'kind == "PLACE"';

/** What a recipe must do, as functions that share nothing with the tool. */
export interface Backfill {
  readonly targets: readonly string[];
  isInScope(item: Item): boolean;
  /** The value of each target that can be computed for an item in scope. */
  valuesOf(item: Item): Item;
}

export const TARGETS = ['placeKey', 'expiresAt'] as const;

const TWENTY_YEARS_SECONDS = 20n * 365n * 24n * 3_600n;

/** The recipe's scope depends on this attribute and value. */
export const KIND = 'kind';
export const PLACE: AttributeValue = { S: 'PLACE' };
export const OTHER: AttributeValue = { S: 'OTHER' };

export function isInScope(item: Item): boolean {
  return item[KIND]?.S === 'PLACE';
}

/**
 * The recipe's values for an item, computed by the demo itself. It shares neither the language nor the number
 * conversion with the tool.
 */
export function valuesOf(item: Item): Item {
  const country = item['country']?.S;
  const population = item['population']?.N;
  const created = item['created']?.N;
  if (country === undefined || population === undefined || created === undefined) {
    throw new Error('A place lacks its country, population or time.');
  }
  return {
    placeKey: { S: `${country}#${BigInt(population)}` },
    expiresAt: { N: String(BigInt(created) / 1_000n + TWENTY_YEARS_SECONDS) },
  };
}

export const DEMO_BACKFILL: Backfill = { targets: TARGETS, isInScope, valuesOf };

/** Describes the targets that do not have their expected values. */
export function wrongValues(targets: readonly string[], found: Item, expected: Item): string[] {
  return targets.flatMap(target => {
    const [has, should] = [found[target], expected[target]];
    if (has === undefined ? should === undefined : should !== undefined && sameValue(has, should)) return [];
    return [`"${target}" should be ${textOf(should)} and is ${textOf(has)}`];
  });
}

function textOf(value: AttributeValue | undefined): string {
  return value === undefined ? 'absent' : JSON.stringify(value);
}
