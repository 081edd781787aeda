import type { RunRecord, SegmentRecord, TaskRecord } from '../core/records.ts';
import type { VerificationProgress } from '../core/sample-store.ts';

/** A party that wants to see a run while it is supervised. None of these methods may throw, or take long. */
export interface RunObserver {
  /** Once a supervisor's turn, with the records as they were just read. */
  turn(run: RunRecord, segments: readonly SegmentRecord[], tasks: readonly TaskRecord[]): void;
  /** After each page of a verification scan, during which there are no turns. */
  verification(progress: VerificationProgress): void;
}

/** Several observers as one. */
export function observers(...all: readonly RunObserver[]): RunObserver {
  return {
    turn: (run, segments, tasks) => {
      for (const observer of all) observer.turn(run, segments, tasks);
    },
    verification: progress => {
      for (const observer of all) observer.verification(progress);
    },
  };
}
