import {
  addCounters,
  type Counters,
  NO_COUNTERS,
  type RunRecord,
  type SegmentRecord,
  type SegmentStatus,
} from '../core/records.ts';

const COUNTERS = Object.keys(NO_COUNTERS) as (keyof Counters)[];

/** Sums over very many segments take some milliseconds, and a turn of the supervisor asks for them several times. */
const sumsOf = new WeakMap<readonly SegmentRecord[], Counters>();

/**
 * The counters of the whole run: what the segments did, and what repair and verification did.
 * @param segments not changed in place: their sum is remembered
 */
export function totals(run: RunRecord, segments: readonly SegmentRecord[]): Counters {
  let sums = sumsOf.get(segments);
  if (!sums) {
    sums = sumOf(segments);
    sumsOf.set(segments, sums);
  }
  return addCounters(sums, run.supervisorCounters);
}

/** Not by addCounters: with very many segments, an object for each of them would be noticed. */
function sumOf(segments: readonly SegmentRecord[]): Counters {
  const sums = { ...NO_COUNTERS };
  for (const { counters } of segments) for (const name of COUNTERS) sums[name] += counters[name] ?? 0;
  return sums;
}

/** Read units of the verification under way that the run's counters contain already. */
export function countedOfVerification({ counted, verification }: RunRecord): number {
  return verification && counted?.id === verification.id ? counted.counters.readUnits : 0;
}

/** How many segments are in which state; those without a record are pending. */
export function segmentStates(
  run: RunRecord,
  segments: readonly SegmentRecord[],
): Record<SegmentStatus, number> {
  const states = { pending: 0, assigned: 0, running: 0, complete: 0, failed: 0 };
  for (const { status, pass } of segments) states[pass === run.sweep ? status : 'pending'] += 1;
  states.pending += run.totalSegments - segments.length;
  return states;
}

/** The fields of `run.finished`. `launches`: every start of a task so far. */
export function runFinished(run: RunRecord, segments: readonly SegmentRecord[], launches: number) {
  const { readUnits, writeUnits, outOfScope, recomputed, ...counted } = totals(run, segments);
  return {
    status: run.status,
    ...(run.stopReason && { reason: run.stopReason.message }),
    table: run.table,
    attribute: run.attribute,
    segments: run.totalSegments,
    tasks: run.tasks,
    launches,
    ...counted,
    ...(run.recipe && { recipe: run.recipe, outOfScope, recomputed }),
    missing: run.missing ?? null,
    ...undoFields(run, counted),
    ...(run.diagnosis && { diagnosis: run.diagnosis }),
    ...(run.limit !== undefined && { limit: run.limit }),
    passes: run.pass,
    durationMs: Math.round(run.activeMs),
    consumed: { readCapacityUnits: round(readUnits), writeCapacityUnits: round(writeUnits) },
  };
}

/** What an undo's counters mean: see job/remove-stage.ts. */
function undoFields(
  { undoes, unknown }: RunRecord,
  { updated, alreadySet }: Pick<Counters, 'updated' | 'alreadySet'>,
) {
  if (!undoes) return {};
  return { undoes: undoes.runId, removed: updated, changed: alreadySet, unknown: unknown ?? null };
}

/** Half units are exact; what sums of estimates leave behind the comma is not information. */
function round(units: number): number {
  return Math.round(units * 100) / 100;
}
