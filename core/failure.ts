import { CredentialsError, FleetfillError, UnreachableError } from './errors.ts';

/**
 * What a failed call of any AWS service says, by the name of its error and not by its text. This file only classifies:
 * core/settle.ts says what an error means for an item, and core/doubt.ts how long it is doubted.
 *
 * | kind          | what happened                                                                                |
 * |---------------|----------------------------------------------------------------------------------------------|
 * | refused       | the condition was false                                                                      |
 * | throttled     | too much was requested at once                                                               |
 * | internal      | an error inside the service: HTTP 5xx, or a name that means it                               |
 * | conflict      | a transaction or a replica was writing the same item                                         |
 * | invalid       | the request or the item breaks a rule                                                        |
 * | too-large     | the item collection is full                                                                  |
 * | credentials   | the reply speaks of a signature, a token, a clock or a role, or there are no credentials     |
 * | transport     | there is no reply, or no readable one: every error without an HTTP status                    |
 * | certificate   | there is no connection, because the other side cannot prove its identity                     |
 * | final         | anything else: no permission, no table, an error of this program                             |
 *
 * The list for `transport` is open: an error with an unknown name counts as a lost reply. The exceptions are listed:
 * certificates, errors of this program, and mistakes in its settings.
 */
export type FailureKind =
  | 'refused'
  | 'throttled'
  | 'internal'
  | 'conflict'
  | 'invalid'
  | 'too-large'
  | 'credentials'
  | 'transport'
  | 'certificate'
  | 'final';

const REFUSED = ['ConditionalCheckFailed'];

const THROTTLED = [
  'ProvisionedThroughputExceeded',
  'RequestLimitExceeded',
  'TooManyRequests',
  'LimitExceeded',
  'SlowDown',
  'BandwidthLimitExceeded',
  'PriorRequestNotComplete',
];

/** `Throttling`, `ThrottlingError`, `EC2Throttled`, `RequestThrottled`, `KMSThrottling` … */
const THROTTLED_IN_SOME_WAY = /throttl/i;

const INTERNAL = [
  'InternalServerError',
  'InternalServer',
  'InternalFailure',
  'InternalError',
  'InternalService',
  'InternalServiceFault',
  'ServiceFailure',
  'Service',
  'ServiceUnavailable',
  'Unavailable',
  'Server',
  'KMSInternal',
  'DependencyTimeout',
];

const CONFLICT = ['TransactionConflict', 'TransactionInProgress', 'ReplicatedWriteConflict'];
const INVALID = ['Validation', 'ValidationError'];
const TOO_LARGE = ['ItemCollectionSizeLimitExceeded'];

/**
 * These errors concern the caller, not the request. AWS also returns them for some seconds for good credentials: for a
 * role or key that was just created, a token in renewal, or a clock that was frozen.
 */
const CREDENTIALS = [
  'InvalidSignature',
  'SignatureDoesNotMatch',
  'IncompleteSignature',
  'RequestTimeTooSkewed',
  'RequestExpired',
  'RequestInTheFuture',
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
  'UnrecognizedClient',
  'InvalidClientTokenId',
  'InvalidAccessKeyId',
  'NotSignedUp',
  'AuthFailure',
  'MissingAuthenticationToken',
  'CredentialsProviderError',
  'TokenProviderError',
  'ProviderError',
  'InvalidIdentityToken',
  'IDPCommunicationError',
];

/** `sts:AssumeRole` is denied for some seconds after its role was created. */
const ASSUMING_A_ROLE = /sts:AssumeRole/;

/** Timeouts with a status: the service waited for a request that never arrived whole. */
const REQUEST_TIMEOUT = ['RequestTimeout'];

/** Codes of a connection that broke after the status had arrived. A service's own codes look different. */
const CONNECTION = /^(E[A-Z]+|ERR_|HPE_|UND_|Z_)/;

/** A file that does not exist or must not be read. On the way to a service, only credentials are read from files. */
const FILE = ['ENOENT', 'EACCES', 'EPERM', 'EISDIR', 'ENOTDIR'];
const FILE_CALLS: readonly unknown[] = ['open', 'read', 'stat', 'lstat', 'scandir', 'readlink'];

