import type { RequestPart } from '../dynamodb/request-parts.ts';
import type { Service } from './rules.ts';

/**
 * One call as it went through the proxy. Times are milliseconds of this process's monotonic clock
 * (`performance.now()`).
 */
export interface Observation {
  /** Counts all calls, of all services and clients. */
  readonly id: number;
  readonly service: Service;
  readonly client: string;
  readonly operation: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Tables and keys of a DynamoDB call, in its order. */
  readonly parts: readonly Pick<RequestPart, 'table' | 'kind' | 'key' | 'consistent' | 'segment'>[];
  readonly receivedAtMs: number;
  /** When it was handed on towards the service: not at all, once, or, duplicated, twice. */
  readonly forwardedAtMs: readonly number[];
  /** Names of the rules that struck it. */
  readonly faults: readonly string[];
}

/** The same call when it is over. */
export interface SettledObservation extends Observation {
  readonly repliedAtMs: number;
  /** HTTP status of what the client got; 0 when it got nothing. */
  readonly status: number;
  /** Whether the reply broke off half way. */
  readonly brokenOff: boolean;
  /** Parsed when asked for; undefined when there was none, or none in JSON. */
  readonly reply: () => Readonly<Record<string, unknown>> | undefined;
}

/** Called while the call waits: keep it short. */
export interface Tap {
  readonly received?: (observation: Observation) => void;
  readonly settled?: (observation: SettledObservation) => void;
}
