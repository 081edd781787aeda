import { inspect } from 'node:util';
import { type FailureKind, httpStatusOf, kindOfCode, kindOfFailure, withoutSuffix } from './failure.ts';

/**
 * The settle table: what every outcome of a call or a statement means. It is total: an unknown outcome is systemic,
 * because continuing after an unknown answer is how items get lost.
 *
 * | outcome                                             | call            | statement in a batch  |
 * |-----------------------------------------------------|-----------------|-----------------------|
 * | success                                             | set             | set                   |
 * | condition false, or item absent                     | refused         | refused               |
 * | throttled, in any of its names                      | retry, throttled| retry, throttled      |
 * | internal error, service unavailable                 | retry           | retry                 |
 * | conflict with a transaction or a replica            | retry           | retry                 |
 * | timeout, connection cut, reply lost or unreadable   | retry           | –                     |
 * | signature, token, clock or role, as AWS says once   | retry           | retry                 |
 * | validation                                          | bisect, or quarantine for one item | quarantine |
 * | item or collection too large                        | quarantine      | quarantine            |
 * | no permission, no table, anything else              | systemic        | systemic              |
 *
 * core/failure.ts says which error is which; core/doubt.ts says how long the retries of a whole client continue.
 * A refused item is read back and becomes already set, deleted, or refused but still missing.
 */
export type Verdict =
  | { readonly kind: 'refused' }
  | { readonly kind: 'retry'; readonly cause: RetryCause; readonly reason: string }
  | { readonly kind: 'quarantine'; readonly reason: string }
  | { readonly kind: 'bisect'; readonly reason: string }
  | { readonly kind: 'systemic'; readonly reason: string };

/** Only throttling calls for a lower rate. The others only call for another try. */
type RetryCause = 'throttled' | 'internal' | 'conflict' | 'credentials' | 'transport';

/** The fields in which the service says which limit was reached. */
interface ThrottlingFields {
  readonly ThrottlingReasons?: readonly ThrottlingReason[];
  readonly throttlingReasons?: readonly ThrottlingReason[];
}

interface ThrottlingReason {
  readonly reason?: string;
  readonly resource?: string;
}

/** The request was not refused, but its answer did not come or did not tell whether the write took effect. */
export function mayHaveWritten(verdict: Verdict): boolean {
  return verdict.kind === 'retry' && (verdict.cause === 'transport' || verdict.cause === 'internal');
}

/** What a failed call means for each of its `items`. */
export function settleCall(error: unknown, items: number): Verdict {
  if (!(error instanceof Error)) return { kind: 'systemic', reason: inspect(error) };
  const kind = kindOfFailure(error);
  const status = httpStatusOf(error);
  const name = status !== undefined && status >= 500 ? `HTTP ${status} ${error.name}` : error.name;
  const verdict = verdictOf(kind, withoutSuffix(name), error.message, throttlingReason(error));
  // One item of the batch is invalid, and the service does not say which.
  return kind === 'invalid' && items > 1 ? { kind: 'bisect', reason: reasonOf(verdict) } : verdict;
}

/** What the error of one statement inside a successful call means. */
export function settleStatement(error: {
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
}): Verdict {
  const { Code = '', Message = '' } = error;
  return verdictOf(kindOfCode(Code, Message), withoutSuffix(Code), Message, undefined);
}

function verdictOf(
  kind: FailureKind,
  name: string,
  message: string,
  throttling: string | undefined,
): Verdict {
  const reason = `${name}: ${message}`;
  switch (kind) {
    case 'refused':
      return { kind: 'refused' };
    case 'throttled':
      return { kind: 'retry', cause: 'throttled', reason: throttling ?? name };
    case 'internal':
    case 'conflict':
    case 'credentials':
    case 'transport':
      return { kind: 'retry', cause: kind, reason };
    case 'invalid':
    case 'too-large':
      return { kind: 'quarantine', reason };
    case 'certificate':
    case 'final':
      return { kind: 'systemic', reason };
  }
}

function reasonOf(verdict: Verdict): string {
  return 'reason' in verdict ? verdict.reason : '';
}

/** Which limit was reached, if the service says so: `TableWriteKeyRangeThroughputExceeded on arn:…`. */
function throttlingReason(error: Error & ThrottlingFields): string | undefined {
  const reasons = error.ThrottlingReasons ?? error.throttlingReasons ?? [];
  const [first] = reasons;
  if (!first?.reason) return undefined;
  return first.resource ? `${first.reason} on ${first.resource}` : first.reason;
}
