import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import type { TableDescription } from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { RunRecord, TrafficCut } from '../../core/records.ts';
import { tableNameOf } from '../../core/table-name.ts';
import {
  readThrottleReasons,
  readTrafficOf,
  type TrafficMinute,
  type TrafficSource,
} from '../user-table/traffic.ts';

/** DynamoDB publishes by the minute. */
const LOOK_INTERVAL_MS = 20_000;

/** Its minutes arrive late and grow for a while; a minute that is this old no longer changes. */
const SETTLED_AFTER_MS = 120_000;

/** However long the table suffers, the fleet keeps this part of its budget: only the operator stops it. */
const LOWEST_FACTOR = 1 / 16;

/** After a cut, this much of the budget comes back with each minute in which nobody was throttled. */
const RECOVERY_A_MINUTE = 0.1;

/** A provisioned table that is used beyond this part is about to throttle. */
const NEARLY_FULL = 0.95;

/** The fleet's own writes must show in the table's metrics after this long: they are published a minute or two late. */
const SILENT_AFTER_MS = 180_000;

/** What of a table's description the guard goes by: what is provisioned now, and which indexes there are. */
export type TableNow = Pick<
  TableDescription,
  'BillingModeSummary' | 'ProvisionedThroughput' | 'GlobalSecondaryIndexes'
>;

export interface TrafficGuardOptions {
  readonly client: Pick<CloudWatchClient, 'send'>;
  readonly clock: Clock;
  readonly run: Pick<RunRecord, 'table' | 'provisionedWriteUnits'>;
  /** Describes the table as it is now; without it what was provisioned at the start stands, and no index is seen. */
  readonly describeTable?: () => Promise<TableNow | undefined>;
  /** Wall-clock time, ms since the epoch: CloudWatch's minutes are dated by it. */
  readonly now: () => number;
}

/** A minute of the table, or of one of its indexes. */
interface SourceMinute extends TrafficMinute {
  readonly source: TrafficSource;
  readonly words: string;
}

/**
 * Watches what the table and its indexes report of everyone's traffic, and cuts the fleet's budget when somebody is
 * throttled: by half for each minute with throttling, back by a tenth for each minute without. A minute is held against
 * what is provisioned now, since a table may scale by itself. When CloudWatch cannot be read, or has nothing of a table
 * that the fleet writes to, the guard is blind and the factor stays: a lost signal never makes the fleet faster.
 */
export class TrafficGuard {
  readonly #options: TrafficGuardOptions;
  #cut: TrafficCut;
  readonly #beganAt: number;
  readonly #suffered = new Set<number>();
  #recoveredUntil: number;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #blindBecause: string | undefined;
  #table: TableNow | undefined;
  #wroteUnits: number | undefined;
  /** Since when the fleet has been writing without a break. */
  #writingSinceMs: number | undefined;

  /** `cut`: what an earlier supervisor had decided. */
  constructor(options: TrafficGuardOptions, cut: TrafficCut | undefined) {
    this.#options = options;
    this.#cut = cut ?? { factor: 1, reason: '' };
    this.#beganAt = options.now() - 60_000;
    this.#recoveredUntil = options.now();
  }

  /** Why the table's own metrics cannot be read at present. */
  get blindBecause(): string | undefined {
    return this.#blindBecause;
  }

