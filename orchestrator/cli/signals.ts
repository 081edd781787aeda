import { EXIT } from './exit-codes.ts';

/** A signal asked the command to end: the orchestrator leaves, and the fleet continues. */
export class DetachedError extends Error {
  constructor() {
    super('detached');
    this.name = 'DetachedError';
  }
}

/** A command that is asked to end does so within this time: a run says how to come back, a stack stops its tasks. */
const GRACE_MS = { supervising: 10_000, 'holding a stack': 30_000, other: 2_000 } as const;

export type Occupation = keyof typeof GRACE_MS;

/** What asks a command to end: Ctrl-C, a service manager, or a terminal or connection that is gone. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The first signal asks the command to end, and forces it when it does not; the second ends it at once. SIGHUP counts
 * even under `nohup`: Node resets each signal to its usual meaning when it starts.
 * @param occupation what the process is doing at that moment
 */
export function listenForSignals(detach: AbortController, occupation: () => Occupation): void {
  const asked = () => {
    if (detach.signal.aborted) process.exit(EXIT.detached);
    detach.abort(new DetachedError());
    setTimeout(() => process.exit(EXIT.detached), GRACE_MS[occupation()]).unref();
  };
  for (const signal of SIGNALS) process.on(signal, asked);
}
