/** More segments than this gain nothing when one process reads them. */
const MAX_SEGMENTS = 64;

/** Enough segments to keep the read budget used, at 150 ms a page of 256 units, with some in reserve. */
const UNITS_A_SECOND_OF_A_SEGMENT = 650;

/**
 * Not the backfill's number of segments, so that a mistake in its boundaries cannot hide here; and as many as use the
 * read budget.
 */
export function verificationSegments(backfillSegments: number, readUnitsPerSecond = 0): number {
  const most = Math.min(backfillSegments, MAX_SEGMENTS);
  const needed = Math.min(MAX_SEGMENTS, Math.ceil(readUnitsPerSecond / UNITS_A_SECOND_OF_A_SEGMENT));
  const wanted = Math.max(most > 1 ? most - 1 : 2, needed);
  return wanted === backfillSegments ? wanted - 1 : wanted;
}
