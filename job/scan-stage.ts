import { type AttributeMap, decodeKey, encodeAttributeMap } from '../core/attribute-value.ts';
import type { Clock } from '../core/clock.ts';
import type { RateControl } from '../core/rate/rate-control.ts';
import { type Persistence, retryUntilAnswered } from '../core/retry-until-answered.ts';
import { endsInDoubt, MOST_RESTARTS } from '../core/scan-end.ts';
import type { UndoLogWriter } from '../core/undo/log-writer.ts';
import { type DecidedItem, decidePage } from './decide-page.ts';
import { logItems } from './log-items.ts';
import type { SegmentWork } from './segment-work.ts';
import type { Page } from './settled-prefix.ts';
import type { ScanPosition, UserTable } from './user-table.ts';
import { type WriteQueue, workItem } from './write-queue.ts';

/** While this many pages of a segment are open, the next one is not read. */
const OPEN_PAGES = 2;

/**
 * The first page of a launch is small, so it settles soon and the first checkpoint follows. Even a launch that dies
 * young has then made progress. Each later page may be up to {@link PAGE_GROWTH} times as large as the one before.
 */
export const FIRST_PAGE_ITEMS = 25;
const PAGE_GROWTH = 4;

/** A page should settle within about this time at the worker's share, so that checkpoints come regularly. */
const PAGE_SECONDS = 3;

/** From this many items on, the page limit of 1 MB is reached first. */
const WHOLE_PAGE_ITEMS = 10_000;

export interface ScanStageOptions {
  readonly table: UserTable;
  readonly queue: WriteQueue;
  readonly rate: RateControl;
  readonly clock: Clock;
  readonly dryRun: boolean;
  readonly totalSegments: number;
  readonly undoLog?: UndoLogWriter | undefined;
}

/**
 * Reads a segment from its checkpoint to its end and hands the items that lack a target to the writers. It reads the
 * next page while the last ones are being written.
 * @throws SystemicError when the table refuses the Scan for good; the signal's reason when it aborts.
 */
export async function scanSegment(
  options: ScanStageOptions,
  work: SegmentWork,
  lastEvaluatedKey: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  let most = firstPageItems(options);
  let restarts = 0;
  let position: ScanPosition = {
    segment: work.segment,
    totalSegments: options.totalSegments,
    exclusiveStartKey: lastEvaluatedKey === undefined ? undefined : decodeKey(lastEvaluatedKey),
    itemsNow: () => {
      const items = Math.min(most, pageItems(options));
      return items >= WHOLE_PAGE_ITEMS ? undefined : items;
    },
  };
  for (;;) {
    await work.belowOpenPages(OPEN_PAGES, signal);
    const reply = await scanPage(options, position, work, signal);
    const { exclusiveStartKey } = position;
    if (
      restarts < MOST_RESTARTS &&
      endsInDoubt(exclusiveStartKey, reply) &&
      (await isGone(options, exclusiveStartKey, work, signal))
    ) {
      restarts += 1;
      // Items in flight would be found and counted a second time.
      await work.belowOpenPages(1, signal);
      position = { ...position, exclusiveStartKey: undefined };
      continue;
    }
    const { items, outOfScope } = decidePage(options.table.write, reply.Items ?? []);
    const page: Page = {
      unsettled: items.length,
      lastEvaluatedKey: reply.LastEvaluatedKey && encodeAttributeMap(reply.LastEvaluatedKey),
    };
    work.tally.add({ scanned: reply.ScannedCount ?? 0, ...(outOfScope > 0 && { outOfScope }) });
    work.append(page);
    if (options.dryRun) {
      if (items.length > 0) work.pass(page, items.length);
    } else await queueItems(options, work, page, items, signal);
    if (!reply.LastEvaluatedKey) return;
    most *= PAGE_GROWTH;
    position = { ...position, exclusiveStartKey: reply.LastEvaluatedKey };
  }
}

/**
 * Hands the items of a page to the writers once the undo log has stored them. Meanwhile the writers work on the
 * previous page, so only the first page waits for the log.
 */
export async function queueItems(
  { queue, undoLog }: Pick<ScanStageOptions, 'queue' | 'undoLog'>,
  work: SegmentWork,
  page: Page,
  items: readonly DecidedItem[],
  signal: AbortSignal,
): Promise<void> {
  if (items.length === 0) return;
  const found = items.map(item => workItem({ ...item, page, work }));
  await logItems(undoLog, work.segment, found, signal);
  queue.add(found);
}

/** Reads one page and retries as often as needed. */
export function scanPage(
  options: ScanStageOptions,
  position: ScanPosition,
  work: SegmentWork,
  signal: AbortSignal,
) {
  return retryUntilAnswered(`Scan of segment ${position.segment}`, persistence(options, signal), () =>
    options.table.scan(position, work, signal),
  );
}

async function isGone(
  options: ScanStageOptions,
  key: AttributeMap,
  work: SegmentWork,
  signal: AbortSignal,
): Promise<boolean> {
  const what = `Looking for the item at which the Scan of segment ${work.segment} ended`;
  const standing = await retryUntilAnswered(what, persistence(options, signal), () =>
    options.table.readBack([key], work, signal),
  );
  return standing.get(key) === 'absent';
}

function persistence(
  { rate, clock }: Pick<ScanStageOptions, 'rate' | 'clock'>,
  signal: AbortSignal,
): Persistence {
  return { clock, signal, onThrottled: reason => rate.throttled(reason) };
}

/** One item while the item size is unknown, because its reply tells the size. */
export function firstPageItems({ rate }: Pick<ScanStageOptions, 'rate'>): number {
  return rate.estimate.known ? Math.min(FIRST_PAGE_ITEMS, pageItems({ rate })) : 1;
}

/** How many items the next page may read: what both shares can take in {@link PAGE_SECONDS}. */
function pageItems({ rate }: Pick<ScanStageOptions, 'rate'>): number {
  const { read, write, estimate } = rate;
  const writable = (write.unitsPerSecond * PAGE_SECONDS) / estimate.writeUnitsPerItem;
  const byWrites = writable / Math.max(estimate.density, 0.02);
  const byReads = (read.unitsPerSecond * PAGE_SECONDS) / estimate.readUnitsPerScannedItem();
  return Math.max(1, Math.floor(Math.min(byWrites, byReads)));
}
