/** Names and values of a series' dimensions; their order does not matter. */
export type Dimensions = Readonly<Record<string, string>>;

export interface SeriesName {
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Dimensions;
}

/** The statistics of a set of samples. */
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
  /** `None` by default, as in CloudWatch. */
  readonly unit?: string;
  /** Also kept by the second, not only by the minute. */
  readonly highResolution?: boolean;
}

interface Series {
  readonly name: SeriesName;
  /** CloudWatch aggregates each unit of a series separately. */
  readonly byUnit: Map<string, Aggregate>;
}

interface Aggregate {
  total: StatisticSet;
  /** By the bucket's start in epoch seconds. */
  readonly bySecond: Map<number, StatisticSet>;
  readonly byMinute: Map<number, StatisticSet>;
}

/** CloudWatch keeps points of a second for 3 hours and points of a minute for 15 days. */
const MAX_SECONDS = 3 * 60 * 60;
const MAX_MINUTES = 15 * 24 * 60;
/**
 * More series than any run on one machine has, with two metrics for each segment. The least recently written goes
 * first.
 */
const MAX_SERIES = 100_000;

/**
 * Metrics in memory, with bounded size. It keeps no datum, only the statistics of its minute, and of its second if
 * requested. `total` never shrinks, so sums over a run stay exact however long it is.
 */
export class MetricStore {
  /** Ordered by the last write, oldest first. */
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

  /** The sum of all samples of a series since the store began, in any unit; 0 if there are none. */
  sum(namespace: string, metric: string, dimensions: Dimensions): number {
    return this.total({ namespace, metric, dimensions })?.sum ?? 0;
  }

  /** Statistics of all samples of a series since the store began; undefined if there are none. */
  total(name: SeriesName): StatisticSet | undefined {
    const aggregates = this.#find(name);
    return aggregates.length === 0 ? undefined : aggregates.map(({ total }) => total).reduce(mergeStatistics);
  }

  /**
   * Statistics of a series by period.
   *
   * @param range epoch seconds, `end` exclusive. Periods begin at multiples of `periodSeconds`. Below a minute there is
   * only what was put with high resolution.
   * @returns by the period's start in epoch seconds, ascending, without empty periods
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

/** A Map keeps its insertion order, so the first key is the oldest. */
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
