import { BatchGetItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type AttributeMap, encodeAttributeMap } from '../../core/attribute-value.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { keyOf } from '../../core/item-write.ts';
import type { RateControl } from '../../core/rate/rate-control.ts';
import { retryUntilAnswered } from '../../core/retry-until-answered.ts';
import { readTargetsInput, standingOf } from '../../core/undo/item-removal.ts';
import { identityOf, type LoggedValue, type LogSource, readLog } from '../../core/undo/log-reader.ts';
import { isDealtWith, supervisorLogSegment } from '../../core/undo/log-store.ts';
import type { VerificationPosition } from '../../core/verification-store.ts';
import type { VerificationCheckpoints } from '../verify/verification.ts';
import { LogSegment, MOST_KEYS } from './log-segment.ts';

/** Segments of the log that are read at the same time. */
const CONCURRENCY = 8;

/** The most keys in one BatchGetItem [API reference]. */
const KEYS_A_CALL = 100;

/** Calls get smaller if a crash may cost only a few values, but not smaller than this. */
const LEAST_KEYS_A_CALL = 10;

export interface LogStandingRequest {
  readonly client: Pick<DynamoDBClient, 'send'>;
  readonly table: string;
  readonly source: LogSource;
  /** Chunks that an undo other than this one has handled are skipped. */
  readonly undoRun: string;
  readonly rate: Pick<RateControl, 'reserveReads' | 'settleReads' | 'throttled'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Resolves once there is authority to send. Without it, no authority is needed. */
  readonly held?: (signal: AbortSignal) => Promise<void>;
  readonly onRead?: (readUnits: number) => void;
  /** Without checkpoints, everything read is lost with the process. */
  readonly checkpoints?: VerificationCheckpoints;
  /** The most values that may be read again after a crash. */
  readonly mostUnsavedValues?: number;
}

/** The current state of what a run set. Keys are DynamoDB JSON, at most {@link MOST_KEYS}. */
export interface LogStanding {
  /** Values of the log that were read. */
  readonly read: number;
  /** Values that the run certainly set and that the items still have. */
  readonly ours: number;
  readonly oursKeys: readonly string[];
  /**
   * Values that the run certainly set and that are gone: the attribute was removed or changed, or the item was deleted.
   */
  readonly removed: number;
  readonly changed: number;
  readonly deleted: number;
  /** Values that the run may have set and that the items still have. */
  readonly unknown: number;
  readonly unknownKeys: readonly string[];
  readonly readUnits: number;
}

/**
 * Reads every item of a run's undo log with strong consistency. It tells for each value that the run set, or may have
 * set, whether the item still has it.
 * @throws SystemicError when a table refuses the reads for good; the signal's reason when it aborts.
 */
export async function readLogStanding(request: LogStandingRequest): Promise<LogStanding> {
  const { source } = request;
  const failed = new AbortController();
  const signal = AbortSignal.any([request.signal, failed.signal]);
  const found = new Findings();
  const eachSegment = async (read: (segment: number) => Promise<void>) => {
    const waiting = Array.from({ length: supervisorLogSegment(source) + 1 }, (_, segment) => segment);
    const lane = async () => {
      for (let segment = waiting.shift(); segment !== undefined; segment = waiting.shift()) {
        await read(segment);
      }
    };
    await Promise.all(
      Array.from({ length: Math.min(CONCURRENCY, waiting.length) }, () =>
        lane().catch(error => {
          failed.abort(error);
          throw error;
        }),
      ),
    );
  };
  await eachSegment(async segment => {
    const position = await request.checkpoints?.claim(segment);
    signal.throwIfAborted();
    const of = new LogSegment(segment, position);
    found.segments.push(of);
    if (!of.done) await readSegment(of, { ...request, signal });
  });
  if (found.collectUnknown()) {
    // An entry stays unknown only if no other entry says that the value was set, in any launch, pass or segment.
    await eachSegment(async segment => {
      for await (const { set } of readLog(source, segment)) {
        signal.throwIfAborted();
        for (const value of set) found.isKnown(value);
      }
    });
  }
  return found.sum();
}

/** The findings of all segments. */
class Findings {
  readonly segments: LogSegment[] = [];
  readonly #unknown = new Map<string, string>();

  /**
   * Call it once every segment was read.
   * @returns whether anything is unknown.
   */
  collectUnknown(): boolean {
    for (const { unknown } of this.segments) {
      for (const [identity, key] of unknown) this.#unknown.set(identity, key);
    }
    return this.#unknown.size > 0;
  }

