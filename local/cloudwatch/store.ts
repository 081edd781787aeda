/** Names and values of a series; their order does not matter. */
export type Dimensions = Readonly<Record<string, string>>;

export interface SeriesName {
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Dimensions;
}

/** A set of samples, told by its statistics. */
export interface StatisticSet {
  readonly sampleCount: number;
  readonly sum: number;
  readonly minimum: number;
  readonly maximum: number;
}

export interface Datum extends SeriesName {
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly statistics: StatisticSet;
  /** `None` when not given, as in CloudWatch. */
  readonly unit?: string;
  /** Kept by the second as well as by the minute. */
  readonly highResolution?: boolean;
}

interface Series {
  readonly name: SeriesName;
  /** CloudWatch aggregates each unit of a series by itself. */
  readonly byUnit: Map<string, Aggregate>;
}

interface Aggregate {
  total: StatisticSet;
  /** By bucket start in epoch seconds. */
  readonly bySecond: Map<number, StatisticSet>;
  readonly byMinute: Map<number, StatisticSet>;
}

/** What CloudWatch keeps: a second's points for 3 hours, a minute's for 15 days. */
const MAX_SECONDS = 3 * 60 * 60;
const MAX_MINUTES = 15 * 24 * 60;
/** With two metrics a segment, more series than any run on one machine has; the least recently written goes. */
const MAX_SERIES = 100_000;

/**
 * Metrics in memory, bounded: no datum is kept, only its part of the statistics of its minute, and of its
 * second where asked for. `total` is never reduced, so sums over a run stay exact however long it is.
 */
export class MetricStore {
  /** The least recently written series first. */
  readonly #series = new Map<string, Series>();

  put(datum: Datum): void {
    const { namespace, metric, dimensions, statistics, unit = 'None' } = datum;
    const key = seriesKey(datum);
    const series = this.#series.get(key) ?? { name: { namespace, metric, dimensions }, byUnit: new Map() };
    this.#series.delete(key);
    this.#series.set(key, series);
    dropOldest(this.#series, MAX_SERIES);

    const known = series.byUnit.get(unit);
    const aggregate = known ?? { total: NOTHING, bySecond: new Map(), byMinute: new Map() };
    if (known === undefined) series.byUnit.set(unit, aggregate);
    aggregate.total = mergeStatistics(aggregate.total, statistics);
    const second = Math.floor(datum.timestamp / 1_000);
    addTo(aggregate.byMinute, second - (second % 60), statistics, MAX_MINUTES);
    if (datum.highResolution) addTo(aggregate.bySecond, second, statistics, MAX_SECONDS);
  }

  /** Sum of all samples of a series since the store began, whatever their unit; 0 when there are none. */
  sum(namespace: string, metric: string, dimensions: Dimensions): number {
    return this.total({ namespace, metric, dimensions })?.sum ?? 0;
  }

  /** Statistics of all samples of a series since the store began; undefined when there are none. */
  total(name: SeriesName): StatisticSet | undefined {
    const aggregates = this.#find(name);
    return aggregates.length === 0 ? undefined : aggregates.map(({ total }) => total).reduce(mergeStatistics);
  }

  /**
   * Statistics of a series by period.
   *
   * @param range epoch seconds, `end` exclusive; periods begin at multiples of `periodSeconds`. Below a minute
   *   there is only what was put with high resolution.
   * @returns by period start in epoch seconds, ascending; periods without samples are left out
   */
  query(
    name: SeriesName,
    range: { readonly start: number; readonly end: number; readonly periodSeconds: number },
    unit?: string,
  ): Map<number, StatisticSet> {
    const periods = new Map<number, StatisticSet>();
    for (const { bySecond, byMinute } of this.#find(name, unit)) {
      for (const [bucket, statistics] of range.periodSeconds < 60 ? bySecond : byMinute) {
        const start = bucket - (bucket % range.periodSeconds);
        if (start < range.start || start >= range.end) continue;
        periods.set(start, mergeStatistics(periods.get(start) ?? NOTHING, statistics));
      }
    }
    return new Map([...periods].sort(([a], [b]) => a - b));
  }

  list(): SeriesName[] {
    return [...this.#series.values()].map(({ name }) => name);
  }

  #find(name: SeriesName, unit?: string): Aggregate[] {
    const byUnit = this.#series.get(seriesKey(name))?.byUnit ?? new Map<string, Aggregate>();
    return [...byUnit].flatMap(([its, aggregate]) => (unit === undefined || its === unit ? [aggregate] : []));
  }
}

/** The neutral element of {@link mergeStatistics}. */
const NOTHING: StatisticSet = {
  sampleCount: 0,
  sum: 0,
  minimum: Number.POSITIVE_INFINITY,
  maximum: Number.NEGATIVE_INFINITY,
};

export function mergeStatistics(a: StatisticSet, b: StatisticSet): StatisticSet {
  return {
    sampleCount: a.sampleCount + b.sampleCount,
    sum: a.sum + b.sum,
    minimum: Math.min(a.minimum, b.minimum),
    maximum: Math.max(a.maximum, b.maximum),
  };
}

function addTo(
  buckets: Map<number, StatisticSet>,
  bucket: number,
  statistics: StatisticSet,
  limit: number,
): void {
  buckets.set(bucket, mergeStatistics(buckets.get(bucket) ?? NOTHING, statistics));
  dropOldest(buckets, limit);
}

/** A Map keeps its order of insertion: the first key is the one that came first. */
function dropOldest<Key>(map: Map<Key, unknown>, limit: number): void {
  if (map.size <= limit) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

function seriesKey({ namespace, metric, dimensions }: SeriesName): string {
  const sorted = Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([namespace, metric, sorted]);
}
