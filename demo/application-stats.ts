import { LatencyRecorder, type LatencySummary } from './latency.ts';
import type { Operation } from './operation-mix.ts';
import type { WriteOutcome } from './send-write.ts';

export interface ApplicationStats {
  /** Writes that took effect, by kind; `total` is their sum. */
  readonly operations: Readonly<Record<Operation, number>>;
  readonly total: number;
  readonly durationMs: number;
  /** From the first request to a known outcome, over all writes. */
  readonly latencyMs: LatencySummary;
  /** The application's own requests that DynamoDB throttled. */
  readonly throttled: number;
  /** Requests without a reply, which were sent again. */
  readonly unanswered: number;
  /** Writes that DynamoDB refused, with the reason of the last one. */
  readonly refused: number;
  readonly lastRefusal: string | undefined;
  /** Writes to an item that should have existed and did not. */
  readonly foundNothing: number;
  /** Writes whose outcome never became known. */
  readonly unknown: number;
}

export class ApplicationStatsRecorder {
  readonly #operations: Record<Operation, number> = {
    insert: 0,
    restore: 0,
    update: 0,
    set: 0,
    replace: 0,
    delete: 0,
  };
  readonly #latency = new LatencyRecorder();
  #throttled = 0;
  #unanswered = 0;
  #refused = 0;
  #lastRefusal: string | undefined;
  #foundNothing = 0;
  #unknown = 0;

  record(operation: Operation, outcome: WriteOutcome, durationMs: number): void {
    this.#latency.record(durationMs);
    this.#throttled += outcome.throttled;
    this.#unanswered += outcome.unanswered;
    switch (outcome.result) {
      case 'applied':
        this.#operations[operation] += 1;
        break;
      case 'found-nothing':
        this.#foundNothing += 1;
        break;
      case 'refused':
        this.#refused += 1;
        this.#lastRefusal = outcome.error.message;
        break;
      case 'unknown':
        this.#unknown += 1;
        break;
    }
  }

  summary(durationMs: number): ApplicationStats {
    return {
      operations: { ...this.#operations },
      total: Object.values(this.#operations).reduce((sum, count) => sum + count, 0),
      durationMs,
      latencyMs: this.#latency.summary(),
      throttled: this.#throttled,
      unanswered: this.#unanswered,
      refused: this.#refused,
      lastRefusal: this.#lastRefusal,
      foundNothing: this.#foundNothing,
      unknown: this.#unknown,
    };
  }
}
