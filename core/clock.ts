/**
 * The protocol's time. Authority is measured on one process's monotonic clock and never compared between machines.
 * Wall-clock time appears in records and events only for people.
 */
export interface Clock {
  /** Milliseconds on a clock that never goes back. Its zero has no meaning. */
  monotonicMs(): number;
  /** Wall-clock time as ISO 8601 UTC. */
  nowIso(): string;
  /** Resolves after `ms` milliseconds, or at once, without an error, when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  nowIso: () => new Date().toISOString(),
  // Each request to the user's table has such a wait, and its reply ends the wait early. `timers/promises` would then
  // create an error with a stack for each of them.
  sleep: (ms, signal) =>
    new Promise(resolve => {
      if (signal?.aborted) return resolve();
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, Math.max(0, ms));
      signal?.addEventListener('abort', end, { once: true });
    }),
};
