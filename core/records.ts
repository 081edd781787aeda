import type { Recipe } from './recipe/recipe.ts';

/**
 * The records of the control table: partition key `run`, sort key `item`.
 *
 * | run          | item                 | who writes it                                             |
 * |--------------|----------------------|-----------------------------------------------------------|
 * | run id       | RUN                  | the supervisor (epoch and version), operators (version)   |
 * | run id       | TASK#<launch>        | the worker; the supervisor (grant, fence); operators      |
 * | run id       | SEGMENT#0000007      | the launch that owns it; the supervisor between owners    |
 * | run id       | QUARANTINE#<digest>  | workers, repairs and retries: one record per item         |
 * | run id       | VERIFICATION#<pass>  | the supervisor                                            |
 * | run id       | VERIFICATION-CHECKPOINT#<id>#<segment>: the supervisor (epoch), see verification-store.ts |
 * | run id       | SAMPLE#…, VERIFICATION-SEGMENTS#<pass>: for people's eyes, see sample-store.ts    |
 * | LOCK#<table> | LOCK                 | created with the run, removed with its end                |
 * | run id       | CANARY#…             | once, before a canary begins: the items it may write      |
 * | run#UNDO#…   | the undo log, a partition for each segment: see core/undo/log-store.ts           |
 * | RUNS         | the list of this control table's runs: see run-index.ts                          |
 * | probe-…      | the records of a `doctor --task`: see probe-store.ts                             |
 */

import type { ItemSize } from './rate/capacity-estimate.ts';

/** The state of a run. The states in {@link FINISHED} have released the table. */
export type RunStatus =
  | 'running'
  | 'verifying'
  | 'paused'
  | 'failed'
  | 'verified'
  | 'quarantined'
  | 'incomplete'
  | 'cancelled'
  | 'dry-run'
  | 'canary';

/** Every allowed transition of a run, each with its reason. */
export const RUN_TRANSITIONS: Readonly<Record<RunStatus, Partial<Record<RunStatus, string>>>> = {
  running: {
    verifying: 'every segment is complete and no task is in authority',
    paused: 'someone paused it, and every task has ended',
    cancelled: 'someone cancelled it, and every task has ended',
    failed: 'a guardrail or a systemic error stopped it, and every task has ended',
    'dry-run': 'every segment is complete, and nothing was to be written',
  },
  verifying: {
    running: 'items lack the attribute and another pass is allowed, or a retry has not ended yet',
    verified: 'no item lacked the attribute in a consistent scan of every segment',
    canary: 'the items of a canary, and no others, were written and have the attribute in consistent reads',
    quarantined: 'all that lack the attribute are in quarantine',
    incomplete: 'items lack the attribute and no pass is left',
    paused: 'someone paused it',
    cancelled: 'someone cancelled it',
    failed: 'a guardrail or a systemic error stopped it',
  },
  paused: { running: 'someone resumed it', cancelled: 'someone cancelled it' },
  failed: { running: 'someone resumed it', cancelled: 'someone cancelled it' },
  verified: {},
  quarantined: {},
  incomplete: {},
  cancelled: {},
  'dry-run': {},
  canary: {},
};

const FINISHED: ReadonlySet<RunStatus> = new Set<RunStatus>([
  'verified',
  'quarantined',
  'incomplete',
  'cancelled',
  'dry-run',
  'canary',
]);

/** A finished run does not hold its table. `paused` and `failed` are not finished, because such runs can be resumed. */
export function isFinished(status: RunStatus): boolean {
  return FINISHED.has(status);
}

/** What the operator or a guardrail wants the tasks to do. */
export type DesiredState = 'run' | 'pause' | 'stop';

export type KeyType = 'S' | 'N' | 'B';

export interface KeyAttribute {
  readonly name: string;
  readonly type: KeyType;
}

/** Partition key first, then the sort key if there is one. */
export type KeySchema = readonly [KeyAttribute] | readonly [KeyAttribute, KeyAttribute];

export type WriteApi = 'batch' | 'single';

/** The types whose values a batch statement can compare. */
export type SourceType = 'S' | 'N' | 'B' | 'BOOL' | 'SS' | 'NS' | 'BS';

/**
 * What the engine proof has shown for batch statements with several targets or with sources. UpdateItem writes
 * everything else, item by item.
 */
