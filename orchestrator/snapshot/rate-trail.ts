import type { Counters, RunRecord } from '../../core/records.ts';
import type { RateView } from './snapshot.ts';

/**
 * A segment's counters arrive with its checkpoints, so they are late by a second or by the length of a page. Over a
 * shorter window the rate would jump and seem to exceed a budget that was kept.
 */
const WINDOW_MS = 10_000;

/** Over a shorter time a rate means nothing. */
const LEAST_MS = 1_500;

interface Look extends Pick<Counters, 'scanned' | 'readUnits' | 'writeUnits'> {
  readonly atMs: number;
}

/** Computes the rate over the last ten seconds from cumulative counters. */
export class RateTrail {
  readonly #looks: Look[] = [];

  /** Takes the counters at this moment, in milliseconds of any clock that never goes back. */
  add(counters: Counters, atMs: number): void {
    const { scanned, readUnits, writeUnits } = counters;
    this.#looks.push({ atMs, scanned, readUnits, writeUnits });
    while ((this.#looks[1]?.atMs ?? Number.POSITIVE_INFINITY) <= atMs - WINDOW_MS) this.#looks.shift();
  }

  rate(): RateView | null {
    const first = this.#looks[0];
    const last = this.#looks.at(-1);
    if (!first || !last || last.atMs - first.atMs < LEAST_MS) return null;
    const overMs = last.atMs - first.atMs;
    const perSecond = (from: number, to: number) => (Math.max(0, to - from) / overMs) * 1_000;
    return {
      writeUnitsPerSecond: perSecond(first.writeUnits, last.writeUnits),
      readUnitsPerSecond: perSecond(first.readUnits, last.readUnits),
      itemsPerSecond: perSecond(first.scanned, last.scanned),
      overMs,
    };
  }
}

/** The average rate over the time in which the run was supervised. Shown once the run has ended. */
export function averageRate(run: RunRecord, { scanned, readUnits, writeUnits }: Counters): RateView | null {
  if (run.activeMs < LEAST_MS) return null;
  const perSecond = (total: number) => (total / run.activeMs) * 1_000;
  return {
    writeUnitsPerSecond: perSecond(writeUnits),
    readUnitsPerSecond: perSecond(readUnits),
    itemsPerSecond: perSecond(scanned),
    overMs: run.activeMs,
  };
}
