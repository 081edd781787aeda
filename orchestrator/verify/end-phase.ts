import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Authority } from '../../core/authority.ts';
import type { Clock } from '../../core/clock.ts';
import { SupersededError } from '../../core/errors.ts';
import { RateControl } from '../../core/rate/rate-control.ts';
import { addCounters, type Counters, NO_COUNTERS, type Rates, type RunRecord } from '../../core/records.ts';
import type { RunStore, Supervision } from '../../core/run-store.ts';
import { settleCall } from '../../core/settle.ts';
import { isExpiredCredentials } from '../cli/expired-credentials.ts';

/** How often this reads the run's record and saves what was consumed. */
const RENEW_EVERY_MS = 1_000;

/** The most repairs in flight. */
const MOST_WRITES_IN_FLIGHT = 8;

export interface EndPhaseOptions {
  readonly runs: Pick<RunStore, 'supervise'>;
  readonly supervision: Supervision;
  readonly clock: Clock;
  readonly run: RunRecord;
  readonly client: DynamoDBClient;
  /** Creates a client that checks the authority before it writes to a socket. Without it, `client` is used. */
  readonly dataPlane?: ((assertMaySend: () => void) => DynamoDBClient) | undefined;
  /** On the monotonic clock. An earlier supervisor may have authority until then. */
  readonly notBeforeMs?: number;
  /** Called once a second. It checks the run and returns the rates that live traffic leaves. */
  readonly look?: ((record: RunRecord) => Promise<Rates>) | undefined;
  readonly onThrottled?: ((count: number, reason: string) => void) | undefined;
  /** Aborts when the operator detaches. */
  readonly detach: AbortSignal;
}

/** What verification and repair get: authority, the current budget, and a place to count. */
export interface EndPhase {
  readonly client: DynamoDBClient;
  readonly reading: RateControl;
  readonly writing: RateControl;
  /** Aborts when the run must pause or stop, another orchestrator has taken over, or the operator detaches. */
  readonly signal: AbortSignal;
  /** Resolves once there is authority to send a request to the user's table. */
  readonly held: (signal: AbortSignal) => Promise<void>;
  /** Takes the totals that a piece of work has consumed and written so far. They are saved as they grow. */
  readonly count: (id: string, counters: Partial<Counters>) => void;
}

/** The run must pause or stop. Work in progress ends, and nothing is concluded from it. */
class UnwantedError extends Error {}

/**
 * Runs the work that follows a sweep, with the authority of the supervisor. It reads the run's record each second. From
 * the start of each read it may send requests for the authority time. A new budget in the record takes effect with the
 * same read. One write saves what was consumed and echoes the rates in force:
 *
 *     operator        rate 1 ▲                                  sees the echo: in force
 *     record          ───────┴──────────────────────▲───────────▲──
 *     this process    read: 20 ── pages ──── read: 1 │   echo: 1 │
 *
 * @returns undefined if the run had to pause or stop
 * @throws SupersededError; the detach signal's reason; what the work throws
 */
