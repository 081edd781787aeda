import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import { settleCall } from './settle.ts';

export interface Asking {
  readonly clock: Clock;
  /** Ends the waiting. Its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** If a try fails after this long, its error is thrown. An earlier failure is retried after its backoff. */
  readonly patienceMs: number;
  /** Called with the reason of a failed try and the number of failed tries so far. */
  readonly onRetry?: ((reason: string, failures: number) => void) | undefined;
}

/**
 * Repeats a call to the control table with backoff while it is throttled, fails internally, or gets no reply. A
 * throttled call says nothing about the run, so it must not end a worker. Every step of the protocol may be repeated,
 * because each one recognizes its own earlier write.
 * @throws at once any error that another try cannot change, including AuthorityLostError; the last error when patience
 * is over
 */
export async function askControlTable<T>(
  { clock, signal, patienceMs, onRetry }: Asking,
  call: () => Promise<T>,
): Promise<T> {
  const startedAtMs = clock.monotonicMs();
  for (let failures = 1; ; failures++) {
    try {
      return await call();
    } catch (error) {
      const verdict = settleCall(error, 1);
      if (verdict.kind !== 'retry') throw error;
      if (clock.monotonicMs() - startedAtMs >= patienceMs) throw error;
      onRetry?.(verdict.reason, failures);
      await clock.sleep(backoffMs(failures), signal);
      signal?.throwIfAborted();
    }
  }
}