  /**
   * The cut in force; a new object when it has changed.
   * @param wroteUnits what the fleet has written so far, by its own count: the table's metrics must show it
   */
  async look(wroteUnits = 0): Promise<TrafficCut> {
    const { client, clock, now } = this.#options;
    if (clock.monotonicMs() - this.#lookedAtMs < LOOK_INTERVAL_MS) return this.#cut;
    this.#lookedAtMs = clock.monotonicMs();
    this.#observeWriting(wroteUnits);
    await this.#describe();
    try {
      const sources = this.#sources();
      const minutes = await readTrafficOf(client as CloudWatchClient, sources, now());
      this.#blindBecause = this.#silence(minutes);
      if (this.#blindBecause === undefined) await this.#judge(sources, minutes);
    } catch (error) {
      this.#blindBecause = describeError(error);
    }
    return this.#cut;
  }

  #observeWriting(wroteUnits: number): void {
    const grew = wroteUnits > (this.#wroteUnits ?? wroteUnits);
    this.#wroteUnits = wroteUnits;
    this.#writingSinceMs = grew ? (this.#writingSinceMs ?? this.#lookedAtMs) : undefined;
  }

  /** A description that fails leaves the last one in force. */
  async #describe(): Promise<void> {
    try {
      this.#table = (await this.#options.describeTable?.()) ?? this.#table;
    } catch {}
  }

  #sources(): TrafficSource[] {
    const { table } = this.#options.run;
    const indexes = (this.#table?.GlobalSecondaryIndexes ?? []).map(({ IndexName }) => IndexName);
    return [{ table }, ...indexes.map(index => ({ table, index }))];
  }

  /** Why no data at all, while the fleet writes, is not quiet. */
  #silence([ofTable = []]: readonly TrafficMinute[][]): string | undefined {
    if (ofTable.length > 0 || this.#writingSinceMs === undefined) return undefined;
    const writingMs = this.#options.clock.monotonicMs() - this.#writingSinceMs;
    if (writingMs < SILENT_AFTER_MS) return undefined;
    const { table } = this.#options.run;
    const elsewhere = table.startsWith('arn:')
      ? ' The metrics of a table in another account are in that account.'
      : '';
    return `CloudWatch has no metrics of the table ${tableNameOf(table)}, although the fleet has been writing to it for minutes.${elsewhere}`;
  }

  async #judge(sources: readonly TrafficSource[], bySource: readonly TrafficMinute[][]): Promise<void> {
    const byTime = new Map<number, SourceMinute[]>();
    for (const [index, minutes] of bySource.entries()) {
      const source = sources[index];
      if (!source) continue;
      const words = source.index === undefined ? 'the table' : `the index ${source.index}`;
      for (const minute of minutes.filter(({ at }) => at > this.#beganAt)) {
        byTime.set(minute.at, [...(byTime.get(minute.at) ?? []), { ...minute, source, words }]);
      }
    }
    for (const at of [...byTime.keys()].sort((a, b) => a - b)) {
      await this.#judgeMinute(at, byTime.get(at) ?? []);
    }
  }

  async #judgeMinute(at: number, minutes: readonly SourceMinute[]): Promise<void> {
    const settled = at + SETTLED_AFTER_MS <= this.#options.now();
    const suffering = minutes.find(minute => this.#suffering(minute) !== undefined);
    if (suffering) {
      if (this.#suffered.has(at)) return;
      this.#suffered.add(at);
      const reason = `${this.#suffering(suffering)}${await this.#limits(suffering)}`;
      this.#cut = { factor: Math.max(LOWEST_FACTOR, this.#cut.factor / 2), reason };
    } else if (settled && at > this.#recoveredUntil && this.#cut.factor < 1) {
      this.#recoveredUntil = at;
      const factor = Math.min(1, this.#cut.factor + RECOVERY_A_MINUTE);
      this.#cut = {
        factor,
        reason: factor < 1 ? `recovering: ${this.#cut.reason.replace(/^recovering: /, '')}` : '',
      };
    }
  }

  #suffering(minute: SourceMinute): string | undefined {
    const { source, words, writeThrottleEvents, readThrottleEvents, writeUnitsPerSecond } = minute;
    const at = new Date(minute.at).toISOString().slice(11, 16);
    if (writeThrottleEvents > 0) return `${writeThrottleEvents} throttled writes on ${words} at ${at}`;
    if (readThrottleEvents > 0) return `${readThrottleEvents} throttled reads on ${words} at ${at}`;
    const provisioned = this.#provisionedWriteUnits(source.index);
    if (provisioned !== undefined && writeUnitsPerSecond > NEARLY_FULL * provisioned) {
      const where = source.index === undefined ? '' : ` of ${words}`;
      return `${Math.round(writeUnitsPerSecond)} of ${provisioned} provisioned write units a second${where} in use at ${at}`;
    }
    return undefined;
  }

  /** Which limit it was, where the metrics say so. */
  async #limits({ source, at, writeThrottleEvents, readThrottleEvents }: SourceMinute): Promise<string> {
    if (writeThrottleEvents === 0 && readThrottleEvents === 0) return '';
    const side = writeThrottleEvents > 0 ? 'Write' : 'Read';
    const { client, now } = this.#options;
    try {
      const limits = await readThrottleReasons(client as CloudWatchClient, source, side, at, now());
      return limits.length === 0 ? '' : `: ${limits.join(', ')}`;
    } catch {
      return '';
    }
  }

  /** What is provisioned now; undefined on demand. */
  #provisionedWriteUnits(index: string | undefined): number | undefined {
    const table = this.#table;
    if (!table) return index === undefined ? this.#options.run.provisionedWriteUnits : undefined;
    if (table.BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST') return undefined;
    const of =
      index === undefined
        ? table.ProvisionedThroughput
        : table.GlobalSecondaryIndexes?.find(({ IndexName }) => IndexName === index)?.ProvisionedThroughput;
    const units = of?.WriteCapacityUnits ?? 0;
    return units > 0 ? units : undefined;
  }
}
