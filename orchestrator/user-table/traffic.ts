import {
  type CloudWatchClient,
  GetMetricDataCommand,
  type MetricDataQuery,
} from '@aws-sdk/client-cloudwatch';

const PERIOD_SECONDS = 60;

/** DynamoDB publishes a minute or two late; older data says nothing about now. */
const LOOK_BACK_MINUTES = 5;

/** What the table itself reported of one minute. */
export interface TrafficMinute {
  /** Start of the minute, ms since the epoch. */
  readonly at: number;
  readonly writeThrottleEvents: number;
  readonly readThrottleEvents: number;
  /** A second, on average over the minute, of everyone. */
  readonly writeUnitsPerSecond: number;
  readonly readUnitsPerSecond: number;
}

const METRICS = {
  writeThrottleEvents: 'WriteThrottleEvents',
  readThrottleEvents: 'ReadThrottleEvents',
  writeUnits: 'ConsumedWriteCapacityUnits',
  readUnits: 'ConsumedReadCapacityUnits',
} as const;

/**
 * What DynamoDB published of a table in the last minutes, oldest first; empty when it published nothing.
 * WriteThrottleEvents counts every throttled write, single statements of a batch too; ThrottledRequests may stay 0
 * there [developer guide, DynamoDB metrics and dimensions].
 * @throws the client's error.
 */
export async function readTraffic(
  client: CloudWatchClient,
  table: string,
  nowMs: number,
): Promise<TrafficMinute[]> {
  const queries = Object.entries(METRICS).map(
    ([Id, MetricName]): MetricDataQuery => ({
      Id,
      MetricStat: {
        Metric: { Namespace: 'AWS/DynamoDB', MetricName, Dimensions: [{ Name: 'TableName', Value: table }] },
        Period: PERIOD_SECONDS,
        Stat: 'Sum',
      },
    }),
  );
  const { MetricDataResults = [] } = await client.send(
    new GetMetricDataCommand({
      MetricDataQueries: queries,
      StartTime: new Date(nowMs - LOOK_BACK_MINUTES * PERIOD_SECONDS * 1_000),
      EndTime: new Date(nowMs),
      ScanBy: 'TimestampAscending',
    }),
  );
  const sums = new Map<number, Record<string, number>>();
  for (const { Id = '', Timestamps = [], Values = [] } of MetricDataResults) {
    for (const [index, timestamp] of Timestamps.entries()) {
      const minute = sums.get(timestamp.getTime()) ?? {};
      minute[Id] = Values[index] ?? 0;
      sums.set(timestamp.getTime(), minute);
    }
  }
  return [...sums]
    .sort(([a], [b]) => a - b)
    .map(([at, minute]) => ({
      at,
      writeThrottleEvents: minute['writeThrottleEvents'] ?? 0,
      readThrottleEvents: minute['readThrottleEvents'] ?? 0,
      writeUnitsPerSecond: (minute['writeUnits'] ?? 0) / PERIOD_SECONDS,
      readUnitsPerSecond: (minute['readUnits'] ?? 0) / PERIOD_SECONDS,
    }));
}
