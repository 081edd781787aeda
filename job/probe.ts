import { randomUUID } from 'node:crypto';
import { type AttributeMap, encodeAttributeMap } from '../core/attribute-value.ts';
import { describeError } from '../core/errors.ts';
import { exampleAssignment, type ItemWrite } from '../core/item-write.ts';
import { MetricsPublisher } from '../core/metrics-publisher.ts';
import { keyOfNoItem } from '../core/probe-key.ts';
import { type ProbeRecord, type ProbeStep, ProbeSteps, ProbeStore } from '../core/probe-store.ts';
import { RateControl } from '../core/rate/rate-control.ts';
import { loadRule } from '../core/recipe/load.ts';
import type { WriteApi } from '../core/records.ts';
import { settleStatement } from '../core/settle.ts';
import { TaskStore } from '../core/task-store.ts';
import { Authority } from './authority.ts';
import { NotDesired, SIGTERM_EXIT_CODE } from './shutdown.ts';
import type { TaskContext } from './task-context.ts';
import { UserTable } from './user-table.ts';

/** A page of a few items proves the permission as well as a whole one. */
const PAGE_ITEMS = 25;

/** The segment that pays for requests; a probe has none. */
const NOBODY = { tally: { add: () => {} } };

/**
 * Tries each of a worker's calls once, with the same code, roles and network, and changes no item. It tries each step
 * even if an earlier one failed, so that one task shows everything that is missing.
 *
 * @returns the exit code: 0 if every step succeeded; 143 after SIGTERM; 1 otherwise.
 */
export async function runProbe(options: TaskContext, probe: ProbeRecord): Promise<number> {
  const { task, controlTable, clock, log, stop } = options;
  const tasks = new TaskStore(controlTable);
  const store = new ProbeStore(controlTable);
  const instance = randomUUID();
  const rate = new RateControl({ clock, floorWriteUnitsPerSecond: probe.rates.writeUnitsPerSecond });
  const authority = new Authority({
    tasks,
    clock,
    runId: task.runId,
    launchId: task.launchId,
    instance,
    heartbeatMs: probe.heartbeatMs,
    authorityMs: probe.authorityMs,
    report: () => ({ seenRenewal: rate.seenRenewal }),
    onRecord: record => {
      rate.grant(record.granted, record.renewal);
      if (record.desired !== 'run') stop.abort(new NotDesired(record.desired));
    },
  });
  await authority.start();
  log.info({ table: probe.table, writeApis: probe.writeApis }, 'probe started');
  const signal = AbortSignal.any([stop.signal, authority.lost]);
  const steps = await tryEverything(options, probe, { authority, rate, store }, signal);
  await authority.stop();
  const failed = steps.filter(({ ok }) => !ok);
  for (const { step, detail } of failed) log.error({ step, reason: detail }, 'probe step failed');
  await store.report(task.runId, task.launchId, instance, steps);
  const end = stop.signal.aborted
    ? ({ kind: 'sigterm', message: describeError(stop.signal.reason) } as const)
    : ({
        kind: 'done',
        message: `${steps.length - failed.length} of ${steps.length} steps succeeded`,
      } as const);
  await tasks.finish(task.runId, task.launchId, instance, end, clock.nowIso());
  log.info({ end: end.kind, reason: end.message }, 'probe ended');
  if (stop.signal.aborted) return SIGTERM_EXIT_CODE;
  return failed.length === 0 ? 0 : 1;
}

interface ProbeMeans {
  readonly authority: Authority;
  readonly rate: RateControl;
  readonly store: ProbeStore;
}

async function tryEverything(
  { task, dataPlane, cloudWatch, clock }: TaskContext,
  probe: ProbeRecord,
  { authority, rate, store }: ProbeMeans,
  signal: AbortSignal,
): Promise<ProbeStep[]> {
  const { keySchema } = probe;
  const write: ItemWrite = {
    table: task.table,
    keySchema,
    rule: await loadRule({ ...task, recipe: probe.recipe }, keySchema),
  };
  const table = new UserTable({
    client: dataPlane(() => authority.assertHeld()),
    write,
    authority,
    rate,
    onWriteLatency: () => {},
  });
  const key = keyOfNoItem(keySchema);
  const absent = async () => (await table.readBack([key], NOBODY, signal)).get(key) === 'absent';

  const steps = new ProbeSteps<ProbeStep['step']>();
  await steps.take('scan', async () => {
    const position = {
      segment: task.segments[0] ?? 0,
      totalSegments: task.totalSegments,
      exclusiveStartKey: undefined,
      itemsNow: () => PAGE_ITEMS,
    };
    const { ScannedCount = 0, Count = 0 } = await table.scan(position, NOBODY, signal);
    return `${ScannedCount} items read in segment ${position.segment} of ${position.totalSegments}, ${Count} without "${write.rule.targets.join('" or "')}"`;
  });
  await steps.take('read-back', async () => {
    if (!(await absent()))
      throw new Error(`An item already has the random key ${encodeAttributeMap(key)}. Try again.`);
    return `no item has the key ${encodeAttributeMap(key)}`;
  });
  // The probe writes only to a key that is known to have no item.
  const known = steps.taken.at(-1)?.ok === true;
  for (const api of probe.writeApis) {
    await steps.take(`write-${api}`, async () => {
      if (!known) throw new Error('This step was skipped, because the key could not be read.');
      await refusedWrite(table, api, key, signal);
      if (!(await absent())) throw new Error('The write created an item. Do not run Fleetfill here.');
      return 'DynamoDB refused the write, as it must for a key without an item, and created nothing';
    });
  }
  await steps.take('metric', async () => {
    let failed: unknown;
    const onFailure = (error: unknown) => {
      failed = error;
    };
    await new MetricsPublisher({
      client: cloudWatch,
      clock,
      namespace: task.namespace,
      table: task.table,
      onFailure,
    }).close();
    if (failed !== undefined) throw failed;
    return `zeros published in ${task.namespace}`;
  });
  await steps.take('record', async () => {
    await store.putNote(task.runId, task.launchId, clock.nowIso());
    return 'a record kept in the control table';
  });
  return steps.taken;
}

/** @throws when the write is not refused, or is refused for a reason other than its condition. */
async function refusedWrite(
  table: UserTable,
  api: WriteApi,
  key: AttributeMap,
  signal: AbortSignal,
): Promise<void> {
  const item = { key, assignment: exampleAssignment(table.write) };
  const wrong = 'The write was accepted, although no item has the key.';
  if (api === 'batch') {
    const [error] = await table.writeBatch([item], NOBODY, signal, () => {});
    if (error === undefined) throw new Error(wrong);
    if (settleStatement(error).kind !== 'refused') throw new Error(`${error.Code}: ${error.Message}`);
    return;
  }
  try {
    await table.writeSingle(item, NOBODY, signal);
  } catch (error) {
    if (error instanceof Error && error.name === 'ConditionalCheckFailedException') return;
    throw error;
  }
  throw new Error(wrong);
}
