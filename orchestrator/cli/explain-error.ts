import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CredentialsError, describeError, FleetfillError, UnreachableError } from '../../core/errors.ts';
import { type FailureKind, httpStatusOf, kindOfFailure } from '../../core/failure.ts';
import { proxyVariables } from '../../core/proxy-choice.ts';
import { EXIT, type ExitCode, exitCodeOfError } from './exit-codes.ts';

/** The SDK's message when no Region is set anywhere; the error has no name of its own. */
const NO_REGION = /Region is missing/;

export interface Explanation {
  readonly words: string;
  readonly exitCode: ExitCode;
}

/**
 * Explains the error that ends a command, and chooses the exit code. It never calls an error from AWS, the network or
 * the operator's machine an internal error.
 */
export function explainError(error: unknown, environment: NodeJS.ProcessEnv, debug: boolean): Explanation {
  const explanation = explain(error, environment);
  return debug && error instanceof Error
    ? { ...explanation, words: error.stack ?? String(error) }
    : explanation;
}

function explain(error: unknown, environment: NodeJS.ProcessEnv): Explanation {
  const chain = causesOf(error);
  const exitCode = exitCodeOfError(error);
  if (chain.some(({ message }) => NO_REGION.test(message))) {
    return {
      words:
        'No AWS Region is set.\n' +
        'Set one with: export AWS_REGION=eu-central-1, or: aws configure set region eu-central-1',
      exitCode: exitCode === EXIT.internal ? EXIT.preflight : exitCode,
    };
  }
  const advice = chain.map(cause => adviceFor(cause, environment)).find(found => found !== undefined);
  const words = [describeError(error), ...(advice === undefined ? [] : [advice])].join('\n');
  if (exitCode !== EXIT.internal) return { words, exitCode };
  const expected = error instanceof Error && (error instanceof FleetfillError || isOfAws(error));
  if (expected) {
    // Somebody deleted the record of a run in progress, so this is no refusal.
    const vanished = error instanceof FleetfillError && error.code === 'RunVanished';
    return { words, exitCode: vanished ? EXIT.internal : EXIT.preflight };
  }
  return {
    words: `Internal error: ${words}\nRun the command again with --debug to see where it came from.`,
    exitCode,
  };
}

function causesOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let cause = error; cause instanceof Error && chain.length < 10; cause = cause.cause) chain.push(cause);
  return chain;
}

/** The profile in AWS_PROFILE, if no file of the operator contains it. */
function missingProfile(environment: NodeJS.ProcessEnv): string | undefined {
  const profile = environment['AWS_PROFILE'];
  if (!profile) return undefined;
  const folder = join(environment['HOME'] ?? '/', '.aws');
  const files = [
    environment['AWS_CONFIG_FILE'] || join(folder, 'config'),
    environment['AWS_SHARED_CREDENTIALS_FILE'] || join(folder, 'credentials'),
  ];
  return files.some(file => sectionsOf(file).includes(profile)) ? undefined : profile;
}

/** The profiles of a file: `[profile NAME]` in the config, `[NAME]` in both. */
function sectionsOf(file: string): string[] {
  try {
    const lines = readFileSync(file, 'utf8').matchAll(/^\s*\[\s*(?:profile\s+)?["']?([^\]"']+?)["']?\s*\]/gm);
    return [...lines].map(([, name = '']) => name);
  } catch {
    return [];
  }
}

/** Whether the error came from a service or from the way to it. */
function isOfAws(error: Error): boolean {
  const kind: FailureKind = kindOfFailure(error);
  return kind !== 'final' || httpStatusOf(error) !== undefined;
}

function adviceFor(error: Error, environment: NodeJS.ProcessEnv): string | undefined {
  if (error instanceof CredentialsError) {
    const profile = missingProfile(environment);
    if (profile !== undefined) {
      return `AWS_PROFILE names the profile ${profile}, and neither the config nor the credentials file has it. Correct it, or make it with: aws configure sso`;
    }
    return (
      'Log in again, for instance with: aws sso login. If you are logged in, check AWS_PROFILE and the clock of this machine: ' +
      'a signature is good for five minutes.'
    );
  }
  if (error instanceof UnreachableError) {
    const proxies = proxyVariables(environment);
    return proxies.length > 0
      ? `These proxy settings are in force: ${proxies.join(', ')}. Check whether the address goes through the proxy or belongs in NO_PROXY.`
      : 'Check the network of this machine. Behind a proxy, set HTTPS_PROXY as for the AWS CLI.';
  }
  if (kindOfFailure(error) === 'certificate') {
    return 'A proxy that inspects TLS uses its own certificate authority. Name its certificate file in NODE_EXTRA_CA_CERTS.';
  }
  return undefined;
}
