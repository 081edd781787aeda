import type { ThrottlingError } from '../capacity/throttling.ts';
import type { WireItem } from '../dynamodb/item-size.ts';

export type Service = 'dynamodb' | 'ecs' | 'cloudwatch';

/** On which side of the effect on the service something happens. */
export type Side = 'before-effect' | 'after-effect';

/**
 * What is done to a request. Errors come in place of the effect. With `parts`, they are decided for each statement,
 * key or write of a batch by itself, inside a call that succeeds; other operations are one part.
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
  /** The call takes longer. A client that gives up in the meantime does not undo its effect. */
  | { readonly kind: 'delay'; readonly ms: number; readonly side?: Side }
  /** Silence, 30 s when not said, and then the connection is cut: without any effect, or after it. */
  | { readonly kind: 'stall'; readonly ms?: number; readonly side?: Side }
  /** The connection is cut: no effect; the effect and no reply; the effect and half of the reply's bytes. */
  | { readonly kind: 'cut'; readonly when: Side | 'mid-reply' }
  /** The service gets the request twice. With `laterMs`, the second time so long after the reply to the first. */
  | { readonly kind: 'duplicate'; readonly reply?: 'first' | 'second'; readonly laterMs?: number };

/** What a rule is asked about: a call, or a part of one. */
export interface FaultSubject {
  readonly service: Service;
  readonly client: string;
  readonly operation: string;
  /** Of a call on several tables, the first. */
  readonly table: string | undefined;
  /**
   * The item as text, `S:abc,N:1`; of a call, its first item's. A Scan's is its segment and start key, a RunTask's its
   * client token, a StopTask's its task.
   */
  readonly key: string;
  /** The item's key as it goes over the wire. */
  readonly keyAttributes: WireItem | undefined;
  /** Of the whole call; for a DynamoDB statement the parameters are in here. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** A fault and when it strikes. What is not given does not matter; a rule without anything strikes always. */
export interface FaultRule {
  /** Unique; part of what its decisions are drawn from. */
  readonly name: string;
  readonly fault: Fault;
  readonly service?: Service;
  readonly operations?: readonly string[];
  readonly tables?: readonly string[];
  readonly clients?: readonly string[];
  readonly where?: (subject: FaultSubject) => boolean;
  /** 0 to 1. Decided by a hash of seed, rule, operation, key and occurrence: the order of arrival plays no part. */
  readonly probability?: number;
  /** Which times that the operation comes for the same key, from 1: `[1]` strikes every first attempt. */
  readonly occurrences?: readonly number[];
  /** Which of all that the rule matches, from 1, in order of arrival: a script for calls that come in a known order. */
  readonly matches?: { readonly from?: number; readonly to?: number };
  /** Since the rule was switched on, in milliseconds of the monotonic clock. */
  readonly during?: { readonly fromMs?: number; readonly untilMs?: number };
  /** Switched on from the beginning; true when not given. */
  readonly on?: boolean;
}

export interface RuleCounts {
  /** Calls, or parts, for which the rule was meant. */
  readonly matched: number;
  /** Those that it struck. */
  readonly struck: number;
}
