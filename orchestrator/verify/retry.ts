import { randomUUID } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { decodeKey } from '../../core/attribute-value.ts';
import { Authority } from '../../core/authority.ts';
import { createDataPlaneClient } from '../../core/aws-clients.ts';
import type { Clock } from '../../core/clock.ts';
import { ConfigurationError, FleetfillError, SystemicError, TableLockedError } from '../../core/errors.ts';
import type { ItemWrite } from '../../core/item-write.ts';
import { RateControl } from '../../core/rate/rate-control.ts';
import {
  addCounters,
  type Counters,
  isFinished,
  isInAuthority,
  NO_COUNTERS,
  type OperatorChange,
  type QuarantineRecord,
  type RunRecord,
  type TaskEnd,
  type TaskRecord,
} from '../../core/records.ts';
import { joined } from '../../core/task-store.ts';
import type { Stores } from '../stores.ts';
import { type RepairOutcome, repairItem } from './repair.ts';
import { openSupervisorLog } from './supervisor-log.ts';

const LANES = 8;

/** A supervisor grants a share within a few seconds. */
const GRANT_PATIENCE_MS = 30_000;

/** An earlier retry is gone once its heartbeat is older than its authority time plus this. */
const SLACK_MS = 1_000;

export interface RetryRequest {
  readonly stores: Stores;
  readonly run: RunRecord;
  readonly items: readonly QuarantineRecord[];
  readonly write: ItemWrite;
  readonly clock: Clock;
  /** The change in the run's record that says who asked for the retry. */
  readonly change: (detail: string) => OperatorChange;
  readonly detach: AbortSignal;
  /** Creates the client for the user's table. It checks the authority before it writes to a socket. */
  readonly dataPlane?: (assertMaySend: () => void) => DynamoDBClient;
  /** Called with the outcome of each item, and with the reason if it stays in quarantine. */
  readonly onSettled: (item: QuarantineRecord, outcome: RepairOutcome, reason: string, tries: number) => void;
}

/**
 * Tries again to write items of a run's quarantine. It takes part in the run like a task: heartbeats of its own record
 * give it authority and bring its share of the budget. Pause and cancel end it, and no verification begins while it
 * works. If the run has ended, it holds the table's lock in place of the run.
 *
 * @throws TableLockedError when another run or another retry holds the table, or while the run is verified.
 */
