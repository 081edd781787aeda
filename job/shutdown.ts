/** Fargate sends SIGKILL after stopTimeout. A worker exits well before that. */
const SIGTERM_LIMIT_MS = 24_000;

export const SIGTERM_EXIT_CODE = 143;

/**
 * Turns SIGTERM into an abort with {@link TerminationRequested} as its reason, and limits the time for ending. SIGINT,
 * which reaches a worker started by hand, means the same.
 */
export function listenForTermination(stop: AbortController): void {
  const onSignal = () => {
    stop.abort(new TerminationRequested());
    setTimeout(() => process.exit(SIGTERM_EXIT_CODE), SIGTERM_LIMIT_MS).unref();
  };
  process.once('SIGTERM', onSignal);
  process.once('SIGINT', onSignal);
}

/** ECS, Spot or a person wants this task to end. */
export class TerminationRequested extends Error {
  constructor() {
    super('SIGTERM');
    this.name = 'TerminationRequested';
  }
}

/** The run is paused, cancelled or stopped, as the supervisor wrote in this task's record. */
export class NotDesired extends Error {
  constructor(desired: string) {
    super(`desired state is ${desired}`);
    this.name = 'NotDesired';
  }
}