export interface BatchForms {
  /** The form of several targets: `SET "a" = ?, "b" = ?`, or a SET for each. */
  readonly several?: 'commas' | 'clauses';
  /** Types of sources that a statement can require to be unchanged. */
  readonly sources: readonly SourceType[];
  /** A statement can require that a source is still missing. */
  readonly absent?: boolean;
  /** A statement can require that a source still exists, with any value. */
  readonly present?: boolean;
}

/** Capacity units a second. */
export interface Rates {
  readonly writeUnitsPerSecond: number;
  readonly readUnitsPerSecond: number;
}

/** One change of a run by a person, kept for the report. `id` is the nonce by which its writer recognizes it. */
export interface OperatorChange {
  readonly id: string;
  readonly at: string;
  readonly by: string;
  readonly what: 'start' | 'pause' | 'resume' | 'cancel' | 'rate' | 'retry';
  readonly detail: string;
}

/** The supervisor in the run's record. */
export interface SupervisorSeen {
  /** As in {@link OperatorChange}. */
  readonly by: string;
  /** When it last wrote, ISO 8601. A live supervisor writes at least every {@link SUPERVISOR_SEEN_EVERY_MS}. */
  readonly seenAt: string;
  /** Why it left an unfinished run, if it could record that. */
  readonly left?: string;
}

export const SUPERVISOR_SEEN_EVERY_MS = 10_000;

/** A supervisor that has been silent for this long is gone. */
const SUPERVISOR_GONE_AFTER_MS = 60_000;

/**
 * Says that an unfinished run has no supervisor, since when, who the last one was, and why it left, if known. Undefined
 * if the run has a supervisor, needs none, or comes from an older version that did not record it.
 */
export function lostSupervisor(
  { status, supervisor }: Pick<RunRecord, 'status' | 'supervisor'>,
  nowMs: number,
): string | undefined {
  if (supervisor === undefined || (status !== 'running' && status !== 'verifying')) return undefined;
  const { by, seenAt, left } = supervisor;
  if (left !== undefined) return `Nobody has supervised it since ${seenAt}: ${by} left (${left}).`;
  if (nowMs - Date.parse(seenAt) < SUPERVISOR_GONE_AFTER_MS) return undefined;
  return `Nobody has supervised it since ${seenAt}: ${by} was the last, and did not say why it left.`;
}

/** The part of the budget that live traffic leaves to the fleet, and why it is not the whole. */
export interface TrafficCut {
  readonly factor: number;
  readonly reason: string;
}

/** Why a run must stop, if nobody paused it. */
export interface StopReason {
  readonly kind: 'cancelled' | 'failed';
  readonly message: string;
  /** Options of `resume` without which the run would stop again at once. */
  readonly resumeWith?: readonly string[];
}

/** What AWS charges, in US dollars. */
export interface PriceList {
  readonly region: string;
  /** The day on which the prices were recorded. */
  readonly asOf: string;
  readonly source: string;
  /** On-demand request units of the standard table class. */
  readonly perMillionWriteUnits: number;
  readonly perMillionReadUnits: number;
  readonly fargate: Readonly<
    Record<TaskSize['architecture'], { readonly perVcpuHour: number; readonly perGbHour: number }>
  >;
  /** A custom metric costs money for each hour in which it reported. */
  readonly perMetricMonth: number;
  /** Absent in older records, from before this was counted. */
  readonly perPublicIpv4Hour?: number | undefined;
}

/** 1,024 CPU units are one vCPU. */
export interface TaskSize {
  readonly cpuUnits: number;
  readonly memoryMiB: number;
  readonly architecture: 'X86_64' | 'ARM64';
  /** A task with a public IPv4 address pays for it by the hour. */
  readonly publicIpv4?: boolean;
}

/** What the plan expected of a run, for comparison with the result. */
export interface RunForecast {
  readonly items: number;
  readonly itemsBasis: string;
  /** Items that lack the attribute. */
  readonly missing: number;
  readonly writeUnits: number;
  /** For the sweep and one verification. */
  readonly readUnits: number;
  readonly seconds: number;
  /** US dollars. `fargate` is null if the task size is unknown. */
  readonly cost: { readonly writes: number; readonly reads: number; readonly fargate: number | null };
}

/** One attribute that a run sets. `value`: DynamoDB JSON of the constant; absent if the value is computed. */
export interface TargetRecord {
  readonly name: string;
  readonly value?: string;
}

/** An attribute as a key of a secondary index. An item whose value cannot be this key is not in the index. */
export interface IndexKey {
  readonly index: string;
  readonly name: string;
  readonly kind: 'HASH' | 'RANGE';
  readonly type: KeyType;
}

