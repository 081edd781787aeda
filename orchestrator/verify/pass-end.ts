import { randomUUID } from 'node:crypto';
import type { AttributeMap } from '../../core/attribute-value.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
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
  type VerificationFindings,
} from '../../core/records.ts';
import type { Supervision } from '../../core/run-store.ts';
import { settleCall } from '../../core/settle.ts';
import { verificationSegments } from '../../core/verification-segments.ts';
import type { VerificationReader } from '../../core/verification-store.ts';
import type { Output } from '../cli/output.ts';
import type { RunObserver } from '../run-observer.ts';
import type { Stores } from '../stores.ts';
import { diagnose } from './diagnosis.ts';
import type { EndPhase } from './end-phase.ts';
import { type RepairCounters, repair } from './repair.ts';
import { lacksAttribute, missesByRule, type VerificationSubject } from './subject.ts';
import { openSupervisorLog } from './supervisor-log.ts';
import { type VerificationCheckpoints, type VerificationResult, verifyTable } from './verification.ts';
import { VerificationTracker } from './verification-tracker.ts';

/** A verification that nobody worked on for longer than this begins again: who wrote meanwhile is not known. */
const LONGEST_PAUSE_MS = 3_600_000;

/** Pages that a crash may cost, as a part of the table; and at the least, so that pages are not rounded away. */
const UNSAVED_PART = 1 / 100;
const LEAST_UNSAVED_UNITS = 4;

export interface PassEndOptions {
  readonly stores: Stores;
  readonly clock: Clock;
  readonly supervision: Supervision;
  readonly output: Output;
  readonly metrics: MetricsPublisher;
  readonly observer?: RunObserver | undefined;
}

/** What follows a verification. It holds only while the verification of this id is the run's last one. */
export type PassEnd =
  | { readonly next: 'finish'; readonly status: RunStatus; readonly verification?: string }
  | { readonly next: 'repaired' }
  | { readonly next: 'sweep' };

/**
 * The end of a pass: the verification scan, and what follows from it.
 *
 *     nothing is missing ─► verified          all that is missing is in quarantine ─► quarantined
 *     a few keys, and a pass is left ─► repair exactly those; the next verification reads them and all the others
 *     many, and a pass is left ─► another sweep          no pass is left ─► incomplete
 *
 * Call it only when every segment is complete and no task is in authority. Each write to the run record names the
 * supervision, so an orchestrator that was superseded in the middle cannot end the run.
 *
 * @returns undefined when the run is not wanted any more, or not ready to be verified: look again.
 */
