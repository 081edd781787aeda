import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import type { KeySchema } from '../../core/records.ts';

/** Epoch seconds and milliseconds of 1973 and later do not overlap until the year 5138. */
const FIRST_SECOND = 1e8;
const FIRST_MILLISECOND = 1e11;
const END_OF_MILLISECONDS = 1e14;

const ISO_DATE = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d|$)/;

/** When an item was created, by this value: N in epoch seconds or milliseconds, or S in ISO 8601; else undefined. */
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
 * The attribute that says when an item was created: the one that was named, or a key of which nine in ten of these
 * items hold a time, the sort key before the partition key.
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
