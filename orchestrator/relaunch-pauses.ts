import type { OpenSegment } from './assignment.ts';

/** Doubled with every further launch in a row that made no progress. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

interface Ended {
  readonly launch: string;
  readonly seenAtMs: number;
}

/** How long segments wait for their next launch, after one or several in a row that made no progress with them. */
export class RelaunchPauses {
  readonly #ended = new Map<number, Ended>();

  /** Those that wait no longer. What one launch had in its hands goes on together. */
  due(open: readonly OpenSegment[], nowMs: number): OpenSegment[] {
    const waiting = new Set(open.filter(one => this.#waits(one, nowMs)).map(({ record }) => record?.launch));
    return open.filter(({ record }) => record?.launch === undefined || !waiting.has(record.launch));
  }

  #waits({ segment, record, attempts }: OpenSegment, nowMs: number): boolean {
    if (attempts === 0 || record?.launch === undefined) return false;
    const known = this.#ended.get(segment);
    const ended = known?.launch === record.launch ? known : { launch: record.launch, seenAtMs: nowMs };
    this.#ended.set(segment, ended);
    return nowMs - ended.seenAtMs < Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempts - 1));
  }
}
