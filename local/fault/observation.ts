import type { RequestPart } from '../dynamodb/request-parts.ts';
import type { Service } from './rules.ts';

/** One call as it passed the proxy. Times are milliseconds of this process's monotonic clock (`performance.now()`). */
export interface Observation {
  /** Numbers all calls, of all services and clients. */
  readonly id: number;
  readonly service: Service;
  readonly client: string;
  readonly operation: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Tables and keys of a DynamoDB call, in the call's order. */
  readonly parts: readonly Pick<RequestPart, 'table' | 'kind' | 'key' | 'consistent' | 'segment'>[];
  readonly receivedAtMs: number;
  /** When it was forwarded to the service: never, once, or twice if duplicated. */
  readonly forwardedAtMs: readonly number[];
  /** Names of the rules that struck it. */
  readonly faults: readonly string[];
}

/** The same call once it is over. */
export interface SettledObservation extends Observation {
  readonly repliedAtMs: number;
  /** HTTP status that the client got; 0 if it got nothing. */
  readonly status: number;
  /** Whether the reply broke off halfway. */
  readonly brokenOff: boolean;
  /** The parsed reply; undefined if there was none or it was not JSON. */
  readonly reply: () => Readonly<Record<string, unknown>> | undefined;
}

/** Called while the call waits, so it must be fast. */
export interface Tap {
  readonly received?: (observation: Observation) => void;
  readonly settled?: (observation: SettledObservation) => void;
}
