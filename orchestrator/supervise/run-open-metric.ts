import { type CloudWatchClient, type MetricDatum, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { METRIC_UNITS, TABLE_DIMENSION } from '../../core/metrics.ts';
import type { RunRecord } from '../../core/records.ts';
import { tableNameOf } from '../../core/table-name.ts';

const MINUTE_MS = 60_000;

/** How many minutes ahead `RunOpen` is published. PutMetricData accepts timestamps up to two hours ahead. */
const ANNOUNCED_MINUTES = 10;

/**
 * Publishes `RunOpen`, which tells the alarm on a stalled run that there is a run: see docs/dashboard.md. A dead fleet
 * publishes nothing, and neither does anything between runs; only `RunOpen` tells the two apart. It also publishes
 * `Supervised`, but never ahead of time: if it is missing while a run is open, nobody supervises the run.
 */
export class RunOpenMetric {
  readonly #client: CloudWatchClient;
  readonly #run: Pick<RunRecord, 'namespace' | 'table'>;
  #renewing: NodeJS.Timeout | undefined;
  readonly #onFailure: (error: unknown) => void;

  constructor(
    client: CloudWatchClient,
    run: Pick<RunRecord, 'namespace' | 'table'>,
    onFailure: (error: unknown) => void,
  ) {
    this.#client = client;
    this.#run = run;
    this.#onFailure = onFailure;
  }

  /** The run is open. Publishes 1 for now and the minutes ahead, and again every minute. */
  async open(): Promise<void> {
    await this.#put(1, ANNOUNCED_MINUTES);
    this.#renewing = setInterval(() => void this.#put(1, 0), MINUTE_MS);
    this.#renewing.unref();
  }

  /** Supervision by this process ends, but the run stays open. */
  leave(): void {
    clearInterval(this.#renewing);
  }

  /** The run has ended or is paused. Publishes 0 for every minute that was announced. */
  async close(): Promise<void> {
    this.leave();
    await this.#put(0, ANNOUNCED_MINUTES);
  }

  async #put(Value: 0 | 1, minutesAhead: number): Promise<void> {
    const now = Date.now();
    try {
      await this.#client.send(
        new PutMetricDataCommand({
          Namespace: this.#run.namespace,
          MetricData: [
            ...Array.from({ length: minutesAhead + 1 }, (_, minute) =>
              this.#datum('RunOpen', Value, now + minute * MINUTE_MS),
            ),
            ...(Value === 1 ? [this.#datum('Supervised', 1, now)] : []),
          ],
        }),
      );
    } catch (error) {
      this.#onFailure(error);
    }
  }

  #datum(MetricName: 'RunOpen' | 'Supervised', Value: 0 | 1, atMs: number): MetricDatum {
    return {
      MetricName,
      Unit: METRIC_UNITS[MetricName],
      Dimensions: [{ Name: TABLE_DIMENSION, Value: tableNameOf(this.#run.table) }],
      Timestamp: new Date(atMs),
      Value,
    };
  }
}
