import { CanaryStore } from '../core/canary-store.ts';
import type { ControlTable } from '../core/control-table.ts';
import type { LockStore } from '../core/lock-store.ts';
import { QuarantineStore } from '../core/quarantine-store.ts';
import { RunStore } from '../core/run-store.ts';
import { SampleStore } from '../core/sample-store.ts';
import { SegmentStore } from '../core/segment-store.ts';
import { TaskStore } from '../core/task-store.ts';
import { LogStore } from '../core/undo/log-store.ts';
import { VerificationStore } from '../core/verification-store.ts';

/** The stores of the control table. */
export interface Stores {
  readonly runs: RunStore;
  readonly tasks: TaskStore;
  readonly segments: SegmentStore;
  readonly quarantine: QuarantineStore;
  readonly samples: SampleStore;
  readonly canary: CanaryStore;
  readonly undoLog: LogStore;
  readonly verifications: VerificationStore;
}

export function createStores(table: ControlTable, locks?: LockStore): Stores {
  return {
    runs: new RunStore(table, locks),
    tasks: new TaskStore(table),
    segments: new SegmentStore(table),
    quarantine: new QuarantineStore(table),
    samples: new SampleStore(table),
    canary: new CanaryStore(table),
    undoLog: new LogStore(table),
    verifications: new VerificationStore(table),
  };
}
