import { type Datum, mergeStatistics, type StatisticSet } from '../cloudwatch/store.ts';
import type { Consumption, Shortage } from './capacity-model.ts';
import type { CapacityKind } from './consumption-journal.ts';

const NAMESPACE = 'AWS/DynamoDB';

interface Pending extends Pick<Datum, 'metric' | 'dimensions' | 'unit'> {
  statistics: StatisticSet;
}

/**
 * The metrics that DynamoDB publishes about its tables. They are gathered for a period and published at its end, with
 * the time of its beginning. As on AWS, nothing is published if nothing happened. The units of a table and of its
 * indexes are separate series.
 *
 * Source: developer guide, "DynamoDB metrics and dimensions".
 */
export class TableMetrics {
  readonly #put: (datum: Datum) => void;
  readonly #periodMs: number;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  #pending = new Map<string, Pending>();
  #periodStartMs: number;

  /**
   * @param put takes a datum, as the local CloudWatch does
   * @param now epoch milliseconds
   */
  constructor(put: (datum: Datum) => void, periodSeconds: number, now: () => number = Date.now) {
    this.#put = put;
    this.#periodMs = periodSeconds * 1_000;
    this.#now = now;
    this.#periodStartMs = this.#periodOf(now());
    this.#timer = setInterval(() => this.#turnOver(), Math.min(1_000, this.#periodMs));
    this.#timer.unref();
  }

  consumed(table: string, kind: CapacityKind, { units, byIndex }: Consumption): void {
    const metric = kind === 'write' ? 'ConsumedWriteCapacityUnits' : 'ConsumedReadCapacityUnits';
    this.#add(metric, { TableName: table }, units, 'Count');
    for (const [GlobalSecondaryIndexName, ofIndex] of byIndex) {
      this.#add(metric, { TableName: table, GlobalSecondaryIndexName }, ofIndex, 'Count');
    }
  }

  /** Counts one throttled part of a request, with the limits that it exceeded. */
  throttled(table: string, kind: CapacityKind, shortages: readonly Shortage[]): void {
    const side = kind === 'write' ? 'Write' : 'Read';
    this.#add(`${side}ThrottleEvents`, { TableName: table }, 1, 'Count');
    for (const limit of new Set(shortages.map(shortage => shortage.limit))) {
      this.#add(`${side}${limit.replace(/Exceeded$/, '')}ThrottleEvents`, { TableName: table }, 1, 'Count');
    }
  }

  /** Counts only calls that are refused as a whole. A batch that succeeds with throttled parts does not count. */
  throttledRequest(table: string, operation: string): void {
    this.#add('ThrottledRequests', { TableName: table, Operation: operation }, 1, 'Count');
  }

  succeeded(table: string, operation: string, latencyMs: number): void {
    const dimensions = { TableName: table, Operation: operation };
    this.#add('SuccessfulRequestLatency', dimensions, latencyMs, 'Milliseconds');
  }

  /** Publishes what was gathered, even if the period is not over. */
  stop(): void {
    clearInterval(this.#timer);
    this.#publish();
  }

  #add(metric: string, dimensions: Datum['dimensions'], value: number, unit: string): void {
    this.#turnOver();
    const name = JSON.stringify([metric, dimensions]);
    const sample = { sampleCount: 1, sum: value, minimum: value, maximum: value };
    const known = this.#pending.get(name);
    if (known === undefined) this.#pending.set(name, { metric, dimensions, unit, statistics: sample });
    else known.statistics = mergeStatistics(known.statistics, sample);
  }

  #turnOver(): void {
    const period = this.#periodOf(this.#now());
    if (period === this.#periodStartMs) return;
    this.#publish();
    this.#periodStartMs = period;
  }

  #publish(): void {
    const pending = this.#pending;
    this.#pending = new Map();
    const highResolution = this.#periodMs < 60_000;
    for (const datum of pending.values()) {
      this.#put({ ...datum, namespace: NAMESPACE, timestamp: this.#periodStartMs, highResolution });
    }
  }

  #periodOf(timeMs: number): number {
    return timeMs - (timeMs % this.#periodMs);
  }
}
