import { targetsText, writtenText } from '../../core/recipe/recipe.ts';
import {
  isFinished,
  isInAuthority,
  lostSupervisor,
  type QuarantineRecord,
  type RunRecord,
  type SegmentRecord,
  type TaskRecord,
  type VerificationRecord,
} from '../../core/records.ts';
import type { VerificationProgress } from '../../core/sample-store.ts';
import { undoableUntil } from '../../core/undo/item-removal.ts';
import { countedOfVerification, segmentStates, totals } from '../run-summary.ts';
import { costView } from './cost-view.ts';
import type { History } from './history.ts';
import { progressSlices } from './progress-view.ts';
import { averageRate } from './rate-trail.ts';
import { segmentViews } from './segment-views.ts';
import { atOnce, SEGMENTS_A_SLICE, type Slices } from './slices.ts';
import type { QuarantineView, RateView, RunFacts, Snapshot, VerificationView } from './snapshot.ts';
import { taskViews, throttlingOf } from './task-views.ts';
import { marksOf } from './timeline.ts';
import { cutRates, inForce } from './traffic-cut.ts';

/** The records of one run, just read. */
export interface Records {
  readonly run: RunRecord;
  readonly segments: readonly SegmentRecord[];
  readonly tasks: readonly TaskRecord[];
  readonly quarantine: readonly QuarantineRecord[];
  readonly verifications: readonly VerificationRecord[];
  readonly verificationProgress: readonly VerificationProgress[];
}

/** What the reader knows besides the records, mostly from earlier looks. */
export interface Knowledge {
  /** Wall-clock time of the look, in milliseconds. */
  readonly nowMs: number;
  /** Age of the last heartbeat in milliseconds, by launch. */
  readonly ages: ReadonlyMap<string, number>;
  readonly rate: RateView | null;
  readonly history: Pick<History, 'points' | 'throttling' | 'cuts' | 'passes'>;
  /** Items that earlier sweeps scanned; undefined when unknown. */
  readonly scannedBefore: number | undefined;
  readonly orchestratorAgeMs: number | null;
}

export function compose(records: Records, knowledge: Knowledge): Snapshot {
  return atOnce(composeInSlices(records, knowledge));
}

/** Like `compose`, for a process that supervises the run at the same time. */
export function* composeInSlices(records: Records, knowledge: Knowledge): Slices<Snapshot> {
  const { run, segments, tasks } = records;
  const { nowMs, ages, history } = knowledge;
  const counters = totals(run, segments);
  const rate = isFinished(run.status) ? averageRate(run, counters) : knowledge.rate;
  const shownTasks = yield* taskViews(run, tasks, segments, ages);
  const byLaunch = new Map(shownTasks.map(task => [task.launchId, task]));
  const shownSegments = yield* segmentViews(run, segments, byLaunch, nowMs);
  const again = yield* relaunches(tasks, run.totalSegments);
  const progress = yield* progressSlices({
    run,
    segments,
    rate,
    scannedBefore: knowledge.scannedBefore,
    verification: records.verificationProgress.find(({ pass }) => pass === run.pass),
    lastResult: records.verifications.at(-1),
  });
  return {
    at: new Date(nowMs).toISOString(),
    run: factsOf(run, tasks.length, nowMs),
    counters,
    states: segmentStates(run, segments),
    segments: shownSegments,
    tasks: shownTasks,
    relaunches: again,
    rate,
    throttling: throttlingOf(shownTasks),
    progress,
    cost: costView(run, counters, tasks, nowMs),
    marks: marksOf({ ...records, history }),
    // A copy, because the history grows and the next snapshot is compared with this one.
    history: [...history.points],
    verifications: verificationViews(records),
    quarantine: quarantineView(records.quarantine),
    orchestratorAgeMs: knowledge.orchestratorAgeMs,
    unreadable: null,
  };
}

