import type { FaultProxy } from '../../../local/fault/fault-proxy.ts';
import type { SettledObservation } from '../../../local/fault/observation.ts';

const ITEM_WRITES = new Set([
  'BatchExecuteStatement',
  'ExecuteStatement',
  'UpdateItem',
  'PutItem',
  'DeleteItem',
  'BatchWriteItem',
  'TransactWriteItems',
]);

/** One request of the tool that writes to the user's table. */
export interface WriteCall {
  readonly client: string;
  /** When it reached the proxy, on this process's monotonic clock. */
  readonly receivedAtMs: number;
  readonly items: number;
  /** How many items it changed, as the service's reply says. */
  readonly succeeded: number;
}

/** What the tool sends to the user's table, as the fault proxy sees it. Empty without faults. */
export class Wire {
  /** In the order in which they settled. */
  readonly writes: WriteCall[] = [];
  /** How often each item was forwarded to the service for a write. */
  readonly attempts = new Map<string, number>();
  readonly #received: number[] = [];

  constructor(faults: FaultProxy | undefined, table: string) {
    const concerns = ({ service, operation, client, parts }: SettledObservation) =>
      service === 'dynamodb' &&
      client !== 'application' &&
      ITEM_WRITES.has(operation) &&
      parts.some(part => part.table === table && part.kind === 'write');
    faults?.tap({
      received: call => {
        if (concerns(call as SettledObservation)) this.#received.push(call.receivedAtMs);
      },
      settled: call => {
        if (concerns(call)) this.#record(call);
      },
    });
  }

  /** Requests that arrived after a moment, answered or not. */
  receivedAfter(ms: number): number {
    return this.#received.filter(at => at > ms).length;
  }

  get lastReceivedAtMs(): number {
    return this.#received.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  /** Items that were changed by requests that arrived in this time. */
  succeededBetween(fromMs: number, toMs: number): number {
    return this.writes
      .filter(({ receivedAtMs }) => receivedAtMs >= fromMs && receivedAtMs < toMs)
      .reduce((sum, { succeeded }) => sum + succeeded, 0);
  }

  get succeeded(): number {
    return this.succeededBetween(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
  }

  /** Update attempts beyond one for each item. */
  get repeats(): number {
    return [...this.attempts.values()].reduce((sum, attempts) => sum + attempts - 1, 0);
  }

  #record(call: SettledObservation): void {
    const { parts, client, receivedAtMs, forwardedAtMs, status } = call;
    for (const { key } of parts) {
      if (key === undefined || forwardedAtMs.length === 0) continue;
      this.attempts.set(key.text, (this.attempts.get(key.text) ?? 0) + forwardedAtMs.length);
    }
    this.writes.push({
      client,
      receivedAtMs,
      items: parts.length,
      succeeded: status === 200 ? parts.length - failedParts(call) : 0,
    });
  }
}

function failedParts({ reply }: SettledObservation): number {
  const responses = reply()?.['Responses'];
  if (!Array.isArray(responses)) return 0;
  return responses.filter(response => (response as { Error?: unknown }).Error !== undefined).length;
}
