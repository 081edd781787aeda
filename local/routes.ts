import { type CapacityProxy, createCapacityProxy } from './capacity/capacity-proxy.ts';
import type { CapacityOptions } from './capacity/options.ts';
import type { Datum } from './cloudwatch/store.ts';
import { createTableRouter } from './dynamodb/table-router.ts';
import type { FaultProxy } from './fault/fault-proxy.ts';
import type { Service } from './fault/rules.ts';
import type { Exchange } from './proxy/exchange.ts';
import { type Forwarder, forwardTo } from './proxy/forward.ts';
import { type ProxyServer, serveExchange } from './proxy/server.ts';

/** The clients of the stack's services. Each has its own endpoint. */
type StackClient = 'orchestrator' | 'fleet' | 'application';

type ClientEndpoints = Readonly<Record<StackClient, string>>;

/** Makes the faults before the three services. Tests pass it in, so that no bundle contains any faults. */
export type MakeFaults = (engine: Exchange) => FaultProxy;

export interface RoutesOptions {
  readonly engineEndpoint: string;
  /** The engine of the control tables, if it is a separate one. */
  readonly controlEngineEndpoint: string | undefined;
  readonly capacity: CapacityOptions | undefined;
  readonly faults: MakeFaults | undefined;
  /** The control table has its own on-demand capacity, which is not modelled. */
  readonly controlTable: string;
  readonly putMetric: (datum: Datum) => void;
}

/**
 * The routes from clients to services, with what is on them: first faults, then capacity, then the choice between the
 * two engines.
 */
export interface Routes {
  readonly capacity: CapacityProxy | undefined;
  readonly faults: FaultProxy | undefined;
  /**
   * Opens the routes to a service. If nothing is before the service, the route is its own endpoint.
   * @param port of the orchestrator's route; a free one by default
   */
  open(service: Service, endpoint: string, port?: number): Promise<ClientEndpoints>;
  /** Opens a route to every table that bypasses faults and capacity. */
  openEngine(): Promise<string>;
  stop(): Promise<void>;
}

/** @throws ConfigurationError for an invalid capacity */
export async function createRoutes(options: RoutesOptions): Promise<Routes> {
  const { engineEndpoint, controlEngineEndpoint, controlTable } = options;
  const forwarders: Forwarder[] = [];
  const servers: ProxyServer[] = [];
  const forward = (endpoint: string) => {
    const forwarder = forwardTo(endpoint);
    forwarders.push(forwarder);
    return forwarder.exchange;
  };
  const dataEngine = forward(engineEndpoint);
  const router =
    controlEngineEndpoint === undefined
      ? undefined
      : await createTableRouter(dataEngine, forward(controlEngineEndpoint), controlTable);
  const engine = router?.exchange ?? dataEngine;
  const capacity =
    options.capacity &&
    createCapacityProxy({
      engine,
      capacity: options.capacity,
      isMetered: table => table !== controlTable && !router?.isControlTable(table),
      putMetric: options.putMetric,
    });
  const faults = options.faults?.(engine);

  /** Undefined if nothing is before the service. */
  const chainTo = (service: Service, endpoint: string): Exchange | undefined => {
    const before = service === 'dynamodb' ? (capacity?.exchange ?? router?.exchange) : undefined;
    if (before === undefined && faults === undefined) return undefined;
    const next = before ?? (service === 'dynamodb' ? engine : forward(endpoint));
    return faults?.before(service, next) ?? next;
  };
  const serve = async (exchange: Exchange, client: string, at?: number) => {
    const server = await serveExchange(exchange, client, at);
    servers.push(server);
    return server.endpoint;
  };

  return {
    capacity,
    faults,
    async open(service, endpoint, port) {
      const exchange = chainTo(service, endpoint);
      const one = (at: string) => ({ orchestrator: at, fleet: at, application: at });
      if (exchange === undefined) return one(endpoint);
      // Only faults and capacity need to tell clients apart.
      if (capacity === undefined && faults === undefined) return one(await serve(exchange, 'any', port));
      return {
        orchestrator: await serve(exchange, 'orchestrator', port),
        fleet: await serve(exchange, 'fleet'),
        application: await serve(exchange, 'application'),
      };
    },
    openEngine: async () => (router === undefined ? engineEndpoint : serve(engine, 'engine')),
    async stop() {
      faults?.stop();
      await Promise.all(servers.map(server => server.close()));
      capacity?.stop();
      for (const forwarder of forwarders) forwarder.close();
    },
  };
}