export async function retryQuarantined(request: RetryRequest): Promise<void> {
  const { stores, run, clock, detach, write, items, change } = request;
  const launchId = `retry-${randomUUID().slice(0, 8)}`;
  const instance = randomUUID();
  const seen = await join(request, launchId, instance);
  const live = !isFinished(seen.status) && seen.desired === 'run';
  const rate = new RateControl({
    clock,
    indexes: run.indexes,
    seed: run.itemSize,
    mostWritesInFlight: LANES,
    // Only a supervisor renews a share, so a retry without a supervisor needs no renewal.
    ...(live && { floorWriteUnitsPerSecond: run.unattendedRate / Math.max(1, run.tasks) }),
  });
  const ended = new AbortController();
  let heartbeat = 1;
  const authority = new Authority({
    clock,
    renewEveryMs: run.heartbeatMs,
    authorityMs: run.authorityMs,
    renew: async () => {
      heartbeat += 1;
      const record = await stores.tasks.heartbeat({
        ...{ runId: run.runId, launchId, instance, number: heartbeat },
        at: clock.nowIso(),
        seen: 'run',
        seenRenewal: rate.seenRenewal,
      });
      rate.grant(record.granted, record.renewal);
      if (record.desired !== 'run') {
        ended.abort(new FleetfillError('Unwanted', `Somebody asked run ${run.runId} to ${record.desired}.`));
      }
      return record.desired === 'run';
    },
  });
  const { dataPlane = createDataPlaneClient } = request;
  const client = dataPlane(() => authority.assertHeld());
  const undoLog = openSupervisorLog(run, { store: stores.undoLog, clock });
  const done = new AbortController();
  const signal = AbortSignal.any([ended.signal, authority.lost, detach]);
  const counters: { -readonly [K in keyof Counters]: Counters[K] } = { ...NO_COUNTERS };
  let end: TaskEnd = { kind: 'done', message: 'every item was tried again' };
  let adjusting: Promise<void> | undefined;
  try {
    await authority.begin();
    adjusting = rate.adjustUntil(done.signal);
    if (live) void untilGranted(rate, clock, ended);
    const waiting = [...items];
    const lane = async () => {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
        await retryItem(
          item,
          request,
          { launchId, client, write, rate, clock, signal, held: authority.held.bind(authority), undoLog },
          counters,
        );
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  } catch (error) {
    end = { kind: error instanceof SystemicError ? 'error' : 'desired', message: String(error) };
    throw error;
  } finally {
    done.abort();
    await adjusting;
    await undoLog?.close();
    await authority.end();
    client.destroy();
    await stores.tasks.finish(run.runId, launchId, instance, end, clock.nowIso());
    if (isFinished(seen.status)) await stores.runs.unlockRetry(run, launchId);
    else
      await stores.runs.operate(run.runId, change(`ended: ${end.message}`), record =>
        counted(record, counters),
      );
  }
}

/** Waits for a share from the supervisor. If none comes, it ends the retry. */
async function untilGranted(rate: RateControl, clock: Clock, ended: AbortController): Promise<void> {
  const untilMs = clock.monotonicMs() + GRANT_PATIENCE_MS;
  while (clock.monotonicMs() < untilMs) {
    await clock.sleep(1_000, ended.signal);
    if (ended.signal.aborted || rate.write.unitsPerSecond > 0) return;
  }
  ended.abort(
    new ConfigurationError(
      'Nobody supervises the run, so nobody can grant a share of its budget. Resume the run first.',
    ),
  );
}

type ItemMeans = Pick<
  Parameters<typeof repairItem>[1],
  'client' | 'write' | 'rate' | 'clock' | 'signal' | 'held' | 'undoLog'
>;

async function retryItem(
  item: QuarantineRecord,
  { stores, run, clock, onSettled }: RetryRequest,
  { launchId, ...means }: ItemMeans & { readonly launchId: string },
  counters: { -readonly [K in keyof Counters]: Counters[K] },
): Promise<void> {
  let { reason, attempts } = item;
  const { outcome } = await repairItem(decodeKey(item.key), {
    ...means,
    onConsumed: ({ readUnits = 0, writeUnits = 0 }) => {
      counters.readUnits += readUnits;
      counters.writeUnits += writeUnits;
    },
    onQuarantine: async (_, again, tries) => {
      reason = again;
      attempts += tries;
      await stores.quarantine.add({ ...item, reason, attempts, at: clock.nowIso() });
    },
  });
  if (outcome !== 'quarantined') {
    const resolved = { outcome, at: clock.nowIso(), by: launchId };
    // The item was counted as quarantined and now has another outcome. An earlier retry may have counted it already.
    if (await stores.quarantine.resolve(run.runId, item.key, resolved)) {
      counters[outcome] += 1;
      counters.quarantined -= 1;
    }
  }
  onSettled(item, outcome, reason, attempts);
}

/** Joins the run in its current state. */
async function join(request: RetryRequest, launchId: string, instance: string): Promise<RunRecord> {
  const { stores, run, clock, change, items } = request;
  for (;;) {
    await untilEarlierRetryEnded(request);
    const now = (await stores.runs.read(run.runId)) ?? run;
    const factor = now.cut?.factor ?? 1;
    const whole = {
      writeUnitsPerSecond: now.rates.writeUnitsPerSecond * factor,
      readUnitsPerSecond: now.rates.readUnitsPerSecond * factor,
    };
    const none = { writeUnitsPerSecond: 0, readUnitsPerSecond: 0 };
    const record = {
      ...{ runId: run.runId, launchId, pass: now.pass, segments: [], launchedAt: clock.nowIso() },
      // A supervisor grants the share with a heartbeat. Without one, nobody else sends, so the retry takes the whole
      // budget.
      granted: now.status === 'running' ? none : whole,
    };
    if (isFinished(now.status)) {
      const { by } = change('');
      await stores.runs.lockForRetry(now, joined(record, instance, now.epoch), by);
      return now;
    }
    if (now.status === 'verifying') {
      throw new TableLockedError(
        run.runId,
        `Run ${run.runId} is being verified, and the verification counts the items in quarantine. Try again when it has ended.`,
      );
    }
    // Whoever pauses or cancels it waits for the tasks that it knows of, and then says that nothing can write any more.
    if (now.status === 'running' && now.desired !== 'run') {
      throw new TableLockedError(
        run.runId,
        `Run ${run.runId} is to ${now.desired}, and its tasks have not all ended. Try again when they have.`,
      );
    }
    // A verification in progress did not see what a retry writes.
    const told = await stores.runs.operate(run.runId, change(`of ${items.length} items`), {
      verification: undefined,
    });
    if (told?.status !== now.status || told.desired !== now.desired) continue;
    // Another retry may have joined since the last look. From here on, one that joins changes the version first.
    if (await hasRetryAtWork(request)) continue;
    if (await stores.tasks.join(record, instance, told)) return told;
  }
}

async function hasRetryAtWork({ stores, run }: RetryRequest): Promise<boolean> {
  return (await stores.tasks.list(run.runId)).some(isRetryInAuthority);
}

/**
 * A retry of this run that was killed left a record in authority. The record ends once its heartbeats stop for long
 * enough.
 */
async function untilEarlierRetryEnded({ stores, run, clock }: RetryRequest): Promise<void> {
  const sinceMs = clock.monotonicMs();
  const seen = new Map<string, number>();
  for (;;) {
    const others = (await stores.tasks.list(run.runId)).filter(isRetryInAuthority);
    if (others.length === 0) return;
    for (const other of others) {
      const before = seen.get(other.launchId);
      if (before !== undefined && before !== other.heartbeat) {
        throw new TableLockedError(
          run.runId,
          `Another failures --retry of run ${run.runId} is running. Try again when it has ended.`,
        );
      }
      seen.set(other.launchId, other.heartbeat);
    }
    if (clock.monotonicMs() - sinceMs > run.authorityMs + SLACK_MS) {
      for (const other of others) {
        await stores.tasks.fence(other, { kind: 'error', message: 'no heartbeat' }, clock.nowIso());
      }
      return;
    }
    await clock.sleep(run.heartbeatMs / 4);
  }
}

/** A retry takes part in a run but is not one of its tasks. */
export function isRetry({ launchId }: Pick<TaskRecord, 'launchId'>): boolean {
  return launchId.startsWith('retry-');
}

function isRetryInAuthority(task: TaskRecord): boolean {
  return isRetry(task) && isInAuthority(task.status);
}

function counted(record: RunRecord, counters: Counters): Pick<RunRecord, 'supervisorCounters'> {
  return { supervisorCounters: addCounters(record.supervisorCounters, counters) };
}
