import type { SampleRecord } from '../../core/sample-store.ts';

/** The items scanned before the current sweep began, from the samples; undefined in the first sweep. */
export function sweepStart(samples: readonly SampleRecord[]): { sweep: number; scanned: number } | undefined {
  const latest = samples.at(-1)?.sweep ?? 1;
  if (latest === 1) return undefined;
  const before = samples.findLast(({ sweep }) => sweep < latest);
  return before && { sweep: latest, scanned: before.counters.scanned };
}