export async function endPass(
  run: RunRecord,
  options: PassEndOptions,
  phase: EndPhase,
): Promise<PassEnd | undefined> {
  const { stores, supervision } = options;
  const subject = await subjectOf(run);
  const verification = await beginVerification(run, subject, options);
  if (verification === undefined) return undefined;
  // A retry may have joined until the run was verifying; from then on none can.
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
  // What a repair writes is not what the verification saw: whoever comes after a crash begins it again.
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

async function subjectOf(run: RunRecord): Promise<VerificationSubject> {
  const { keySchema, attribute, createdKey, recipe } = run;
  if (recipe === undefined) return lacksAttribute(keySchema, attribute, createdKey);
  const rule = await loadRule(run, keySchema);
  return missesByRule({ keySchema, rule }, recipeText(recipe), createdKey);
}

/** The verification to go on with, or a new one, as the run's record says it from now on. */
async function beginVerification(
  run: RunRecord,
  subject: VerificationSubject,
  { stores, supervision, clock }: PassEndOptions,
): Promise<CurrentVerification | undefined> {
  const at = clock.nowIso();
  const fresh: CurrentVerification = {
    id: `${String(run.pass).padStart(4, '0')}-${randomUUID().slice(0, 8)}`,
    pass: run.pass,
    totalSegments: verificationSegments(run.totalSegments, run.rates.readUnitsPerSecond),
    subject: subject.name,
    startedAt: at,
    activeAt: at,
  };
  const record = await stores.runs.supervise(supervision, now => {
    if (now.desired !== 'run') return undefined;
    const current = now.verification;
    const goesOn = current !== undefined && mayGoOn(current, now, subject, at);
    return { status: 'verifying', verification: goesOn ? { ...current, activeAt: at } : fresh };
  });
  return record.desired === 'run' ? record.verification : undefined;
}

/** Whether what an earlier supervisor has read still counts. */
function mayGoOn(
  { pass, subject, startedAt, activeAt }: CurrentVerification,
  run: Pick<RunRecord, 'pass' | 'deployedAt'>,
  { name }: VerificationSubject,
  at: string,
): boolean {
  if (pass !== run.pass || subject !== name) return false;
  if (run.deployedAt !== undefined && Date.parse(run.deployedAt) > Date.parse(startedAt)) return false;
  return Date.parse(at) - Date.parse(activeAt) <= LONGEST_PAUSE_MS;
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
  const countedBefore = run.counted?.id === id ? run.counted.counters.readUnits : 0;
  let readHere = 0;
  let readBefore = 0;
  const tell = () => {
    // Pages that were counted, and whose checkpoint was lost with their reader, were read all the same.
    phase.count(id, { readUnits: Math.max(countedBefore, readBefore) + readHere });
    observer?.verification(tracker.progress(clock.nowIso()));
  };
  const reader = { runId: run.runId, id, epoch: supervision.epoch };
  const goOnFrom = (segment: number, findings: VerificationFindings, done: boolean) => {
    tracker.goOnFrom(segment, findings, done);
    readBefore += findings.readUnits;
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
    mostUnsavedUnits: await mostUnsavedUnits(run, stores),
    onSlow: reason => output.event('warning', { message: `The table answers slowly: ${reason}.` }),
    onPage: page => {
      readHere += page.readUnits;
      metrics.count(REPAIR_SEGMENT, { readUnits: page.readUnits });
      tracker.add(page);
      tell();
    },
  });
  tell();
  const { scanned, missing, quarantined, nulls, readUnits, sample } = result;
  const diagnosis = diagnose(run, result.open, missing - quarantined);
  const record = await stores.runs.supervise(supervision, now =>
    now.desired === 'run' && now.verification?.id === id
      ? { missing, diagnosis: diagnosis?.words }
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

/** Every segment's checkpoint in the control table, for as long as it takes to reach it. */
function checkpointsOf(
  reader: VerificationReader,
  { stores, clock }: PassEndOptions,
  signal: AbortSignal,
  onClaimed: (segment: number, findings: VerificationFindings, done: boolean) => void,
): VerificationCheckpoints {
  const patiently = async <T>(call: () => Promise<T>): Promise<T> => {
    for (let failures = 1; ; failures++) {
      try {
        return await call();
      } catch (error) {
        signal.throwIfAborted();
        if (settleCall(error, 1).kind !== 'retry') throw error;
        await clock.sleep(backoffMs(failures), signal);
      }
    }
  };
  return {
    claim: async segment => {
      const claimed = await patiently(() => stores.verifications.claim(reader, segment));
      const { sequence, findings, lastEvaluatedKey, done = false, at = '' } = claimed;
      if (sequence === undefined || findings === undefined) return undefined;
      onClaimed(segment, findings, done);
      return { segment, sequence, findings, lastEvaluatedKey, done, at };
    },
    save: position => patiently(() => stores.verifications.save(reader, position)),
  };
}

/** A hundredth of what the sweep says that a verification will read. */
async function mostUnsavedUnits(run: RunRecord, stores: Stores): Promise<number> {
  const segments = await stores.segments.list(run.runId);
  const eventual = segments.reduce((sum, { counters }) => sum + counters.readUnits, 0);
  // Counters are cumulative over sweeps; a consistent read costs twice as much.
  const ofTable = (2 * eventual) / Math.max(1, run.pass);
  return Math.max(LEAST_UNSAVED_UNITS, ofTable * UNSAVED_PART);
}

/** The fields of `verification.finished`. */
export function verificationFinished(
  { table, attribute }: Pick<RunRecord, 'table' | 'attribute'>,
  { scanned, missing, nulls, sample }: VerificationResult,
) {
  return { table, attribute, scanned, missing, nulls, keys: sample.map(key => JSON.parse(key) as unknown) };
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
