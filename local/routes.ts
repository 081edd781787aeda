import { type CapacityProxy, createCapacityProxy } from './capacity/capacity-proxy.ts';
import type { CapacityOptions } from './capacity/options.ts';
import type { Datum } from './cloudwatch/store.ts';
import { createFaultProxy, type FaultOptions, type FaultProxy } from './fault/fault-proxy.ts';
import type { Service } from './fault/rules.ts';
import type { Exchange } from './proxy/exchange.ts';
import { type Forwarder, forwardTo } from './proxy/forward.ts';
import { type ProxyServer, serveExchange } from './proxy/server.ts';

/** Who calls a service of the stack, each by an endpoint of its own. */
type StackClient = 'orchestrator' | 'fleet' | 'application';

type ClientEndpoints = Readonly<Record<StackClient, string>>;

export interface RoutesOptions {
  readonly engineEndpoint: string;
  readonly capacity: CapacityOptions | undefined;
  readonly faults: FaultOptions | undefined;
  /** It has a capacity of its own, on demand, which is not modelled. */
  readonly controlTable: string;
  readonly putMetric: (datum: Datum) => void;
}

/** The ways from clients to services, with the proxies that stand on them: faults first, then capacity. */
export interface Routes {
  readonly capacity: CapacityProxy | undefined;
  readonly faults: FaultProxy | undefined;
  /**
   * Opens the ways to a service; straight to its endpoint where no proxy stands.
   * @param port of the orchestrator's; a free one when not given
   */
  open(service: Service, endpoint: string, port?: number): Promise<ClientEndpoints>;
  stop(): Promise<void>;
}

/** @throws ConfigurationError for a capacity that means nothing */
export function createRoutes(options: RoutesOptions): Routes {
  const engine = forwardTo(options.engineEndpoint);
  const capacity =
    options.capacity &&
    createCapacityProxy({
      engine: engine.exchange,
      capacity: options.capacity,
      unmetered: [options.controlTable],
      putMetric: options.putMetric,
    });
  const faults = options.faults && createFaultProxy(options.faults, engine.exchange);
  const forwarders: Forwarder[] = [engine];
  const servers: ProxyServer[] = [];

  /** Undefined when there is nothing to stand before the service. */
  const chainTo = (service: Service, endpoint: string): Exchange | undefined => {
    const metered = service === 'dynamodb' ? capacity?.exchange : undefined;
    if (metered === undefined && faults === undefined) return undefined;
    if (metered !== undefined) return faults?.before(service, metered) ?? metered;
    const forwarder = forwardTo(endpoint);
    forwarders.push(forwarder);
    return faults?.before(service, forwarder.exchange);
  };

  return {
    capacity,
    faults,
    async open(service, endpoint, port) {
      const exchange = chainTo(service, endpoint);
      if (exchange === undefined) return { orchestrator: endpoint, fleet: endpoint, application: endpoint };
      const serve = async (client: StackClient, at?: number) => {
        const server = await serveExchange(exchange, client, at);
        servers.push(server);
        return server.endpoint;
      };
      return {
        orchestrator: await serve('orchestrator', port),
        fleet: await serve('fleet'),
        application: await serve('application'),
      };
    },
    async stop() {
      faults?.stop();
      await Promise.all(servers.map(server => server.close()));
      capacity?.stop();
      for (const forwarder of forwarders) forwarder.close();
    },
  };
}
