import { readFileSync } from 'node:fs';
import { ConfigurationError, describeError } from './errors.ts';

/**
 * The certificates to trust: Node's own, and those in the file that AWS_CA_BUNDLE names. The AWS CLI reads this
 * variable; the SDK for JavaScript does not. Undefined without the variable: then Node decides, including
 * NODE_EXTRA_CA_CERTS.
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
