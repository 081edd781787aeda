import * as autoScaling from '@aws-sdk/client-application-auto-scaling';
import * as cloudFormation from '@aws-sdk/client-cloudformation';
import * as cloudWatch from '@aws-sdk/client-cloudwatch';
import * as dynamodb from '@aws-sdk/client-dynamodb';
import * as ecr from '@aws-sdk/client-ecr';
import * as ecs from '@aws-sdk/client-ecs';
import * as iam from '@aws-sdk/client-iam';
import * as kms from '@aws-sdk/client-kms';
import * as quotas from '@aws-sdk/client-service-quotas';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CredentialsError, PreflightError, SystemicError, UnreachableError } from '../../core/errors.ts';
import { type FailureKind, kindOfFailure } from '../../core/failure.ts';

const failure = (fields: Record<string, unknown>): Error => Object.assign(new Error('said so'), fields);
const answered = (name: string, httpStatusCode = 400): Error =>
  failure({ name, $metadata: { httpStatusCode } });

type ErrorClass = new (options: object) => Error;

/** Every exception in the models of all clients in use. */
const MODELLED = Object.entries({
  autoScaling,
  cloudFormation,
  cloudWatch,
  dynamodb,
  ecr,
  ecs,
  iam,
  kms,
  quotas,
}).flatMap(([client, module]) =>
  Object.entries(module)
    .filter(
      ([name, member]) =>
        typeof member === 'function' &&
        member.prototype instanceof Error &&
        !name.endsWith('ServiceException'),
    )
    .map(([name, member]) => ({ client, name, Exception: member as unknown as ErrorClass })),
);

/** All names of the models that do not end a call for good. */
const NOT_FINAL: Readonly<Record<string, FailureKind>> = {
  ConditionalCheckFailedException: 'refused',
  ProvisionedThroughputExceededException: 'throttled',
  RequestLimitExceeded: 'throttled',
  ThrottlingException: 'throttled',
  LimitExceededException: 'throttled',
  TooManyRequestsException: 'throttled',
  InternalServerError: 'internal',
  InternalServiceFault: 'internal',
  InternalServiceException: 'internal',
  ServerException: 'internal',
  ServiceException: 'internal',
  ServiceFailureException: 'internal',
  KMSInternalException: 'internal',
  DependencyTimeoutException: 'internal',
  TransactionConflictException: 'conflict',
  TransactionInProgressException: 'conflict',
  ReplicatedWriteConflictException: 'conflict',
  ValidationException: 'invalid',
  ItemCollectionSizeLimitExceededException: 'too-large',
  InvalidSignatureException: 'credentials',
  InvalidClientTokenId: 'credentials',
};

describe('every error of the SDK’s models', () => {
  test('there are many of them, of nine clients', () => {
    expect(new Set(MODELLED.map(({ client }) => client)).size).toBe(9);
    expect(MODELLED.length).toBeGreaterThan(150);
  });

  test('has the kind of the table with a 4xx status, and is final when the table does not list it', () => {
    const unlike = MODELLED.flatMap(({ client, name, Exception }) => {
      const error = new Exception({
        message: 'm',
        $metadata: { httpStatusCode: 400 },
        name,
        $fault: 'client',
      });
      const kind = kindOfFailure(error);
      // Kinds that are retried must be in the table; a final one may be.
      const expected = NOT_FINAL[error.name] ?? 'final';
      return kind === expected ? [] : [`${client} ${error.name}: ${kind}, not ${expected}`];
    });
    expect(unlike).toEqual([]);
  });

  test('is an internal error of the service with a 5xx status, unless the table says otherwise', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...MODELLED),
        fc.integer({ min: 500, max: 599 }),
        ({ name }, httpStatusCode) => {
          const kind = kindOfFailure(answered(name, httpStatusCode));
          expect(kind).toBe(NOT_FINAL[name] ?? 'internal');
        },
      ),
    );
  });
});

