import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { guardedAgents } from './guarded-agents.ts';
import { NO_COPIES_LOGGER } from './sdk-logger.ts';

/**
 * The orchestrator's own calls to the user's table wait this long: longer than any healthy call, shorter than a
 * stalled connection may cost. A worker gives each request up by itself: see core/rate/patience.ts.
 */
const DATA_PLANE_TIMEOUT_MS = 5_000;

/** A heartbeat that is sent two seconds into an authority of five may take this long and still be in time. */
const CONTROL_TABLE_TIMEOUT_MS = 2_800;

/** Metrics are of use only while they are new. */
const METRICS_TIMEOUT_MS = 5_000;

const CONNECT_TIMEOUT_MS = 1_000;

/**
 * How long a client waits for a reply: to its first byte, and from then on for each next one. The SDK by itself waits
 * for ever for a body whose headers have come.
 */
export function timeouts(replyMs: number) {
  return {
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: replyMs,
    throwOnRequestTimeout: true,
    socketTimeout: replyMs,
  };
}

/** How many requests are in flight is the in-flight limit's business; the agent shall not queue any. */
const AGENT_OPTIONS = { keepAlive: true, maxSockets: 256 };

/**
 * The client for the user's table. One attempt only: each HTTP attempt must pass the limiter and the authority
 * check, so retrying is the caller's part.
 * @param assertMaySend asked at the last moment before each write to a socket; what it throws fails the request
 * @param replyMs how long a request may wait for its reply
 */
export function createDataPlaneClient(
  assertMaySend?: () => void,
  replyMs = DATA_PLANE_TIMEOUT_MS,
): DynamoDBClient {
  return new DynamoDBClient({
    maxAttempts: 1,
    logger: NO_COPIES_LOGGER,
    // To put the middleware together anew for each call is a tenth of what a batch costs.
    cacheMiddleware: true,
    requestHandler: {
      ...timeouts(replyMs),
      ...(assertMaySend && guardedAgents(assertMaySend, AGENT_OPTIONS)),
    },
  });
}

/**
 * The client for the control table. The SDK retries; a reply that was lost on the way makes the retried
 * condition fail, which every protocol step tells apart by its nonce or sequence number.
 */
export function createControlTableClient(): DynamoDBDocumentClient {
  const client = new DynamoDBClient({
    maxAttempts: 3,
    logger: NO_COPIES_LOGGER,
    requestHandler: timeouts(CONTROL_TABLE_TIMEOUT_MS),
  });
  return DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
}

export function createMetricsClient(): CloudWatchClient {
  return new CloudWatchClient({
    maxAttempts: 3,
    requestHandler: timeouts(METRICS_TIMEOUT_MS),
  });
}