/** Codes of OpenSSL and Node [Node.js, TLS: x509 certificate error codes]. */
const CERTIFICATE =
  /^(CERT_|ERR_TLS_CERT|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|CRL_|ERROR_IN_C)/;

/** Node's codes for a mistake of the program: no byte was sent. */
const ASKED_WRONGLY = /^ERR_(INVALID_|UNESCAPED_|HTTP_INVALID_|MISSING_|UNKNOWN_|METHOD_NOT)/;

/** The fields of the SDK's and Node's errors besides name and message. */
interface ErrorFields {
  readonly name: string;
  readonly message: string;
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode?: number };
}

/** @param error whatever a call of the SDK threw */
export function kindOfFailure(error: unknown): FailureKind {
  if (!(error instanceof Error)) return 'final';
  if (error instanceof CredentialsError) return 'credentials';
  if (error instanceof UnreachableError) return 'transport';
  const fields: ErrorFields = error;
  const named = kindOfCode(fields.name, fields.message);
  if (named !== 'final') return named;
  const status = httpStatusOf(error);
  if (status === 429) return 'throttled';
  if (status === 408 || isOneOf(REQUEST_TIMEOUT, fields.name)) return 'transport';
  if (status !== undefined && status >= 500) return 'internal';
  if (status === undefined) return kindWithoutStatus(error, fields);
  // A success whose body cannot be read to its end was cut off, or is a proxy's page.
  if (status < 400) return 'transport';
  return typeof fields.code === 'string' && CONNECTION.test(fields.code) ? 'transport' : 'final';
}

/** Like {@link kindOfFailure}, from the code of a statement inside a successful call. */
export function kindOfCode(code: string, message = ''): FailureKind {
  const name = withoutSuffix(code);
  if (REFUSED.includes(name)) return 'refused';
  if (CONFLICT.includes(name)) return 'conflict';
  if (THROTTLED.includes(name) || THROTTLED_IN_SOME_WAY.test(name)) return 'throttled';
  if (INTERNAL.includes(name)) return 'internal';
  if (INVALID.includes(name)) return 'invalid';
  if (TOO_LARGE.includes(name)) return 'too-large';
  if (CREDENTIALS.includes(name) || ASSUMING_A_ROLE.test(message)) return 'credentials';
  return 'final';
}

export function httpStatusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { $metadata, $response }: Partial<ErrorFields> = error;
  return $metadata?.httpStatusCode ?? $response?.statusCode;
}

/** A batch reports codes without the suffix that the same error has for a whole call. */
export function withoutSuffix(name: string): string {
  return name.replace(/Exception$/, '');
}

function kindWithoutStatus(error: Error, fields: ErrorFields): FailureKind {
  const { name, message, code, syscall, $metadata } = fields;
  const codes = [code, (error.cause as { code?: unknown } | undefined)?.code].filter(
    (said): said is string => typeof said === 'string',
  );
  if (codes.some(said => CERTIFICATE.test(said))) return 'certificate';
  if (codes.some(said => ASKED_WRONGLY.test(said))) return 'final';
  if (FILE_CALLS.includes(syscall) && codes.some(said => FILE.includes(said))) return 'credentials';
  // Our own errors have codes too.
  if (error instanceof FleetfillError) return 'final';
  // Node and its libraries set a code when a connection failed; the SDK counts the attempts of what it has sent.
  const sent = codes.length > 0 || $metadata !== undefined;
  if (error instanceof SyntaxError) return 'transport';
  if (isProgramError(error)) return codes.length > 0 ? 'transport' : 'final';
  const byName = /^(Timeout|Abort|Networking|Socket|Connect\w*)Error$/.test(name);
  return sent || byName || message === 'aborted' || message === 'socket hang up' ? 'transport' : 'final';
}

function isProgramError(error: Error): boolean {
  return [TypeError, RangeError, ReferenceError, EvalError, URIError].some(type => error instanceof type);
}

function isOneOf(codes: readonly string[], name: string): boolean {
  return codes.includes(withoutSuffix(name));
}
