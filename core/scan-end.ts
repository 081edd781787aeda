import type { ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from './attribute-value.ts';

/** How often a segment is begun again because its end is in doubt; after that the end is believed. */
export const MOST_RESTARTS = 3;

/**
 * Whether a segment's Scan ended without an item behind the key from which it was to continue. That is right when the
 * page before held the segment's last items. But an engine also answers so when it loses its place because the item at
 * ExclusiveStartKey was deleted meanwhile (dynoxide 1.2.1; asked in test/conformance). Believing it then would leave
 * out the rest of the segment. So when that item is gone, the segment is read again from its beginning.
 */
export function endsInDoubt(
  exclusiveStartKey: AttributeMap | undefined,
  { LastEvaluatedKey, ScannedCount }: Pick<ScanCommandOutput, 'LastEvaluatedKey' | 'ScannedCount'>,
): exclusiveStartKey is AttributeMap {
  return exclusiveStartKey !== undefined && LastEvaluatedKey === undefined && (ScannedCount ?? 0) === 0;
}
