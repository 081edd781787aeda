import { DetachedError } from './detached-error.ts';
import { EXIT } from './exit-codes.ts';

/** A command ends by itself within this time when it is asked to: a run says how to come back, a stack stops its tasks. */
const GRACE_MS = { supervising: 10_000, 'holding a stack': 30_000, other: 2_000 } as const;

export type Occupation = keyof typeof GRACE_MS;

/** What asks a command to end: Ctrl-C, a service manager, and a terminal or a connection that is gone. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The first signal asks the command to end, and ends it when it does not; the second ends it at once. SIGHUP is one of
 * them under `nohup` too: Node gives each signal its usual meaning again when it starts.
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