/** Present if a run keeps an undo log. Holds what is needed to read it. */
export interface UndoLogRecord {
  readonly targets: readonly TargetRecord[];
  /** Epoch seconds: when DynamoDB may delete the whole log. */
  readonly expiresAt: number;
}

/** In an undo: the run that it undoes, and what is needed to read that run's log. */
export interface UndoneRun extends UndoLogRecord {
  readonly runId: string;
  readonly totalSegments: number;
}

/**
 * The format in which this version writes a run's record and which it can read. It is raised whenever an older version
 * would misread a record or drop something that the run depends on.
 */
export const RUN_FORMAT = 1;

export interface RunRecord {
  readonly runId: string;
  /** {@link RUN_FORMAT} of the version that began the run; absent in the earliest records. */
  readonly format?: number;
  readonly status: RunStatus;
  readonly desired: DesiredState;
  readonly stopReason?: StopReason;
  /** Raised by every write. */
  readonly version: number;
  /** Raised by every orchestrator that takes over supervision; the one with the highest epoch supervises. */
  readonly epoch: number;
  /** The nonce of the supervisor's last write. */
  readonly supervisorWrite: string;

  readonly table: string;
  readonly tableArn: string;
  readonly account: string;
  readonly region: string;
  /** With a recipe, its first target. */
  readonly attribute: string;
  /** JSON; absent with a recipe. */
  readonly value?: string;
  /** The recipe, if the run does not set one value on every item. */
  readonly recipe?: Recipe;
  /** The writes of a recipe that may go in batches. */
  readonly batchForms?: BatchForms;
  readonly keySchema: KeySchema;
  readonly totalSegments: number;
  /** The most tasks that run at the same time. */
  readonly tasks: number;
  readonly writeApi: WriteApi;
  readonly writeApiReason: string;
  /** Absent if the run keeps no log: with `--no-undo-log`, in a dry run, and in an undo. */
  readonly undoLog?: UndoLogRecord;
  /** Present in an undo: the run that it undoes. */
  readonly undoes?: UndoneRun;
  /** Global secondary indexes that contain the attribute. Each one makes a write cost one more. */
  readonly indexes: number;
  /** The indexes of which a target is a key. Absent when there is none. */
  readonly indexKeys?: readonly IndexKey[];
  readonly dryRun: boolean;
  /** Tasks run on Fargate Spot. */
  readonly spot: boolean;
  /** A canary writes exactly this many items. */
  readonly limit?: number;
  /** The run stops before it has cost more than this, in US dollars. */
  readonly maxCostUsd?: number;
  /** The operator's own price list, if one was given. */
  readonly prices?: PriceList;
  /** Other Regions that replicate the table. Each write is billed in each of them as well. */
  readonly replicas?: number;
  /** When the code that sets the attribute went live, ISO 8601. If absent, the start of the run counts. */
  readonly deployedAt?: string;
  /** The attribute with the creation time of an item, if the operator named one. */
  readonly createdKey?: string;
  /** The item size from the plan's sample or from DynamoDB's own figures. */
  readonly itemSize?: ItemSize;
  /** The fleet's budget. */
  readonly rates: Rates;
  /** Provisioned write units a second at the start; absent for an on-demand table. */
  readonly provisionedWriteUnits?: number;
  /** Present while the table's metrics show that somebody is throttled, and during the recovery. */
  readonly cut?: TrafficCut;
  /** The rate to which the fleet falls without a supervisor, in write units a second. */
  readonly unattendedRate: number;
  readonly passes: number;
  readonly maxAttempts: number;
  readonly maxQuarantine?: number;
  /** The tried and quarantined items when someone last resumed a stopped run. The limit counts from there. */
  readonly acceptedQuarantine?: Pick<Counters, 'matched' | 'quarantined'>;
  readonly heartbeatMs: number;
  readonly authorityMs: number;
  readonly namespace: string;
  readonly controlTable: string;
  /** The run also holds the table in the account's lock table: see lock-store.ts. */
  readonly accountLock?: boolean;

