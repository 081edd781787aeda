import {
  addCounters,
  type Counters,
  NO_COUNTERS,
  type RunRecord,
  type SegmentRecord,
  type SegmentStatus,
} from '../core/records.ts';
import type { SegmentStore } from '../core/segment-store.ts';

const NONE: Readonly<Record<SegmentStatus, number>> = {
  pending: 0,
  assigned: 0,
  running: 0,
  complete: 0,
  failed: 0,
};

const COUNTERS = Object.keys(NO_COUNTERS) as (keyof Counters)[];

/**
 * The totals of a run's segments. With very many segments, counting takes some milliseconds, and a turn of the
 * supervisor needs the totals several times.
 */
export interface SegmentSums {
  readonly counters: Counters;
  /** The number of segments in each state, by the pass of their records. */
  readonly states: ReadonlyMap<number, Readonly<Record<SegmentStatus, number>>>;
}

const sumsOf = new WeakMap<readonly SegmentRecord[], SegmentSums>();

/** Remembers the sums of an array of records, for a caller that updates sums while records change. */
export function rememberSums(segments: readonly SegmentRecord[], sums: SegmentSums): void {
  sumsOf.set(segments, sums);
}

/** Sums that are updated record by record. */
export class RunningSums implements SegmentSums {
  readonly counters = { ...NO_COUNTERS };
  readonly states = new Map<number, Record<SegmentStatus, number>>();

  add(record: SegmentRecord): void {
    this.#count(record, 1);
  }

  remove(record: SegmentRecord): void {
    this.#count(record, -1);
  }

  /** A copy of the current sums. */
  copy(): SegmentSums {
    const states = new Map([...this.states].map(([pass, counts]) => [pass, { ...counts }]));
    return { counters: { ...this.counters }, states };
  }

  #count({ pass, status, counters }: SegmentRecord, sign: 1 | -1): void {
    for (const name of COUNTERS) this.counters[name] += sign * (counters[name] ?? 0);
    let states = this.states.get(pass);
    if (!states) {
      states = { ...NONE };
      this.states.set(pass, states);
    }
    states[status] += sign;
  }
}

/** @param segments must not change in place, because their sums are remembered */
function sums(segments: readonly SegmentRecord[]): SegmentSums {
  const known = sumsOf.get(segments);
  if (known) return known;
  const counted = new RunningSums();
  for (const record of segments) counted.add(record);
  sumsOf.set(segments, counted);
  return counted;
}

/** Sums a run's stored segments without keeping them in memory. */
export async function readSums(segments: Pick<SegmentStore, 'pages'>, runId: string): Promise<SegmentSums> {
  const counted = new RunningSums();
  for await (const page of segments.pages(runId)) for (const record of page) counted.add(record);
  return counted;
}

/** The counters of the whole run: those of its segments, and those of repair and verification. */
export function totals(
  { supervisorCounters }: Pick<RunRecord, 'supervisorCounters'>,
  segments: readonly SegmentRecord[] | SegmentSums,
): Counters {
  const { counters } = 'counters' in segments ? segments : sums(segments);
  return addCounters(counters, supervisorCounters);
}

/** Read units of the current verification that the run's counters already include. */
export function countedOfVerification({ counted, verification }: RunRecord): number {
  return verification && counted?.id === verification.id ? counted.counters.readUnits : 0;
}

/** The number of segments in each state. Segments without a record of this sweep are pending. */
export function segmentStates(
  run: RunRecord,
  segments: readonly SegmentRecord[],
): Record<SegmentStatus, number> {
  const { assigned, running, complete, failed } = sums(segments).states.get(run.sweep) ?? NONE;
  return {
    pending: run.totalSegments - assigned - running - complete - failed,
    assigned,
    running,
    complete,
    failed,
  };
}

/** The fields of `run.finished`. `launches`: every start of a task so far. */
export function runFinished(
  run: RunRecord,
  segments: readonly SegmentRecord[] | SegmentSums,
  launches: number,
) {
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
    nulls: run.nulls ?? null,
    ...(run.notIndexed !== undefined && { notIndexed: run.notIndexed }),
    ...undoFields(run, counted),
    ...(run.diagnosis && { diagnosis: run.diagnosis }),
    ...(run.limit !== undefined && { limit: run.limit }),
    passes: run.pass,
    durationMs: Math.round(run.activeMs),
    consumed: { readCapacityUnits: round(readUnits), writeCapacityUnits: round(writeUnits) },
  };
}

/** Describes the items that have an attribute but are not in its indexes; undefined if there are none. */
export function describeNotIndexed({
  notIndexed = 0,
  nulls = 0,
  indexKeys = [],
}: Pick<RunRecord, 'notIndexed' | 'nulls' | 'indexKeys'>): string | undefined {
  if (notIndexed === 0) return undefined;
  const [keys, indexes] = [indexKeys.map(({ name }) => `"${name}"`), indexKeys.map(({ index }) => index)].map(
    names => [...new Set(names)].join(', '),
  );
  return (
    `${notIndexed} items are not in the index ${indexes}: their ${keys} is NULL${nulls > 0 ? ` (${nulls} items)` : ''}, empty or of another type than the index key. ` +
    'They have the attribute, so a run does not change them. Remove the attribute from these items, then run again.'
  );
}

/** What an undo's counters mean: see job/remove-stage.ts. */
function undoFields(
  { undoes, unknown }: RunRecord,
  { updated, alreadySet }: Pick<Counters, 'updated' | 'alreadySet'>,
) {
  if (!undoes) return {};
  return { undoes: undoes.runId, removed: updated, changed: alreadySet, unknown: unknown ?? null };
}

/** Half units are exact. Further decimals come from summed estimates and mean nothing. */
function round(units: number): number {
  return Math.round(units * 100) / 100;
}
