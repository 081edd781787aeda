import { type CapacityProxy, createCapacityProxy } from './capacity/capacity-proxy.ts';
import type { CapacityOptions } from './capacity/options.ts';
import type { Datum } from './cloudwatch/store.ts';
import { forwardTo } from './proxy/forward.ts';
import { serveExchange } from './proxy/server.ts';

/** Who calls DynamoDB, each by an endpoint of its own. */
export type StackClient = 'orchestrator' | 'fleet' | 'application';

export interface DynamodbRoutesOptions {
  readonly engineEndpoint: string;
  readonly capacity: CapacityOptions | undefined;
  /** Has a capacity of its own, on demand, which is not modelled. */
  readonly controlTable: string;
  readonly putMetric: (datum: Datum) => void;
  /** Of the orchestrator's endpoint; a free one when not given. */
  readonly port: number | undefined;
}

export interface DynamodbRoutes {
  readonly endpoints: Readonly<Record<StackClient, string>>;
  readonly capacity: CapacityProxy | undefined;
  stop(): Promise<void>;
}

/** The ways to the engine: straight when nothing is to stand before it, else through the proxies. */
export async function startDynamodbRoutes(options: DynamodbRoutesOptions): Promise<DynamodbRoutes> {
  const { engineEndpoint, controlTable, putMetric, port } = options;
  if (options.capacity === undefined) {
    const endpoints = { orchestrator: engineEndpoint, fleet: engineEndpoint, application: engineEndpoint };
    return { endpoints, capacity: undefined, stop: async () => {} };
  }
  const engine = forwardTo(engineEndpoint);
  const capacity = createCapacityProxy({
    engine: engine.exchange,
    capacity: options.capacity,
    unmetered: [controlTable],
    putMetric,
  });
  const orchestrator = await serveExchange(capacity.exchange, 'orchestrator', port);
  const fleet = await serveExchange(capacity.exchange, 'fleet');
  const application = await serveExchange(capacity.exchange, 'application');
  return {
    endpoints: {
      orchestrator: orchestrator.endpoint,
      fleet: fleet.endpoint,
      application: application.endpoint,
    },
    capacity,
    async stop() {
      await Promise.all([orchestrator.close(), fleet.close(), application.close()]);
      capacity.stop();
      engine.close();
    },
  };
}
