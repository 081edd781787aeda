import { decodeKey } from '../core/attribute-value.ts';
import { firstPageItems, queueItems, type ScanStageOptions, scanPage } from './scan-stage.ts';
import type { SegmentWork } from './segment-work.ts';
import type { Page } from './settled-prefix.ts';

/**
 * A segment of a canary. It reads one small page, as a run would. Then it hands the writers only the items that the
 * canary may write in this segment.
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
    itemsNow: () => firstPageItems(options),
  };
  const reply = await scanPage(options, first, work, signal);
  work.tally.add({ scanned: reply.ScannedCount ?? 0 });
  const items = keys.map(decodeKey);
  const page: Page = { unsettled: items.length, lastEvaluatedKey: undefined };
  work.append(page);
  if (items.length === 0) return;
  const { rule } = options.table.write;
  const decided = items.map(key => {
    // For a constant the key is enough; a recipe's writers read their items first.
    const decision = rule.sources.length === 0 ? rule.decide(key) : undefined;
    return { key, assignment: decision?.kind === 'write' ? decision.assignment : undefined };
  });
  await queueItems(options, work, page, decided, signal);
}