export async function duringEndPhase<T>(
  options: EndPhaseOptions,
  work: (phase: EndPhase) => Promise<T>,
): Promise<T | undefined> {
  const { runs, supervision, clock, run, detach } = options;
  const { notBeforeMs = Number.NEGATIVE_INFINITY } = options;
  const common = { clock, indexes: run.indexes, seed: run.itemSize };
  const reading = new RateControl({ ...common, paces: 'reads' });
  const writing = new RateControl({ ...common, mostWritesInFlight: MOST_WRITES_IN_FLIGHT });
  const unwanted = new AbortController();
  const ledger = new Ledger();
  let latest = run;
  let inForce: RunRecord['supervisorEcho'];
  let renewals = 0;
  const grant = (rates: Rates) => {
    renewals += 1;
    reading.grant(rates, renewals);
    writing.grant(rates, renewals);
    inForce = { lastChange: latest.changes.at(-1)?.id ?? '', rates };
  };
  const save = () =>
    runs.supervise(supervision, record => {
      const counted = ledger.change(record);
      const change = {
        ...counted,
        ...stillActive(record, counted, clock.nowIso()),
        ...echo(record, inForce),
      };
      return Object.keys(change).length === 0 ? undefined : change;
    });
  const authority = new Authority({
    clock,
    renewEveryMs: RENEW_EVERY_MS,
    authorityMs: run.authorityMs,
    isFinal: error =>
      error instanceof SupersededError || isExpiredCredentials(error) || settleCall(error, 1).kind !== 'retry'
        ? error
        : undefined,
    renew: async () => {
      latest = await save();
      grant(cutRates(latest));
      if (latest.desired !== 'run') unwanted.abort(new UnwantedError());
      return latest.desired === 'run' && clock.monotonicMs() >= notBeforeMs;
    },
  });
  const done = new AbortController();
  const client = options.dataPlane?.(() => authority.assertHeld()) ?? options.client;
  const signal = AbortSignal.any([unwanted.signal, authority.lost, detach]);
  const background: Promise<void>[] = [];
  try {
    await authority.begin();
    background.push(
      reading.adjustUntil(done.signal),
      writing.adjustUntil(done.signal),
      lookAfter(options, () => latest, grant, [reading, writing], done.signal),
    );
    signal.throwIfAborted();
    return await work({
      client,
      reading,
      writing,
      signal,
      held: given => authority.held(given),
      count: (id, counters) => ledger.count(id, counters),
    });
  } catch (error) {
    if (authority.lost.aborted) throw authority.lost.reason;
    if (unwanted.signal.aborted && !(error instanceof SupersededError) && !detach.aborted) return undefined;
    throw error;
  } finally {
    done.abort();
    await authority.end();
    await Promise.all(background);
    if (client !== options.client) client.destroy();
    // Saves the last pages. A supervisor that was superseded or cannot reach the control table leaves without saving.
    if (!authority.lost.aborted) await save().catch(() => {});
  }
}

/** The rates that live traffic leaves of the budget. */
function cutRates({ rates, cut }: RunRecord): Rates {
  const factor = cut?.factor ?? 1;
  return {
    writeUnitsPerSecond: rates.writeUnitsPerSecond * factor,
    readUnitsPerSecond: rates.readUnitsPerSecond * factor,
  };
}

/** The length of a pause counts from the last work that was done. */
function stillActive(
  { verification, desired }: RunRecord,
  counted: Partial<RunRecord>,
  activeAt: string,
): Partial<RunRecord> {
  if (verification === undefined || desired !== 'run' || counted.counted === undefined) return {};
  return { verification: { ...verification, activeAt } };
}

function echo({ supervisorEcho: told }: RunRecord, inForce: RunRecord['supervisorEcho']): Partial<RunRecord> {
  if (inForce === undefined) return {};
  const same =
    told?.lastChange === inForce.lastChange &&
    told.rates.readUnitsPerSecond === inForce.rates.readUnitsPerSecond &&
    told.rates.writeUnitsPerSecond === inForce.rates.writeUnitsPerSecond;
  return same ? {} : { supervisorEcho: inForce };
}

async function lookAfter(
  { clock, look, onThrottled }: EndPhaseOptions,
  latest: () => RunRecord,
  grant: (rates: Rates) => void,
  rates: readonly RateControl[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const rate of rates) {
      const throttled = rate.takeThrottled();
      if (throttled) onThrottled?.(throttled.count, throttled.reason);
    }
    const record = latest();
    // If the look fails, nothing changes: the cut in the record stays in force.
    const left = await look?.(record).catch(() => undefined);
    if (left && !signal.aborted && record === latest()) grant(left);
    await clock.sleep(RENEW_EVERY_MS, signal);
  }
}

/** Compares what each piece of work has consumed with what the run's record already includes. */
class Ledger {
  #now: { id: string; counters: Counters } | undefined;

  count(id: string, counters: Partial<Counters>): void {
    this.#now = { id, counters: { ...NO_COUNTERS, ...counters } };
  }

  change({ counted, supervisorCounters }: RunRecord): Partial<RunRecord> {
    const now = this.#now;
    if (now === undefined) return {};
    const before = counted?.id === now.id ? counted.counters : NO_COUNTERS;
    const names = Object.keys(NO_COUNTERS) as (keyof Counters)[];
    if (names.every(name => now.counters[name] === before[name])) return {};
    const grown = Object.fromEntries(names.map(name => [name, now.counters[name] - before[name]]));
    return {
      supervisorCounters: addCounters(supervisorCounters, grown as unknown as Counters),
      counted: now,
    };
  }
}
