import {
  type CloudWatchClient,
  GetMetricDataCommand,
  type MetricDataQuery,
} from '@aws-sdk/client-cloudwatch';
import { tableNameOf } from '../../core/table-name.ts';

const PERIOD_SECONDS = 60;

/** DynamoDB publishes a minute or two late. Older data says nothing about now. */
const LOOK_BACK_MINUTES = 5;

/** A turn of the supervisor waits at most this long for CloudWatch. */
const PATIENCE_MS = 8_000;

/** The metrics of one minute of the table, or of one of its indexes. */
export interface TrafficMinute {
  /** Start of the minute, ms since the epoch. */
  readonly at: number;
  readonly writeThrottleEvents: number;
  readonly readThrottleEvents: number;
  /** Average over the minute, of all clients together. */
  readonly writeUnitsPerSecond: number;
  readonly readUnitsPerSecond: number;
}

/**
 * A table or one of its global secondary indexes. Each index has its own metrics; a table's metrics do not include it.
 */
export interface TrafficSource {
  /** Name or ARN. CloudWatch knows tables by name. */
  readonly table: string;
  readonly index?: string | undefined;
}

/** The limits that can throttle, by the word in the metric's name, and what each one means. */
const REASONS = {
  KeyRangeThroughput: 'one partition was at its limit',
  ProvisionedThroughput: 'the provisioned capacity was used up',
  MaxOnDemandThroughput: 'the maximum set for on-demand was reached',
  AccountLimit: 'the quota of the account was reached',
} as const;

const METRICS = {
  writeThrottleEvents: 'WriteThrottleEvents',
  readThrottleEvents: 'ReadThrottleEvents',
  writeUnits: 'ConsumedWriteCapacityUnits',
  readUnits: 'ConsumedReadCapacityUnits',
} as const;

/**
 * Reads a table's metrics of the last minutes, oldest first; empty if DynamoDB published none.
 * @throws the client's error.
 */
export async function readTraffic(
  client: CloudWatchClient,
  table: string,
  nowMs: number,
): Promise<TrafficMinute[]> {
  const [minutes = []] = await readTrafficOf(client, [{ table }], nowMs);
  return minutes;
}

/**
 * Reads the metrics of several sources in one call and returns them in the same order. WriteThrottleEvents counts every
 * throttled write, including single statements of a batch, where ThrottledRequests may stay 0 [developer guide,
 * DynamoDB metrics and dimensions].
 * @throws the client's error.
 */
export async function readTrafficOf(
  client: CloudWatchClient,
  sources: readonly TrafficSource[],
  nowMs: number,
): Promise<TrafficMinute[][]> {
  const queries = sources.flatMap((source, index) =>
    Object.entries(METRICS).map(([name, metric]) => query(idOf(name, index), metric, source)),
  );
  const series = await readSums(client, queries, nowMs);
  return sources.map((_, index) => {
    const of = (name: keyof typeof METRICS) => series.get(idOf(name, index)) ?? new Map<number, number>();
    const names = Object.keys(METRICS) as (keyof typeof METRICS)[];
    const times = new Set(names.flatMap(name => [...of(name).keys()]));
    return [...times]
      .sort((a, b) => a - b)
      .map(at => ({
        at,
        writeThrottleEvents: of('writeThrottleEvents').get(at) ?? 0,
        readThrottleEvents: of('readThrottleEvents').get(at) ?? 0,
        writeUnitsPerSecond: (of('writeUnits').get(at) ?? 0) / PERIOD_SECONDS,
        readUnitsPerSecond: (of('readUnits').get(at) ?? 0) / PERIOD_SECONDS,
      }));
  });
}

/**
 * Says which limits throttled a source in one minute; empty if the metrics by throttling reason do not exist [developer
 * guide, "Diagnosing throttling"].
 * @throws the client's error.
 */
export async function readThrottleReasons(
  client: CloudWatchClient,
  source: TrafficSource,
  side: 'Write' | 'Read',
  at: number,
  nowMs: number,
): Promise<string[]> {
  const queries = Object.keys(REASONS).map(reason =>
    query(`reason${reason}`, `${side}${reason}ThrottleEvents`, source),
  );
  const series = await readSums(client, queries, nowMs);
  return Object.entries(REASONS).flatMap(([reason, words]) =>
    (series.get(`reason${reason}`)?.get(at) ?? 0) > 0 ? [words] : [],
  );
}

/** The first source, the table itself, keeps the plain names. */
function idOf(name: string, source: number): string {
  return source === 0 ? name : `${name}_${source}`;
}

function query(Id: string, MetricName: string, { table, index }: TrafficSource): MetricDataQuery {
  const Dimensions = [
    { Name: 'TableName', Value: tableNameOf(table) },
    ...(index === undefined ? [] : [{ Name: 'GlobalSecondaryIndexName', Value: index }]),
  ];
  return {
    Id,
    MetricStat: {
      Metric: { Namespace: 'AWS/DynamoDB', MetricName, Dimensions },
      Period: PERIOD_SECONDS,
      Stat: 'Sum',
    },
  };
}

/** Sums by query id, then by the start of the minute in milliseconds. */
async function readSums(
  client: CloudWatchClient,
  queries: MetricDataQuery[],
  nowMs: number,
): Promise<Map<string, Map<number, number>>> {
  const { MetricDataResults = [] } = await client.send(
    new GetMetricDataCommand({
      MetricDataQueries: queries,
      StartTime: new Date(nowMs - LOOK_BACK_MINUTES * PERIOD_SECONDS * 1_000),
      EndTime: new Date(nowMs),
      ScanBy: 'TimestampAscending',
    }),
    { abortSignal: AbortSignal.timeout(PATIENCE_MS) },
  );
  return new Map(
    MetricDataResults.map(({ Id = '', Timestamps = [], Values = [] }) => [
      Id,
      new Map(Timestamps.map((timestamp, index) => [timestamp.getTime(), Values[index] ?? 0])),
    ]),
  );
}
