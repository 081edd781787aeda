import { inspect } from 'node:util';

/**
 * The settle table: what every outcome of a call or a statement means. Total: what it does not know is systemic,
 * because continuing on an unknown answer is how items get lost.
 *
 * | outcome                                             | call            | statement in a batch  |
 * |-----------------------------------------------------|-----------------|-----------------------|
 * | success                                             | set             | set                   |
 * | condition false, or item absent                     | refused         | refused               |
 * | throttled, in any of its names                      | retry, throttled| retry, throttled      |
 * | internal error, service unavailable                 | retry           | retry                 |
 * | conflict with a transaction or a replica            | retry           | retry                 |
 * | timeout, connection cut, reply lost or unreadable   | retry           | –                     |
 * | validation                                          | bisect, or quarantine for one item | quarantine |
 * | item or collection too large                        | quarantine      | quarantine            |
 * | no permission, no table, anything else              | systemic        | systemic              |
 *
 * A refused item is read back and becomes already set, deleted, or refused but still missing.
 */
export type Verdict =
  | { readonly kind: 'refused' }
  | { readonly kind: 'retry'; readonly cause: RetryCause; readonly reason: string }
  | { readonly kind: 'quarantine'; readonly reason: string }
  | { readonly kind: 'bisect'; readonly reason: string }
  | { readonly kind: 'systemic'; readonly reason: string };

/** Throttling asks for a lower rate; the others only for another try. */
type RetryCause = 'throttled' | 'internal' | 'conflict' | 'transport';

const REFUSED = ['ConditionalCheckFailed'];
const THROTTLED = [
  'ProvisionedThroughputExceeded',
  'RequestLimitExceeded',
  'Throttling',
  'ThrottlingError',
  'TooManyRequests',
  'LimitExceeded',
];
const INTERNAL = ['InternalServerError', 'InternalServer', 'InternalFailure', 'ServiceUnavailable'];
const CONFLICT = ['TransactionConflict', 'TransactionInProgress', 'ReplicatedWriteConflict'];
const INVALID = ['Validation', 'ValidationError'];
const TOO_LARGE = ['ItemCollectionSizeLimitExceeded'];

/** Names by which Node and the SDK's HTTP handler report a request whose outcome nobody knows. */
const TRANSPORT = [
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ERR_STREAM_PREMATURE_CLOSE',
  'HPE_INVALID_CONSTANT',
  'TimeoutError',
  'AbortError',
  'CredentialsProviderError',
];

/** The fields that the SDK's errors carry beside name and message. */
interface AwsErrorFields {
  readonly name: string;
  readonly message: string;
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode?: number };
  readonly ThrottlingReasons?: readonly ThrottlingReason[];
  readonly throttlingReasons?: readonly ThrottlingReason[];
}

interface ThrottlingReason {
  readonly reason?: string;
  readonly resource?: string;
}

/** The request was not refused, and its answer did not come or did not say whether it took effect. */
export function mayHaveWritten(verdict: Verdict): boolean {
  return verdict.kind === 'retry' && (verdict.cause === 'transport' || verdict.cause === 'internal');
}

/** What a failed call means, for each of its `items`. */
export function settleCall(error: unknown, items: number): Verdict {
  if (!isAwsError(error)) return { kind: 'systemic', reason: inspect(error) };
  const verdict = settleCode(withoutSuffix(error.name), error.message, throttlingReason(error));
  if (verdict.kind === 'quarantine' && isOneOf(INVALID, error.name) && items > 1) {
    return { kind: 'bisect', reason: verdict.reason };
  }
  if (verdict.kind !== 'systemic') return verdict;
  const status = error.$metadata?.httpStatusCode ?? error.$response?.statusCode;
  if (status !== undefined && status >= 500) {
    return { kind: 'retry', cause: 'internal', reason: `HTTP ${status} ${error.name}` };
  }
  if (isLostReply(error, status)) {
    return { kind: 'retry', cause: 'transport', reason: `${error.name}: ${error.message}` };
  }
  return verdict;
}

/** What the error of a single statement inside a successful call means. */
export function settleStatement(error: {
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
}): Verdict {
  return settleCode(withoutSuffix(error.Code ?? ''), error.Message ?? '', undefined);
}

function settleCode(code: string, message: string, throttling: string | undefined): Verdict {
  const reason = `${code}: ${message}`;
  if (REFUSED.includes(code)) return { kind: 'refused' };
  if (THROTTLED.includes(code)) return { kind: 'retry', cause: 'throttled', reason: throttling ?? code };
  if (INTERNAL.includes(code)) return { kind: 'retry', cause: 'internal', reason };
  if (CONFLICT.includes(code)) return { kind: 'retry', cause: 'conflict', reason };
  if (INVALID.includes(code) || TOO_LARGE.includes(code)) return { kind: 'quarantine', reason };
  return { kind: 'systemic', reason };
}

/** A reply that was cut off or garbled: the write may have taken place. */
function isLostReply(error: AwsErrorFields, status: number | undefined): boolean {
  if (TRANSPORT.includes(error.name) || (typeof error.code === 'string' && TRANSPORT.includes(error.code)))
    return true;
  if (error.message === 'aborted' || error.message === 'socket hang up') return true;
  return error instanceof SyntaxError && (status === undefined || status < 400);
}

/** `TableWriteKeyRangeThroughputExceeded on arn:…`: which limit was hit, where the service says so. */
function throttlingReason(error: AwsErrorFields): string | undefined {
  const reasons = error.ThrottlingReasons ?? error.throttlingReasons ?? [];
  const [first] = reasons;
  if (!first?.reason) return undefined;
  return first.resource ? `${first.reason} on ${first.resource}` : first.reason;
}

/** A batch reports codes without the suffix that the same error carries as a call's. */
function withoutSuffix(name: string): string {
  return name.replace(/Exception$/, '');
}

function isOneOf(codes: readonly string[], name: string): boolean {
  return codes.includes(withoutSuffix(name));
}

function isAwsError(error: unknown): error is AwsErrorFields {
  return error instanceof Error;
}