function factsOf(run: RunRecord, launches: number, nowMs: number): RunFacts {
  return {
    runId: run.runId,
    status: run.status,
    desired: run.desired,
    reason: run.stopReason?.message ?? null,
    table: run.table,
    tableArn: run.tableArn,
    account: run.account,
    region: run.region,
    attribute: run.attribute,
    written: writtenText(run),
    targets: targetsText(run),
    value: run.value ?? run.recipe?.set[0]?.expression ?? '',
    totalSegments: run.totalSegments,
    tasksWanted: run.tasks,
    writeApi: run.writeApi,
    writeApiReason: run.writeApiReason,
    budget: run.rates,
    budgetNow: cutRates(run.rates, run.cut),
    cut: inForce(run.cut) ?? null,
    unattendedRate: run.unattendedRate,
    pass: run.pass,
    passes: run.passes,
    sweep: run.sweep,
    maxAttempts: run.maxAttempts,
    heartbeatMs: run.heartbeatMs,
    authorityMs: run.authorityMs,
    createdAt: run.createdAt,
    createdBy: run.createdBy,
    undoableUntil: run.undoLog ? undoableUntil(run.undoLog) : null,
    undoes: run.undoes?.runId ?? null,
    finishedAt: run.finishedAt ?? null,
    activeMs: run.activeMs,
    missing: run.missing ?? null,
    launches,
    controlTable: run.controlTable,
    namespace: run.namespace,
    changes: run.changes,
    unsupervised: lostSupervisor(run, nowMs) ?? null,
  };
}

/** Counts launches with a segment that was already launched in the same sweep. */
function* relaunches(tasks: readonly TaskRecord[], totalSegments: number): Slices<number> {
  const launchedIn = new Map<number, Uint8Array>();
  let again = 0;
  const inOrder = [...tasks].sort((a, b) => Date.parse(a.launchedAt) - Date.parse(b.launchedAt));
  let counted = 0;
  for (const { pass, segments } of inOrder) {
    const launched = launchedIn.get(pass) ?? new Uint8Array(totalSegments);
    launchedIn.set(pass, launched);
    if (segments.some(segment => launched[segment] === 1)) again += 1;
    for (const segment of segments) launched[segment] = 1;
    // A task may have a hundred segments or more.
    counted += segments.length;
    if (counted < SEGMENTS_A_SLICE) continue;
    counted = 0;
    yield;
  }
  return again;
}

function verificationViews({ verifications, verificationProgress }: Records): VerificationView[] {
  const results = new Map(verifications.map(({ runId: _, ...result }) => [result.pass, result]));
  const views = new Map<number, VerificationView>();
  for (const { runId: _, ...progress } of verificationProgress) {
    views.set(progress.pass, { ...progress, result: results.get(progress.pass) ?? null });
  }
  for (const result of results.values()) {
    if (views.has(result.pass)) continue;
    const { pass, startedAt, finishedAt: at, readUnits } = result;
    views.set(pass, { pass, startedAt, at, readUnits, segments: [], result });
  }
  return [...views.values()].sort((a, b) => a.pass - b.pass);
}

/** The page and the HTML report show this many. `orchestrate failures` and the JSON report have all of them. */
const SHOWN_QUARANTINED = 200;

function quarantineView(records: readonly QuarantineRecord[]): QuarantineView {
  const open = records.filter(({ resolved }) => resolved === undefined);
  const inOrder = [...open, ...records.filter(({ resolved }) => resolved !== undefined)];
  return {
    open: open.length,
    resolved: records.length - open.length,
    items: inOrder.slice(0, SHOWN_QUARANTINED).map(({ key, reason, attempts, segment, at, resolved }) => ({
      key,
      reason,
      attempts,
      segment,
      at,
      resolved: resolved?.outcome ?? null,
    })),
  };
}

/** The number of tasks in authority, for a point of the history. */
export function tasksInAuthority(tasks: readonly TaskRecord[]): number {
  return tasks.filter(({ status }) => isInAuthority(status)).length;
}

/**
 * Cumulative counters that include the verification's reads so far. Rates in every stage of a run are computed from
 * them.
 */
export function countersForRate({ run, segments, verificationProgress }: Records) {
  const sums = totals(run, segments);
  let { scanned, readUnits } = sums;
  for (const progress of verificationProgress) {
    for (const part of progress.segments) scanned += part.scanned;
    const goesOn = progress.segments.some(({ done }) => !done);
    if (run.status === 'verifying' && progress.pass === run.pass && goesOn) {
      readUnits += Math.max(0, progress.readUnits - countedOfVerification(run));
    }
  }
  return { ...sums, scanned, readUnits };
}
