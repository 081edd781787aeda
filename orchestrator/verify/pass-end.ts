import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type AttributeMap, encodeAttributeMap } from '../../core/attribute-value.ts';
import type { Clock } from '../../core/clock.ts';
import { type ItemWrite, keyOf } from '../../core/item-write.ts';
import { REPAIR_SEGMENT } from '../../core/metrics.ts';
import type { MetricsPublisher } from '../../core/metrics-publisher.ts';
import { CapacityLimiter } from '../../core/rate/capacity-limiter.ts';
import { loadRule } from '../../core/recipe/load.ts';
import { addCounters, NO_COUNTERS, type RunRecord, type RunStatus } from '../../core/records.ts';
import type { Supervision } from '../../core/run-store.ts';
import { verificationSegments } from '../../core/verification-segments.ts';
import type { Output } from '../cli/output.ts';
import type { RunObserver } from '../run-observer.ts';
import type { Stores } from '../stores.ts';
import { diagnose } from './diagnosis.ts';
import { repair } from './repair.ts';
import { sampleOf, type VerificationResult, verifyTable } from './verification.ts';
import { VerificationTracker } from './verification-tracker.ts';

export interface PassEndOptions {
  readonly stores: Stores;
  readonly client: DynamoDBClient;
  readonly clock: Clock;
  readonly supervision: Supervision;
  readonly output: Output;
  readonly metrics: MetricsPublisher;
  readonly observer?: RunObserver | undefined;
}

/** What follows a verification. */
export type PassEnd =
  | { readonly next: 'finish'; readonly status: RunStatus; readonly missing: number }
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
 */
export async function endPass(
  run: RunRecord,
  options: PassEndOptions,
  signal: AbortSignal,
): Promise<PassEnd> {
  const { stores, supervision } = options;
  await stores.runs.supervise(supervision, ({ status }) =>
    status === 'verifying' ? undefined : { status: 'verifying' },
  );
  const { result, open } = await verify(run, options, signal);
  const allKeysKnown = result.missing === result.keys.length;
  if (allKeysKnown && open.length === 0) {
    const status = result.missing === 0 ? 'verified' : 'quarantined';
    return { next: 'finish', status, missing: result.missing };
  }
  if (run.pass >= run.passes) return { next: 'finish', status: 'incomplete', missing: result.missing };
  if (!allKeysKnown) return { next: 'sweep' };
  await repairKeys(run, options, open, signal);
  return { next: 'repaired' };
}

async function verify(
  run: RunRecord,
  options: PassEndOptions,
  signal: AbortSignal,
): Promise<{ readonly result: VerificationResult; readonly open: readonly AttributeMap[] }> {
  const { stores, client, clock, supervision, output, metrics, observer } = options;
  const totalSegments = verificationSegments(run.totalSegments);
  const startedAt = clock.nowIso();
  const tracker = new VerificationTracker(run, totalSegments, startedAt);
  observer?.verification(tracker.progress(startedAt));
  output.event('verification.started', { pass: run.pass, segments: totalSegments });
  const result = await verifyTable({
    client,
    table: run.table,
    keySchema: run.keySchema,
    attribute: run.attribute,
    alsoRead: run.createdKey,
    totalSegments,
    limiter: new CapacityLimiter(clock, run.rates.readUnitsPerSecond),
    clock,
    signal,
    onPage: page => {
      metrics.count(REPAIR_SEGMENT, { readUnits: page.readUnits });
      tracker.add(page);
      observer?.verification(tracker.progress(clock.nowIso()));
    },
  });
  const found = { ...result, keys: result.keys.map(item => keyOf(run.keySchema, item)) };
  const keys = sampleOf(found.keys);
  const { scanned, missing, nulls, readUnits } = result;
  const quarantined = new Set((await stores.quarantine.list(run.runId)).map(({ key }) => key));
  const openItems = result.keys.filter(
    item => !quarantined.has(encodeAttributeMap(keyOf(run.keySchema, item))),
  );
  const inQuarantine = result.keys.length - openItems.length;
  const diagnosis = diagnose(run, openItems, missing - inQuarantine);
  await stores.runs.supervise(supervision, record => ({
    supervisorCounters: addCounters(record.supervisorCounters, { ...NO_COUNTERS, readUnits }),
    missing,
    diagnosis: diagnosis?.words,
  }));
  await stores.runs.writeVerification({
    runId: run.runId,
    pass: run.pass,
    totalSegments,
    startedAt,
    finishedAt: clock.nowIso(),
    scanned,
    missing,
    nulls,
    keys,
    readUnits,
  });
  output.event('verification.finished', {
    ...verificationFinished(run, found),
    ...(diagnosis && { diagnosis }),
  });
  if (diagnosis) output.say(diagnosis.words);
  return { result: found, open: openItems.map(item => keyOf(run.keySchema, item)) };
}

/** The fields of `verification.finished`. */
export function verificationFinished(
  { table, attribute }: Pick<RunRecord, 'table' | 'attribute'>,
  { scanned, missing, nulls, keys }: VerificationResult,
) {
  return { table, attribute, scanned, missing, nulls, keys: sampleOf(keys).map(key => JSON.parse(key)) };
}

async function repairKeys(
  run: RunRecord,
  options: PassEndOptions,
  keys: VerificationResult['keys'],
  signal: AbortSignal,
): Promise<void> {
  const { stores, client, clock, supervision, output, metrics } = options;
  const write: ItemWrite = {
    table: run.table,
    keySchema: run.keySchema,
    rule: await loadRule(run, run.keySchema),
  };
  output.event('repair.started', { pass: run.pass + 1, items: keys.length });
  const done = await repair({
    client,
    write,
    keys,
    limiter: new CapacityLimiter(clock, run.rates.writeUnitsPerSecond),
    clock,
    signal,
    onQuarantine: (key, reason, attempts) =>
      stores.quarantine.add({ runId: run.runId, key, reason, attempts, segment: -1, at: clock.nowIso() }),
  });
  const counters = { ...NO_COUNTERS, ...done };
  metrics.count(REPAIR_SEGMENT, counters);
  await stores.runs.supervise(supervision, record => ({
    supervisorCounters: addCounters(record.supervisorCounters, counters),
  }));
  output.event('repair.finished', { pass: run.pass + 1, ...done });
}
