import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import type { Clock } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { RunRecord, TrafficCut } from '../../core/records.ts';
import { readTraffic, type TrafficMinute } from '../user-table/traffic.ts';

/** DynamoDB publishes by the minute. */
const LOOK_INTERVAL_MS = 20_000;

/** Its minutes come late and grow for a while; one that is this old will not change any more. */
const SETTLED_AFTER_MS = 120_000;

/** However long the table suffers, the fleet keeps this part of its budget: a stop is the operator's to order. */
const LOWEST_FACTOR = 1 / 16;

/** After a cut, this much of the budget comes back with each minute in which nobody was throttled. */
const RECOVERY_A_MINUTE = 0.1;

/** A provisioned table that is used beyond this part is about to throttle. */
const NEARLY_FULL = 0.95;

export interface TrafficGuardOptions {
  readonly client: Pick<CloudWatchClient, 'send'>;
  readonly clock: Clock;
  readonly run: Pick<RunRecord, 'table' | 'provisionedWriteUnits'>;
  /** Wall-clock time, ms since the epoch: CloudWatch's minutes are dated by it. */
  readonly now: () => number;
}

/**
 * Watches what the table reports of everyone's traffic, and cuts the fleet's budget when somebody is throttled: by
 * half for each minute with throttling, back by a tenth for each minute without. When CloudWatch cannot be read the
 * factor stays as it is: a lost signal never makes the fleet faster.
 */
export class TrafficGuard {
  readonly #options: TrafficGuardOptions;
  #cut: TrafficCut;
  readonly #beganAt: number;
  readonly #suffered = new Set<number>();
  #recoveredUntil: number;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #blindBecause: string | undefined;

  /** `cut`: what an earlier supervisor had decided. */
  constructor(options: TrafficGuardOptions, cut: TrafficCut | undefined) {
    this.#options = options;
    this.#cut = cut ?? { factor: 1, reason: '' };
    this.#beganAt = options.now() - 60_000;
    this.#recoveredUntil = options.now();
  }

  /** Why the table's own metrics cannot be read, while they cannot. */
  get blindBecause(): string | undefined {
    return this.#blindBecause;
  }

  /** The cut in force; a new object when it has changed. */
  async look(): Promise<TrafficCut> {
    const { client, clock, run, now } = this.#options;
    if (clock.monotonicMs() - this.#lookedAtMs < LOOK_INTERVAL_MS) return this.#cut;
    this.#lookedAtMs = clock.monotonicMs();
    try {
      const minutes = await readTraffic(client as CloudWatchClient, run.table, now());
      this.#blindBecause = undefined;
      for (const minute of minutes.filter(({ at }) => at > this.#beganAt)) this.#judge(minute);
    } catch (error) {
      this.#blindBecause = describeError(error);
    }
    return this.#cut;
  }

  #judge(minute: TrafficMinute): void {
    const reason = this.#suffering(minute);
    const settled = minute.at + SETTLED_AFTER_MS <= this.#options.now();
    if (reason !== undefined) {
      if (this.#suffered.has(minute.at)) return;
      this.#suffered.add(minute.at);
      this.#cut = { factor: Math.max(LOWEST_FACTOR, this.#cut.factor / 2), reason };
    } else if (settled && minute.at > this.#recoveredUntil && this.#cut.factor < 1) {
      this.#recoveredUntil = minute.at;
      const factor = Math.min(1, this.#cut.factor + RECOVERY_A_MINUTE);
      this.#cut = {
        factor,
        reason: factor < 1 ? `recovering: ${this.#cut.reason.replace(/^recovering: /, '')}` : '',
      };
    }
  }

  #suffering(minute: TrafficMinute): string | undefined {
    const { provisionedWriteUnits } = this.#options.run;
    const at = new Date(minute.at).toISOString().slice(11, 16);
    const { writeThrottleEvents, readThrottleEvents, writeUnitsPerSecond } = minute;
    if (writeThrottleEvents > 0) return `${writeThrottleEvents} throttled writes on the table at ${at}`;
    if (readThrottleEvents > 0) return `${readThrottleEvents} throttled reads on the table at ${at}`;
    if (provisionedWriteUnits !== undefined && writeUnitsPerSecond > NEARLY_FULL * provisionedWriteUnits) {
      return `${Math.round(writeUnitsPerSecond)} of ${provisionedWriteUnits} provisioned write units a second in use at ${at}`;
    }
    return undefined;
  }
}
