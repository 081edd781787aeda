import { homedir } from 'node:os';
import { certificatesOf } from '../../core/ca-bundle.ts';
import { type ClientSettings, OPERATOR_CLIENTS, useClientSettings } from '../../core/client-settings.ts';
import { proxyFor } from '../../core/proxy-choice.ts';

/**
 * What this process takes from the environment in addition to the SDK, which reads its own variables: the Region by its
 * other name, the proxies, and a home for a user who has none. Must be called before the first client is made.
 */
export function prepareEnvironment(environment: NodeJS.ProcessEnv): void {
  environment['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  // The AWS CLI reads both variables, this one second; the SDK for JavaScript reads AWS_REGION alone.
  if (!environment['AWS_REGION'] && environment['AWS_DEFAULT_REGION']) {
    environment['AWS_REGION'] = environment['AWS_DEFAULT_REGION'];
  }
  if (!hasHome()) environment['HOME'] = '/';
}

/** The SDK looks for its files there, and fails for a user number that has no name in the list of users. */
function hasHome(): boolean {
  try {
    return homedir() !== '';
  } catch {
    return false;
  }
}

/** How this process reaches AWS; `tell` is called with what is waited for when that takes long. */
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
