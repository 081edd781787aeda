import type { RunRecord, VerificationFindings } from '../../core/records.ts';
import type { VerificationProgress, VerificationSegment } from '../../core/sample-store.ts';
import type { VerifiedPage } from './verification.ts';

/** Adds up the pages of a verification by segment, for observers. */
export class VerificationTracker {
  readonly #head: Pick<VerificationProgress, 'runId' | 'pass' | 'startedAt'>;
  readonly #segments: VerificationSegment[];
  #readUnits = 0;

  constructor({ runId, pass }: Pick<RunRecord, 'runId' | 'pass'>, totalSegments: number, startedAt: string) {
    this.#head = { runId, pass, startedAt };
    this.#segments = Array.from({ length: totalSegments }, () => ({ scanned: 0, missing: 0, done: false }));
  }

  /** What all supervisors of this verification have read so far. */
  get readUnits(): number {
    return this.#readUnits;
  }

  /** Takes what an earlier supervisor has read of a segment. */
  goOnFrom(segment: number, { scanned, missing, readUnits }: VerificationFindings, done: boolean): void {
    this.add({ segment, scanned, missing, readUnits, last: done });
  }

  add({ segment, scanned, missing, readUnits, last }: VerifiedPage): void {
    const before = this.#segments[segment];
    if (!before) throw new RangeError(`The verification has no segment ${segment}.`);
    this.#readUnits += readUnits;
    this.#segments[segment] = {
      scanned: before.scanned + scanned,
      missing: before.missing + missing,
      done: last,
    };
  }

  /** The progress at this time. */
  progress(at: string): VerificationProgress {
    return { ...this.#head, at, segments: [...this.#segments], readUnits: this.#readUnits };
  }
}
