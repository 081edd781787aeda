import { homedir } from 'node:os';
import { certificatesOf } from '../../core/ca-bundle.ts';
import { type ClientSettings, OPERATOR_CLIENTS, useClientSettings } from '../../core/client-settings.ts';
import { proxyFor } from '../../core/proxy-choice.ts';

/**
 * Reads what this process takes from the environment besides the SDK's own variables: the Region by its other name, the
 * proxies, and a home directory for a user who has none. Call it before the first client is created.
 */
export function prepareEnvironment(environment: NodeJS.ProcessEnv): void {
  environment['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  // The AWS CLI reads both variables and prefers AWS_REGION. The SDK for JavaScript reads only AWS_REGION.
  if (!environment['AWS_REGION'] && environment['AWS_DEFAULT_REGION']) {
    environment['AWS_REGION'] = environment['AWS_DEFAULT_REGION'];
  }
  if (!hasHome()) environment['HOME'] = '/';
}

/** The SDK looks for its files in the home directory, and fails for a user id without an entry in the list of users. */
function hasHome(): boolean {
  try {
    return homedir() !== '';
  } catch {
    return false;
  }
}

/** Sets how this process reaches AWS. `tell` is called with a message about what it waits for, if that takes long. */
export function prepareClients(
  environment: NodeJS.ProcessEnv,
  { tell, signal }: Pick<ClientSettings, 'tell' | 'signal'>,
): void {
  useClientSettings({
    ...OPERATOR_CLIENTS,
    proxyFor: destination => proxyFor(environment, destination),
    certificates: certificatesOf(environment),
    tell,
    signal,
  });
}