  /** The current or last supervisor. Absent in runs of older versions. */
  readonly supervisor?: SupervisorSeen;
  /** Counts sweeps and repairs. A verification follows each of them. */
  readonly pass: number;
  /** The pass whose sweep the segments belong to. A targeted repair needs no sweep. */
  readonly sweep: number;
  readonly createdAt: string;
  readonly createdBy: string;
  /** Version of the orchestrator that began the run; absent in a record that did not store it. */
  readonly toolVersion?: string;
  readonly finishedAt?: string;
  /** DynamoDB's figures for the table at the start. They can be six hours old, and 0 does not mean empty. */
  readonly tableSize?: { readonly items: number; readonly bytes: number };
  readonly forecast?: RunForecast;
  /** The task size in the task definition at the start, which decides the price of a task. */
  readonly taskSize?: TaskSize;
  /** Milliseconds of supervised work, summed over resumes. */
  readonly activeMs: number;
  readonly changes: readonly OperatorChange[];
  /** What repair and verification consumed and wrote. Segments have the backfill's own counters. */
  readonly supervisorCounters: Counters;
  /** The part of the verification or repair that these counters already include, so that nothing is counted twice. */
  readonly counted?: CountedWork | undefined;
  /** The current or last verification. A sweep, a repair or a retry ends it. */
  readonly verification?: CurrentVerification | undefined;
  /**
   * The rates of the supervisor's own requests at the end of a pass, and the last of the above changes that it had
   * seen. It echoes the budget.
   */
  readonly supervisorEcho?: { readonly lastChange: string; readonly rates: Rates } | undefined;
  /** Items that lacked the attribute in the last verification. */
  readonly missing?: number;
  /** Items with a NULL attribute in the last verification. */
  readonly nulls?: number;
  /** Items in the last verification whose value no index can hold. Absent if no target is the key of an index. */
  readonly notIndexed?: number | undefined;
  /** In an undo: values that the run may have set and that still exist. */
  readonly unknown?: number;
  /** What the missing items show about live writers, as text. */
  readonly diagnosis?: string | undefined;
}

/**
 * A verification in progress. The next supervisor continues it. Its checkpoints carry its id, and checkpoints with any
 * other id are ignored.
 */
export interface CurrentVerification {
  readonly id: string;
  readonly pass: number;
  readonly totalSegments: number;
  /** Identifies what the verification looks for. Checkpoints with another subject are ignored. */
  readonly subject: string;
  /** When its first page was read. The assumptions about writers must hold from then on. */
  readonly startedAt: string;
  /** When somebody last worked on it. */
  readonly activeAt: string;
}

export interface CountedWork {
  readonly id: string;
  readonly counters: Counters;
}

/** How far a segment of a verification is, and what its pages held up to there. */
export interface VerificationCheckpoint {
  readonly runId: string;
  /** The id of the verification. */
  readonly id: string;
  readonly segment: number;
  /** The epoch of the supervisor that reads this segment. */
  readonly epoch: number;
  /** Raised by every checkpoint; absent before the first. */
  readonly sequence?: number;
  /** DynamoDB JSON; absent before the first page and when the segment is done. */
  readonly lastEvaluatedKey?: string | undefined;
  readonly done?: boolean;
  readonly findings?: VerificationFindings;
  readonly at?: string;
}

export interface VerificationFindings {
  readonly scanned: number;
  /** Items that lacked the subject's attributes when their page was read. */
  readonly missing: number;
  /** Those of them that are in quarantine and not resolved. */
  readonly quarantined: number;
  /** Items with a NULL attribute. They count as having it. */
  readonly nulls: number;
  /** Items that have the attribute with a value that no index can hold as its key. */
  readonly notIndexed?: number;
  readonly readUnits: number;
  /**
   * Missing items that are not in quarantine, as DynamoDB JSON: their keys and what was read with them. If there are
   * many, only some of them.
   */
  readonly open: readonly string[];
  /** Keys of missing items, in quarantine or not; at most ten. */
  readonly sample: readonly string[];
  /** Findings of the verification of an undo. */
  readonly log?: LogFindings | undefined;
}

/**
 * The state of the values that a run set or may have set, as far as its undo log was read. Values that the run
 * certainly set and that still exist count as `missing`.
 */
export interface LogFindings {
  readonly removed: number;
  readonly changed: number;
  readonly deleted: number;
  /** Values that the run may have set and that still exist: the identity of the value, and the item's key. */
  readonly unknown: readonly (readonly [identity: string, key: string])[];
}

/** Cumulative over passes and resumes. Capacity is in units. */
export interface Counters {
  readonly scanned: number;
  readonly matched: number;
  readonly updated: number;
  readonly alreadySet: number;
  readonly deleted: number;
  readonly quarantined: number;
  /**
   * Items that lacked a target but were not in scope when they were read or written. They are not part of `matched`.
   */
  readonly outOfScope: number;
  /** How often an item's values were computed again because its sources had changed. */
  readonly recomputed: number;
  readonly readUnits: number;
  readonly writeUnits: number;
}

