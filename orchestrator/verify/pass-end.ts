import { randomUUID } from 'node:crypto';
import type { AttributeMap } from '../../core/attribute-value.ts';
import { type ItemWrite, keyOf } from '../../core/item-write.ts';
import { REPAIR_SEGMENT } from '../../core/metrics.ts';
import type { MetricsPublisher } from '../../core/metrics-publisher.ts';
import { loadRule } from '../../core/recipe/load.ts';
import { recipeText } from '../../core/recipe/recipe.ts';
import {
  type CurrentVerification,
  isInAuthority,
  type RunRecord,
  type RunStatus,
  type SegmentRecord,
  type VerificationFindings,
} from '../../core/records.ts';
import { verificationSegments } from '../../core/verification-segments.ts';
import type { Output } from '../cli/output.ts';
import type { RunObserver } from '../run-observer.ts';
import {
  beginVerification,
  checkpointsOf,
  mostUnsavedUnits,
  VerificationCount,
  type VerificationOptions,
} from './checkpoints.ts';
import { diagnose } from './diagnosis.ts';
import type { EndPhase } from './end-phase.ts';
import { type RepairCounters, repair } from './repair.ts';
import { lacksAttribute, missesByRule, type VerificationSubject } from './subject.ts';
import { openSupervisorLog } from './supervisor-log.ts';
import { type VerificationResult, verifyTable } from './verification.ts';
import { VerificationTracker } from './verification-tracker.ts';

export interface PassEndOptions extends VerificationOptions {
  readonly output: Output;
  readonly metrics: MetricsPublisher;
  readonly observer?: RunObserver | undefined;
}

/** What follows a verification. It holds only while `verification` is the id of the run's last one. */
export type PassEnd =
  | { readonly next: 'finish'; readonly status: RunStatus; readonly verification?: string }
  | { readonly next: 'repaired' }
  | { readonly next: 'sweep' };

/**
 * Ends a pass with the verification scan and decides what follows:
 *
 *     nothing is missing ─► verified          everything missing is in quarantine ─► quarantined
 *     a few keys, and a pass is left ─► repair exactly those; the next verification reads the whole table again
 *     many keys, and a pass is left ─► another sweep          no pass is left ─► incomplete
 *
 * Call it only when every segment is complete and no task is in authority. Each write to the run's record names the
 * supervision, so a superseded orchestrator cannot end the run.
 *
 * @returns undefined if the run must pause or stop, or is not ready for a verification: look again.
 */
export async function endPass(
  run: RunRecord,
  options: PassEndOptions,
  phase: EndPhase,
): Promise<PassEnd | undefined> {
  const { stores, supervision } = options;
  const subject = await subjectOf(run);
  const verification = await beginVerification(run, subject.name, verificationSegmentsOf(run), options);
  if (verification === undefined) return undefined;
  // A retry could join the run until its status was `verifying`. From then on none can.
  if ((await stores.tasks.list(run.runId)).some(({ status }) => isInAuthority(status))) return undefined;
  const found = await verify(run, subject, verification, options, phase);
  if (found === undefined) return undefined;
  const { missing, quarantined, open } = found;
  const { id } = verification;
  if (missing === quarantined) {
    return { next: 'finish', status: missing === 0 ? 'verified' : 'quarantined', verification: id };
  }
  if (run.pass >= run.passes) return { next: 'finish', status: 'incomplete', verification: id };
  if (missing - quarantined > open.length) return { next: 'sweep' };
  // The verification did not see what a repair writes. After a crash, the next supervisor begins it again.
  const before = await stores.runs.supervise(supervision, ({ desired }) =>
    desired === 'run' ? { verification: undefined } : undefined,
  );
  if (before.desired !== 'run') return undefined;
  await repairKeys(
    run,
    options,
    open.map(item => keyOf(run.keySchema, item)),
    phase,
  );
  return { next: 'repaired' };
}

function verificationSegmentsOf({ totalSegments, rates }: RunRecord): number {
  return verificationSegments(totalSegments, rates.readUnitsPerSecond);
}

async function subjectOf(run: RunRecord): Promise<VerificationSubject> {
  const { keySchema, attribute, createdKey: alsoRead, indexKeys, recipe } = run;
  if (recipe === undefined) return lacksAttribute(keySchema, attribute, { alsoRead, indexKeys });
  const rule = await loadRule(run, keySchema);
  return missesByRule({ keySchema, rule }, recipeText(recipe), { alsoRead, indexKeys });
}

