import type { RunRecord, SegmentRecord, TaskRecord } from '../core/records.ts';
import type { VerificationProgress } from '../core/sample-store.ts';

/** Observes a run while it is supervised. These methods must not throw or take long. */
export interface RunObserver {
  /** Called once in each of the supervisor's turns, with the records just read. */
  turn(run: RunRecord, segments: readonly SegmentRecord[], tasks: readonly TaskRecord[]): void;
  /** Called after each page of a verification scan, during which there are no turns. */
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