export const NO_COUNTERS: Counters = {
  scanned: 0,
  matched: 0,
  updated: 0,
  alreadySet: 0,
  deleted: 0,
  quarantined: 0,
  outOfScope: 0,
  recomputed: 0,
  readUnits: 0,
  writeUnits: 0,
};

export function addCounters(a: Counters, b: Counters): Counters {
  return {
    scanned: a.scanned + b.scanned,
    matched: a.matched + b.matched,
    updated: a.updated + b.updated,
    alreadySet: a.alreadySet + b.alreadySet,
    deleted: a.deleted + b.deleted,
    quarantined: a.quarantined + b.quarantined,
    // Records of runs from before recipes have neither.
    outOfScope: (a.outOfScope ?? 0) + (b.outOfScope ?? 0),
    recomputed: (a.recomputed ?? 0) + (b.recomputed ?? 0),
    readUnits: a.readUnits + b.readUnits,
    writeUnits: a.writeUnits + b.writeUnits,
  };
}

/**
 * The state of a launch: of one start of a task, which never repeats.
 *
 *     launching ── first heartbeat ──► running ── its own last write ──► finished
 *         │                               │
 *         ├── fenced by the supervisor ───┴──► lapsed
 *         └── ECS says STOPPED ───────────┴──► stopped
 */
export type TaskStatus = 'launching' | 'running' | 'finished' | 'lapsed' | 'stopped';

export const TASK_TRANSITIONS: Readonly<Record<TaskStatus, Partial<Record<TaskStatus, string>>>> = {
  launching: {
    running: 'the worker sent its first heartbeat',
    lapsed: 'it sent none within the time to start, and the supervisor fenced it off',
    stopped: 'ECS says that it has stopped or never started',
  },
  running: {
    finished: 'the worker drained, gave its segments up, and said so',
    lapsed: 'no heartbeat came for its authority time, and the supervisor fenced it off',
    stopped: 'ECS says that it has stopped',
  },
  finished: {},
  lapsed: {},
  stopped: {},
};

/** A launch in authority may have a request on its way to the user's table. */
export function isInAuthority(status: TaskStatus): boolean {
  return status === 'launching' || status === 'running';
}

/** How a launch ended, as the worker or ECS reported it. `not-started`: RunTask refused it. */
export interface TaskEnd {
  readonly kind: 'done' | 'desired' | 'sigterm' | 'not-started' | 'systemic' | 'error' | 'authority-lost';
  readonly message: string;
}

export interface TaskRecord {
  readonly runId: string;
  readonly launchId: string;
  readonly pass: number;
  readonly segments: readonly number[];
  readonly status: TaskStatus;
  /** The epoch of the supervisor that may change the grant. */
  readonly epoch: number;
  readonly desired: DesiredState;
  /** The share that the supervisor grants. */
  readonly granted: Rates;
  /** The number of the grant. It also rises without a change, to show that the supervisor is still there. */
  readonly renewal: number;
  /** The number of the grant in the worker's last heartbeat. */
  readonly seenRenewal: number;
  /**
   * The most that the worker may use until it has seen the current grant. Until then, the reply to a heartbeat may
   * bring it an older grant at any time.
   */
  readonly held: Rates;
  /** The desired state that the worker has seen. */
  readonly seen: DesiredState;
  /** The number of the last heartbeat; 0 before the first. */
  readonly heartbeat: number;
  /** Chosen by the process for its first heartbeat, so that a second process of the same launch is refused. */
  readonly instance?: string;
  readonly taskArn?: string;
  readonly launchedAt: string;
  readonly heartbeatAt?: string;
  readonly endedAt?: string;
  readonly end?: TaskEnd;
  /** Why the worker was last throttled, and how often in the last heartbeat interval. */
  readonly throttled?: { readonly count: number; readonly reason: string };
  /** How often a reply was late in the last heartbeat interval, and which one was the last. */
  readonly slow?: { readonly count: number; readonly reason: string };
}

/**
 * The state of a segment in a pass.
 *
 *     pending ──► assigned ── claim ──► running ── marker ──► complete
 *        ▲            │                    │
 *        └── given up, or taken from a launch without authority
 *                                          └── too many launches without progress ──► failed
 */
