import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import { AuthorityLostError, describeError, SystemicError } from './errors.ts';
import { settleCall } from './settle.ts';

export interface Persistence {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called with the reason each time the call was throttled. */
  readonly onThrottled?: (reason: string) => void;
}

/**
 * Repeats a call until it is answered. A call that had no authority is sent again at once, because it waits for the
 * authority itself.
 * @param what for the message, as in "Reading the items back"
 * @throws SystemicError when it is refused for good; the signal's reason when the signal aborts.
 */
export async function retryUntilAnswered<T>(
  what: string,
  { clock, signal, onThrottled }: Persistence,
  call: () => Promise<T>,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof AuthorityLostError) continue;
      const verdict = settleCall(error, 1);
      if (verdict.kind !== 'retry') {
        throw new SystemicError(`${what} failed: ${describeError(error)}`, { cause: error });
      }
      if (verdict.cause === 'throttled') onThrottled?.(verdict.reason);
      await clock.sleep(backoffMs(failures), signal);
    }
  }
}
