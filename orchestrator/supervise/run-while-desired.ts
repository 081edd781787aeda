import type { Clock } from '../../core/clock.ts';
import { SupersededError } from '../../core/errors.ts';
import type { RunStore, Supervision } from '../../core/run-store.ts';

const LOOK_EVERY_MS = 1_000;

export interface WantedOptions {
  readonly runs: Pick<RunStore, 'readAsSupervisor'>;
  readonly supervision: Supervision;
  readonly clock: Clock;
  /** Aborts when the operator detaches. */
  readonly detach: AbortSignal;
}

/**
 * Does the work, and interrupts it when the run is not wanted any more or another orchestrator has taken over.
 * @returns undefined when it was interrupted
 * @throws SupersededError; the detach signal's reason; what the work throws
 */
export async function runWhileDesired<T>(
  { runs, supervision, clock, detach }: WantedOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const unwanted = new AbortController();
  const done = new AbortController();
  const watching = (async () => {
    while (!done.signal.aborted) {
      await clock.sleep(LOOK_EVERY_MS, done.signal);
      if (done.signal.aborted) return;
      try {
        const now = await runs.readAsSupervisor(supervision);
        if (now.desired !== 'run') unwanted.abort();
      } catch (error) {
        // Unreachable is unwanted too: nobody can say that the run is still this orchestrator's.
        unwanted.abort(error);
      }
    }
  })();
  try {
    return await work(AbortSignal.any([unwanted.signal, detach]));
  } catch (error) {
    if (!unwanted.signal.aborted || error instanceof SupersededError) throw error;
    return undefined;
  } finally {
    done.abort();
    await watching;
  }
}