export type SegmentStatus = 'pending' | 'assigned' | 'running' | 'complete' | 'failed';

export const SEGMENT_TRANSITIONS: Readonly<Record<SegmentStatus, Partial<Record<SegmentStatus, string>>>> = {
  pending: { assigned: 'the supervisor gave it to a launch', failed: 'too many launches without progress' },
  assigned: {
    running: 'the launch that owns it claimed it',
    pending: 'the launch gave it up, or the supervisor took it back from one without authority',
    failed: 'too many launches without progress',
  },
  running: {
    complete: 'the last page has settled, and so has every page before it',
    pending: 'the launch gave it up, or the supervisor took it back from one without authority',
    failed: 'too many launches without progress',
  },
  complete: { assigned: 'another pass began' },
  failed: { pending: 'someone resumed the run', assigned: 'another pass began' },
};

/** DynamoDB's upper bound for TotalSegments [Scan API reference]. */
export const MAX_TOTAL_SEGMENTS = 1_000_000;

export interface SegmentRecord {
  readonly runId: string;
  readonly segment: number;
  readonly totalSegments: number;
  readonly pass: number;
  readonly status: SegmentStatus;
  /** The launch that owns it. */
  readonly launchId?: string;
  /** The launch that last moved the checkpoint. */
  readonly progressedBy?: string;
  /** Raised by every checkpoint of this segment, in any launch. */
  readonly sequence: number;
  /**
   * DynamoDB JSON of the last key of the last page before which every page has settled; absent before the first.
   * Valid only with this segment and this totalSegments [Scan API reference].
   */
  readonly lastEvaluatedKey?: string;
  readonly counters: Counters;
  /** At least this many chunks of the undo log exist. An undo refuses a log that has fewer. */
  readonly undoChunks?: number;
  /** What its last launch learned of the item size. The next launch begins with it. */
  readonly itemSize?: ItemSize;
  /** Consecutive launches that ended without moving the checkpoint. */
  readonly attempts: number;
  /**
   * The earliest time of the next launch, after one without progress. It is only for pacing, so it uses the wall clock.
   */
  readonly retryAt?: string;
  readonly progressAt?: string;
  readonly completedAt?: string;
  readonly reason?: string;
}

export interface QuarantineRecord {
  readonly runId: string;
  /** DynamoDB JSON. */
  readonly key: string;
  readonly reason: string;
  readonly attempts: number;
  readonly segment: number;
  readonly at: string;
  /** The outcome of a later try; absent while the item lacks the attribute. */
  readonly resolved?: {
    readonly outcome: 'updated' | 'alreadySet' | 'deleted' | 'outOfScope';
    readonly at: string;
    /** The launch id of the retry that resolved it. */
    readonly by: string;
  };
}

export interface VerificationRecord {
  readonly runId: string;
  readonly pass: number;
  readonly totalSegments: number;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly scanned: number;
  readonly missing: number;
  readonly nulls: number;
  /** Absent when no index has the attribute as a key. */
  readonly notIndexed?: number;
  /** Up to ten keys of items that lack the attribute, as DynamoDB JSON. */
  readonly keys: readonly string[];
  readonly readUnits: number;
}

export const RUN_ITEM = 'RUN';
export const TASK_PREFIX = 'TASK#';
export const SEGMENT_PREFIX = 'SEGMENT#';
export const QUARANTINE_PREFIX = 'QUARANTINE#';
export const VERIFICATION_PREFIX = 'VERIFICATION#';
export const VERIFICATION_CHECKPOINT_PREFIX = 'VERIFICATION-CHECKPOINT#';
export const LOCK_ITEM = 'LOCK';

export const taskItem = (launch: string): string => `${TASK_PREFIX}${launch}`;
export const segmentItem = (segment: number): string =>
  `${SEGMENT_PREFIX}${String(segment).padStart(7, '0')}`;
export const verificationItem = (pass: number): string =>
  `${VERIFICATION_PREFIX}${String(pass).padStart(4, '0')}`;
export const verificationCheckpointItem = (id: string, segment: number): string =>
  `${VERIFICATION_CHECKPOINT_PREFIX}${id}#${String(segment).padStart(7, '0')}`;
/** A dry run writes nothing to the table, so it takes a separate kind of lock, beside that of a run. */
export const lockRun = ({ tableArn, dryRun }: Pick<RunRecord, 'tableArn' | 'dryRun'>): string =>
  `${dryRun ? 'DRY-RUN-' : ''}LOCK#${tableArn}`;
