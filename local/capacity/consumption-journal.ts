export type CapacityKind = 'read' | 'write';

/** Selects a part of the journal. An absent member selects everything. */
export interface ConsumptionFilter {
  readonly kind: CapacityKind;
  readonly client?: string;
  readonly table?: string;
}

/** Totals of a client's requests. */
export interface RequestCounts {
  readonly requests: number;
  /** Requests that were throttled as a whole or in part. */
  readonly throttledRequests: number;
  /** Includes single statements, keys and writes of batches. */
  readonly throttledParts: number;
}

/** Length of the journal's buckets. */
export const BUCKET_MS = 100;

interface Series {
  readonly client: string;
  readonly table: string;
  readonly kind: CapacityKind;
  /** Units by bucket since the journal began. */
  readonly buckets: number[];
}

/**
 * Records who consumed what, and when. The promises of the budget are judged by it. Units are those of the replies,
 * including indexes. Each request counts at its arrival, which its client decides, not at its reply, which a slow
 * engine may delay. A bucket is 100 ms, so an hour has 36,000 of them for each client, table and kind.
 */
export class ConsumptionJournal {
  /** Wall-clock time of the journal's zero in epoch milliseconds, for comparison with the logs of other processes. */
  readonly beganAt = Date.now();
  readonly #startedAtMs: number;
  readonly #series = new Map<string, Series>();
  readonly #counts = new Map<string, RequestCounts>();

  /** @param nowMs the journal's zero, on the monotonic clock */
  constructor(nowMs: number) {
    this.#startedAtMs = nowMs;
  }

  /** @param atMs of the same clock, any time since the journal began */
  record(client: string, table: string, kind: CapacityKind, atMs: number, units: number): void {
    const name = JSON.stringify([client, table, kind]);
    const series = this.#series.get(name) ?? { client, table, kind, buckets: [] };
    this.#series.set(name, series);
    const bucket = Math.floor((atMs - this.#startedAtMs) / BUCKET_MS);
    while (series.buckets.length <= bucket) series.buckets.push(0);
    series.buckets[bucket] = (series.buckets[bucket] ?? 0) + units;
  }

  count(client: string, throttledParts: number): void {
    const { requests, throttledRequests, throttledParts: parts } = this.counts(client);
    this.#counts.set(client, {
      requests: requests + 1,
      throttledRequests: throttledRequests + (throttledParts > 0 ? 1 : 0),
      throttledParts: parts + throttledParts,
    });
  }

  /** The requests of a client to metered tables. */
  counts(client: string): RequestCounts {
    return this.#counts.get(client) ?? { requests: 0, throttledRequests: 0, throttledParts: 0 };
  }

  /** Units in buckets of 100 ms since the journal began, up to the last bucket that is not empty. */
  series(filter: ConsumptionFilter): number[] {
    const sum: number[] = [];
    for (const { client, table, kind, buckets } of this.#series.values()) {
      if (kind !== filter.kind || client !== (filter.client ?? client) || table !== (filter.table ?? table)) {
        continue;
      }
      for (const [bucket, units] of buckets.entries()) sum[bucket] = (sum[bucket] ?? 0) + units;
    }
    return sum;
  }

  total(filter: ConsumptionFilter): number {
    return this.series(filter).reduce((sum, units) => sum + units, 0);
  }

  /**
   * The largest consumption in any window of this length. A window begins with a bucket.
   * @param windowMs a multiple of 100
   */
  maxUnitsInWindow(windowMs: number, filter: ConsumptionFilter): number {
    const series = this.series(filter);
    const length = Math.ceil(windowMs / BUCKET_MS);
    let inWindow = 0;
    let most = 0;
    for (const [bucket, units] of series.entries()) {
      inWindow += units - (series[bucket - length] ?? 0);
      most = Math.max(most, inWindow);
    }
    return most;
  }
}
