import type { RunRecord, SegmentRecord, TaskRecord } from '../core/records.ts';

/** How far a verification scan is. */
export interface VerificationProgress {
  readonly pass: number;
  readonly totalSegments: number;
  /** By verification segment, whose number is not that of the backfill's. */
  readonly segments: readonly VerificationSegment[];
}

export interface VerificationSegment {
  readonly scanned: number;
  readonly missing: number;
  readonly done: boolean;
}

/** Whoever wants to see a run while it is supervised. None of this may throw, or take long. */
export interface RunObserver {
  /** Once a supervisor's turn, with the records as they were just read. */
  turn(run: RunRecord, segments: readonly SegmentRecord[], tasks: readonly TaskRecord[]): void;
  /** After every page of a verification scan, during which there are no turns. */
  verification(run: RunRecord, progress: VerificationProgress): void;
}
