import { type CloudWatchClient, type MetricDatum, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import type { Clock } from './clock.ts';
import {
  METRIC_UNITS,
  METRICS_INTERVAL_MS,
  type MetricName,
  PER_SEGMENT_METRICS,
  type REPAIR_SEGMENT,
  SEGMENT_DIMENSION,
  TABLE_DIMENSION,
} from './metrics.ts';
import type { Counters } from './records.ts';
import { tableNameOf } from './table-name.ts';

/** The last attempt to publish must not delay the end of the worker. */
const LAST_PUBLISH_MS = 4_000;

/** PutMetricData takes up to 150 distinct values of a metric [API reference]. */
const MAX_VALUES = 150;

/** PutMetricData takes up to 1,000 metrics in a call [API reference]. */
const MAX_DATA = 1_000;

const COUNTER_METRICS: Readonly<Partial<Record<keyof Counters, MetricName>>> = {
  scanned: 'ItemsScanned',
  updated: 'ItemsUpdated',
  alreadySet: 'ItemsAlreadySet',
  deleted: 'ItemsDeleted',
  quarantined: 'ItemsQuarantined',
  readUnits: 'ConsumedReadCapacity',
  writeUnits: 'ConsumedWriteCapacity',
};

const SUMMED: readonly MetricName[] = [
  ...Object.values(COUNTER_METRICS),
  'ThrottledWrites',
  'SegmentsComplete',
];

/** A datum, and what to do once CloudWatch has accepted it. */
interface Publication {
  readonly datum: MetricDatum;
  readonly published: () => void;
}

export interface MetricsPublisherOptions {
  readonly client: CloudWatchClient;
  readonly clock: Clock;
  readonly namespace: string;
  /** Name or ARN. The dimension has the name. */
  readonly table: string;
  /** The write units a second of the share in use. The orchestrator has none. */
  readonly writeRateShare?: () => number;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Sums what happens and publishes it every {@link METRICS_INTERVAL_MS}, including zeros. What could not be published
 * goes with the next call, so a failing CloudWatch costs metrics and never the work.
 */
export class MetricsPublisher {
  readonly #options: MetricsPublisherOptions;
  readonly #sums = new Map<MetricName, number>();
  readonly #segmentSums = new Map<string, number>();
  readonly #latencies = new Map<number, number>();

  constructor(options: MetricsPublisherOptions) {
    this.#options = options;
  }

  count(segment: number | typeof REPAIR_SEGMENT, change: Partial<Counters>): void {
    for (const [counter, amount] of Object.entries(change) as [keyof Counters, number][]) {
      const metric = COUNTER_METRICS[counter];
      if (metric === undefined || amount === 0) continue;
      this.add(metric, amount);
      if (!(PER_SEGMENT_METRICS as readonly MetricName[]).includes(metric)) continue;
      const series = `${metric} ${segment}`;
      addTo(this.#segmentSums, series, amount);
    }
  }

  add(metric: MetricName, amount: number): void {
    addTo(this.#sums, metric, amount);
  }

  /** Milliseconds, rounded to two significant digits to limit the number of distinct values. */
  writeLatency(ms: number): void {
    const rounded = Number(ms.toPrecision(2));
    addTo(this.#latencies, rounded, 1);
  }

  /** Publishes at each interval until the signal aborts. {@link close} publishes the rest. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(METRICS_INTERVAL_MS, signal);
      if (!signal.aborted) await this.#publish();
    }
  }

  /** Publishes the rest. Stops trying after a few seconds. */
  async close(): Promise<void> {
    await this.#publish(AbortSignal.timeout(LAST_PUBLISH_MS));
  }

  async #publish(abortSignal?: AbortSignal): Promise<void> {
    const { client, namespace, onFailure } = this.#options;
    const data = this.#data();
    try {
      for (let from = 0; from < data.length; from += MAX_DATA) {
        const part = data.slice(from, from + MAX_DATA);
        await client.send(
          new PutMetricDataCommand({ Namespace: namespace, MetricData: part.map(({ datum }) => datum) }),
          abortSignal && { abortSignal },
        );
        // Only what this call has published is subtracted, because more may have been counted meanwhile.
        for (const { published } of part) published();
      }
    } catch (error) {
      onFailure(error);
    }
  }

  #data(): Publication[] {
    const { table, writeRateShare } = this.#options;
    const Timestamp = new Date();
    const tableDimension = { Name: TABLE_DIMENSION, Value: tableNameOf(table) };
    const datum = (metric: MetricName) => ({
      MetricName: metric,
      Unit: METRIC_UNITS[metric],
      Dimensions: [tableDimension],
      Timestamp,
    });
    const data: Publication[] = SUMMED.map(metric => {
      const Value = this.#sums.get(metric) ?? 0;
      return { datum: { ...datum(metric), Value }, published: () => this.add(metric, -Value) };
    });
    if (writeRateShare) {
      data.push({ datum: { ...datum('WriteRateShare'), Value: writeRateShare() }, published: () => {} });
    }
    for (const [series, Value] of this.#segmentSums) {
      const [metric = '', segment = ''] = series.split(' ');
      const Dimensions = [tableDimension, { Name: SEGMENT_DIMENSION, Value: segment }];
      data.push({
        datum: { ...datum(metric as MetricName), Dimensions, Value },
        published: () => addTo(this.#segmentSums, series, -Value),
      });
    }
    const latencies = [...this.#latencies];
    for (let from = 0; from < latencies.length; from += MAX_VALUES) {
      const part = latencies.slice(from, from + MAX_VALUES);
      data.push({
        datum: {
          ...datum('WriteLatency'),
          Values: part.map(([ms]) => ms),
          Counts: part.map(([, count]) => count),
        },
        published: () => {
          for (const [ms, count] of part) {
            addTo(this.#latencies, ms, -count);
            if (this.#latencies.get(ms) === 0) this.#latencies.delete(ms);
          }
        },
      });
    }
    return data;
  }
}

function addTo<K>(sums: Map<K, number>, key: K, amount: number): void {
  sums.set(key, (sums.get(key) ?? 0) + amount);
}
