import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Milliseconds, to three significant digits. */
export interface LatencySummary {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Records the latencies of many operations in little memory, in microseconds. */
export class LatencyRecorder {
  readonly #histogram: RecordableHistogram = createHistogram({ figures: 3 });

  record(durationMs: number): void {
    this.#histogram.record(Math.max(1, Math.round(durationMs * 1000)));
  }

  /** All zero if nothing was recorded. */
  summary(): LatencySummary {
    const histogram = this.#histogram;
    if (histogram.count === 0) return { p50: 0, p95: 0, p99: 0, max: 0 };
    const at = (percentile: number) => histogram.percentile(percentile) / 1000;
    return { p50: at(50), p95: at(95), p99: at(99), max: histogram.max / 1000 };
  }
}
