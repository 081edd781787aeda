import { EXIT } from './exit-codes.ts';

/** A signal asked the command to end. The orchestrator leaves, and the fleet continues. */
export class DetachedError extends Error {
  constructor() {
    super('detached');
    this.name = 'DetachedError';
  }
}

/** How long a command may take to end after a signal: a run says how to come back, and a stack stops its tasks. */
const GRACE_MS = { supervising: 10_000, 'holding-a-stack': 30_000, other: 2_000 } as const;

export type Occupation = keyof typeof GRACE_MS;

/** Signals that ask a command to end: from Ctrl-C, a service manager, or a closed terminal or connection. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The first signal asks the command to end, and forces it after a while. The second signal ends it at once. SIGHUP
 * counts even under `nohup`, because Node resets each signal to its default when it starts.
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
