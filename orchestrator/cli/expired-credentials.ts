import { CredentialsError, FleetfillError } from '../../core/errors.ts';
import { nextCommand } from './next-command.ts';

/** AWS has rejected the operator's credentials for so long that this is believed. The fleet has its own credentials. */
export function isExpiredCredentials(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof CredentialsError) return true;
  }
  return false;
}

export class CredentialsExpiredError extends FleetfillError {
  constructor(run: string, options: ErrorOptions) {
    super(
      'CredentialsExpired',
      'Your credentials have expired, so nobody supervises the run. The fleet continues with its own credentials, and slows to the ' +
        'unattended rate after two minutes.\n' +
        'Log in again (aws sso login, or the way you did before), and take over with:\n' +
        `  ${nextCommand('resume', run)}`,
      options,
    );
  }
}
