import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';

/** A clock that runs `speed` times as fast, for waits of the tested code beside requests that take real time. */
export function quickClock(speed: number): Clock {
  const startedAt = performance.now();
  return {
    monotonicMs: () => (performance.now() - startedAt) * speed,
    nowIso: () => new Date().toISOString(),
    sleep: async (ms, signal) => {
      if (signal?.aborted) return;
      await delay(Math.max(0, ms / speed), undefined, signal ? { signal } : {}).catch(() => {});
    },
  };
}
