import type { RunRecord, SegmentRecord } from '../../core/records.ts';
import { type Slices, sliceBySlice } from './slices.ts';

/** What the records tell about the sizes of a sweep's segments, in items scanned. */
export interface SweepSizes {
  /** Items that all segments scanned, over all sweeps. */
  readonly scanned: number;
  /** Segments that have a record of this sweep. */
  readonly records: number;
  readonly complete: number;
  readonly completeItems: number;
  readonly largestComplete: number;
  /** Segments with a record that are neither complete nor given up. */
  readonly open: number;
  readonly largestOpen: number;
  readonly smallestOpen: number;
  readonly failedItems: number;
  /** The items of all open segments, if each one holds at least this many. */
  readonly openOfAtLeast: (items: number) => number;
}

export function* sizesInSlices(run: RunRecord, segments: readonly SegmentRecord[]): Slices<SweepSizes> {
  const openSizes = new Float64Array(segments.length);
  const sizes = {
    scanned: 0,
    records: 0,
    complete: 0,
    completeItems: 0,
    largestComplete: 0,
    open: 0,
    largestOpen: 0,
    smallestOpen: Number.POSITIVE_INFINITY,
    failedItems: 0,
  };
  yield* sliceBySlice(segments, ({ pass, status, counters: { scanned } }) => {
    sizes.scanned += scanned;
    if (pass !== run.sweep) return;
    sizes.records += 1;
    if (status === 'complete') {
      sizes.complete += 1;
      sizes.completeItems += scanned;
      sizes.largestComplete = Math.max(sizes.largestComplete, scanned);
    } else if (status === 'failed') sizes.failedItems += scanned;
    else {
      openSizes[sizes.open++] = scanned;
      sizes.largestOpen = Math.max(sizes.largestOpen, scanned);
      sizes.smallestOpen = Math.min(sizes.smallestOpen, scanned);
    }
  });
  const openOfAtLeast = (items: number) =>
    openSizes.subarray(0, sizes.open).reduce((total, size) => total + Math.max(items, size), 0);
  return { ...sizes, openOfAtLeast };
}
