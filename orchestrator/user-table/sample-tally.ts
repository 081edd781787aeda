import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type AttributeMap, encodeAttributeMap } from '../../core/attribute-value.ts';
import { type ItemWrite, keyOf } from '../../core/item-write.ts';
import { type Decision, isMissing } from '../../core/write-rule.ts';
import { AttributesSeen } from './attributes-seen.ts';
import { ComputedSample } from './computed-sample.ts';
import { itemBytes } from './item-size.ts';
import type { Cluster } from './share-interval.ts';
import { type ChargedIndex, type WriteUnits, writeUnitsOf, writeUnitsOfBytes } from './write-units.ts';

/** An item has at most 400 KB [developer guide]; from here on, an attribute more may be one too many. */
const NEARLY_FULL_BYTES = 400 * 1_024 - 1_024;

/** So many items are kept, to be asked when they were created. */
const MOST_KEPT = 50_000;

/** An item of the sample as far as the plan asks: its key, the time attribute that was named, and whether it lacks. */
export interface SeenItem {
  readonly key: AttributeMap;
  readonly named: AttributeValue | undefined;
  readonly lacks: boolean;
}

export interface SampledSegment extends Cluster {
  readonly segment: number;
  /** False when its end was not reached. */
  readonly whole: boolean;
}

type WriteWithoutTable = Pick<ItemWrite, 'keySchema' | 'rule'>;

/** What the sampled items come to. Of items whose contents may not be read, sizes are averages of their pages. */
export class SampleTally {
  readonly segments: SampledSegment[] = [];
  readonly seen: SeenItem[] = [];
  /** Keys of items that have no room for the attribute, or hardly any; ten at most. */
  readonly nearlyFull: string[] = [];
  /** What the items hold, as far as they were read. */
  readonly attributes = new AttributesSeen();
  /** What the rule would do with them. */
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
   * Items of one partition key stay together and are often alike, so keys are what is independent of each other: as
   * many of one size as would say as much as those that were seen [Kish, Survey Sampling, 1965].
   */
  get independent(): number {
    const squares = [...this.#partitionKeys.values()].reduce((sum, items) => sum + items ** 2, 0);
    return this.items ** 2 / Math.max(1, squares);
  }

  /** Units of one write, on average over the items that lack the attribute; undefined when none does. */
  get writeUnits(): WriteUnits | undefined {
    if (this.#writes === 0) return undefined;
    return {
      table: this.#tableUnits / this.#writes,
      indexes: this.#indexUnits.map(units => units / this.#writes),
    };
  }

  /** A page of whole items; returns how many lack the attribute. */
  addItems(items: readonly AttributeMap[]): number {
    return this.#add(items, (item, decision) => {
      const set = decision.kind === 'write' ? decision.assignment.set : {};
      return { bytes: itemBytes(item), units: writeUnitsOf(item, set, this.#indexes) };
    });
  }

  /** A page of which only keys and the attribute were read, and `pageBytes` by its read units. */
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
