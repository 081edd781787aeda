const KB = 1_024;

/** Bytes behind one unit of an eventually consistent read: 4 KB cost half a unit [developer guide]. */
const BYTES_PER_EVENTUAL_UNIT = 8 * KB;
export const BYTES_PER_CONSISTENT_UNIT = 4 * KB;

/** A Scan page holds at most 1 MB. */
const LARGEST_PAGE_BYTES = 1_024 * KB;

/** The first items count for at most this many: later items can always change the estimate. */
const ITEMS_TO_REMEMBER = 200;

/** Items of a page, and the capacity that DynamoDB reports for it. */
export interface PageConsumption {
  readonly readUnits: number;
  readonly scanned: number;
  /** Items that lack the attribute. */
  readonly matched: number;
  readonly consistent: boolean;
}

/** What is known of the table's items. Records keep it, so that every launch begins with it. */
export interface ItemSize {
  /** Of an average item. */
  readonly bytes: number;
  /** Of one write, with all indexes; absent when none was reported yet. */
  readonly writeUnits?: number | undefined;
}

/**
 * What the next request will consume, learned from earlier ones. It is never too low for long: a value above the
 * estimate counts at once and in full, a lower one counts by the number of items behind it. An estimate that is too
 * high costs a short wait, since a reply gives back what was not consumed; one that is too low spends capacity before
 * anybody knows. When an engine reports no write units, the average item of the pages read stands in, rounded up: a
 * Scan reports what it read on every engine.
 */
export class CapacityEstimate {
  readonly #indexes: number;
  #itemBytes: number | undefined;
  #itemsOfBytes = 0;
  #writeUnits: number | undefined;
  #itemsOfWrites = 0;
  /** By the pages read when a write was last reported: later pages show larger items before they are written. */
  #refusalUnitsOfWrites = 1;
  #density = 1;
  #itemsOfDensity = 0;

  /**
   * `indexes`: global secondary indexes into which the attribute is projected; each costs an additional write.
   * `seed`: what an earlier launch, or the plan's sample, has learned.
   */
  constructor(indexes: number, seed?: ItemSize) {
    this.#indexes = indexes;
    this.seed(seed);
  }

  /** Whether anything was read, written or remembered. Otherwise the first request should be for one item. */
  get known(): boolean {
    return this.#itemBytes !== undefined;
  }

  /** Takes what was remembered, unless more is already known. */
  seed(size: ItemSize | undefined): void {
    if (size === undefined || this.known || !(size.bytes > 0)) return;
    this.#itemBytes = size.bytes;
    this.#itemsOfBytes = 1;
    if (size.writeUnits === undefined) return;
    this.#writeUnits = Math.max(1, size.writeUnits);
    this.#itemsOfWrites = 1;
    this.#refusalUnitsOfWrites = this.writeUnitsPerRefusal;
  }

  /** What the next launch should begin with. */
  get size(): ItemSize | undefined {
    if (this.#itemBytes === undefined) return undefined;
    return {
      bytes: Math.ceil(this.#itemBytes),
      ...(this.#writeUnits !== undefined && { writeUnits: Math.ceil(this.writeUnitsPerItem * 100) / 100 }),
    };
  }

  /** Units of one conditional write; a write costs a unit for each KB begun. */
  get writeUnitsPerItem(): number {
    if (this.#writeUnits === undefined) return this.writeUnitsPerRefusal * (1 + this.#indexes);
    return this.#writeUnits * Math.max(1, this.writeUnitsPerRefusal / this.#refusalUnitsOfWrites);
  }

  /** Units of a write whose condition failed: it costs what the table's item would, and nothing for indexes. */
  get writeUnitsPerRefusal(): number {
    return Math.max(1, Math.ceil((this.#itemBytes ?? 0) / KB));
  }

  get readUnitsPerConsistentRead(): number {
    return Math.max(1, Math.ceil((this.#itemBytes ?? 0) / BYTES_PER_CONSISTENT_UNIT));
  }

  /** The part of the scanned items that lack the attribute. */
  get density(): number {
    return this.#density;
  }

  /** Units of a page per item in it. */
  readUnitsPerScannedItem(consistent = false): number {
    return (this.#itemBytes ?? KB) / (consistent ? BYTES_PER_CONSISTENT_UNIT : BYTES_PER_EVENTUAL_UNIT);
  }

  /** Units of a page of up to `limit` items. */
  readUnitsOfPage(limit: number | undefined, consistent = false): number {
    const largest = largestPageUnits(consistent);
    if (limit === undefined) return largest;
    const units = limit * this.readUnitsPerScannedItem(consistent);
    // Each page is rounded up to 4 KB: half a unit, or a whole one.
    const steps = consistent ? 1 : 2;
    return Math.min(largest, Math.max(1 / steps, Math.ceil(units * steps) / steps));
  }

  learnFromPage({ readUnits, scanned, matched, consistent }: PageConsumption): void {
    if (scanned === 0) return;
    const bytes = (readUnits * (consistent ? BYTES_PER_CONSISTENT_UNIT : BYTES_PER_EVENTUAL_UNIT)) / scanned;
    this.#itemBytes = raised(this.#itemBytes, bytes, scanned, this.#itemsOfBytes);
    this.#itemsOfBytes = Math.min(ITEMS_TO_REMEMBER, this.#itemsOfBytes + scanned);
    const weight = scanned / (scanned + this.#itemsOfDensity);
    this.#density += weight * (matched / scanned - this.#density);
    this.#itemsOfDensity = Math.min(ITEMS_TO_REMEMBER, this.#itemsOfDensity + scanned);
  }

  learnFromConsistentRead(readUnits: number, items: number): void {
    if (items === 0) return;
    const bytes = (readUnits / items) * BYTES_PER_CONSISTENT_UNIT;
    // A read of one item gives its size only to 4 KB: it may raise the estimate but never lowers it.
    if (readUnits / items > this.readUnitsPerConsistentRead) {
      this.#itemBytes = Math.max(this.#itemBytes ?? 0, bytes);
    }
  }

  learnFromWrite(writeUnits: number, items: number): void {
    if (items === 0) return;
    const seen = Math.max(1, writeUnits / items);
    const before = this.#writeUnits === undefined ? undefined : this.writeUnitsPerItem;
    this.#writeUnits = raised(before, seen, items, this.#itemsOfWrites);
    this.#itemsOfWrites = Math.min(ITEMS_TO_REMEMBER, this.#itemsOfWrites + items);
    this.#refusalUnitsOfWrites = this.writeUnitsPerRefusal;
  }
}

/** What one page consumes at most. */
export function largestPageUnits(consistent: boolean): number {
  return LARGEST_PAGE_BYTES / (consistent ? BYTES_PER_CONSISTENT_UNIT : BYTES_PER_EVENTUAL_UNIT);
}

/** A higher value counts at once. A lower one counts by the number of items behind it, beside the earlier ones. */
function raised(old: number | undefined, seen: number, items: number, itemsBefore: number): number {
  if (old === undefined || seen >= old) return seen;
  return old + (items / (items + itemsBefore)) * (seen - old);
}
