import { type Clock, systemClock } from './clock.ts';
import type { Patience } from './doubt.ts';
import type { Destination } from './proxy-choice.ts';

/** Settings of every AWS client of a process. */
export interface ClientSettings {
  readonly clock: Clock;
  /** A connection attempt fails after this time. */
  readonly connectTimeoutMs: number;
  /** The proxy for a destination, as a URL; undefined for none. */
  readonly proxyFor: (destination: Destination) => string | undefined;
  /** Certificates of authorities to trust; undefined for Node's own. */
  readonly certificates: readonly string[] | undefined;
  /** For calls that a client repeats itself. */
  readonly patience: Patience;
  /** For calls on the user's table, which their callers repeat. */
  readonly dataPlanePatience: Patience;
  /** Called with a message about what a client waits for, if that takes long. */
  readonly tell: ((words: string) => void) | undefined;
  /** Aborts when nobody wants to wait any longer. */
  readonly signal: AbortSignal | undefined;
}

const TWO_MINUTES_MS = 120_000;

/**
 * Settings of a worker. If something keeps it from the user's table for two minutes, the worker ends and names that as
 * its reason.
 */
export const WORKER_CLIENTS: ClientSettings = {
  clock: systemClock,
  connectTimeoutMs: 1_000,
  proxyFor: () => undefined,
  certificates: undefined,
  // The heartbeat's own loop repeats calls to the control table after transport errors, within the authority's time.
  patience: { credentials: 40_000, transport: 0 },
  dataPlanePatience: { credentials: TWO_MINUTES_MS, transport: TWO_MINUTES_MS },
  tell: undefined,
  signal: undefined,
};

/**
 * Settings of an orchestrator. A person waits for it, perhaps far from the Region and behind a proxy. A lost SYN is
 * repeated after one second and after three.
 */
export const OPERATOR_CLIENTS: ClientSettings = {
  ...WORKER_CLIENTS,
  connectTimeoutMs: 3_500,
  patience: { credentials: 40_000, transport: 7_000 },
  // A scan has already read much and loses nothing by waiting, so it reports what it waits for.
  dataPlanePatience: { credentials: 60_000, transport: Number.POSITIVE_INFINITY },
};

let current = WORKER_CLIENTS;

/** Call it once, before the first client is made, because the settings apply to the whole process. */
export function useClientSettings(settings: ClientSettings): void {
  current = settings;
}

export function clientSettings(): ClientSettings {
  return current;
}
