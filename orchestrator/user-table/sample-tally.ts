import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type AttributeMap, encodeAttributeMap } from '../../core/attribute-value.ts';
import { type ItemWrite, keyOf } from '../../core/item-write.ts';
import { type Decision, isMissing } from '../../core/write-rule.ts';
import { AttributesSeen } from './attributes-seen.ts';
import { ComputedSample } from './computed-sample.ts';
import { itemBytes } from './item-size.ts';
import type { Cluster } from './share-interval.ts';
import { type ChargedIndex, type WriteUnits, writeUnitsOf, writeUnitsOfBytes } from './write-units.ts';

/** An item has at most 400 KB [developer guide]. Above this size, one more attribute may not fit. */
const NEARLY_FULL_BYTES = 400 * 1_024 - 1_024;

/** Keeps at most this many items, for the checks of live writers and the size of the undo log. */
const MOST_KEPT = 50_000;

/**
 * What the plan needs of a sampled item: its key, the value of the named creation attribute, and whether it lacks a
 * target.
 */
export interface SeenItem {
  readonly key: AttributeMap;
  readonly named: AttributeValue | undefined;
  readonly lacks: boolean;
}

export interface SampledSegment extends Cluster {
  readonly segment: number;
  /** False if its end was not reached. */
  readonly whole: boolean;
}

type WriteWithoutTable = Pick<ItemWrite, 'keySchema' | 'rule'>;

/** Totals of the sampled items. If the role may not read whole items, sizes are averages of their pages. */
export class SampleTally {
  readonly segments: SampledSegment[] = [];
  readonly seen: SeenItem[] = [];
  /** Keys of items that have little or no room for the attribute; at most ten. */
  readonly nearlyFull: string[] = [];
  /** What the sample read of the items' contents. */
  readonly attributes = new AttributesSeen();
  /** What the rule would do to them. */
  readonly computed: ComputedSample;
  items = 0;
  missing = 0;
  nulls = 0;
  bytes = 0;
  largestBytes = 0;
  readonly #write: WriteWithoutTable;
  readonly #indexes: readonly ChargedIndex[];
  readonly #createdKey: string | undefined;
  /** Items by partition key. */
  readonly #partitionKeys = new Map<string, number>();
  #writes = 0;
  #tableUnits = 0;
  readonly #indexUnits: number[];

  constructor(write: WriteWithoutTable, indexes: readonly ChargedIndex[], createdKey: string | undefined) {
    this.#write = write;
    this.computed = new ComputedSample(write);
    this.#indexes = indexes;
    this.#createdKey = createdKey;
    this.#indexUnits = indexes.map(() => 0);
  }

  /**
   * The effective number of partition keys [Kish, Survey Sampling, 1965]. Items of one partition key are stored
   * together and are often alike, so the keys are the independent observations. Keys of many items count for less.
   */
  get independent(): number {
    const squares = [...this.#partitionKeys.values()].reduce((sum, items) => sum + items ** 2, 0);
    return this.items ** 2 / Math.max(1, squares);
  }

  /** Average units of one write, over the items that lack the attribute; undefined if none does. */
  get writeUnits(): WriteUnits | undefined {
    if (this.#writes === 0) return undefined;
    return {
      table: this.#tableUnits / this.#writes,
      indexes: this.#indexUnits.map(units => units / this.#writes),
    };
  }

  /**
   * Adds a page of whole items.
   * @returns how many of them lack the attribute.
   */
  addItems(items: readonly AttributeMap[]): number {
    return this.#add(items, (item, decision) => {
      const set = decision.kind === 'write' ? decision.assignment.set : {};
      return { bytes: itemBytes(item), units: writeUnitsOf(item, set, this.#indexes) };
    });
  }

  /** Adds a page of partial items. `pageBytes` is computed from the page's read units. */
  addKeys(items: readonly AttributeMap[], pageBytes: number): number {
    const bytes = pageBytes / Math.max(1, items.length);
    const units = writeUnitsOfBytes(bytes, this.#indexes);
    return this.#add(items, () => ({ bytes, units }));
  }

  #countWrite({ table, indexes }: WriteUnits): void {
    this.#writes += 1;
    this.#tableUnits += table;
    for (const [index, more] of indexes.entries()) {
      this.#indexUnits[index] = (this.#indexUnits[index] ?? 0) + more;
    }
  }

  #add(
    items: readonly AttributeMap[],
    measure: (item: AttributeMap, decision: Decision) => { bytes: number; units: WriteUnits },
  ): number {
    const { keySchema, rule } = this.#write;
    const [partition] = keySchema;
    let missing = 0;
    for (const item of items) {
      const decision = rule.decide(item);
      const lacks = isMissing(decision);
      this.computed.add(item, decision);
      const { bytes, units } = measure(item, decision);
      this.attributes.add(item);
      this.items += 1;
      this.bytes += bytes;
      this.largestBytes = Math.max(this.largestBytes, bytes);
      if (rule.targets.some(target => item[target]?.NULL)) this.nulls += 1;
      if (lacks) {
        missing += 1;
        if (decision.kind === 'write') this.#countWrite(units);
        if (bytes > NEARLY_FULL_BYTES && this.nearlyFull.length < 10) {
          this.nearlyFull.push(encodeAttributeMap(keyOf(keySchema, item)));
        }
      }
      const partitionKey = JSON.stringify(item[partition.name]);
      this.#partitionKeys.set(partitionKey, (this.#partitionKeys.get(partitionKey) ?? 0) + 1);
      if (this.seen.length < MOST_KEPT) {
        const named = this.#createdKey === undefined ? undefined : item[this.#createdKey];
        this.seen.push({ key: keyOf(keySchema, item), named, lacks });
      }
    }
    this.missing += missing;
    return missing;
  }
}
