import { type DynamoDBClient, ScanCommand, type ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import { type ItemWrite, itemProjection } from '../../core/item-write.ts';
import type { CapacityLimiter } from '../../core/rate/capacity-limiter.ts';
import { MAX_TOTAL_SEGMENTS } from '../../core/records.ts';
import { settleCall } from '../../core/settle.ts';
import { SampleTally } from './sample-tally.ts';
import type { ChargedIndex } from './write-units.ts';

/** Segments are cut so that one holds about a page of 1 MB. */
const SEGMENT_BYTES = 1_024 * 1_024;

/** DynamoDB's count is often newer than its size; an item is taken to have this much at least. */
const LEAST_ITEM_BYTES = 256;

/** Pages of one segment: what is larger holds a fat partition key, or the table is larger than was known. */
const MOST_PAGES = 4;

/** When the first segments are all too large, the table is cut into so many times more. */
const FINER = 16;

/** A page of 1 MB, eventually consistent: 8 KB a unit [developer guide]. */
const LARGEST_PAGE_UNITS = 128;
const BYTES_PER_UNIT = 8_192;

export interface SampleRequest {
  readonly client: Pick<DynamoDBClient, 'send'>;
  readonly write: ItemWrite;
  readonly indexes: readonly ChargedIndex[];
  /** An attribute that says when an item was created, beside the keys. */
  readonly createdKey: string | undefined;
  /** Segments to read, of as many as make them about 1 MB each. */
  readonly segments: number;
  /** By DynamoDB's own account, up to six hours old. */
  readonly tableSize: { readonly items: number; readonly bytes: number } | undefined;
  readonly limiter: CapacityLimiter;
  readonly clock: Clock;
  /** 0 to below 1. */
  readonly random: () => number;
  /** The sample ends after this time with what it has by then. */
  readonly longestMs: number;
  readonly signal: AbortSignal;
}

export interface TableSample {
  readonly totalSegments: number;
  readonly tally: SampleTally;
  /** Every segment was read to its end: what it says is no estimate. */
  readonly wholeTable: boolean;
  /** Whole items were read, or, where the role may not, only their keys and what the rule reads. */
  readonly contents: 'items' | 'keys';
  readonly readUnits: number;
  readonly durationMs: number;
}

/**
 * Reads segments of the table at random, eventually consistent and behind the limiter, for what the plan must know:
 * how many items lack the attribute, how large they are, when they were created. It writes nothing.
 * @throws the client's error when the table cannot be scanned; the signal's reason when it aborts.
 */
export async function sampleTable(request: SampleRequest): Promise<TableSample> {
  return new Sampling(request).run();
}

class Sampling {
  readonly #request: SampleRequest;
  readonly #startedAtMs: number;
  #tally: SampleTally;
  #totalSegments: number;
  #contents: TableSample['contents'] = 'items';
  #readUnits = 0;
  #expectedUnits = LARGEST_PAGE_UNITS;

  constructor(request: SampleRequest) {
    this.#request = request;
    this.#startedAtMs = request.clock.monotonicMs();
    this.#tally = this.#newTally();
    const { items = 0, bytes = 0 } = request.tableSize ?? {};
    const size = Math.max(bytes, items * LEAST_ITEM_BYTES);
    this.#totalSegments = Math.min(
      MAX_TOTAL_SEGMENTS,
      Math.max(request.segments, Math.ceil(size / SEGMENT_BYTES)),
    );
    const pageUnits = Math.max(1, Math.min(LARGEST_PAGE_UNITS, request.limiter.unitsPerSecond));
    this.#expectedUnits = pageUnits;
  }

  async run(): Promise<TableSample> {
    const { segments, clock } = this.#request;
    let order = this.#draw();
    for (let segment = order.shift(); segment !== undefined && !this.#late; segment = order.shift()) {
      await this.#readSegment(segment);
      const read = this.#tally.segments;
      const tooLarge = read.length === Math.min(3, segments) && read.every(({ whole }) => !whole);
      if (tooLarge && !this.#late && this.#totalSegments < MAX_TOTAL_SEGMENTS) {
        this.#totalSegments = Math.min(MAX_TOTAL_SEGMENTS, this.#totalSegments * FINER);
        this.#tally = this.#newTally();
        order = this.#draw();
      }
    }
    const read = this.#tally.segments;
    return {
      totalSegments: this.#totalSegments,
      tally: this.#tally,
      wholeTable: read.length === this.#totalSegments && read.every(({ whole }) => whole),
      contents: this.#contents,
      readUnits: this.#readUnits,
      durationMs: clock.monotonicMs() - this.#startedAtMs,
    };
  }

  get #late(): boolean {
    return this.#request.clock.monotonicMs() - this.#startedAtMs > this.#request.longestMs;
  }

  #newTally(): SampleTally {
    const { write, indexes, createdKey } = this.#request;
    return new SampleTally(write, indexes, createdKey);
  }

  /** Different segments, in random order. */
  #draw(): number[] {
    const { segments, random } = this.#request;
    const drawn = new Set<number>();
    while (drawn.size < Math.min(segments, this.#totalSegments)) {
      drawn.add(Math.floor(random() * this.#totalSegments));
    }
    return [...drawn];
  }

  async #readSegment(segment: number): Promise<void> {
    const before = { items: this.#tally.items, missing: this.#tally.missing };
    let start: AttributeMap | undefined;
    for (let pages = 0; pages < MOST_PAGES && !(pages > 0 && this.#late); pages++) {
      const page = await this.#readPage(segment, start);
      const items = page.Items ?? [];
      const units = page.ConsumedCapacity?.CapacityUnits ?? this.#expectedUnits;
      if (this.#contents === 'items') this.#tally.addItems(items);
      else this.#tally.addKeys(items, units * BYTES_PER_UNIT);
      start = page.LastEvaluatedKey;
      if (!start) break;
    }
    this.#tally.segments.push({
      segment,
      items: this.#tally.items - before.items,
      missing: this.#tally.missing - before.missing,
      whole: start === undefined,
    });
  }

  async #readPage(segment: number, start: AttributeMap | undefined): Promise<ScanCommandOutput> {
    const { client, limiter, clock, signal } = this.#request;
    for (let failures = 1; ; failures++) {
      const reserved = this.#expectedUnits;
      await limiter.reserve(reserved, signal);
      try {
        const page = await client.send(new ScanCommand(this.#scanInput(segment, start)));
        const units = page.ConsumedCapacity?.CapacityUnits ?? reserved;
        limiter.settle(reserved, units);
        this.#readUnits += units;
        this.#expectedUnits = Math.max(0.5, units);
        return page;
      } catch (error) {
        signal.throwIfAborted();
        if (this.#contents === 'items' && isDenied(error)) {
          this.#contents = 'keys';
          continue;
        }
        if (settleCall(error, 1).kind !== 'retry' || this.#late) throw error;
        await clock.sleep(backoffMs(failures), signal);
      }
    }
  }

  #scanInput(segment: number, start: AttributeMap | undefined) {
    const { write, createdKey, limiter } = this.#request;
    return {
      TableName: write.table,
      Segment: segment,
      TotalSegments: this.#totalSegments,
      ExclusiveStartKey: start,
      Limit: pageLimit(limiter.unitsPerSecond),
      ReturnConsumedCapacity: 'TOTAL' as const,
      ...(this.#contents === 'keys' && {
        Select: 'SPECIFIC_ATTRIBUTES' as const,
        ...itemProjection(write, createdKey === undefined ? [] : [createdKey]),
      }),
    };
  }
}

/** What a second of a small budget reads, counting on items of 1 KB; whole pages otherwise. */
function pageLimit(unitsPerSecond: number): number | undefined {
  return unitsPerSecond >= LARGEST_PAGE_UNITS ? undefined : Math.max(1, Math.floor(unitsPerSecond * 8));
}

function isDenied(error: unknown): boolean {
  return error instanceof Error && error.name === 'AccessDeniedException';
}

/** Why there is no sample. */
export function sampleFailure(error: unknown): string {
  return `The table could not be sampled: ${describeError(error)}`;
}
