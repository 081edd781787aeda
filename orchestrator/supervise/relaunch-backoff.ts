import type { OpenSegment } from './assignment.ts';

/** Doubled with every further launch in a row that made no progress. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** A wait for which a share of the budget is kept, rather than given to others and taken back from them. */
const MOMENT_MS = 2_000;

interface Ended {
  readonly launchId: string;
  readonly seenAtMs: number;
}

/** How long segments wait for their next launch, after one or several in a row that made no progress with them. */
export class RelaunchBackoff {
  readonly #ended = new Map<number, Ended>();

  /**
   * `due`: those that wait no longer; what one launch had in its hands goes on together. `soon`: how many launches the
   * others had that wait for a moment only.
   */
  sort(open: readonly OpenSegment[], nowMs: number): { due: OpenSegment[]; soon: number } {
    const waitsMs = new Map<string, number>();
    for (const one of open) {
      const { launchId: launch } = one.record ?? {};
      if (launch === undefined) continue;
      waitsMs.set(launch, Math.max(waitsMs.get(launch) ?? 0, this.#waitMs(one, launch, nowMs)));
    }
    const due = open.filter(({ record }) => !((waitsMs.get(record?.launchId ?? '') ?? 0) > 0));
    return { due, soon: [...waitsMs.values()].filter(ms => ms > 0 && ms <= MOMENT_MS).length };
  }

  #waitMs({ segment, attempts }: OpenSegment, launchId: string, nowMs: number): number {
    if (attempts === 0) return 0;
    const known = this.#ended.get(segment);
    const ended = known?.launchId === launchId ? known : { launchId, seenAtMs: nowMs };
    this.#ended.set(segment, ended);
    return ended.seenAtMs + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempts - 1)) - nowMs;
  }
}
