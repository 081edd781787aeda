import type { RunRecord, SegmentRecord, VerificationRecord } from '../../core/records.ts';
import type { VerificationProgress } from '../../core/sample-store.ts';
import { count } from './format.ts';
import { atOnce, type Slices } from './slices.ts';
import type { ProgressView, RateView } from './snapshot.ts';
import { type SweepSizes, sizesInSlices } from './sweep-sizes.ts';

/** The sizes of complete segments count as a basis once this many segments, and this part of all, are complete. */
const LEAST_COMPLETE = 4;
const LEAST_COMPLETE_PART = 0.1;

/** Sizes are skewed if a running segment has scanned this many times as much as the largest complete one. */
const SKEWED = 1.5;

/** A stage shows at most this much until it ends. */
const MOST_BEFORE_THE_END = 0.99;

export interface ProgressRequest {
  readonly run: RunRecord;
  readonly segments: readonly SegmentRecord[];
  readonly rate: RateView | null;
  /** Items that earlier sweeps scanned; undefined when unknown. */
  readonly scannedBefore: number | undefined;
  readonly verification: VerificationProgress | undefined;
  readonly lastResult: VerificationRecord | undefined;
}

interface Expectation {
  readonly items: number;
  readonly basis: string;
  /** Why the expectation gives no remaining time. */
  readonly unknown?: string;
}

/**
 * How far the current stage is, and how long it will take. An estimate needs a basis for the remaining items: the
 * complete segments, the last verification, or DynamoDB's own count, which can be hours old or 0. A count that turns
 * out too low is dropped, not raised.
 */
export function progressView(request: ProgressRequest): ProgressView {
  return atOnce(progressSlices(request));
}

export function* progressSlices(request: ProgressRequest): Slices<ProgressView> {
  return viewOf(request, yield* sizesInSlices(request.run, request.segments));
}

function viewOf(request: ProgressRequest, sizes: SweepSizes): ProgressView {
  const { run, verification } = request;
  if (run.status === 'verifying' && verification) return verifying(request, verification, sizes);
  const { complete } = sizes;
  const byComplete = { part: complete / run.totalSegments, basis: 'of the segments are complete' };
  if (run.finishedAt !== undefined)
    return { ...byComplete, remainingMs: null, remainingBasis: 'the run has ended' };
  if (complete === run.totalSegments)
    return { ...byComplete, remainingMs: null, remainingBasis: 'the sweep is complete' };
  if (run.desired !== 'run' || run.status !== 'running') return noEstimate(byComplete, 'no task is running');
  const scanned = scannedInSweep(request, sizes);
  const expected =
    scanned === undefined ? 'the history of an earlier sweep is gone' : expectItems(request, sizes, scanned);
  if (typeof expected === 'string' || scanned === undefined) return noEstimate(byComplete, String(expected));
  const part = Math.min(MOST_BEFORE_THE_END, scanned / expected.items);
  const known = { part, basis: `of ${expected.basis}` };
  if (expected.unknown !== undefined) return noEstimate(known, expected.unknown);
  const perSecond = request.rate?.itemsPerSecond ?? 0;
  if (perSecond <= 0) return noEstimate(known, 'no items were read in the last few seconds');
  const remainingMs = ((expected.items - scanned) / perSecond) * 1_000;
  return { ...known, remainingMs, remainingBasis: `${expected.basis}, at the present rate` };
}

function noEstimate(known: { part: number; basis: string }, why: string): ProgressView {
  return { ...known, remainingMs: null, remainingBasis: `no estimate: ${why}` };
}

function scannedInSweep(
  { run, scannedBefore }: ProgressRequest,
  { scanned }: SweepSizes,
): number | undefined {
  if (run.sweep === 1) return scanned;
  return scannedBefore === undefined ? undefined : Math.max(0, scanned - scannedBefore);
}

/** @returns the expected number of items, or the reason why there is none. */
function expectItems(request: ProgressRequest, sizes: SweepSizes, scanned: number): Expectation | string {
  const { run, lastResult } = request;
  if (run.sweep > 1) {
    if (!lastResult || lastResult.scanned <= scanned)
      return 'this sweep has read more items than the last verification counted';
    return {
      items: lastResult.scanned,
      basis: `the ${lastResult.scanned.toLocaleString('en')} items that the last verification counted`,
    };
  }
  const fromSegments = expectFromSegments(run, sizes);
  if (typeof fromSegments !== 'string') return fromSegments;
  const items = run.tableSize?.items ?? 0;
  if (items === 0) return `${fromSegments}, and there is no count`;
  if (items <= scanned) return `${fromSegments}, and the count is too low`;
  return {
    items,
    basis: `DynamoDB's count of ${count(items)} items, up to six hours old`,
  };
}

function expectFromSegments(
  run: RunRecord,
  {
    records,
    complete,
    completeItems,
    largestComplete,
    open,
    largestOpen,
    smallestOpen,
    ...sizes
  }: SweepSizes,
): Expectation | string {
  const needed = Math.max(LEAST_COMPLETE, Math.ceil(run.totalSegments * LEAST_COMPLETE_PART));
  if (complete < needed)
    return complete === 1 ? 'only 1 segment is complete' : `only ${count(complete)} segments are complete`;
  const mean = completeItems / complete;
  if (largestOpen > largestComplete * SKEWED) return 'one segment is far larger';
  const unseen = run.totalSegments - records;
  const left = sizes.openOfAtLeast(mean) + unseen * mean;
  return {
    items: Math.round(completeItems + sizes.failedItems + left),
    basis: `what ${count(complete)} complete segments hold`,
    ...(unseen === 0 &&
      (open === 0 || smallestOpen >= mean) && {
        unknown: 'the last segments are already of average size',
      }),
  };
}

function verifying(
  { run, rate }: ProgressRequest,
  { segments: parts }: VerificationProgress,
  { scanned: swept }: SweepSizes,
): ProgressView {
  const done = parts.filter(part => part.done).length;
  const known = { part: done / Math.max(1, parts.length), basis: 'of the verification is done' };
  const scanned = parts.reduce((sum, part) => sum + part.scanned, 0);
  const items = run.sweep === 1 ? swept : 0;
  const perSecond = rate?.itemsPerSecond ?? 0;
  if (items <= scanned || perSecond <= 0) return noEstimate(known, 'too little has been read yet');
  const remainingMs = ((items - scanned) / perSecond) * 1_000;
  return {
    ...known,
    remainingMs,
    remainingBasis: `the ${items.toLocaleString('en')} items that the sweep read`,
  };
}
