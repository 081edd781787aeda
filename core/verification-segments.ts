/** More segments than this buy nothing when one process reads them. */
const MAX_SEGMENTS = 64;

/** Not the backfill's number of segments, so that a mistake in its boundaries cannot hide here. */
export function verificationSegments(backfillSegments: number): number {
  const most = Math.min(backfillSegments, MAX_SEGMENTS);
  return most > 1 ? most - 1 : 2;
}
