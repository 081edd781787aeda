import type {
  Counters,
  DesiredState,
  OperatorChange,
  Rates,
  RunStatus,
  SegmentStatus,
  TaskEnd,
  TaskStatus,
  TrafficCut,
  VerificationRecord,
} from '../../core/records.ts';
import type { VerificationProgress } from '../../core/sample-store.ts';

/**
 * A run as people see it. The terminal, the page and the report all draw from it. It is plain JSON, composed from the
 * records of the control table. An unknown value is null; nothing is guessed.
 */
export interface Snapshot {
  /** When the records were read, by the reader's clock. */
  readonly at: string;
  readonly run: RunFacts;
  readonly counters: Counters;
  readonly states: Readonly<Record<SegmentStatus, number>>;
  /** Indexed by segment number. */
  readonly segments: readonly SegmentView[];
  /** Youngest first. */
  readonly tasks: readonly TaskView[];
  /** Launches with a segment that had been launched before in the same sweep. */
  readonly relaunches: number;
  /** Over the last seconds, or over the whole run once it has ended; null until two looks can be compared. */
  readonly rate: RateView | null;
  /** Current throttling; null when there is none. */
  readonly throttling: ThrottlingView | null;
  readonly progress: ProgressView;
  readonly cost: CostView;
  readonly marks: readonly Mark[];
  readonly history: readonly HistoryPoint[];
  readonly verifications: readonly VerificationView[];
  readonly quarantine: QuarantineView;
  /** Time since the orchestrator's last sign of life; null when unknown. */
  readonly orchestratorAgeMs: number | null;
  /** Why the control table cannot be read, and since when. Everything else is then as of `at`. */
  readonly unreadable: { readonly since: string; readonly message: string } | null;
}

export interface RunFacts {
  readonly runId: string;
  readonly status: RunStatus;
  readonly desired: DesiredState;
  readonly reason: string | null;
  readonly table: string;
  readonly tableArn: string;
  readonly account: string;
  readonly region: string;
  readonly attribute: string;
  /** JSON; for a recipe, the expression of its first target. */
  readonly value: string;
  /** What the run sets, for people: `test = 1`. */
  readonly written: string;
  /** The attributes that an item may lack: `"a" or "b"`. */
  readonly targets: string;
  readonly totalSegments: number;
  readonly tasksWanted: number;
  readonly writeApi: string;
  readonly writeApiReason: string;
  readonly budget: Rates;
  /** The rates that the fleet may use now. They are below the budget while live traffic needs the rest. */
  readonly budgetNow: Rates;
  /** Why the fleet may use only a part of the budget; null while it may use all of it. */
  readonly cut: TrafficCut | null;
  readonly unattendedRate: number;
  readonly pass: number;
  readonly passes: number;
  readonly sweep: number;
  readonly maxAttempts: number;
  readonly heartbeatMs: number;
  readonly authorityMs: number;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly finishedAt: string | null;
  readonly activeMs: number;
  readonly missing: number | null;
  readonly launches: number;
  readonly controlTable: string;
  readonly namespace: string;
  /** The run can be undone until then; null if it keeps no undo log. */
  readonly undoableUntil: string | null;
  /** The run that this run undoes; null if it is not an undo. */
  readonly undoes: string | null;
  readonly changes: readonly OperatorChange[];
  /**
   * A sentence that says since when nobody supervises the run, who did last, and why that process left; null while
   * somebody supervises it.
   */
  readonly unsupervised: string | null;
}

export interface SegmentView {
  readonly status: SegmentStatus;
  /** The owner, or the last launch that moved the checkpoint; null before the first. */
  readonly launchId: string | null;
  readonly scanned: number;
  readonly updated: number;
  readonly attempts: number;
  /** When its checkpoint last moved. */
  readonly progressAt: string | null;
  readonly completedAt: string | null;
  readonly reason: string | null;
  /** From 0 to 1, relative to the other segments of the run; 1 only when complete. */
  readonly filled: number;
  /** It has had no checkpoint for so long that someone should look. */
  readonly stalled: boolean;
}

