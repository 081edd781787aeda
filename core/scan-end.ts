import type { ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from './attribute-value.ts';

/** How often a segment begins again because its end is in doubt. After that the end is believed. */
export const MOST_RESTARTS = 3;

/**
 * Whether a segment's Scan ended without an item after the key to continue from. That is right if the previous page
 * held the segment's last items. But an engine gives the same answer if it loses its place because the item at
 * ExclusiveStartKey was deleted meanwhile (dynoxide 1.2.1; test/conformance checks it). Believing that answer would
 * skip the rest of the segment. So if that item is gone, the segment is read again from its beginning.
 */
export function endsInDoubt(
  exclusiveStartKey: AttributeMap | undefined,
  { LastEvaluatedKey, ScannedCount }: Pick<ScanCommandOutput, 'LastEvaluatedKey' | 'ScannedCount'>,
): exclusiveStartKey is AttributeMap {
  return exclusiveStartKey !== undefined && LastEvaluatedKey === undefined && (ScannedCount ?? 0) === 0;
}
