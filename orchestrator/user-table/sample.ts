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

/** The table is divided so that one segment holds about one page of 1 MB. */
const SEGMENT_BYTES = 1_024 * 1_024;

/**
 * DynamoDB's item count is often newer than its table size, so the size is assumed to be at least this much for each
 * item.
 */
const LEAST_ITEM_BYTES = 256;

/**
 * Reads at most this many pages of a segment. A larger segment has one very large partition key, or the table is larger
 * than expected.
 */
const MOST_PAGES = 4;

/** If the first segments are all too large, the sample starts again with this many times more segments. */
const FINER = 16;

/** A page of 1 MB, read eventually consistent at 8 KB a unit [developer guide]. */
const LARGEST_PAGE_UNITS = 128;
const BYTES_PER_UNIT = 8_192;

export interface SampleRequest {
  readonly client: Pick<DynamoDBClient, 'send'>;
  readonly write: ItemWrite;
  readonly indexes: readonly ChargedIndex[];
  /** An attribute besides the keys that tells when an item was created. */
  readonly createdKey: string | undefined;
  /** The number of segments to read. The table is divided into as many as make them about 1 MB each. */
  readonly segments: number;
  /** DynamoDB's own figures, up to six hours old. */
  readonly tableSize: { readonly items: number; readonly bytes: number } | undefined;
  readonly limiter: CapacityLimiter;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** After this time the sample ends with what it has. */
  readonly longestMs: number;
  readonly signal: AbortSignal;
}

export interface TableSample {
  readonly totalSegments: number;
  readonly tally: SampleTally;
  /** Every segment was read to its end, so the figures are exact. */
  readonly wholeTable: boolean;
  /** `items`: whole items were read. `keys`: the role may read only the keys and what the rule needs. */
  readonly contents: 'items' | 'keys';
  readonly readUnits: number;
  readonly durationMs: number;
}

/**
 * Reads random segments of the table, eventually consistent and within the limiter's rate. It finds out how many items
 * lack the attribute, how large items are, and when they were created. It writes nothing.
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

  /** Draws different segments in random order. */
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

/** With a small budget, a page is what one second's units read of items of 1 KB; otherwise pages have no limit. */
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
