import { decodeKey } from '../core/attribute-value.ts';
import { firstPageItems, queueItems, type ScanStageOptions, scanPage } from './scan-stage.ts';
import type { SegmentWork } from './segment-work.ts';
import type { Page } from './settled-prefix.ts';

/**
 * A segment of a canary: one small page is read, as a run would read it, and then the items that the run may write in
 * this segment are handed to the writers, and no others.
 * @throws as scanSegment.
 */
export async function writeCanary(
  options: ScanStageOptions,
  work: SegmentWork,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { segment } = work;
  const first = {
    segment,
    totalSegments: options.totalSegments,
    exclusiveStartKey: undefined,
    limit: firstPageItems(options),
  };
  const reply = await scanPage(options, first, work, signal);
  work.tally.add({ scanned: reply.ScannedCount ?? 0 });
  const page: Page = { unsettled: keys.length, lastEvaluatedKey: undefined };
  work.append(page);
  await queueItems(options, work, page, keys.map(decodeKey), signal);
}
