/** How quickly an estimate follows what is reported: half of the way in about seven replies. */
const WEIGHT = 0.1;

/** The average size of a page says something about items only when the page holds a few. */
const ITEMS_TO_LEARN_FROM = 10;

const KB = 1_024;

/** Bytes behind one unit of an eventually consistent read: 4 KB cost half a unit [developer guide]. */
const BYTES_PER_EVENTUAL_UNIT = 8 * KB;
const BYTES_PER_CONSISTENT_UNIT = 4 * KB;

/** A Scan page holds at most 1 MB. */
const LARGEST_PAGE_READ_UNITS = (1_024 * KB) / BYTES_PER_EVENTUAL_UNIT;

/**
 * What the next request will consume, learned from what the last ones did. Where an engine reports no write units,
 * the average item of the pages read stands in, rounded up: a Scan reports what it read on every engine.
 */
export class CapacityEstimate {
  readonly #indexes: number;
  #itemBytes: number | undefined;
  #reportedWriteUnits: number | undefined;
  #density = 1;

  /** `indexes`: global secondary indexes into which the attribute is projected; each costs a write of its own. */
  constructor(indexes: number) {
    this.#indexes = indexes;
  }

  /** Units of one conditional write; a write costs a unit for each KB begun. */
  get writeUnitsPerItem(): number {
    const ofTable = Math.max(1, Math.ceil((this.#itemBytes ?? 0) / KB));
    return this.#reportedWriteUnits ?? ofTable * (1 + this.#indexes);
  }

  get readUnitsPerConsistentRead(): number {
    return Math.max(1, Math.ceil((this.#itemBytes ?? 0) / BYTES_PER_CONSISTENT_UNIT));
  }

  /** Units per item of an eventually consistent Scan. */
  get readUnitsPerScannedItem(): number {
    return (this.#itemBytes ?? KB) / BYTES_PER_EVENTUAL_UNIT;
  }

  /** The part of the scanned items that lack the attribute. */
  get density(): number {
    return this.#density;
  }

  /** Units of an eventually consistent page of up to `limit` items. */
  readUnitsOfPage(limit: number | undefined): number {
    if (limit === undefined) return LARGEST_PAGE_READ_UNITS;
    const units = limit * this.readUnitsPerScannedItem;
    return Math.min(LARGEST_PAGE_READ_UNITS, Math.max(0.5, Math.ceil(units * 2) / 2));
  }

  learnFromPage(readUnits: number, scanned: number, matched: number): void {
    if (scanned < ITEMS_TO_LEARN_FROM) return;
    this.#itemBytes = blend(this.#itemBytes, (readUnits * BYTES_PER_EVENTUAL_UNIT) / scanned);
    this.#density = blend(this.#density, matched / scanned);
  }

  learnFromWrite(writeUnits: number, items: number): void {
    this.#reportedWriteUnits = blend(this.#reportedWriteUnits, Math.max(1, writeUnits / items));
  }
}

function blend(old: number | undefined, seen: number): number {
  return old === undefined ? seen : old + WEIGHT * (seen - old);
}
