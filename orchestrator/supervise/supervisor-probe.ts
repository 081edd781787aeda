import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DescribeTableCommand, type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { encodeAttributeMap } from '../../core/attribute-value.ts';
import type { Clock } from '../../core/clock.ts';
import type { ItemWrite } from '../../core/item-write.ts';
import type { LockStore } from '../../core/lock-store.ts';
import type { MetricsPublisher } from '../../core/metrics-publisher.ts';
import { keyOfNoItem } from '../../core/probe-key.ts';
import {
  type ProbeRecord,
  type ProbeStep,
  ProbeSteps,
  type ProbeStore,
  type SupervisorStep,
} from '../../core/probe-store.ts';
import { RateControl } from '../../core/rate/rate-control.ts';
import { loadRule } from '../../core/recipe/load.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { readItems } from '../user-table/read-items.ts';
import { readTraffic } from '../user-table/traffic.ts';
import { repairItem } from '../verify/repair.ts';
import { missesByRule } from '../verify/subject.ts';

/** A page of a few items proves the permission as well as a whole page. */
const PAGE_ITEMS = 25;

export interface SupervisorProbeOptions {
  readonly probe: ProbeRecord;
  readonly probes: ProbeStore;
  readonly locks: (onUnavailable: (reason: string) => void) => Pick<LockStore, 'read'>;
  readonly fleet: Pick<Fleet, 'start' | 'describe' | 'stop'>;
  readonly client: DynamoDBClient;
  readonly cloudWatch: CloudWatchClient;
  /** Publishes zeros when closed. */
  readonly metrics: (onFailure: (error: unknown) => void) => Pick<MetricsPublisher, 'close'>;
  readonly clock: Clock;
  readonly controlTable: string;
  readonly namespace: string;
  readonly signal: AbortSignal;
}

/**
 * Tries everything that a supervisor does for a run, each thing once, with the same code, role and network. It changes
 * no item, and it stops the one worker that it starts at once.
 * @returns the steps that it tried. It also reports them in the control table.
 */
export async function runSupervisorProbe(
  options: SupervisorProbeOptions,
): Promise<readonly ProbeStep<SupervisorStep>[]> {
  const { probe, probes, locks, client, cloudWatch, clock, namespace } = options;
  const { runId, table } = probe;
  const steps = new ProbeSteps<SupervisorStep>();
  let tableArn = table;
  await steps.take('records', async () => {
    await probes.tryRecords(runId, clock.nowIso());
    return 'records kept, read, changed and deleted in the control table';
  });
  await steps.take('table', async () => {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
    tableArn = Table?.TableArn ?? table;
    return `${tableArn} is ${Table?.TableStatus}`;
  });
  await steps.take('lock', async () => {
    let why = '';
    const onUnavailable = (reason: string) => {
      why = reason;
    };
    const lock = await locks(onUnavailable).read(tableArn);
    if (lock === 'unavailable') throw new Error(why);
    return lock ? `run ${lock.runId} holds the table` : 'nobody holds the table';
  });
  await steps.take('scan', () => scanOnePage(options));
  await steps.take('repair', () => repairNothing(options));
  await steps.take('launch', () => launchOnce(options));
  await steps.take('traffic', async () => {
    const minutes = await readTraffic(cloudWatch, table, Date.now());
    return `${minutes.length} minutes of the table's metrics`;
  });
  await steps.take('metric', async () => {
    let failed: unknown;
    const onFailure = (error: unknown) => {
      failed = error;
    };
    await options.metrics(onFailure).close();
    if (failed !== undefined) throw failed;
    return `zeros published in ${namespace}`;
  });
  await probes.reportSupervisor(runId, clock.nowIso(), steps.taken);
  return steps.taken;
}

async function writeOf({ probe }: SupervisorProbeOptions): Promise<ItemWrite> {
  const { table, keySchema } = probe;
  return { table, keySchema, rule: await loadRule(probe, keySchema) };
}

/** Reads like a verification. */
async function scanOnePage(options: SupervisorProbeOptions): Promise<string> {
  const write = await writeOf(options);
  const { ScannedCount = 0 } = await options.client.send(
    new ScanCommand({
      TableName: write.table,
      ConsistentRead: true,
      Limit: PAGE_ITEMS,
      Select: 'SPECIFIC_ATTRIBUTES',
      ...missesByRule(write, 'probe').scan,
    }),
  );
  return `${ScannedCount} items read with strong consistency`;
}

/** Repairs an item that does not exist, which must write nothing. */
async function repairNothing(options: SupervisorProbeOptions): Promise<string> {
  const { client, clock, signal, probe } = options;
  const write = await writeOf(options);
  const key = keyOfNoItem(write.keySchema);
  const rate = new RateControl({ clock, floorWriteUnitsPerSecond: probe.rates.writeUnitsPerSecond });
  rate.grant(probe.rates, 1);
  const isAbsent = async () =>
    (await readItems('Reading an item', { client, table: write, keys: [key], rate, clock, signal }))
      .length === 0;
  if (!(await isAbsent())) {
    throw new Error(`An item already has the random key ${encodeAttributeMap(key)}. Try again.`);
  }
  const { outcome } = await repairItem(key, {
    ...{ client, write, rate, clock, signal },
    held: async () => {},
    onQuarantine: async (_, reason) => {
      throw new Error(reason);
    },
    onConsumed: () => {},
  });
  if (outcome !== 'deleted' || !(await isAbsent())) {
    throw new Error(`The write to a key without an item ended as ${outcome}. Do not run Fleetfill here.`);
  }
  return 'DynamoDB refused the write, as it must for a key without an item, and created nothing';
}

/** Starts the probe's worker, looks at it and stops it. */
async function launchOnce({
  probe,
  fleet,
  controlTable,
  namespace,
}: SupervisorProbeOptions): Promise<string> {
  const { runId, launchId, table, attribute, value } = probe;
  if (launchId === undefined) throw new Error('The record of the probe has no launch.');
  const taskArn = await fleet.start(
    {
      runId,
      launchId,
      segments: [0],
      totalSegments: 1,
      table,
      ...(value !== undefined && { attribute, value }),
      controlTable,
      namespace,
    },
    false,
  );
  let unanswered: unknown;
  const seen = await fleet.describe([taskArn], error => {
    unanswered = error;
  });
  await fleet.stop(taskArn, 'fleetfill: the probe is over');
  if (!seen.has(taskArn)) throw unanswered ?? new Error(`ECS does not know the task ${taskArn}.`);
  return `${taskArn} started, seen and stopped`;
}
