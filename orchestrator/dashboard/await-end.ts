import type { Clock } from '../../core/clock.ts';
import { isFinished, type RunRecord } from '../../core/records.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Stores } from '../stores.ts';
import { Watch } from './watch.ts';

/**
 * A person must act once nobody has supervised the run for this long. The alarm uses the same time, see
 * docs/dashboard.md.
 */
export const UNSUPERVISED_MS = 10 * 60_000;

/**
 * A process that just resumed a run writes its first sign of life within seconds. Until then an old one is not
 * reported.
 */
const LEAST_WATCHED_MS = 20_000;

export interface AwaitEndOptions {
  readonly stores: Stores;
  readonly clock: Clock;
  readonly run: Pick<RunRecord, 'runId' | 'createdAt'>;
  readonly onSnapshot: (snapshot: Snapshot) => void;
  /** Called for each failed look. Looking continues. */
  readonly onUnreadable: (error: unknown) => void;
}

/**
 * Watches a run that another process supervises. It ends when the run has ended or is paused, when nobody supervises it
 * any longer, or when the signal aborts. It only reads the control table.
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
      // A failed read does not tell whether anybody supervises.
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
