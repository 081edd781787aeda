import { REPAIR_SEGMENT } from '../../core/metrics.ts';
import type { RunRecord, UndoneRun } from '../../core/records.ts';
import { layoutOf } from '../../core/undo/item-removal.ts';
import { totals } from '../run-summary.ts';
import {
  beginVerification,
  checkpointsOf,
  MOST_UNSAVED_PART,
  VerificationCount,
} from '../verify/checkpoints.ts';
import type { EndPhase } from '../verify/end-phase.ts';
import type { PassEnd, PassEndOptions } from '../verify/pass-end.ts';
import { readLogStanding } from './log-standing.ts';

/** The most keys in one event. */
const KEYS_SHOWN = 10;

/**
 * Verifies an undo by reading every item of the log with strong consistency. No item may still have the value that the
 * run set, except the ones that it names: unknown ones, quarantined ones, and those that have the value again. An item
 * that has it again is not removed a second time, because somebody else must have set it after the removal.
 */
export async function endUndo(
  run: RunRecord,
  undoes: UndoneRun,
  { stores, supervision, clock, output, metrics }: PassEndOptions,
  phase: EndPhase,
): Promise<PassEnd | undefined> {
  const { client, reading, signal, held } = phase;
  const options = { stores, supervision, clock };
  const subject = JSON.stringify({ undoes: undoes.runId });
  const verification = await beginVerification(run, subject, run.totalSegments, options);
  if (verification === undefined) return undefined;
  const { id, startedAt, activeAt } = verification;
  output.event('verification.started', {
    pass: run.pass,
    segments: run.totalSegments,
    ...(startedAt !== activeAt && { resumed: true, since: startedAt }),
  });
  const count = new VerificationCount(id, run, phase);
  const reader = { runId: run.runId, id, epoch: supervision.epoch };
  const { matched } = totals(run, await stores.segments.list(run.runId));
  const found = await readLogStanding({
    ...{ client, clock, signal, held, rate: reading },
    source: {
      store: stores.undoLog,
      layout: layoutOf(run.keySchema, undoes),
      runId: undoes.runId,
      totalSegments: undoes.totalSegments,
    },
    table: run.table,
    undoRun: run.runId,
    checkpoints: checkpointsOf(reader, options, signal, (_, { readUnits }) => count.readBefore(readUnits)),
    mostUnsavedValues: matched * MOST_UNSAVED_PART,
    onRead: units => {
      count.read(units);
      metrics.count(REPAIR_SEGMENT, { readUnits: units });
    },
  });
  count.tell();
  const unresolved = (await stores.quarantine.list(run.runId)).filter(({ resolved }) => !resolved);
  const quarantined = new Set(unresolved.map(({ key }) => key));
  const open = found.oursKeys.filter(key => !quarantined.has(key));
  const keys = found.oursKeys.slice(0, KEYS_SHOWN);
  const record = await stores.runs.supervise(supervision, ({ desired, verification: now }) =>
    desired === 'run' && now?.id === id ? { missing: found.ours, unknown: found.unknown } : undefined,
  );
  if (record.desired !== 'run' || record.verification?.id !== id) return undefined;
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
  if (found.ours === 0) return { next: 'finish', status: 'verified', verification: id };
  const allKnown = found.ours === found.oursKeys.length;
  const status = allKnown && open.length === 0 ? 'quarantined' : 'incomplete';
  return { next: 'finish', status, verification: id };
}
