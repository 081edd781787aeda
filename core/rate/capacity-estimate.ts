const KB = 1_024;

/** Bytes that one unit of an eventually consistent read covers: 4 KB cost half a unit [developer guide]. */
const BYTES_PER_EVENTUAL_UNIT = 8 * KB;
export const BYTES_PER_CONSISTENT_UNIT = 4 * KB;

/** A Scan page holds at most 1 MB. */
const LARGEST_PAGE_BYTES = 1_024 * KB;

/** All earlier items together count as at most this many, so that later items can always change the estimate. */
const ITEMS_TO_REMEMBER = 200;

/** The items of a page, and the capacity that DynamoDB reported for it. */
export interface PageConsumption {
  readonly readUnits: number;
  readonly scanned: number;
  /** Items that lack the attribute. */
  readonly matched: number;
  readonly consistent: boolean;
}

/** What is known of the size of the table's items. Records keep it, so that every launch begins with it. */
export interface ItemSize {
  /** Size of an average item. */
  readonly bytes: number;
  /** Units of one write including all indexes; absent until one was reported. */
  readonly writeUnits?: number | undefined;
}

/**
 * Estimates what the next request will consume, from earlier ones. It is never too low for long: a value above the
 * estimate counts at once and in full, a lower one counts by the number of items behind it. An estimate that is too
 * high costs only a short wait, because a reply gives back what was not consumed. One that is too low spends capacity
 * before anybody knows. If an engine reports no write units, the average item of the read pages replaces them, rounded
 * up, because every engine reports what a Scan read.
 */
export class CapacityEstimate {
  readonly #indexes: number;
  #itemBytes: number | undefined;
  #itemsOfBytes = 0;
  #writeUnits: number | undefined;
  #itemsOfWrites = 0;
  /** The refusal cost when a write was last reported. Later pages show larger items before these are written. */
  #refusalUnitsOfWrites = 1;
  #density = 1;
  #itemsOfDensity = 0;

  /**
   * `indexes`: global secondary indexes that contain the attribute; each one costs an additional write. `seed`: what an
   * earlier launch or the plan's sample has learned.
   */
  constructor(indexes: number, seed?: ItemSize) {
    this.#indexes = indexes;
    this.seed(seed);
  }

  /** Whether anything was read, written or seeded. If not, the first request should be for one item. */
  get known(): boolean {
    return this.#itemBytes !== undefined;
  }

  /** Takes the size from a record, unless more is already known. */
  seed(size: ItemSize | undefined): void {
    if (size === undefined || this.known || !(size.bytes > 0)) return;
    this.#itemBytes = size.bytes;
    this.#itemsOfBytes = 1;
    if (size.writeUnits === undefined) return;
    this.#writeUnits = Math.max(1, size.writeUnits);
    this.#itemsOfWrites = 1;
    this.#refusalUnitsOfWrites = this.writeUnitsPerRefusal;
  }

  /** The size that the next launch should begin with. */
  get size(): ItemSize | undefined {
    if (this.#itemBytes === undefined) return undefined;
    return {
      bytes: Math.ceil(this.#itemBytes),
      ...(this.#writeUnits !== undefined && { writeUnits: Math.ceil(this.writeUnitsPerItem * 100) / 100 }),
    };
  }

  /** Units of one conditional write. A write costs one unit for each started KB. */
  get writeUnitsPerItem(): number {
    if (this.#writeUnits === undefined) return this.writeUnitsPerRefusal * (1 + this.#indexes);
    return this.#writeUnits * Math.max(1, this.writeUnitsPerRefusal / this.#refusalUnitsOfWrites);
  }

  /** Units of a write whose condition failed. It costs as much as the table's item, but nothing for indexes. */
  get writeUnitsPerRefusal(): number {
    return Math.max(1, Math.ceil((this.#itemBytes ?? 0) / KB));
  }

  get readUnitsPerConsistentRead(): number {
    return Math.max(1, Math.ceil((this.#itemBytes ?? 0) / BYTES_PER_CONSISTENT_UNIT));
  }

  /** The share of the scanned items that lack the attribute. */
  get density(): number {
    return this.#density;
  }

  /** Read units of a page for each item in it. */
  readUnitsPerScannedItem(consistent = false): number {
    return (this.#itemBytes ?? KB) / (consistent ? BYTES_PER_CONSISTENT_UNIT : BYTES_PER_EVENTUAL_UNIT);
  }

  /** Read units of a page of up to `limit` items. */
  readUnitsOfPage(limit: number | undefined, consistent = false): number {
    const largest = largestPageUnits(consistent);
    if (limit === undefined) return largest;
    const units = limit * this.readUnitsPerScannedItem(consistent);
    // Each page is rounded up to 4 KB: half a unit, or a whole one if consistent.
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
    // A read of one item tells its size only in steps of 4 KB, so it may raise the estimate but never lowers it.
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

/** The most units that one page consumes. */
export function largestPageUnits(consistent: boolean): number {
  return LARGEST_PAGE_BYTES / (consistent ? BYTES_PER_CONSISTENT_UNIT : BYTES_PER_EVENTUAL_UNIT);
}

/** A higher value counts at once. A lower one is averaged with the earlier ones by the number of items. */
function raised(old: number | undefined, seen: number, items: number, itemsBefore: number): number {
  if (old === undefined || seen >= old) return seen;
  return old + (items / (items + itemsBefore)) * (seen - old);
}
