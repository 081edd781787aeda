import {
  type CloudWatchClient,
  GetMetricDataCommand,
  type MetricDataResult,
} from '@aws-sdk/client-cloudwatch';
import { DEFAULT_NAMESPACE, type MetricName, TABLE_DIMENSION } from '../core/metrics.ts';

/** The figures of `run.finished` that the fleet also publishes as metrics. */
export const FIGURE_METRICS = {
  scanned: 'ItemsScanned',
  updated: 'ItemsUpdated',
  alreadySet: 'ItemsAlreadySet',
  deleted: 'ItemsDeleted',
  quarantined: 'ItemsQuarantined',
  readCapacityUnits: 'ConsumedReadCapacity',
  writeCapacityUnits: 'ConsumedWriteCapacity',
} as const satisfies Record<string, MetricName>;

export type Figure = keyof typeof FIGURE_METRICS;
export type MetricSums = Readonly<Record<Figure, number>>;

const PERIOD_S = 60;
const MARGIN_MS = 2 * PERIOD_S * 1000;

/**
 * Sums what the fleet published for a table since `since`, as an operator's dashboard does.
 * @throws the client's error.
 */
export async function readMetricSums(
  client: CloudWatchClient,
  table: string,
  since: Date,
): Promise<MetricSums> {
  const figures = Object.keys(FIGURE_METRICS) as Figure[];
  const sums = Object.fromEntries(figures.map(figure => [figure, 0])) as Record<Figure, number>;
  let nextToken: string | undefined;
  do {
    const reply = await client.send(
      new GetMetricDataCommand({
        StartTime: new Date(since.getTime() - MARGIN_MS),
        EndTime: new Date(Date.now() + MARGIN_MS),
        MetricDataQueries: figures.map(figure => ({
          Id: figure.toLowerCase(),
          MetricStat: {
            Metric: {
              Namespace: DEFAULT_NAMESPACE,
              MetricName: FIGURE_METRICS[figure],
              Dimensions: [{ Name: TABLE_DIMENSION, Value: table }],
            },
            Period: PERIOD_S,
            Stat: 'Sum',
          },
        })),
        ...(nextToken === undefined ? {} : { NextToken: nextToken }),
      }),
    );
    for (const figure of figures) sums[figure] += sumOf(reply.MetricDataResults, figure.toLowerCase());
    nextToken = reply.NextToken;
  } while (nextToken !== undefined);
  return sums;
}

function sumOf(results: readonly MetricDataResult[] = [], id: string): number {
  const values = results.filter(({ Id }) => Id === id).flatMap(({ Values = [] }) => Values);
  return values.reduce((sum, value) => sum + value, 0);
}