export interface TaskView {
  readonly launchId: string;
  readonly taskArn: string | null;
  readonly status: TaskStatus;
  readonly inAuthority: boolean;
  readonly segments: readonly number[];
  readonly segmentsComplete: number;
  readonly pass: number;
  readonly granted: Rates;
  readonly grantSeen: boolean;
  readonly launchedAt: string;
  readonly endedAt: string | null;
  readonly end: TaskEnd | null;
  /** Time since this reader saw the last heartbeat; null before the first heartbeat and after the task's end. */
  readonly heartbeatAgeMs: number | null;
  /** Its record says that it is in authority, but its heartbeat is overdue. */
  readonly late: boolean;
  readonly throttled: { readonly count: number; readonly reason: string } | null;
}

export interface RateView {
  readonly writeUnitsPerSecond: number;
  readonly readUnitsPerSecond: number;
  readonly itemsPerSecond: number;
  /** The period that the rate covers. */
  readonly overMs: number;
}

export interface ThrottlingView {
  /** Tasks that were throttled during their last heartbeat interval. */
  readonly tasks: number;
  readonly count: number;
  readonly reason: string;
}

export interface ProgressView {
  /** From 0 to 1 of the current stage, as counted by `basis`. */
  readonly part: number;
  /** What `part` counts. */
  readonly basis: string;
  /** Milliseconds until this stage ends; null without an estimate. */
  readonly remainingMs: number | null;
  /** The basis of the estimate, or why there is none. */
  readonly remainingBasis: string;
}

export interface CostView {
  readonly writes: number;
  readonly reads: number;
  /** null when the task size is unknown. */
  readonly fargate: number | null;
  readonly total: number;
  readonly taskSeconds: number;
  /** The expected cost of the run, from the plan or from DynamoDB's count at the start; null without either. */
  readonly expected: ExpectedCost | null;
  readonly notCounted: string;
  readonly pricesAsOf: string;
  readonly pricesSource: string;
}

export interface ExpectedCost {
  readonly items: number;
  /** Items that lack the attribute; null when there was no forecast. */
  readonly missing: number | null;
  readonly writeUnits: number;
  readonly readUnits: number;
  /** US dollars for writes and reads. */
  readonly dollars: number;
  /** US dollars; null when it was not estimated. */
  readonly fargate: number | null;
  readonly seconds: number | null;
  readonly basis: string;
}

export type MarkKind =
  | 'start'
  | 'change'
  | 'pass'
  | 'launch'
  | 'task-done'
  | 'task-lost'
  | 'throttling'
  | 'segment-failed'
  | 'verification'
  | 'end';

/** An event on the timeline. */
export interface Mark {
  readonly at: string;
  readonly kind: MarkKind;
  readonly text: string;
}

/** A point of the charts. Rates cover the time since the previous point, and at least about ten seconds. */
export interface HistoryPoint {
  /** Unix time in seconds. */
  readonly t: number;
  readonly write: number | null;
  readonly read: number | null;
  /** The part of the budget that the fleet could use, without what live traffic needed. */
  readonly budgetWrite: number;
  readonly budgetRead: number;
  readonly tasks: number;
  readonly complete: number;
  readonly scanned: number;
  readonly throttled: number;
  readonly verifying: boolean;
}

export interface VerificationView extends Omit<VerificationProgress, 'runId'> {
  /** The result; null while the verification is under way, or if it was interrupted. */
  readonly result: Omit<VerificationRecord, 'runId'> | null;
}

export interface QuarantineView {
  /** Items that still lack the attribute. */
  readonly open: number;
  readonly resolved: number;
  readonly items: readonly QuarantineItemView[];
}

export interface QuarantineItemView {
  readonly key: string;
  readonly reason: string;
  readonly attempts: number;
  readonly segment: number;
  readonly at: string;
  readonly resolved: string | null;
}
