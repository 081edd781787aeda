import {
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  type BatchStatementError,
  type BatchStatementRequest,
  type ConsumedCapacity,
  type DynamoDBClient,
  ScanCommand,
  type ScanCommandOutput,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../core/attribute-value.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import {
  batchStatementFactory,
  type ItemWrite,
  itemProjection,
  keyOf,
  keyProjection,
  lackingFilter,
  updateItemInput,
} from '../core/item-write.ts';
import { Patience } from '../core/rate/patience.ts';
import type { RateControl } from '../core/rate/rate-control.ts';
import type { BatchForms } from '../core/records.ts';
import { endedBy } from '../core/request-abort.ts';
import { readTargetsInput, removeItemInput, type Standing, standingOf } from '../core/undo/item-removal.ts';
import type { LoggedValue } from '../core/undo/log-reader.ts';
import type { Assignment } from '../core/write-rule.ts';
import type { Authority } from './authority.ts';
import type { SegmentCounters } from './segment-counters.ts';

/** What a segment's Scan needs besides the table. */
export interface ScanPosition {
  readonly segment: number;
  readonly totalSegments: number;
  readonly exclusiveStartKey: AttributeMap | undefined;
  /** The most items to read, at the current rate; undefined for a whole page of 1 MB. */
  readonly itemsNow: () => number | undefined;
}

/** What is stored at a key: the item, as far as the run's rule reads it, or none. */
export type ReadBack = AttributeMap | 'absent';

/** One item, and what to do with it. */
export interface ItemAssignment {
  readonly key: AttributeMap;
  readonly assignment: Assignment;
}

export interface UserTableOptions {
  readonly client: DynamoDBClient;
  readonly write: ItemWrite;
  /** The proven forms of a batch statement. Without them only one target without sources goes in a batch. */
  readonly batchForms?: BatchForms | undefined;
  readonly authority: Authority;
  readonly rate: RateControl;
  readonly clock?: Clock;
  readonly onWriteLatency: (ms: number) => void;
  /** Resolves when a write may be sent, as far as the undo log is concerned. */
  readonly mayWrite?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Called with a message when the table answers slowly. */
  readonly onSlow?: (reason: string) => void;
}

/** The segment that a request's consumption counts for. */
export interface ConsumptionOwner {
  readonly tally: Pick<SegmentCounters, 'add'>;
}

/**
 * The only access to the user's table. Each method is one HTTP attempt. It waits for authority and for its part of the
 * budget, sends the request, and settles the consumption that the reply reports. It throws failures unchanged. A
 * failure keeps its reservation, because a failed condition consumes units too. core/settle.ts and the caller decide
 * what a failure means.
 */
export class UserTable {
  readonly #options: UserTableOptions;
  readonly #statement: (key: AttributeMap, assignment: Assignment) => BatchStatementRequest;
  readonly #scans: Patience;
  readonly #writes: Patience;
  readonly #readBacks: Patience;

  constructor(options: UserTableOptions) {
    this.#options = options;
    this.#statement = batchStatementFactory(options.write, options.batchForms);
    const { clock = systemClock, onSlow = () => {} } = options;
    this.#scans = new Patience({ clock, what: 'Scan', onSlow });
    this.#writes = new Patience({ clock, what: 'write', onSlow });
    this.#readBacks = new Patience({ clock, what: 'BatchGetItem', onSlow });
  }

  get write(): ItemWrite {
    return this.#options.write;
  }

  async scan(
    position: ScanPosition,
    owner: ConsumptionOwner,
    signal: AbortSignal,
  ): Promise<ScanCommandOutput> {
    const { client, write, rate, authority } = this.#options;
    const { rule } = write;
    // A constant needs only the key of an item.
    const onlyKeys = rule.sources.length === 0 && rule.targets.length === 1;
    const projection = onlyKeys ? keyProjection(write) : itemProjection(write);
    let limit: number | undefined;
    let reserved = 0;
    const page = await this.#scans.send(
      async () => {
        await authority.held(signal);
        const { itemsNow } = position;
        ({ limit, reserved } = await rate.reservePage(itemsNow, false, signal, now => authority.held(now)));
      },
      abortSignal => {
        const command = new ScanCommand({
          TableName: write.table,
          Segment: position.segment,
          TotalSegments: position.totalSegments,
          ExclusiveStartKey: position.exclusiveStartKey,
          Limit: limit,
          Select: 'SPECIFIC_ATTRIBUTES',
          ...lackingFilter(write, projection),
          ReturnConsumedCapacity: 'TOTAL',
        });
        return client.send(endedBy(command, abortSignal));
      },
    );
    const readUnits = page.ConsumedCapacity?.CapacityUnits ?? reserved;
    const { ScannedCount: scanned = 0, Count: matched = 0 } = page;
    rate.settlePage(reserved, { readUnits, scanned, matched, consistent: false });
    owner.tally.add({ readUnits });
    return page;
  }

  /**
   * @returns the error of each statement, in order; undefined if the item was set. If the rate fell while the batch
   * waited, the batch may hold fewer items. The surplus is then removed from `items` and given to `tooMany`.
   */
  async writeBatch<T extends ItemAssignment>(
    items: T[],
    owner: ConsumptionOwner,
    signal: AbortSignal,
    tooMany: (items: T[]) => void,
  ): Promise<(BatchStatementError | undefined)[]> {
    const { client, rate } = this.#options;
    const itemsNow = () => {
      const most = rate.batchItems(items.length);
      if (most < items.length) tooMany(items.splice(most));
      return items.length;
    };
    let reserved = 0;
    let startedAt = 0;
    const reply = await this.#writes.send(
      async () => {
        reserved = await this.#admitWrites(itemsNow, signal);
        startedAt = performance.now();
      },
      abortSignal => {
        const Statements = items.map(({ key, assignment }) => this.#statement(key, assignment));
        const command = new BatchExecuteStatementCommand({ Statements, ReturnConsumedCapacity: 'TOTAL' });
        return client.send(endedBy(command, abortSignal));
      },
    );
    this.#written(startedAt, reserved, items.length, reply.ConsumedCapacity, owner);
    return (reply.Responses ?? []).map(response => response.Error);
  }

  /** Sets one item. A refusal is thrown; {@link readBack} then tells what the item has. */
  async writeSingle(
    { key, assignment }: ItemAssignment,
    owner: ConsumptionOwner,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, write, rate } = this.#options;
    let reserved = 0;
    let startedAt = 0;
    const reply = await this.#writes
      .send(
        async () => {
          reserved = await this.#admitWrites(1, signal);
          startedAt = performance.now();
        },
        abortSignal =>
          client.send(endedBy(new UpdateItemCommand(updateItemInput(write, key, assignment)), abortSignal)),
      )
      .catch((error: unknown) => {
        if (isRefusal(error)) owner.tally.add({ writeUnits: rate.settleRefusal(reserved) });
        throw error;
      });
    this.#written(startedAt, reserved, 1, reply.ConsumedCapacity && [reply.ConsumedCapacity], owner);
  }

  /** What is stored at these keys, read with strong consistency. A key without an answer has no entry. */
  async readBack(
    keys: readonly AttributeMap[],
    owner: ConsumptionOwner,
    signal: AbortSignal,
  ): Promise<Map<AttributeMap, ReadBack>> {
    const { client, write, rate } = this.#options;
    const command = new BatchGetItemCommand({
      RequestItems: {
        [write.table]: { Keys: [...keys], ConsistentRead: true, ...itemProjection(write) },
      },
      ReturnConsumedCapacity: 'TOTAL',
    });
    let reserved = 0;
    const reply = await this.#readBacks.send(
      async () => {
        reserved = await this.#admitReads(keys.length, signal);
      },
      abortSignal => client.send(endedBy(command, abortSignal)),
    );
    const answered = keys.length - (reply.UnprocessedKeys?.[write.table]?.Keys?.length ?? 0);
    owner.tally.add({ readUnits: rate.settleReads(reserved, sumOf(reply.ConsumedCapacity), answered) });
    const standing = new Map(
      (reply.Responses?.[write.table] ?? []).map(item => [this.#identity(item), item]),
    );
    const unanswered = new Set(
      (reply.UnprocessedKeys?.[write.table]?.Keys ?? []).map(key => this.#identity(key)),
    );
    return new Map(
      keys
        .filter(key => !unanswered.has(this.#identity(key)))
        .map(key => [key, standing.get(this.#identity(key)) ?? 'absent']),
    );
  }

  /** Removes one attribute if it has exactly this value. A refusal is thrown. */
  async remove(
    { key, value }: LoggedValue,
    attribute: string,
    owner: ConsumptionOwner,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, write, rate } = this.#options;
    const command = new UpdateItemCommand(removeItemInput(write, key, attribute, value));
    let reserved = 0;
    let startedAt = 0;
    const reply = await this.#writes
      .send(
        async () => {
          reserved = await this.#admitWrites(1, signal);
          startedAt = performance.now();
        },
        abortSignal => client.send(endedBy(command, abortSignal)),
      )
      .catch((error: unknown) => {
        if (isRefusal(error)) owner.tally.add({ writeUnits: rate.settleRefusal(reserved) });
        throw error;
      });
    this.#written(startedAt, reserved, 1, reply.ConsumedCapacity && [reply.ConsumedCapacity], owner);
  }

  /** The state of an undo log's entry, read with strong consistency; undefined without an answer. */
  async standing(
    { key, value }: LoggedValue,
    attribute: string,
    owner: ConsumptionOwner,
    signal: AbortSignal,
  ): Promise<Standing | undefined> {
    const { client, write, rate } = this.#options;
    const reserved = await this.#admitReads(1, signal);
    const reply = await client.send(
      new BatchGetItemCommand(readTargetsInput(write, [{ name: attribute }], [key])),
    );
    const answered = 1 - (reply.UnprocessedKeys?.[write.table]?.Keys?.length ?? 0);
    owner.tally.add({ readUnits: rate.settleReads(reserved, sumOf(reply.ConsumedCapacity), answered) });
    if (answered === 0) return undefined;
    return standingOf(reply.Responses?.[write.table]?.[0], attribute, value);
  }

  /** A key as text, to find an item in an unordered reply. */
  #identity(item: AttributeMap): string {
    const key = keyOf(this.#options.write.keySchema, item);
    return Object.values(key)
      .map(value => (value.B ? Buffer.from(value.B).toString('base64') : (value.N ?? value.S ?? '')))
      .map(text => `${text.length}:${text}`)
      .join();
  }

  async #admitReads(items: number, signal: AbortSignal): Promise<number> {
    const { rate, authority } = this.#options;
    await authority.held(signal);
    return rate.reserveReads(items, signal, now => authority.held(now));
  }

  async #admitWrites(itemsNow: number | (() => number), signal: AbortSignal): Promise<number> {
    const { rate, authority, mayWrite } = this.#options;
    await authority.held(signal);
    return rate.reserveWrites(itemsNow, signal, async now => {
      await mayWrite?.(now);
      await authority.held(now);
    });
  }

  #written(
    startedAt: number,
    reserved: number,
    items: number,
    capacity: ConsumedCapacity[] | undefined,
    owner: ConsumptionOwner,
  ): void {
    const { rate, onWriteLatency } = this.#options;
    onWriteLatency(performance.now() - startedAt);
    owner.tally.add({ writeUnits: rate.settleWrites(reserved, sumOf(capacity), items) });
  }
}

/** A failed condition consumes as much as the write would have, and the error does not report it [developer guide]. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === 'ConditionalCheckFailedException';
}

function sumOf(capacity: readonly ConsumedCapacity[] | undefined): number | undefined {
  if (!capacity || capacity.length === 0) return undefined;
  return capacity.reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
}