describe('a reply about who asks', () => {
  test.each([
    'InvalidSignatureException',
    'InvalidSignature',
    'SignatureDoesNotMatch',
    'IncompleteSignature',
    'IncompleteSignatureException',
    'RequestTimeTooSkewed',
    'RequestExpired',
    'RequestInTheFuture',
    'UnrecognizedClientException',
    'InvalidClientTokenId',
    'InvalidAccessKeyId',
    'ExpiredToken',
    'ExpiredTokenException',
    'TokenRefreshRequired',
    'AuthFailure',
    'MissingAuthenticationToken',
    'MissingAuthenticationTokenException',
  ])('%s is about credentials, whatever its status', name => {
    for (const status of [400, 401, 403]) expect(kindOfFailure(answered(name, status))).toBe('credentials');
  });

  test('so is an error of an SDK credential provider, which has no status', () => {
    const message = 'Could not load credentials from any providers';
    expect(kindOfFailure(failure({ name: 'CredentialsProviderError', message }))).toBe('credentials');
    expect(kindOfFailure(failure({ name: 'TokenProviderError' }))).toBe('credentials');
  });

  test('and a role that may not be assumed yet', () => {
    const denied = answered('AccessDenied', 403);
    denied.message = 'User: arn is not authorized to perform: sts:AssumeRole on resource: arn';
    expect(kindOfFailure(denied)).toBe('credentials');
  });

  test.each(['ENOENT', 'EACCES', 'EISDIR'])('a file of credentials that cannot be read is one: %s', code => {
    const syscall = code === 'EISDIR' ? 'read' : 'open';
    expect(kindOfFailure(failure({ code, syscall, path: '/token' }))).toBe('credentials');
    expect(kindOfFailure(failure({ code, syscall: 'connect' }))).toBe('transport');
  });

  test('a denied action is no such reply', () => {
    expect(kindOfFailure(answered('AccessDeniedException'))).toBe('final');
    expect(kindOfFailure(answered('UnauthorizedOperation', 403))).toBe('final');
  });
});

describe('whatever has no status is a lost reply', () => {
  test.each([
    'EPROTO',
    'EMFILE',
    'ENFILE',
    'EADDRNOTAVAIL',
    'ENETDOWN',
    'ENETUNREACH',
    'ENOBUFS',
    'ENOTCONN',
    'ECONNRESET',
    'ECONNREFUSED',
    'EPIPE',
    'EAI_AGAIN',
    'EAI_NODATA',
    'EAI_FAIL',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
    'ERR_STREAM_PREMATURE_CLOSE',
    'ERR_SOCKET_CONNECTION_TIMEOUT',
    'HPE_INVALID_CONSTANT',
    'HPE_UNEXPECTED_CONTENT_LENGTH',
    'UND_ERR_SOCKET',
    'UND_ERR_CONNECT_TIMEOUT',
    'Z_DATA_ERROR',
  ])('%s', code => {
    expect(kindOfFailure(failure({ code }))).toBe('transport');
    expect(kindOfFailure(failure({ cause: { code } }))).toBe('transport');
  });

  test('by any code that nobody has thought of', () => {
    const code = fc.stringMatching(/^E[A-Z]{3,12}$/);
    fc.assert(
      fc.property(code, said => {
        expect(kindOfFailure(failure({ code: said }))).toBe('transport');
      }),
    );
  });

  test('by any name of an error that the SDK has sent and not heard of again', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^Unheard[A-Z][a-z]{0,9}$/), name => {
        expect(kindOfFailure(failure({ name, $metadata: { attempts: 1 } }))).toBe('transport');
      }),
    );
  });

  test('RequestTimeout and HTTP 408 are one too: the service never had the whole request', () => {
    expect(kindOfFailure(answered('RequestTimeout'))).toBe('transport');
    expect(kindOfFailure(answered('RequestTimeoutException', 408))).toBe('transport');
    expect(kindOfFailure(answered('Unheard', 408))).toBe('transport');
  });

  test.each([
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'HOSTNAME_MISMATCH',
  ])('but not %s: the other side cannot prove its identity', code => {
    expect(kindOfFailure(failure({ code, $metadata: {} }))).toBe('certificate');
  });

  test.each([
    'ERR_INVALID_URL',
    'ERR_INVALID_ARG_TYPE',
    'ERR_UNESCAPED_CHARACTERS',
    'ERR_HTTP_INVALID_HEADER_VALUE',
  ])('nor %s: nothing was sent', code => {
    expect(kindOfFailure(Object.assign(new TypeError('m'), { code }))).toBe('final');
  });

  test('but not an error of this program, or one of its own classes', () => {
    expect(kindOfFailure(new TypeError('x is not a function'))).toBe('final');
    expect(kindOfFailure(new Error('Region is missing'))).toBe('final');
    expect(kindOfFailure(new SystemicError('m'))).toBe('final');
    expect(kindOfFailure(new PreflightError('m'))).toBe('final');
  });

  test('an error that was given up on keeps its kind', () => {
    expect(kindOfFailure(new CredentialsError('m'))).toBe('credentials');
    expect(kindOfFailure(new UnreachableError('m'))).toBe('transport');
  });
});

describe('throttling has many names', () => {
  test.each([
    'Throttling',
    'ThrottledException',
    'RequestThrottled',
    'RequestThrottledException',
    'EC2ThrottledException',
    'KMSThrottlingException',
    'SlowDown',
    'BandwidthLimitExceeded',
    'PriorRequestNotComplete',
  ])('%s', name => {
    expect(kindOfFailure(answered(name))).toBe('throttled');
  });

  test('and HTTP 429 is one', () => {
    expect(kindOfFailure(answered('Unheard', 429))).toBe('throttled');
  });
});
