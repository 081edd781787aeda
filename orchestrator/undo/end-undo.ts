import { REPAIR_SEGMENT } from '../../core/metrics.ts';
import { RateControl } from '../../core/rate/rate-control.ts';
import { addCounters, NO_COUNTERS, type RunRecord, type UndoneRun } from '../../core/records.ts';
import { layoutOf } from '../../core/undo/item-removal.ts';
import type { PassEnd, PassEndOptions } from '../verify/pass-end.ts';
import { readLogStanding } from './log-standing.ts';

/** Keys that an event shows. */
const KEYS_SHOWN = 10;

/**
 * The verification of an undo: every item of the log is read with strong consistency. None has the value any more that
 * the run set, except those that are named: what is unknown, what is in quarantine, and what has that value again.
 * What has it again is not removed a second time: somebody else gave it, or the first removal would have taken it.
 */
export async function endUndo(
  run: RunRecord,
  undoes: UndoneRun,
  options: PassEndOptions,
  signal: AbortSignal,
): Promise<PassEnd> {
  const { stores, supervision, client, clock, output, metrics } = options;
  await stores.runs.supervise(supervision, ({ status }) =>
    status === 'verifying' ? undefined : { status: 'verifying' },
  );
  const startedAt = clock.nowIso();
  output.event('verification.started', { pass: run.pass, segments: run.totalSegments });
  const rate = new RateControl({ clock, paces: 'reads', seed: run.itemSize });
  rate.grant(run.rates, 0);
  const adjusting = new AbortController();
  const adjusted = rate.adjustUntil(adjusting.signal);
  const source = {
    store: stores.undoLog,
    layout: layoutOf(run.keySchema, undoes),
    runId: undoes.runId,
    totalSegments: undoes.totalSegments,
  };
  const found = await readLogStanding({
    ...{ client, source, rate, clock, signal },
    table: run.table,
    undoRun: run.runId,
    onRead: (_, readUnits) => metrics.count(REPAIR_SEGMENT, { readUnits }),
  }).finally(() => adjusting.abort());
  await adjusted;
  const quarantined = new Set((await stores.quarantine.list(run.runId)).map(({ key }) => key));
  const open = found.oursKeys.filter(key => !quarantined.has(key));
  const keys = found.oursKeys.slice(0, KEYS_SHOWN);
  await stores.runs.supervise(supervision, record => ({
    supervisorCounters: addCounters(record.supervisorCounters, {
      ...NO_COUNTERS,
      readUnits: found.readUnits,
    }),
    missing: found.ours,
    unknown: found.unknown,
  }));
  await stores.runs.writeVerification({
    runId: run.runId,
    pass: run.pass,
    totalSegments: run.totalSegments,
    startedAt,
    finishedAt: clock.nowIso(),
    scanned: found.read,
    missing: found.ours,
    nulls: 0,
    keys,
    readUnits: found.readUnits,
  });
  output.event('verification.finished', {
    table: run.table,
    attribute: run.attribute,
    undoes: undoes.runId,
    scanned: found.read,
    missing: found.ours,
    nulls: 0,
    keys: keys.map(key => JSON.parse(key) as unknown),
    unknown: found.unknown,
    unknownKeys: found.unknownKeys.slice(0, KEYS_SHOWN).map(key => JSON.parse(key) as unknown),
  });
  if (found.ours === 0) return { next: 'finish', status: 'verified', missing: 0 };
  const allKnown = found.ours === found.oursKeys.length;
  const status = allKnown && open.length === 0 ? 'quarantined' : 'incomplete';
  return { next: 'finish', status, missing: found.ours };
}
