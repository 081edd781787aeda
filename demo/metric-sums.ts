import {
  type CloudWatchClient,
  GetMetricDataCommand,
  type MetricDataResult,
} from '@aws-sdk/client-cloudwatch';
import { DEFAULT_NAMESPACE, type MetricName, TABLE_DIMENSION } from '../core/metrics.ts';

/** The counters of `run.finished` that the fleet also publishes as metrics. */
export const COUNTER_METRICS = {
  scanned: 'ItemsScanned',
  updated: 'ItemsUpdated',
  alreadySet: 'ItemsAlreadySet',
  deleted: 'ItemsDeleted',
  quarantined: 'ItemsQuarantined',
} as const satisfies Record<string, MetricName>;

export type Counter = keyof typeof COUNTER_METRICS;
export type MetricSums = Readonly<Record<Counter, number>>;

const PERIOD_S = 60;
const MARGIN_MS = 2 * PERIOD_S * 1000;

/**
 * What the fleet published for a table, summed since `since`, as an operator's dashboard shows it.
 * @throws the client's error.
 */
export async function readMetricSums(
  client: CloudWatchClient,
  table: string,
  since: Date,
): Promise<MetricSums> {
  const sums: Record<Counter, number> = { scanned: 0, updated: 0, alreadySet: 0, deleted: 0, quarantined: 0 };
  const counters = Object.keys(COUNTER_METRICS) as Counter[];
  let nextToken: string | undefined;
  do {
    const reply = await client.send(
      new GetMetricDataCommand({
        StartTime: new Date(since.getTime() - MARGIN_MS),
        EndTime: new Date(Date.now() + MARGIN_MS),
        MetricDataQueries: counters.map(counter => ({
          Id: counter.toLowerCase(),
          MetricStat: {
            Metric: {
              Namespace: DEFAULT_NAMESPACE,
              MetricName: COUNTER_METRICS[counter],
              Dimensions: [{ Name: TABLE_DIMENSION, Value: table }],
            },
            Period: PERIOD_S,
            Stat: 'Sum',
          },
        })),
        ...(nextToken === undefined ? {} : { NextToken: nextToken }),
      }),
    );
    for (const counter of counters) sums[counter] += sumOf(reply.MetricDataResults, counter.toLowerCase());
    nextToken = reply.NextToken;
  } while (nextToken !== undefined);
  return sums;
}

function sumOf(results: readonly MetricDataResult[] = [], id: string): number {
  const values = results.filter(({ Id }) => Id === id).flatMap(({ Values = [] }) => Values);
  return values.reduce((sum, value) => sum + value, 0);
}
