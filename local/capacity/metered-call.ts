import type { AskEngine } from '../dynamodb/ask-engine.ts';
import type { PartialBatch, PartRefusal } from '../dynamodb/partial-batch.ts';
import type { RequestPart } from '../dynamodb/request-parts.ts';
import type { TableSchemas } from '../dynamodb/table-schemas.ts';
import {
  type Exchange,
  errorReply,
  type ProxyReply,
  type ProxyRequest,
  readJson,
  withJson,
} from '../proxy/exchange.ts';
import type { CapacityModel, Consumption, Shortage, Ticket } from './capacity-model.ts';
import { byTable, chargesOf } from './charge.ts';
import { askingForCapacity, totalOf, withConsumedCapacity } from './consumed-capacity.ts';
import type { ConsumptionJournal } from './consumption-journal.ts';
import { demandsOf, type PartDemand } from './demand.ts';
import type { TableMetrics } from './table-metrics.ts';
import { errorFor, reasonsFor, throttledCall, throttledPart } from './throttling.ts';

export interface MeteredCallOptions {
  readonly engine: Exchange;
  readonly model: CapacityModel;
  readonly journal: ConsumptionJournal;
  readonly schemas: TableSchemas;
  readonly ask: AskEngine;
  readonly metrics: TableMetrics;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

type Json = Readonly<Record<string, unknown>>;

const NOTHING: Consumption = { units: 0, byIndex: new Map() };

/** An admitted part, with its place in the request. */
interface Admitted {
  readonly index: number;
  readonly part: PartDemand;
  readonly ticket: Ticket;
}

/**
 * One call on metered tables. It is admitted before it has any effect, then the engine gets the admitted parts, and
 * then their consumption is settled.
 */
export class MeteredCall {
  readonly #options: MeteredCallOptions;

  constructor(options: MeteredCallOptions) {
    this.#options = options;
  }

  /** @param batch how to leave parts out; undefined for an all-or-nothing operation */
  async serve(
    request: ProxyRequest,
    body: Json,
    parts: readonly RequestPart[],
    batch: PartialBatch | undefined,
  ): Promise<ProxyReply> {
    const { model, schemas, ask, now, journal } = this.#options;
    const arrivedAtMs = now();
    const demands = await demandsOf(parts, model, schemas, ask);
    const { admitted, short } = this.#admit(demands);
    journal.count(request.client, short.size);
    this.#countThrottled(parts, short);
    if (
      short.size > 0 &&
      (batch === undefined || (admitted.length === 0 && this.#refusesWhole(request.operation)))
    ) {
      for (const { ticket } of admitted) model.settle(ticket, NOTHING);
      return this.#refuse(request, parts, short);
    }
    const sent = askingForCapacity(batch ? batch.reduce(body, index => !short.has(index)) : body);
    const reply = admitted.length === 0 ? NOTHING_SENT : await this.#options.engine(withJson(request, sent));
    const charged = this.#settle(request.client, admitted, reply, arrivedAtMs);
    if (reply.status !== 200 || reply.cut !== undefined) return reply;

    this.#countSuccess(request.operation, parts, now() - arrivedAtMs);
    const answer = batch
      ? batch.merge(body, readJson(reply) ?? {}, this.#refusals(short), parts)
      : readJson(reply);
    const { operation } = request;
    const kind = parts[0]?.kind ?? 'read';
    return withJson(
      reply,
      withConsumedCapacity(answer ?? {}, operation, body['ReturnConsumedCapacity'], charged, kind),
    );
  }

  #admit(demands: readonly PartDemand[]): { admitted: Admitted[]; short: Map<number, readonly Shortage[]> } {
    const admitted: Admitted[] = [];
    const short = new Map<number, readonly Shortage[]>();
    for (const [index, part] of demands.entries()) {
      const result = this.#options.model.admit(part.demand);
      if ('taken' in result) admitted.push({ index, part, ticket: result });
      else short.set(index, result);
    }
    return { admitted, short };
  }

  /** A BatchGetItem or BatchWriteItem throws if none of its parts can be processed [API reference]. */
  #refusesWhole(operation: string): boolean {
    return operation !== 'BatchExecuteStatement' || this.#options.model.settings.wholeBatches;
  }

  async #refuse(
    { operation }: ProxyRequest,
    parts: readonly RequestPart[],
    short: ReadonlyMap<number, readonly Shortage[]>,
  ): Promise<ProxyReply> {
    const { model, metrics, schemas } = this.#options;
    const shortages = [...short.values()].flat();
    const error = errorFor(shortages, model.settings.mode);
    for (const table of new Set(parts.map(part => part.table))) metrics.throttledRequest(table, operation);
    if (/^(Transact|ExecuteTransaction)/.test(operation)) {
      const { code, message } = throttledPart(error);
      return transactionCanceled(
        parts.map((_, index) => (short.has(index) ? { Code: code, Message: message } : { Code: 'None' })),
      );
    }
    const arn = (await schemas.get(parts[0]?.table ?? ''))?.arn ?? '';
    return throttledCall(error, model.settings.reasons ? reasonsFor(shortages, arn) : []);
  }

  #refusals(short: ReadonlyMap<number, readonly Shortage[]>): Map<number, PartRefusal> {
    const { mode } = this.#options.model.settings;
    return new Map([...short].map(([index, shortages]) => [index, throttledPart(errorFor(shortages, mode))]));
  }

  #settle(
    client: string,
    admitted: readonly Admitted[],
    reply: ProxyReply,
    arrivedAtMs: number,
  ): Map<string, Consumption> {
    const { model, journal, metrics } = this.#options;
    const demands = admitted.map(({ part }) => part);
    const charges = chargesOf(demands, reply, readJson(reply) ?? {}, model.settings.indexes);
    for (const [place, { ticket }] of admitted.entries()) model.settle(ticket, charges[place] ?? NOTHING);
    const charged = byTable(demands, charges);
    const kind = demands[0]?.demand.kind ?? 'read';
    for (const [table, consumption] of charged) {
      journal.record(client, table, kind, arrivedAtMs, consumption.units + totalOf(consumption.byIndex));
      metrics.consumed(table, kind, consumption);
    }
    return charged;
  }

  #countThrottled(parts: readonly RequestPart[], short: ReadonlyMap<number, readonly Shortage[]>): void {
    for (const [index, shortages] of short) {
      const part = parts[index];
      if (part) this.#options.metrics.throttled(part.table, part.kind, shortages);
    }
  }

  #countSuccess(operation: string, parts: readonly RequestPart[], latencyMs: number): void {
    for (const table of new Set(parts.map(part => part.table))) {
      this.#options.metrics.succeeded(table, operation, latencyMs);
    }
  }
}

/** Replaces the engine's reply if every part was refused. */
const NOTHING_SENT: ProxyReply = {
  status: 200,
  headers: { 'content-type': 'application/x-amz-json-1.0' },
  body: Buffer.from('{}'),
};

function transactionCanceled(reasons: readonly { Code: string; Message?: string }[]): ProxyReply {
  const codes = reasons.map(({ Code }) => Code).join(', ');
  return errorReply(
    400,
    'com.amazonaws.dynamodb.v20120810#TransactionCanceledException',
    `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
    { CancellationReasons: reasons },
  );
}
