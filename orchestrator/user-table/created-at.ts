import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import type { KeySchema } from '../../core/records.ts';

/** From 1973 on, epoch seconds and epoch milliseconds do not overlap until the year 5138. */
const FIRST_SECOND = 1e8;
const FIRST_MILLISECOND = 1e11;
const END_OF_MILLISECONDS = 1e14;

const ISO_DATE = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d|$)/;

/** Reads a creation time from a value: N in epoch seconds or milliseconds, or S in ISO 8601. Otherwise undefined. */
export function createdAtMs(value: AttributeValue | undefined): number | undefined {
  if (value?.N !== undefined) {
    const number = Number(value.N);
    if (number >= FIRST_MILLISECOND && number < END_OF_MILLISECONDS) return number;
    return number >= FIRST_SECOND && number < FIRST_MILLISECOND ? number * 1_000 : undefined;
  }
  if (value?.S !== undefined && ISO_DATE.test(value.S)) {
    const parsed = Date.parse(value.S);
    return Number.isNaN(parsed) ? undefined : parsed;
  }
  return undefined;
}

/**
 * Finds the attribute that tells when an item was created. It is the attribute that the operator named, or a key that
 * holds a time in nine of ten of these items. The sort key is tried before the partition key.
 */
export function detectCreatedKey(
  keySchema: KeySchema,
  items: readonly AttributeMap[],
  named: string | undefined,
): string | undefined {
  if (named !== undefined) return named;
  if (items.length === 0) return undefined;
  const names = keySchema.map(({ name }) => name).reverse();
  return names.find(name => {
    const times = items.filter(item => createdAtMs(item[name]) !== undefined).length;
    return times >= 0.9 * items.length;
  });
}
