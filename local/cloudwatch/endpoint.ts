import { startServer } from '../wire/server.ts';
import { QUERY_ERROR_CODES } from './errors.ts';
import { getMetricData } from './get-metric-data.ts';
import { listMetrics } from './list-metrics.ts';
import { putMetricData } from './put-metric-data.ts';
import { type Datum, type Dimensions, MetricStore } from './store.ts';

export interface CloudWatchEndpoint {
  readonly endpoint: string;
  /** The sum of everything put into a series since the start; 0 for a series that does not exist. */
  sum(namespace: string, metric: string, dimensions: Dimensions): number;
  /** Puts a datum without a request, as a service publishes its own metrics, also in AWS/ namespaces. */
  put(datum: Datum): void;
  stop(): Promise<void>;
}

const TARGET_PREFIX = 'GraniteServiceVersion20100801';
/** The size as sent, so gzip allows more data [CloudWatch API reference, PutMetricData]. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Starts the endpoint. README.md beside this file says what it does and does not do. */
export async function startCloudWatch(
  options: { readonly port?: number | undefined; readonly now?: () => number } = {},
): Promise<CloudWatchEndpoint> {
  const now = options.now ?? Date.now;
  const store = new MetricStore();
  const server = await startServer(
    {
      targetPrefix: TARGET_PREFIX,
      operations: {
        PutMetricData: body => putMetricData(store, body, now()),
        GetMetricData: body => getMetricData(store, body),
        ListMetrics: body => listMetrics(store, body),
      },
      maxBodyBytes: MAX_BODY_BYTES,
      queryErrorCodes: QUERY_ERROR_CODES,
    },
    options.port ?? 0,
  );
  return {
    endpoint: server.endpoint,
    sum: (namespace, metric, dimensions) => store.sum(namespace, metric, dimensions),
    put: datum => store.put(datum),
    stop: () => server.close(),
  };
}
