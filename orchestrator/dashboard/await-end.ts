import type { Clock } from '../../core/clock.ts';
import { isFinished, type RunRecord } from '../../core/records.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Stores } from '../stores.ts';
import { Watch } from './watch.ts';

/** When nobody has supervised for this long, a person must act. The alarm takes as long, see docs/dashboard.md. */
export const UNSUPERVISED_MS = 10 * 60_000;

/**
 * A process that has just resumed writes its first sign of life within seconds; until then old ones are not reported.
 */
const LEAST_WATCHED_MS = 20_000;

export interface AwaitEndOptions {
  readonly stores: Stores;
  readonly clock: Clock;
  readonly run: Pick<RunRecord, 'runId' | 'createdAt'>;
  readonly onSnapshot: (snapshot: Snapshot) => void;
  /** Called for each look that failed; looking continues. */
  readonly onUnreadable: (error: unknown) => void;
}

/**
 * Looks at a run that is supervised elsewhere, until it has ended or is paused, until nobody supervises it any longer,
 * or until the signal aborts. It reads the control table and writes nothing.
 */
export async function awaitEnd(
  { stores, clock, run, onSnapshot, onUnreadable }: AwaitEndOptions,
  signal: AbortSignal,
): Promise<'ended' | 'unsupervised' | 'left'> {
  const over = new AbortController();
  const startedAtMs = clock.monotonicMs();
  let outcome: 'ended' | 'unsupervised' | 'left' = 'left';
  const conclude = (what: typeof outcome) => {
    outcome = what;
    over.abort();
  };
  const watch = new Watch({
    stores,
    clock,
    runId: run.runId,
    onUnreadable,
    onSnapshot: snapshot => {
      onSnapshot(snapshot);
      // A failed read says nothing about who supervises.
      if (snapshot.unreadable) return;
      const { status } = snapshot.run;
      if (isFinished(status) || status === 'paused' || status === 'failed') return conclude('ended');
      const silentMs = snapshot.orchestratorAgeMs ?? Date.parse(snapshot.at) - Date.parse(run.createdAt);
      if (silentMs >= UNSUPERVISED_MS && clock.monotonicMs() - startedAtMs >= LEAST_WATCHED_MS) {
        conclude('unsupervised');
      }
    },
  });
  await watch.run(AbortSignal.any([signal, over.signal]));
  return outcome;
}
