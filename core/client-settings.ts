import { type Clock, systemClock } from './clock.ts';
import type { Patience } from './doubt.ts';
import type { Destination } from './proxy-choice.ts';

/** What holds for every AWS client of a process. */
export interface ClientSettings {
  readonly clock: Clock;
  /** A connection that is not established after this time is given up. */
  readonly connectTimeoutMs: number;
  /** The proxy for a destination, as a URL; undefined for none. */
  readonly proxyFor: (destination: Destination) => string | undefined;
  /** Certificates of authorities to believe; undefined for those that Node knows. */
  readonly certificates: readonly string[] | undefined;
  /** For calls that a client repeats by itself. */
  readonly patience: Patience;
  /** For calls on the user's table, which their callers repeat. */
  readonly dataPlanePatience: Patience;
  /** Called with what a client waits for when that takes long. */
  readonly tell: ((words: string) => void) | undefined;
  /** Aborts when nobody wants to wait any longer. */
  readonly signal: AbortSignal | undefined;
}

const TWO_MINUTES_MS = 120_000;

/**
 * A worker's. When something keeps it from the user's table for two minutes, it names that as the reason of its end.
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
 * An orchestrator's. A person waits, perhaps far from the Region and behind a proxy. A lost SYN is repeated after one
 * second and after three.
 */
export const OPERATOR_CLIENTS: ClientSettings = {
  ...WORKER_CLIENTS,
  connectTimeoutMs: 3_500,
  patience: { credentials: 40_000, transport: 7_000 },
  // A scan has already read much and loses nothing by waiting, so it reports what it waits for.
  dataPlanePatience: { credentials: 60_000, transport: Number.POSITIVE_INFINITY },
};

let current = WORKER_CLIENTS;

/** Must be called once, before the first client is made: how a process reaches AWS holds for the whole process. */
export function useClientSettings(settings: ClientSettings): void {
  current = settings;
}

export function clientSettings(): ClientSettings {
  return current;
}