async function verify(
  run: RunRecord,
  subject: VerificationSubject,
  verification: CurrentVerification,
  options: PassEndOptions,
  phase: EndPhase,
): Promise<VerificationResult | undefined> {
  const { stores, clock, supervision, output, metrics, observer } = options;
  const { id, totalSegments, startedAt } = verification;
  const tracker = new VerificationTracker(run, totalSegments, startedAt);
  const count = new VerificationCount(id, run, phase);
  const tell = () => observer?.verification(tracker.progress(clock.nowIso()));
  const reader = { runId: run.runId, id, epoch: supervision.epoch };
  const goOnFrom = (segment: number, findings: VerificationFindings, done: boolean) => {
    tracker.goOnFrom(segment, findings, done);
    count.readBefore(findings.readUnits);
  };
  const goesOn = startedAt !== verification.activeAt;
  output.event('verification.started', {
    pass: run.pass,
    segments: totalSegments,
    ...(goesOn && { resumed: true, since: startedAt }),
  });
  const result = await verifyTable({
    client: phase.client,
    table: run.table,
    keySchema: run.keySchema,
    subject,
    totalSegments,
    rate: phase.reading,
    clock,
    signal: phase.signal,
    held: phase.held,
    checkpoints: checkpointsOf(reader, options, phase.signal, goOnFrom),
    isQuarantined: key => stores.quarantine.isOpen(run.runId, key),
    mostUnsavedUnits: mostUnsavedUnits(unitsOfTable(run, await stores.segments.list(run.runId))),
    onSlow: reason => output.event('warning', { message: `The table answers slowly: ${reason}.` }),
    onPage: page => {
      count.read(page.readUnits);
      metrics.count(REPAIR_SEGMENT, { readUnits: page.readUnits });
      tracker.add(page);
      tell();
    },
  });
  count.tell();
  tell();
  const { scanned, missing, quarantined, nulls, readUnits, sample } = result;
  const notIndexed = run.indexKeys && result.notIndexed;
  const diagnosis = diagnose(run, result.open, missing - quarantined);
  const record = await stores.runs.supervise(supervision, now =>
    now.desired === 'run' && now.verification?.id === id
      ? { missing, nulls, notIndexed, diagnosis: diagnosis?.words }
      : undefined,
  );
  if (record.desired !== 'run' || record.verification?.id !== id) return undefined;
  await stores.runs.writeVerification({
    runId: run.runId,
    pass: run.pass,
    totalSegments,
    startedAt,
    finishedAt: clock.nowIso(),
    scanned,
    missing,
    nulls,
    ...(notIndexed !== undefined && { notIndexed }),
    keys: sample,
    readUnits,
  });
  output.event('verification.finished', {
    ...verificationFinished(run, result),
    ...(diagnosis && { diagnosis }),
  });
  if (diagnosis) output.say(diagnosis.words);
  return result;
}

/** Estimates the read units of a verification from those of the sweep. */
function unitsOfTable({ pass }: RunRecord, segments: readonly SegmentRecord[]): number {
  const eventual = segments.reduce((sum, { counters }) => sum + counters.readUnits, 0);
  // Counters are cumulative over sweeps. A consistent read costs twice as much.
  return (2 * eventual) / Math.max(1, pass);
}

/** The fields of `verification.finished`. */
export function verificationFinished(
  { table, attribute, indexKeys }: Pick<RunRecord, 'table' | 'attribute' | 'indexKeys'>,
  { scanned, missing, nulls, notIndexed, sample }: VerificationResult,
) {
  return {
    ...{ table, attribute, scanned, missing, nulls },
    ...(indexKeys && { notIndexed }),
    keys: sample.map(key => JSON.parse(key) as unknown),
  };
}

async function repairKeys(
  run: RunRecord,
  options: PassEndOptions,
  keys: readonly AttributeMap[],
  phase: EndPhase,
): Promise<void> {
  const { stores, clock, output, metrics } = options;
  const write: ItemWrite = {
    table: run.table,
    keySchema: run.keySchema,
    rule: await loadRule(run, run.keySchema),
  };
  const id = `repair-${randomUUID().slice(0, 8)}`;
  output.event('repair.started', { pass: run.pass + 1, items: keys.length });
  const counted: RepairCounters = {
    ...{ matched: 0, updated: 0, alreadySet: 0, deleted: 0, quarantined: 0, outOfScope: 0 },
    ...{ recomputed: 0, readUnits: 0, writeUnits: 0 },
  };
  const onProgress = (done: RepairCounters) => {
    const names = Object.keys(counted) as (keyof RepairCounters)[];
    const grown = Object.fromEntries(names.map(name => [name, done[name] - counted[name]]));
    Object.assign(counted, done);
    metrics.count(REPAIR_SEGMENT, grown);
    phase.count(id, done);
  };
  const undoLog = openSupervisorLog(run, { store: stores.undoLog, clock });
  const done = await repair({
    client: phase.client,
    write,
    undoLog,
    keys,
    rate: phase.writing,
    clock,
    signal: phase.signal,
    held: phase.held,
    onProgress,
    onQuarantine: (key, reason, attempts) =>
      stores.quarantine.add({ runId: run.runId, key, reason, attempts, segment: -1, at: clock.nowIso() }),
  }).finally(() => undoLog?.close());
  output.event('repair.finished', { pass: run.pass + 1, ...done });
}