  /** A value that is unknown in one chunk and set in another counts as set. */
  isKnown(value: LoggedValue): void {
    this.#unknown.delete(identityOf(value));
  }

  sum(): LogStanding {
    const all = (of: (segment: LogSegment) => number) =>
      this.segments.reduce((total, segment) => total + of(segment), 0);
    return {
      read: all(({ read }) => read),
      ours: all(({ counts }) => counts.ours),
      oursKeys: this.segments.flatMap(({ ours }) => ours).slice(0, MOST_KEYS),
      removed: all(({ counts }) => counts.removed),
      changed: all(({ counts }) => counts.changed),
      deleted: all(({ counts }) => counts.deleted),
      unknown: this.#unknown.size,
      unknownKeys: [...this.#unknown.values()].slice(0, MOST_KEYS),
      readUnits: all(({ readUnits }) => readUnits),
    };
  }
}

async function readSegment(found: LogSegment, request: LogStandingRequest): Promise<void> {
  const { source, checkpoints, clock, mostUnsavedValues = Number.POSITIVE_INFINITY } = request;
  const save = async (position: VerificationPosition | undefined) => {
    if (position) await checkpoints?.save(position);
  };
  const ofCall = Math.max(LEAST_KEYS_A_CALL, Math.min(KEYS_A_CALL, mostUnsavedValues / CONCURRENCY));
  for await (const chunk of readLog(source, found.segment)) {
    request.signal.throwIfAborted();
    const looked = found.looked(chunk);
    if (looked === undefined) continue;
    const { set, unknown, undone } = chunk;
    // What another undo has finished does not belong to this one. Unknown values do, because the other undo left them
    // alone.
    const ended =
      undone !== undefined && undone.by !== request.undoRun && isDealtWith(undone, request.undoRun);
    const values = [
      ...(ended ? [] : set.map(value => ({ value, known: true }))),
      ...unknown.map(value => ({ value, known: false })),
    ];
    for (let from = looked; from < values.length; from += Math.floor(ofCall)) {
      const to = Math.min(values.length, from + Math.floor(ofCall));
      await readValues(values.slice(from, to), request, found);
      await save(found.position(chunk.name, to, clock.nowIso()));
    }
  }
  await save(found.end(clock.nowIso()));
}

async function readValues(
  values: readonly { readonly value: LoggedValue; readonly known: boolean }[],
  request: LogStandingRequest,
  found: LogSegment,
): Promise<void> {
  // A call may name a key only once, but several targets of one item share a key.
  const keys = new Map(values.map(({ value: { key } }) => [encodeAttributeMap(key), key]));
  const { items, readUnits } = await readTargets([...keys.values()], request);
  found.readUnits += readUnits;
  const { targets } = request.source.layout;
  for (const { value, known } of values) {
    const item = items.get(encodeAttributeMap(value.key));
    found.add(value, known, standingOf(item, targets[value.target]?.name ?? '', value.value));
  }
  request.onRead?.(readUnits);
}

/** Reads only the keys and targets of these items. The result is indexed by the key as DynamoDB JSON. */
async function readTargets(
  keys: readonly AttributeMap[],
  { client, table, source, rate, clock, signal, held }: LogStandingRequest,
): Promise<{ readonly items: ReadonlyMap<string, AttributeMap>; readonly readUnits: number }> {
  const { keySchema, targets } = source.layout;
  const items = new Map<string, AttributeMap>();
  let readUnits = 0;
  let open = keys;
  for (let rounds = 1; open.length > 0; rounds++) {
    const asked = open;
    const onThrottled = (reason: string) => rate.throttled(reason);
    const reply = await retryUntilAnswered(
      'Reading the items of the undo log',
      { clock, signal, onThrottled },
      async () => {
        const reserved = await rate.reserveReads(asked.length, signal);
        await held?.(signal);
        const page = await client.send(
          new BatchGetItemCommand(readTargetsInput({ table, keySchema }, targets, asked)),
        );
        const unanswered = page.UnprocessedKeys?.[table]?.Keys?.length ?? 0;
        const reported = page.ConsumedCapacity?.reduce(
          (sum, { CapacityUnits = 0 }) => sum + CapacityUnits,
          0,
        );
        readUnits += rate.settleReads(reserved, reported, asked.length - unanswered);
        return page;
      },
    );
    for (const item of reply.Responses?.[table] ?? []) {
      items.set(encodeAttributeMap(keyOf(keySchema, item)), item);
    }
    open = reply.UnprocessedKeys?.[table]?.Keys ?? [];
    if (open.length > 0) await clock.sleep(backoffMs(rounds), signal);
  }
  return { items, readUnits };
}
