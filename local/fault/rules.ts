import type { ThrottlingError } from '../capacity/throttling.ts';
import type { WireItem } from '../dynamodb/item-size.ts';

export type Service = 'dynamodb' | 'ecs' | 'cloudwatch';

/** Whether something happens before or after the effect on the service. */
export type Side = 'before-effect' | 'after-effect';

/**
 * What happens to a request. Errors replace the effect. With `parts`, each statement, key or write of a batch is
 * decided separately, inside a call that succeeds. Other operations are one part.
 */
export type Fault =
  | {
      readonly kind: 'throttle';
      readonly error?: ThrottlingError;
      readonly reason?: string;
      readonly parts?: boolean;
    }
  | {
      readonly kind: 'fail';
      readonly status: number;
      /** Name of the error's shape: `InternalServerError`, `ValidationException`. */
      readonly error: string;
      readonly message?: string;
      readonly parts?: boolean;
    }
  | { readonly kind: 'deny'; readonly parts?: boolean }
  /** The call takes longer. A client that gives up meanwhile does not undo its effect. */
  | { readonly kind: 'delay'; readonly ms: number; readonly side?: Side }
  /** Silence for `ms` (30 s by default), then the connection is cut, either without any effect or after it. */
  | { readonly kind: 'stall'; readonly ms?: number; readonly side?: Side }
  /** The connection is cut: without the effect, after the effect without a reply, or after half of the reply. */
  | { readonly kind: 'cut'; readonly when: Side | 'mid-reply' }
  /** The service gets the request twice. With `laterMs`, the second time comes this long after the first reply. */
  | { readonly kind: 'duplicate'; readonly reply?: 'first' | 'second'; readonly laterMs?: number };

/** What a rule decides about: a call, or a part of one. */
export interface FaultSubject {
  readonly service: Service;
  readonly client: string;
  readonly operation: string;
  /** The first table, if a call names several. */
  readonly table: string | undefined;
  /**
   * The item as text, `S:abc,N:1`; for a call, its first item. For a Scan it is the segment and start key, for a
   * RunTask the client token, for a StopTask the task.
   */
  readonly key: string;
  /** The item's key in wire format. */
  readonly keyAttributes: WireItem | undefined;
  /** The body of the whole call. It also holds the parameters of a DynamoDB statement. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** A fault and when it strikes. An absent condition always holds, so a rule without conditions strikes every time. */
export interface FaultRule {
  /** Unique. The rule's random decisions depend on it. */
  readonly name: string;
  readonly fault: Fault;
  readonly service?: Service;
  readonly operations?: readonly string[];
  readonly tables?: readonly string[];
  readonly clients?: readonly string[];
  readonly where?: (subject: FaultSubject) => boolean;
  /**
   * From 0 to 1. A hash of seed, rule, operation, key and occurrence decides, so the order of arrival does not matter.
   */
  readonly probability?: number;
  /** Which occurrences of the operation for the same key, from 1: `[1]` strikes every first attempt. */
  readonly occurrences?: readonly number[];
  /** Which of all matches of the rule, from 1, in order of arrival. This scripts calls that come in a known order. */
  readonly matches?: { readonly from?: number; readonly to?: number };
  /** Time since the rule was switched on, in milliseconds of the monotonic clock. */
  readonly during?: { readonly fromMs?: number; readonly untilMs?: number };
  /** Whether it is on from the beginning; true by default. */
  readonly on?: boolean;
}

export interface RuleCounts {
  /** Calls or parts that matched the rule. */
  readonly matched: number;
  /** Those that it struck. */
  readonly struck: number;
}
