import { setTimeout as sleep } from 'node:timers/promises';
import type { Datum } from '../cloudwatch/store.ts';
import { askEngine } from '../dynamodb/ask-engine.ts';
import { PARTIAL_BATCHES } from '../dynamodb/partial-batch.ts';
import { type RequestPart, readParts } from '../dynamodb/request-parts.ts';
import { TableSchemas, textOf } from '../dynamodb/table-schemas.ts';
import { type Exchange, type ProxyReply, type ProxyRequest, readJson } from '../proxy/exchange.ts';
import { CapacityModel } from './capacity-model.ts';
import { type CapacityKind, ConsumptionJournal } from './consumption-journal.ts';
import { describeCapacity } from './describe-table.ts';
import { MeteredCall } from './metered-call.ts';
import { type CapacityOptions, readCapacityOptions } from './options.ts';
import { TableMetrics } from './table-metrics.ts';

export interface CapacityProxyOptions {
  /** The service behind the proxy, which gets the admitted requests. */
  readonly engine: Exchange;
  readonly capacity: CapacityOptions;
  /** Whether a table is metered; by default all are. The control table has its own capacity. */
  readonly isMetered?: (table: string) => boolean;
  /** Takes the metrics that the tables publish in `AWS/DynamoDB`. */
  readonly putMetric?: (datum: Datum) => void;
}

/** Gives capacity to the tables of an engine that has none: see README.md beside this file. */
export interface CapacityProxy {
  readonly exchange: Exchange;
  /** What each client consumed, and what was refused to it. */
  readonly journal: ConsumptionJournal;
  /**
   * Changes the capacity of all metered tables from now on, as UpdateTable would. With `partition`, it changes only
   * that partition of each table.
   */
  setLimit(kind: CapacityKind, unitsPerSecond: number, partition?: number): void;
  /** The number of the partition that holds a partition key, which is given in wire format: `{ S: 'abc' }`. */
  partitionOf(partitionKey: Readonly<Record<string, unknown>>): number;
  /** Publishes the last metrics. The caller closes the engine. */
  stop(): void;
}

/** @throws ConfigurationError for invalid options */
export function createCapacityProxy(options: CapacityProxyOptions): CapacityProxy {
  const settings = readCapacityOptions(options.capacity);
  const now = () => performance.now();
  const model = new CapacityModel(settings, now);
  const journal = new ConsumptionJournal(now());
  const ask = askEngine(options.engine);
  const schemas = new TableSchemas(ask);
  const metrics = new TableMetrics(options.putMetric ?? (() => {}), settings.metricsPeriodSeconds);
  const { isMetered = () => true } = options;
  const call = new MeteredCall({ engine: options.engine, model, journal, schemas, ask, metrics, now });

  const serve = async (request: ProxyRequest): Promise<ProxyReply> => {
    const { operation } = request;
    if (operation === 'DescribeTable') return describe(request);
    const body = readJson(request);
    if (body === undefined) return options.engine(request);
    if (operation === 'CreateTable' || operation === 'DeleteTable') {
      const reply = await options.engine(request);
      schemas.forget(String(body['TableName']));
      return reply;
    }
    const parts = await readParts(operation, body, schemas);
    if (parts === undefined || !concernsMetered(parts)) return options.engine(request);
    return call.serve(request, body, parts, PARTIAL_BATCHES[operation]);
  };
  const describe = async (request: ProxyRequest) => {
    const reply = await options.engine(request);
    return isMetered(String(readJson(request)?.['TableName'])) ? describeCapacity(reply, model) : reply;
  };
  const concernsMetered = (parts: readonly RequestPart[]) => parts.some(({ table }) => isMetered(table));

  return {
    async exchange(request) {
      if (settings.latencyMs > 0) await sleep(settings.latencyMs / 2);
      const reply = await serve(request);
      if (settings.latencyMs > 0) await sleep(settings.latencyMs / 2);
      return reply;
    },
    journal,
    setLimit: (kind, unitsPerSecond, partition) => model.setLimit(kind, unitsPerSecond, partition),
    partitionOf: partitionKey => model.partitionOf(textOf(partitionKey)),
    stop: () => metrics.stop(),
  };
}
