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

/** DynamoDB publishes its metrics by the minute. */
const LOOK_INTERVAL_MS = 20_000;

/** A minute's metrics arrive late and grow for a while. After this time they no longer change. */
const SETTLED_AFTER_MS = 120_000;

/** The fleet keeps this part of its budget however long the table suffers. Only the operator stops it. */
const LOWEST_FACTOR = 1 / 16;

/** After a cut, this part of the budget returns with each minute without throttling. */
const RECOVERY_A_MINUTE = 0.1;

/** A provisioned table in use beyond this part is about to throttle. */
const NEARLY_FULL = 0.95;

/** DynamoDB publishes a minute or two late. After this long, the table's metrics must show the fleet's own writes. */
const SILENT_AFTER_MS = 180_000;

/** What the guard needs of a table's description: the current provisioned capacity and the indexes. */
export type TableNow = Pick<
  TableDescription,
  'BillingModeSummary' | 'ProvisionedThroughput' | 'GlobalSecondaryIndexes'
>;

export interface TrafficGuardOptions {
  readonly client: Pick<CloudWatchClient, 'send'>;
  readonly clock: Clock;
  readonly run: Pick<RunRecord, 'table' | 'provisionedWriteUnits'>;
  /** Describes the table as it is now. Without it, the guard knows only the capacity at the start, and no index. */
  readonly describeTable?: () => Promise<TableNow | undefined>;
  /** Wall-clock time in ms since the epoch, because CloudWatch's minutes use it. */
  readonly now: () => number;
}

/** One minute of the table or of one of its indexes. */
interface SourceMinute extends TrafficMinute {
  readonly source: TrafficSource;
  readonly words: string;
}

/**
 * Watches the metrics of the table and its indexes, which include everyone's traffic. Each minute with throttling
 * halves the fleet's budget, and each minute without returns a tenth. A minute is compared with the current provisioned
 * capacity, because a table may scale by itself. If CloudWatch cannot be read, or has no metrics of a table that the
 * fleet writes to, the guard is blind and the factor stays. A lost signal never makes the fleet faster.
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
  /** Since when every look has found new writes of the fleet. */
  #writingSinceMs: number | undefined;

  /** `cut`: the cut that an earlier supervisor left. */
  constructor(options: TrafficGuardOptions, cut: TrafficCut | undefined) {
    this.#options = options;
    this.#cut = cut ?? { factor: 1, reason: '' };
    this.#beganAt = options.now() - 60_000;
    this.#recoveredUntil = options.now();
  }

  /** Why the guard cannot read the table's metrics now. */
  get blindBecause(): string | undefined {
    return this.#blindBecause;
  }

  /**
   * @returns the cut in force; a new object if it has changed.
   * @param wroteUnits write units of the fleet so far, by its own count, which the table's metrics must show
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

  /** If this fails, the last description stays in force. */
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

  /** Why missing metrics do not mean a quiet table; undefined if they may. */
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

  /** Which limit throttled, if the metrics tell. */
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

  /** Write units provisioned now; undefined for an on-demand table. */
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
