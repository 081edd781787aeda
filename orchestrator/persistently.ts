import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { describeError, SystemicError } from '../core/errors.ts';
import { settleCall } from '../core/settle.ts';

/**
 * A call that is sent until it is answered, however often it takes.
 * @param what for the message, as in "Reading the items back"
 * @throws SystemicError when it is refused for good; the signal's reason when it aborts.
 */
export async function persistently<T>(
  what: string,
  clock: Clock,
  signal: AbortSignal,
  call: () => Promise<T>,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (settleCall(error, 1).kind !== 'retry') {
        throw new SystemicError(`${what} failed: ${describeError(error)}`, { cause: error });
      }
      await clock.sleep(backoffMs(failures), signal);
    }
  }
}
