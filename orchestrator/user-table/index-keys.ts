import type { AttributeValue, TableDescription } from '@aws-sdk/client-dynamodb';
import type { IndexKey, KeyType } from '../../core/records.ts';

/** A partition key has at most 2,048 bytes, a sort key 1,024 [developer guide, Limits]. */
export const LONGEST_KEY_BYTES = { HASH: 2_048, RANGE: 1_024 } as const;

/** The keys that an attribute is, in all indexes of a table. */
export function indexKeysOf(description: TableDescription, attribute: string): IndexKey[] {
  const type = description.AttributeDefinitions?.find(
    ({ AttributeName }) => AttributeName === attribute,
  )?.AttributeType;
  const indexes = [
    ...(description.GlobalSecondaryIndexes ?? []),
    ...(description.LocalSecondaryIndexes ?? []),
  ];
  return indexes.flatMap(({ IndexName = '', KeySchema = [] }) =>
    KeySchema.flatMap(({ AttributeName, KeyType: kind }) =>
      AttributeName === attribute && (kind === 'HASH' || kind === 'RANGE')
        ? [{ index: IndexName, name: attribute, kind, type: (type ?? 'S') as KeyType }]
        : [],
    ),
  );
}

/** Whether an item with this value can be in the index: it is of the key's type and not empty. */
export function canBeKey(value: AttributeValue, { type }: Pick<IndexKey, 'type'>): boolean {
  return value[type] !== undefined && !isEmpty(value);
}

/** Whether it is an empty string or empty binary. */
export function isEmpty(value: AttributeValue): boolean {
  return value.S === '' || value.B?.length === 0;
}

/** Size of a string or binary in bytes; 0 for other types. */
export function bytesOf(value: AttributeValue): number {
  return value.B?.length ?? Buffer.byteLength(value.S ?? '');
}
