import { crc32 } from 'node:zlib';
import type { CapacityKind } from './consumption-journal.ts';
import type { CapacitySettings } from './options.ts';
import { TokenBucket } from './token-bucket.ts';

/** The capacity that a part of a request needs, before it takes effect. */
export interface Demand {
  readonly table: string;
  readonly kind: CapacityKind;
  /** Units of the table itself. */
  readonly units: number;
  /** The partitions that consume them, in equal parts; empty if unknown. */
  readonly partitions: readonly number[];
}

/** The capacity that it has consumed. */
export interface Consumption {
  readonly units: number;
  readonly byIndex: ReadonlyMap<string, number>;
}

/** The limit that a demand would exceed: the last part of a throttling reason's name, and the resource. */
export interface Shortage {
  readonly limit:
    | 'KeyRangeThroughputExceeded'
    | 'ProvisionedThroughputExceeded'
    | 'MaxOnDemandThroughputExceeded'
    | 'AccountLimitExceeded';
  readonly kind: CapacityKind;
  readonly table: string;
  readonly index?: string | undefined;
}

interface Meter {
  readonly bucket: TokenBucket;
  readonly shortage: Shortage;
}

/** The units taken for a demand, by the meter that gave them. */
export interface Ticket {
  readonly demand: Demand;
  readonly taken: ReadonlyMap<Meter, number>;
}

/**
 * The meters of an account, its tables, their partitions and their indexes. A demand is admitted if each meter that it
 * concerns has the units. It takes them at once and is settled when the engine has reported the consumption. Nothing
 * here waits, so no other demand can come between a decision and its effect.
 */
export class CapacityModel {
  readonly settings: CapacitySettings;
  readonly #now: () => number;
  readonly #meters = new Map<string, Meter>();
  /** Indexes by table: those of the settings and those that the engine reported. */
  readonly #indexes = new Map<string, Set<string>>();
  /** Limits that were changed since the start, by meter, for meters that do not exist yet. */
  readonly #changed = new Map<string, number>();

  /** @param now milliseconds of a monotonic clock */
  constructor(settings: CapacitySettings, now: () => number) {
    this.settings = settings;
    this.#now = now;
  }

  /** @param partition text of a partition key, as in ItemKey */
  partitionOf(partition: string): number {
    return crc32(partition) % this.settings.partitions;
  }

  /** The partitions whose hash ranges a segment of a parallel Scan reads. */
  partitionsOfSegment(segment: number, totalSegments: number): number[] {
    const { partitions } = this.settings;
    const first = Math.floor((segment * partitions) / totalSegments);
    const end = Math.ceil(((segment + 1) * partitions) / totalSegments);
    return Array.from({ length: end - first }, (_, index) => first + index);
  }

  /** @returns the ticket to settle, or the shortages; with a shortage nothing was taken */
  admit(demand: Demand): Ticket | readonly Shortage[] {
    const now = this.#now();
    const indexes = demand.kind === 'write' ? this.indexesOf(demand.table) : [];
    const wanted = this.#amounts(
      demand,
      demand.units,
      new Map([...indexes].map(name => [name, demand.units])),
    );
    const short = [...wanted].filter(([{ bucket }, units]) => !bucket.has(units, now));
    if (short.length > 0) return short.map(([{ shortage }]) => shortage);
    for (const [{ bucket }, units] of wanted) bucket.take(units, now);
    return { demand, taken: wanted };
  }

  /** Takes or gives back the difference from what was taken at admission. */
  settle({ demand, taken }: Ticket, { units, byIndex }: Consumption): void {
    const now = this.#now();
    for (const index of byIndex.keys()) this.indexesOf(demand.table).add(index);
    const due = this.#amounts(demand, units, byIndex);
    for (const meter of new Set([...taken.keys(), ...due.keys()])) {
      meter.bucket.take((due.get(meter) ?? 0) - (taken.get(meter) ?? 0), now);
    }
  }

  indexesOf(table: string): Set<string> {
    const indexes = this.#indexes.get(table) ?? new Set(this.settings.indexes);
    this.#indexes.set(table, indexes);
    return indexes;
  }

  /**
   * Changes a limit of all metered tables under traffic, as UpdateTable does. With `partition`, it changes only that
   * partition, as if it had become slow.
   */
  setLimit(kind: CapacityKind, unitsPerSecond: number, partition?: number): void {
    const suffix = partition === undefined ? `${kind} table` : `${kind} partition ${partition}`;
    this.#changed.set(suffix, unitsPerSecond);
    for (const [name, { bucket }] of this.#meters) {
      if (name.endsWith(`\n${suffix}`)) bucket.setRate(unitsPerSecond, this.#now());
    }
  }

  /** The current limit of a table; infinite if it has none. */
  limitOf(kind: CapacityKind): number {
    return this.#changed.get(`${kind} table`) ?? this.settings.table[kind];
  }

  #amounts(
    { table, kind, partitions }: Demand,
    units: number,
    byIndex: ReadonlyMap<string, number>,
  ): Map<Meter, number> {
    const {
      table: limits,
      partition,
      account,
      indexWriteUnitsPerSecond,
      mode,
      tableDepthSeconds,
    } = this.settings;
    const limit = mode === 'provisioned' ? 'ProvisionedThroughputExceeded' : 'MaxOnDemandThroughputExceeded';
    const amounts = new Map<Meter, number>();
    for (const number of partitions) {
      const shortage: Shortage = { limit: 'KeyRangeThroughputExceeded', kind, table };
      const meter = this.#meter(`${kind} partition ${number}`, shortage, partition[kind], 1);
      amounts.set(meter, units / partitions.length);
    }
    amounts.set(this.#meter(`${kind} table`, { limit, kind, table }, limits[kind], tableDepthSeconds), units);
    let everything = units;
    for (const [index, ofIndex] of byIndex) {
      const rate = kind === 'write' ? indexWriteUnitsPerSecond : Infinity;
      const depth = tableDepthSeconds;
      amounts.set(this.#meter(`${kind} index ${index}`, { limit, kind, table, index }, rate, depth), ofIndex);
      everything += ofIndex;
    }
    // All tables share this meter, so its shortage cannot name the right table. The reply names the requested one.
    const ofAccount: Shortage = { limit: 'AccountLimitExceeded', kind, table: '' };
    amounts.set(this.#meter(`${kind} account`, ofAccount, account[kind], 1), everything);
    return amounts;
  }

  #meter(suffix: string, shortage: Shortage, unitsPerSecond: number, depthSeconds: number): Meter {
    const name = `${shortage.table}\n${suffix}`;
    const known = this.#meters.get(name);
    if (known !== undefined) return known;
    const rate = this.#changed.get(suffix) ?? unitsPerSecond;
    const meter = { bucket: new TokenBucket(rate, depthSeconds, this.#now()), shortage };
    this.#meters.set(name, meter);
    return meter;
  }
}
