/** More segments gain nothing if one process reads them. */
const MAX_SEGMENTS = 64;

/**
 * One segment for this many read units a second keeps the read budget in use at 150 ms for a page of 256 units, with
 * some reserve.
 */
const UNITS_A_SECOND_OF_A_SEGMENT = 650;

/**
 * Differs from the backfill's number of segments, so that a mistake at its boundaries cannot hide here, and is large
 * enough to use the read budget.
 */
export function verificationSegments(backfillSegments: number, readUnitsPerSecond = 0): number {
  const most = Math.min(backfillSegments, MAX_SEGMENTS);
  const needed = Math.min(MAX_SEGMENTS, Math.ceil(readUnitsPerSecond / UNITS_A_SECOND_OF_A_SEGMENT));
  const wanted = Math.max(most > 1 ? most - 1 : 2, needed);
  return wanted === backfillSegments ? wanted - 1 : wanted;
}
