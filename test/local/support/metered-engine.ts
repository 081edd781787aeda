import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach } from 'vitest';
import {
  type CapacityProxy,
  type CapacityProxyOptions,
  createCapacityProxy,
} from '../../../local/capacity/capacity-proxy.ts';
import type { CapacityOptions } from '../../../local/capacity/options.ts';
import { type ProxiedEngine, useProxiedEngine } from './proxied-engine.ts';

/**
 * So few units a second that the first write, which a full bucket always admits, leaves a debt of many minutes. So the
 * duration of a test does not matter.
 */
export const SLOW = 0.001;

export interface MeteredEngine extends ProxiedEngine {
  /** Puts a capacity proxy before the engine until the end of the test, and creates a client of it. */
  meter(
    capacity: CapacityOptions,
    more?: Partial<CapacityProxyOptions>,
  ): Promise<{ readonly proxy: CapacityProxy; readonly client: DynamoDBClient }>;
}

export function useMeteredEngine(): MeteredEngine {
  const engine = useProxiedEngine();
  const proxies: CapacityProxy[] = [];
  afterEach(() => {
    for (const proxy of proxies.splice(0)) proxy.stop();
  });
  return {
    get direct() {
      return engine.direct;
    },
    get exchange() {
      return engine.exchange;
    },
    connect: engine.connect,
    createTable: engine.createTable,
    async meter(capacity, more = {}) {
      const proxy = createCapacityProxy({ engine: engine.exchange, capacity, ...more });
      proxies.push(proxy);
      return { proxy, client: await engine.connect(proxy.exchange) };
    },
  };
}
