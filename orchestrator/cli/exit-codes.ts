import {
  ConfigurationError,
  NotConfirmedError,
  PreflightError,
  SupersededError,
  SystemicError,
  TableLockedError,
} from '../../core/errors.ts';
import type { RunStatus } from '../../core/records.ts';
import { CredentialsExpiredError } from './expired-credentials.ts';
import { SupervisionLostError } from './supervision-lost.ts';

/** The contract's exit codes. Only this file decides them. */
export const EXIT = {
  ok: 0,
  internal: 1,
  usage: 2,
  preflight: 3,
  notConfirmed: 4,
  quarantined: 5,
  missing: 6,
  stopped: 7,
  held: 8,
  ended: 9,
  detached: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const STATUS_EXIT: Readonly<Record<RunStatus, ExitCode>> = {
  running: EXIT.internal,
  verifying: EXIT.internal,
  verified: EXIT.ok,
  'dry-run': EXIT.ok,
  canary: EXIT.ok,
  quarantined: EXIT.quarantined,
  incomplete: EXIT.missing,
  failed: EXIT.stopped,
  paused: EXIT.ended,
  cancelled: EXIT.ended,
};

export function exitCodeOfStatus(status: RunStatus): ExitCode {
  return STATUS_EXIT[status];
}

export function exitCodeOfError(error: unknown): ExitCode {
  if (error instanceof ConfigurationError) return EXIT.usage;
  if (error instanceof PreflightError) return EXIT.preflight;
  if (error instanceof NotConfirmedError) return EXIT.notConfirmed;
  if (error instanceof TableLockedError || error instanceof SupersededError) return EXIT.held;
  if (error instanceof SystemicError) return EXIT.stopped;
  if (error instanceof CredentialsExpiredError || error instanceof SupervisionLostError) return EXIT.detached;
  return EXIT.internal;
}
