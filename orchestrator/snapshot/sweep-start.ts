import type { SampleRecord } from '../../core/sample-store.ts';

/** What had been scanned when the latest sweep but the first began, by the samples. */
export function sweepStart(samples: readonly SampleRecord[]): { sweep: number; scanned: number } | undefined {
  const latest = samples.at(-1)?.sweep ?? 1;
  if (latest === 1) return undefined;
  const before = samples.findLast(({ sweep }) => sweep < latest);
  return before && { sweep: latest, scanned: before.counters.scanned };
}
