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
 * A run as people see it: the terminal view, the page and the report are all drawn from this. It is plain JSON, and
 * everything in it is read from the control table; what is not known is null, and never guessed.
 */
export interface Snapshot {
  /** When the records were read, by the reader's clock. */
  readonly at: string;
  readonly run: RunFacts;
  readonly counters: Counters;
  readonly states: Readonly<Record<SegmentStatus, number>>;
  /** By segment: the index is its number. */
  readonly segments: readonly SegmentView[];
  /** Youngest first. */
  readonly tasks: readonly TaskView[];
  /** Launches of segments that had had one before. */
  readonly relaunches: number;
  /** Over the last seconds, or over the whole run once it has ended; null until there are two looks to compare. */
  readonly rate: RateView | null;
  /** What throttles now; null when nothing does. */
  readonly throttling: ThrottlingView | null;
  readonly progress: ProgressView;
  readonly cost: CostView;
  readonly marks: readonly Mark[];
  readonly history: readonly HistoryPoint[];
  readonly verifications: readonly VerificationView[];
  readonly quarantine: QuarantineView;
  /** How long ago the orchestrator was last heard of; null when that is not known. */
  readonly orchestratorAgeMs: number | null;
  /** Why the control table cannot be read at present, and since when; then all the rest is as of `at`. */
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
  /** JSON; of a recipe the expression of its first target. */
  readonly value: string;
  /** What is set, as people read it: `test = 1`. */
  readonly written: string;
  /** `"a" or "b"`: what an item may lack. */
  readonly targets: string;
  readonly totalSegments: number;
  readonly tasksWanted: number;
  readonly writeApi: string;
  readonly writeApiReason: string;
  readonly budget: Rates;
  /** What of the budget the fleet may use now: less than all of it while live traffic needs the rest. */
  readonly budgetNow: Rates;
  /** Why that is less than all; null while it is not. */
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
  /** Until when the run can be undone; null when it keeps no undo log. */
  readonly undoableUntil: string | null;
  /** The run that it takes back; null when it is no undo. */
  readonly undoes: string | null;
  readonly changes: readonly OperatorChange[];
  /** That nobody supervises it, since when, who was the last and why that one left; null while somebody does. */
  readonly unsupervised: string | null;
}

export interface SegmentView {
  readonly status: SegmentStatus;
  /** The launch that owns it, or the last one that moved its checkpoint; null before the first. */
  readonly launchId: string | null;
  readonly scanned: number;
  readonly updated: number;
  readonly attempts: number;
  /** When its checkpoint last moved. */
  readonly progressAt: string | null;
  readonly completedAt: string | null;
  readonly reason: string | null;
  /** 0 to 1, of what the segments of this run hold; 1 only when complete. */
  readonly filled: number;
  /** Without a checkpoint for so long that someone should look. */
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
  /** Since its last heartbeat was seen; null before the first, and after its end. */
  readonly heartbeatAgeMs: number | null;
  /** In authority by its record, but its heartbeat is overdue. */
  readonly late: boolean;
  readonly throttled: { readonly count: number; readonly reason: string } | null;
}

export interface RateView {
  readonly writeUnitsPerSecond: number;
  readonly readUnitsPerSecond: number;
  readonly itemsPerSecond: number;
  /** Over how long. */
  readonly overMs: number;
}

export interface ThrottlingView {
  /** Tasks that were throttled within their last heartbeat interval. */
  readonly tasks: number;
  readonly count: number;
  readonly reason: string;
}

export interface ProgressView {
  /** 0 to 1 of the present stage, by `basis`. */
  readonly part: number;
  /** What `part` counts. */
  readonly basis: string;
  /** Milliseconds until this stage ends; null without a basis. */
  readonly remainingMs: number | null;
  /** What the estimate rests on, or why there is none. */
  readonly remainingBasis: string;
}

export interface CostView {
  readonly writes: number;
  readonly reads: number;
  /** null when the size of a task is not known. */
  readonly fargate: number | null;
  readonly total: number;
  readonly taskSeconds: number;
  /** What the run was expected to take, by DynamoDB's count of the items at its start; null when it had none. */
  readonly expected: ExpectedCost | null;
  readonly notCounted: string;
  readonly pricesAsOf: string;
  readonly pricesSource: string;
}

export interface ExpectedCost {
  readonly items: number;
  /** Items that lack the attribute; null when nobody looked. */
  readonly missing: number | null;
  readonly writeUnits: number;
  readonly readUnits: number;
  /** For writes and reads. */
  readonly dollars: number;
  /** Dollars; null when it was not estimated. */
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

/** Something that happened, for the time line. */
export interface Mark {
  readonly at: string;
  readonly kind: MarkKind;
  readonly text: string;
}

/** A point of the charts. Rates are over the time since the point before. */
export interface HistoryPoint {
  /** Unix time in seconds. */
  readonly t: number;
  readonly write: number | null;
  readonly read: number | null;
  /** In force: less what live traffic needed of it. */
  readonly budgetWrite: number;
  readonly budgetRead: number;
  readonly tasks: number;
  readonly complete: number;
  readonly scanned: number;
  readonly throttled: number;
  readonly verifying: boolean;
}

export interface VerificationView extends Omit<VerificationProgress, 'runId'> {
  /** The proof; null while it goes on, or when it was broken off. */
  readonly result: Omit<VerificationRecord, 'runId'> | null;
}

export interface QuarantineView {
  /** Items that lack the attribute still. */
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
