import { FleetfillError } from '../../core/errors.ts';
import { nextCommand } from './next-command.ts';

/** Names by which AWS and the SDK say that credentials were good and are not any more. */
const EXPIRED = [
  'ExpiredToken',
  'ExpiredTokenException',
  'TokenRefreshRequired',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'RequestExpired',
];

const EXPIRED_SESSION = /expired|sso session|refresh/i;

/** The operator's credentials ran out; the fleet's are its own and go on. */
export function isExpiredCredentials(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    EXPIRED.includes(error.name) ||
    (error.name === 'CredentialsProviderError' && EXPIRED_SESSION.test(error.message))
  );
}

export class CredentialsExpiredError extends FleetfillError {
  constructor(run: string, options: ErrorOptions) {
    super(
      'CredentialsExpired',
      'Your credentials have expired, so nobody supervises the run. The fleet goes on with its own, and falls to the ' +
        'unattended rate after two minutes.\n' +
        'Log in again (aws sso login, or however you got them), and come back with:\n' +
        `  ${nextCommand('resume', run)}`,
      options,
    );
  }
}
