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

/** Segments of the log read at the same time. */
const CONCURRENCY = 8;

/** Keys in one BatchGetItem at most [API reference]. */
const KEYS_A_CALL = 100;

/** Fewer are asked for where a crash may cost so few only. */
const LEAST_KEYS_A_CALL = 10;

export interface LogStandingRequest {
  readonly client: Pick<DynamoDBClient, 'send'>;
  readonly table: string;
  readonly source: LogSource;
  /** Chunks that another undo has handled are left out. */
  readonly undoRun: string;
  readonly rate: Pick<RateControl, 'reserveReads' | 'settleReads' | 'throttled'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Resolves when there is authority to send; without it, none is needed. */
  readonly held?: (signal: AbortSignal) => Promise<void>;
  readonly onRead?: (readUnits: number) => void;
  /** Without them, what was read is lost with the process. */
  readonly checkpoints?: VerificationCheckpoints;
  /** Values that may be looked at again after a crash. */
  readonly mostUnsavedValues?: number;
}

/** The present state of what a run set. Keys are DynamoDB JSON, {@link MOST_KEYS} at most. */
export interface LogStanding {
  /** Values of the log that were looked at. */
  readonly read: number;
  /** Known to have been set by the run, and still its value. */
  readonly ours: number;
  readonly oursKeys: readonly string[];
  /** Known to have been set by the run, and no longer there: another value, none, or no item. */
  readonly removed: number;
  readonly changed: number;
  readonly deleted: number;
  /** Perhaps set by the run, and still its value. */
  readonly unknown: number;
  readonly unknownKeys: readonly string[];
  readonly readUnits: number;
}

/**
 * Reads every item of a run's undo log with strong consistency, and says how each value stands that the run set, or
 * may have set.
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
    // An entry is unknown only if no other one says that the value was set: in any launch, any pass, any segment.
    await eachSegment(async segment => {
      for await (const { set } of readLog(source, segment)) {
        signal.throwIfAborted();
        for (const value of set) found.isKnown(value);
      }
    });
  }
  return found.sum();
}

/** Of all segments. */
class Findings {
  readonly segments: LogSegment[] = [];
  readonly #unknown = new Map<string, string>();

  /** Whether anything is unknown, once every segment was read. */
  collectUnknown(): boolean {
    for (const { unknown } of this.segments) {
      for (const [identity, key] of unknown) this.#unknown.set(identity, key);
    }
    return this.#unknown.size > 0;
  }

  /** What is unknown in one chunk and set in another counts as set. */
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
    // What another undo has brought to an end is none of this one's. It left alone what is unknown.
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
  // A call may name a key once only, and several targets of one item have the same.
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

/** The items at these keys, by their key as DynamoDB JSON: keys and targets, and nothing else of them. */
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
