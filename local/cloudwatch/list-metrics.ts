import { readRequest } from '../wire/request.ts';
import { offsetOf } from './get-metric-data.ts';
import { listMetricsRequest } from './requests.ts';
import type { MetricStore } from './store.ts';

const PAGE_SIZE = 500;

/** ListMetrics: the series with this namespace, name and dimensions. A dimension without a value matches any value. */
export function listMetrics(store: MetricStore, body: unknown): unknown {
  const request = readRequest(listMetricsRequest, body);
  const matches = store
    .list()
    .filter(
      ({ namespace, metric, dimensions }) =>
        (request.Namespace === undefined || namespace === request.Namespace) &&
        (request.MetricName === undefined || metric === request.MetricName) &&
        (request.Dimensions ?? []).every(
          ({ Name: name = '', Value: value }) =>
            dimensions[name] !== undefined && (value === undefined || dimensions[name] === value),
        ),
    );
  const first = offsetOf(request.NextToken, matches.length);
  const next = first + PAGE_SIZE;
  return {
    Metrics: matches.slice(first, next).map(({ namespace, metric, dimensions }) => ({
      Namespace: namespace,
      MetricName: metric,
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
    })),
    ...(next < matches.length && { NextToken: Buffer.from(String(next)).toString('base64url') }),
  };
}
