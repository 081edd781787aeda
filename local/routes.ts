import { type CapacityProxy, createCapacityProxy } from './capacity/capacity-proxy.ts';
import type { CapacityOptions } from './capacity/options.ts';
import type { Datum } from './cloudwatch/store.ts';
import { createTableRouter } from './dynamodb/table-router.ts';
import type { FaultProxy } from './fault/fault-proxy.ts';
import type { Service } from './fault/rules.ts';
import type { Exchange } from './proxy/exchange.ts';
import { type Forwarder, forwardTo } from './proxy/forward.ts';
import { type ProxyServer, serveExchange } from './proxy/server.ts';

/** Who calls a service of the stack, each by an endpoint of its own. */
type StackClient = 'orchestrator' | 'fleet' | 'application';

type ClientEndpoints = Readonly<Record<StackClient, string>>;

/** Makes the faults that stand before the three services; given from outside, so that no bundle holds any. */
export type MakeFaults = (engine: Exchange) => FaultProxy;

export interface RoutesOptions {
  readonly engineEndpoint: string;
  /** Engine of the control tables, where it is another one. */
  readonly controlEngineEndpoint: string | undefined;
  readonly capacity: CapacityOptions | undefined;
  readonly faults: MakeFaults | undefined;
  /** It has a capacity of its own, on demand, which is not modelled. */
  readonly controlTable: string;
  readonly putMetric: (datum: Datum) => void;
}

/**
 * The ways from clients to services, with what stands on them: faults first, then capacity, then the choice between
 * the two engines.
 */
export interface Routes {
  readonly capacity: CapacityProxy | undefined;
  readonly faults: FaultProxy | undefined;
  /**
   * Opens the ways to a service; straight to its endpoint where nothing stands before it.
   * @param port of the orchestrator's; a free one when not given
   */
  open(service: Service, endpoint: string, port?: number): Promise<ClientEndpoints>;
  /** Opens a way to every table, past faults and capacity. */
  openEngine(): Promise<string>;
  stop(): Promise<void>;
}

/** @throws ConfigurationError for a capacity that means nothing */
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

  /** Undefined when there is nothing to stand before the service. */
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
      // Without a proxy nobody needs to be told apart.
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
