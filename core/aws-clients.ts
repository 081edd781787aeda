import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createAgents } from './agents.ts';
import { clientSettings } from './client-settings.ts';
import { Doubt } from './doubt.ts';
import { abortable } from './request-abort.ts';
import { NO_COPIES_LOGGER } from './sdk-logger.ts';

/**
 * How long the orchestrator's own calls to the user's table wait for a reply. It is longer than any healthy call, and
 * shorter than a stalled connection may cost. A worker times out its requests itself: see core/rate/patience.ts.
 */
const DATA_PLANE_TIMEOUT_MS = 5_000;

/** A heartbeat that is sent two seconds into an authority of five may take this long and still be in time. */
const CONTROL_TABLE_TIMEOUT_MS = 2_800;

/** Metrics are useful only while they are new. */
const METRICS_TIMEOUT_MS = 5_000;

/** The time for a reply includes connecting within this. */
const USUAL_CONNECT_MS = 1_000;

/** The in-flight limit decides how many requests are in flight; the agent must not queue any. */
const AGENT_OPTIONS = { keepAlive: true, maxSockets: 256 };

/**
 * How a client sends, through the proxy if there is one, and how long it waits for the first byte of a reply and for
 * each next one. Without this limit, the SDK waits forever for a body whose headers have arrived.
 * @param assertMaySend called at the last moment before each write to a socket; its error fails the request
 */
export function requestHandler(replyMs: number, assertMaySend?: () => void) {
  const { connectTimeoutMs, proxyFor, certificates } = clientSettings();
  return {
    connectionTimeout: connectTimeoutMs,
    requestTimeout: replyMs + Math.max(0, connectTimeoutMs - USUAL_CONNECT_MS),
    throwOnRequestTimeout: true,
    socketTimeout: replyMs,
    ...createAgents({ assertMaySend, proxyFor, certificates }, AGENT_OPTIONS),
  };
}

/** The part of an SDK client that {@link doubting} needs, because the clients have no common type. */
interface AnyClient {
  readonly middlewareStack: {
    add(
      // biome-ignore lint/suspicious/noExplicitAny: each client has its own types of input, output and context.
      middleware: any,
      options: { step: 'initialize'; priority: 'high'; name: string },
    ): void;
  };
}

interface CallContext {
  readonly commandName?: string;
  readonly endpointV2?: { readonly url: URL };
}

/**
 * Makes the client believe an error about credentials, or a missing answer, only if it lasts.
 * @param service for messages, as in "ECS"
 * @param repeats whether a call is repeated here; otherwise its caller repeats it
 */
export function doubting<C extends AnyClient>(
  client: C,
  service: string,
  repeats: (commandName: string) => boolean = () => true,
): C {
  const { clock, patience, dataPlanePatience, tell, signal } = clientSettings();
  const repeated = new Doubt({ clock, service, patience, tell, signal });
  const counted = new Doubt({ clock, service, patience: dataPlanePatience, tell, signal });
  const middleware =
    (next: (call: object) => Promise<object>, context: CallContext) =>
    (call: object): Promise<object> => {
      const attempt = () => next(call);
      const endpoint = () => context.endpointV2?.url.host;
      return repeats(context.commandName ?? '')
        ? repeated.repeat(attempt, endpoint)
        : counted.count(attempt, endpoint);
    };
  client.middlewareStack.add(middleware, { step: 'initialize', priority: 'high', name: 'doubt' });
  return client;
}

/** Calls that read or write items of the user's table. Other calls cost no capacity. */
const ON_ITEMS = /^(Scan|Query|Get|Put|Update|Delete|Batch|Transact|Execute)/;

/**
 * The client for the user's table. It makes one attempt, because each HTTP attempt on items must pass the limiter and
 * the authority check. Its caller retries.
 * @param assertMaySend called at the last moment before each write to a socket; its error fails the request
 * @param replyMs how long a request may wait for its reply
 */
export function createDataPlaneClient(
  assertMaySend?: () => void,
  replyMs = DATA_PLANE_TIMEOUT_MS,
): DynamoDBClient {
  const client = new DynamoDBClient({
    maxAttempts: 1,
    logger: NO_COPIES_LOGGER,
    // A `send` with options bypasses this cache, so requests that can be aborted use request-abort.ts.
    cacheMiddleware: true,
    requestHandler: requestHandler(replyMs, assertMaySend),
  });
  return doubting(abortable(client), 'DynamoDB', commandName => !ON_ITEMS.test(commandName));
}

/**
 * A client for the tool's own items. It repeats its calls itself, because no budget counts them and no caller repeats
 * them.
 */
export function createOwnItemsClient(): DynamoDBClient {
  const client = new DynamoDBClient({
    maxAttempts: 3,
    logger: NO_COPIES_LOGGER,
    requestHandler: requestHandler(DATA_PLANE_TIMEOUT_MS),
  });
  return doubting(client, 'DynamoDB');
}

/**
 * The client for the control table. The SDK retries. If a reply is lost, the condition of the retried write fails, and
 * every protocol step then recognizes its own earlier write by its nonce or sequence number.
 */
export function createControlTableClient(): DynamoDBDocumentClient {
  const client = new DynamoDBClient({
    maxAttempts: 3,
    logger: NO_COPIES_LOGGER,
    requestHandler: requestHandler(CONTROL_TABLE_TIMEOUT_MS),
  });
  return DynamoDBDocumentClient.from(doubting(client, 'DynamoDB'), {
    marshallOptions: { removeUndefinedValues: true },
  });
}

export function createMetricsClient(): CloudWatchClient {
  const client = new CloudWatchClient({
    maxAttempts: 3,
    requestHandler: requestHandler(METRICS_TIMEOUT_MS),
  });
  return doubting(client, 'CloudWatch');
}
