import { type CloudWatchClient, type MetricDatum, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { METRIC_UNITS, TABLE_DIMENSION } from '../../core/metrics.ts';
import type { RunRecord } from '../../core/records.ts';
import { tableNameOf } from '../../core/table-name.ts';

const MINUTE_MS = 60_000;

/** How many minutes ahead `RunOpen` is published. PutMetricData accepts timestamps up to two hours ahead. */
const ANNOUNCED_MINUTES = 10;

/**
 * Publishes `RunOpen`, by which the alarm on a stalled run knows that there is a run: see docs/dashboard.md. A dead
 * fleet publishes nothing, and between runs nothing is published either; only this tells the two apart. Beside it goes
 * `Supervised`, never announced ahead: its absence while a run is open means that nobody supervises it.
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

  /** The run is open: now, for the minutes ahead, and every minute from now on. */
  async open(): Promise<void> {
    await this.#put(1, ANNOUNCED_MINUTES);
    this.#renewing = setInterval(() => void this.#put(1, 0), MINUTE_MS);
    this.#renewing.unref();
  }

  /** Nobody supervises any longer, and the run stays open. */
  leave(): void {
    clearInterval(this.#renewing);
  }

  /** The run has ended, or is paused: 0 at every minute that may have been announced. */
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
