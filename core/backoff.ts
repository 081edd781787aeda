const BASE_MS = 50;
const LIMIT_MS = 5_000;

/**
 * How long to wait before retry number `attempt`, counted from 1: exponential with full jitter, at most five seconds
 * [AWS Architecture Blog, "Exponential Backoff And Jitter"].
 */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(LIMIT_MS, BASE_MS * 2 ** Math.min(attempt, 16));
}
