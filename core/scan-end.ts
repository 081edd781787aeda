import type { ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from './attribute-value.ts';

/** How often a segment is begun again because of an end in doubt; after that the end is believed. */
export const MOST_RESTARTS = 3;

/**
 * Whether a segment's Scan ended without an item behind the key from which it was to go on. That is right where the
 * page before held the segment's last items. It is also what an engine says that loses its place when the item at
 * ExclusiveStartKey was deleted meanwhile (dynoxide 1.2.1; asked in test/conformance). To believe it then would leave
 * the rest of the segment out: where that item is gone, the segment is to be read again from its beginning.
 */
export function endsInDoubt(
  exclusiveStartKey: AttributeMap | undefined,
  { LastEvaluatedKey, ScannedCount }: Pick<ScanCommandOutput, 'LastEvaluatedKey' | 'ScannedCount'>,
): exclusiveStartKey is AttributeMap {
  return exclusiveStartKey !== undefined && LastEvaluatedKey === undefined && (ScannedCount ?? 0) === 0;
}
