import { setTimeout as delay } from 'node:timers/promises';

/**
 * Time as the protocol sees it. Authority is measured on the monotonic clock of one process and never compared
 * between machines; wall-clock time appears in records and events for people only.
 */
export interface Clock {
  /** Milliseconds on a clock that never goes back; its zero means nothing. */
  monotonicMs(): number;
  /** Wall-clock time as ISO 8601 UTC. */
  nowIso(): string;
  /** Resolves after `ms` milliseconds, or at once, without an error, when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  nowIso: () => new Date().toISOString(),
  sleep: async (ms, signal) => {
    if (signal?.aborted) return;
    try {
      await delay(Math.max(0, ms), undefined, signal ? { signal } : {});
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  },
};
