import { readRequest } from '../wire/request.ts';
import { invalidCombination, invalidNextToken, invalidValue, missingParameter } from './errors.ts';
import { acceptDimensions } from './put-metric-data.ts';
import { type GetMetricDataRequest, getMetricDataRequest, type MetricDataQuery } from './requests.ts';
import type { MetricStore, SeriesName, StatisticSet } from './store.ts';

/* Limits of GetMetricData [CloudWatch API reference, GetMetricData and MetricDataQuery]. */
const MAX_QUERIES = 500;
const MAX_DATAPOINTS = 100_800;
const ID_PATTERN = /^[a-z][a-zA-Z0-9_]*$/;
const SHORT_PERIODS: readonly number[] = [1, 5, 10, 30];

const STATISTICS: Readonly<Record<string, (set: StatisticSet) => number>> = {
  SampleCount: set => set.sampleCount,
  Sum: set => set.sum,
  Average: set => set.sum / set.sampleCount,
  Minimum: set => set.minimum,
  Maximum: set => set.maximum,
};

interface AcceptedQuery {
  readonly id: string;
  readonly label: string;
  readonly series: SeriesName;
  readonly unit: string | undefined;
  readonly periodSeconds: number;
  readonly statistic: (set: StatisticSet) => number;
}

interface Point {
  readonly query: AcceptedQuery;
  readonly timestamp: number;
  readonly value: number;
}

/**
 * GetMetricData for metrics, not for expressions. It returns one result for each query, newest points first by default,
 * in pages of at most MaxDatapoints points.
 * @throws WireError for what the service refuses, and for expressions and percentiles, which are not supported
 */
export function getMetricData(store: MetricStore, body: unknown): unknown {
  const request = readRequest(getMetricDataRequest, body);
  const { start, end } = acceptRange(request);
  const queries = acceptQueries(request.MetricDataQueries ?? []);
  const { MaxDatapoints: pageSize = MAX_DATAPOINTS } = request;
  if (pageSize < 1 || pageSize > MAX_DATAPOINTS)
    throw invalidValue(`MaxDatapoints must be 1 to ${MAX_DATAPOINTS}.`);

  const points = queries.flatMap(query => {
    const found = pointsOf(store, query, start, end);
    return request.ScanBy === 'TimestampAscending' ? found : found.reverse();
  });
  const first = offsetOf(request.NextToken, points.length);
  const page = points.slice(first, first + pageSize);
  const next = first + page.length;
  const left = new Set(points.slice(next).map(point => point.query));
  return {
    MetricDataResults: queries.map(query => {
      const own = page.filter(point => point.query === query);
      return {
        Id: query.id,
        Label: query.label,
        Timestamps: own.map(point => point.timestamp),
        Values: own.map(point => point.value),
        StatusCode: left.has(query) ? 'PartialData' : 'Complete',
      };
    }),
    Messages: [],
    ...(left.size > 0 && { NextToken: encodeOffset(next) }),
  };
}

function pointsOf(store: MetricStore, query: AcceptedQuery, startMs: number, endMs: number): Point[] {
  const { periodSeconds } = query;
  // The service rounds a start time down to the beginning of its period.
  const start = Math.floor(startMs / 1_000 / periodSeconds) * periodSeconds;
  const found = store.query(query.series, { start, end: endMs / 1_000, periodSeconds }, query.unit);
  return [...found].map(([timestamp, set]) => ({ query, timestamp, value: query.statistic(set) }));
}

function acceptRange({ StartTime: start, EndTime: end }: GetMetricDataRequest): {
  start: number;
  end: number;
} {
  if (start === undefined || end === undefined) throw missingParameter('StartTime and EndTime are required.');
  if (start >= end) throw invalidValue('StartTime must be less than EndTime.');
  return { start, end };
}

function acceptQueries(queries: readonly MetricDataQuery[]): AcceptedQuery[] {
  if (queries.length === 0) throw missingParameter('The parameter MetricDataQueries is required.');
  if (queries.length > MAX_QUERIES) {
    throw invalidValue(`The collection MetricDataQueries must not have a size greater than ${MAX_QUERIES}.`);
  }
  const accepted = queries.filter(query => query.ReturnData !== false).map(acceptQuery);
  if (new Set(queries.map(query => query.Id)).size < queries.length)
    throw invalidValue('Two queries have the same Id.');
  return accepted;
}

function acceptQuery(query: MetricDataQuery): AcceptedQuery {
  const { Id: id = '', MetricStat: stat } = query;
  if (!ID_PATTERN.test(id)) throw invalidValue(`The Id "${id}" must begin with a lowercase letter.`);
  if (query.Expression !== undefined && stat !== undefined) {
    throw invalidCombination(`The query ${id} may have only one of Expression and MetricStat.`);
  }
  if (query.Expression !== undefined)
    throw invalidValue('Metric math is not offered by this endpoint: ask for a MetricStat.');
  const { Namespace: namespace, MetricName: metric, Dimensions: dimensions = [] } = stat?.Metric ?? {};
  if (stat === undefined || !namespace || !metric) {
    throw missingParameter(
      `The query ${id} needs a MetricStat with the Namespace and MetricName of its Metric.`,
    );
  }
  const { Period: periodSeconds = 0, Stat: statisticName = '' } = stat;
  if (!SHORT_PERIODS.includes(periodSeconds) && !(periodSeconds > 0 && periodSeconds % 60 === 0)) {
    throw invalidValue(`The Period of ${id} must be ${SHORT_PERIODS.join(', ')} or a multiple of 60.`);
  }
  const statistic = Object.hasOwn(STATISTICS, statisticName) ? STATISTICS[statisticName] : undefined;
  if (statistic === undefined) {
    throw invalidValue(
      `The Stat of ${id} must be one of ${Object.keys(STATISTICS).join(', ')} on this endpoint.`,
    );
  }
  return {
    id,
    label: query.Label ?? metric,
    series: { namespace, metric, dimensions: acceptDimensions(dimensions, id) },
    unit: stat.Unit,
    periodSeconds,
    statistic,
  };
}

const encodeOffset = (offset: number) => Buffer.from(String(offset)).toString('base64url');

/**
 * The token of a page is the number of points before it.
 * @throws WireError InvalidNextToken
 */
export function offsetOf(token: string | undefined, length: number): number {
  if (token === undefined) return 0;
  const offset = Number(Buffer.from(token, 'base64url').toString());
  if (!Number.isInteger(offset) || offset < 1 || offset > length) throw invalidNextToken();
  return offset;
}
