import { readFileSync } from 'node:fs';
import { ConfigurationError, describeError } from './errors.ts';

/**
 * Whose certificates are believed: those that Node knows, and those of the file in AWS_CA_BUNDLE, which the AWS CLI
 * reads and the SDK for JavaScript does not. Undefined where there is none: Node's own choice, NODE_EXTRA_CA_CERTS included.
 * @throws ConfigurationError when the file cannot be read
 */
export function certificatesOf(
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] | undefined {
  const file = environment['AWS_CA_BUNDLE'];
  if (!file) return undefined;
  try {
    // Loaded only here, so that printing help does not wait for it.
    const { rootCertificates } = process.getBuiltinModule('node:tls');
    return [...rootCertificates, readFileSync(file, 'utf8')];
  } catch (cause) {
    throw new ConfigurationError(
      `AWS_CA_BUNDLE names ${file}, which cannot be read: ${describeError(cause)}`,
      { cause },
    );
  }
}
