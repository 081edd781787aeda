import * as sdk from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { settleCall, settleStatement, type Verdict } from '../../core/settle.ts';

const KINDS = ['refused', 'retry', 'quarantine', 'bisect', 'systemic'];

/** The kind of a verdict; for a retry also its cause. */
const inShort = (verdict: Verdict): string =>
  verdict.kind === 'retry' ? `retry, ${verdict.cause}` : verdict.kind;

const failure = (name: string, more: Record<string, unknown> = {}): Error =>
  Object.assign(new Error('said the service'), { name, ...more });

describe('the settle table is total', () => {
  const anything = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string().map(name => `${name}Exception`),
    fc.constantFrom('', 'Exception', 'ExceptionException', 'toString', 'constructor', '__proto__'),
  );

  test('for whatever a statement reports', () => {
    const error = fc.record({ Code: anything, Message: anything }, { requiredKeys: [] });
    fc.assert(fc.property(error, given => KINDS.includes(settleStatement(given).kind)));
  });

  test('for whatever a call throws', () => {
    const thrown = fc.oneof(
      fc.anything(),
      fc
        .record(
          {
            name: anything,
            code: fc.anything(),
            $metadata: fc.record({ httpStatusCode: fc.nat({ max: 599 }) }, { requiredKeys: [] }),
            ThrottlingReasons: fc.array(
              fc.record({ reason: anything, resource: anything }, { requiredKeys: [] }),
            ),
          },
          { requiredKeys: [] },
        )
        .map(fields => Object.assign(new Error('x'), fields)),
    );
    fc.assert(
      fc.property(thrown, fc.integer({ min: 1, max: 25 }), (error, items) =>
        KINDS.includes(settleCall(error, items).kind),
      ),
    );
  });

  test('and an unknown error is systemic: never skipped and never retried forever', () => {
    const unknown = fc.string({ minLength: 1 }).map(name => `Unheard${name}`);
    fc.assert(
      fc.property(unknown, fc.integer({ min: 400, max: 407 }), (name, httpStatusCode) => {
        expect(settleStatement({ Code: name }).kind).toBe('systemic');
        expect(settleCall(failure(name, { $metadata: { httpStatusCode } }), 25).kind).toBe('systemic');
      }),
    );
  });

  test('a statement error without a code is systemic', () => {
    expect(settleStatement({}).kind).toBe('systemic');
  });
});

/** The type has every name of the SDK's model, so a new name does not compile here. */
const STATEMENT: Record<sdk.BatchStatementErrorCodeEnum, string> = {
  ConditionalCheckFailed: 'refused',
  ProvisionedThroughputExceeded: 'retry, throttled',
  RequestLimitExceeded: 'retry, throttled',
  ThrottlingError: 'retry, throttled',
  InternalServerError: 'retry, internal',
  TransactionConflict: 'retry, conflict',
  ValidationError: 'quarantine',
  ItemCollectionSizeLimitExceeded: 'quarantine',
  AccessDenied: 'systemic',
  ResourceNotFound: 'systemic',
  // Only an INSERT gets this answer. An UPDATE that gets it is not the statement we sent.
  DuplicateItem: 'systemic',
};

describe('a statement inside a batch', () => {
  test('the table below has each name of the SDK model', () => {
    expect(Object.keys(STATEMENT).sort()).toEqual(Object.values(sdk.BatchStatementErrorCodeEnum).sort());
  });

  test.each(Object.entries(STATEMENT))('%s: %s', (Code, expected) => {
    expect(inShort(settleStatement({ Code }))).toBe(expected);
  });

  test.each(Object.entries(STATEMENT))(
    '%s means the same with the suffix that a call has',
    (Code, expected) => {
      expect(inShort(settleStatement({ Code: `${Code}Exception` }))).toBe(expected);
    },
  );

  test('keeps the words of the service, for the quarantine and for the log', () => {
    expect(settleStatement({ Code: 'ValidationError', Message: 'Item size has exceeded' })).toEqual({
      kind: 'quarantine',
      reason: 'ValidationError: Item size has exceeded',
    });
  });
});

/** The exceptions known to the SDK that are not systemic. */
const CALL: Readonly<Record<string, string>> = {
  ConditionalCheckFailedException: 'refused',
  ProvisionedThroughputExceededException: 'retry, throttled',
  RequestLimitExceeded: 'retry, throttled',
  ThrottlingException: 'retry, throttled',
  LimitExceededException: 'retry, throttled',
  InternalServerError: 'retry, internal',
  TransactionConflictException: 'retry, conflict',
  TransactionInProgressException: 'retry, conflict',
  ReplicatedWriteConflictException: 'retry, conflict',
  ItemCollectionSizeLimitExceededException: 'quarantine',
};

type ErrorClass = new (options: {
  message: string;
  $metadata: object;
  name: string;
  $fault: string;
}) => Error;

const modelled = Object.entries(sdk).filter(
  ([name, member]) =>
    typeof member === 'function' &&
    member.prototype instanceof sdk.DynamoDBServiceException &&
    name !== 'DynamoDBServiceException',
) as unknown as [string, ErrorClass][];

describe('a call that throws', () => {
  test('the SDK names its exceptions', () => {
    expect(modelled.length).toBeGreaterThan(30);
    for (const name of Object.keys(CALL)) expect(modelled.map(([known]) => known)).toContain(name);
  });

  test.each(modelled)('%s', (name, Exception) => {
    const error = new Exception({ message: 'm', $metadata: { httpStatusCode: 400 }, name, $fault: 'client' });
    expect(inShort(settleCall(error, 1))).toBe(CALL[name] ?? 'systemic');
  });

  // Names that are in no model but that gateways and the service's front end send.
  test.each([
    ['ValidationException', 'quarantine'],
    ['Throttling', 'retry, throttled'],
    ['TooManyRequestsException', 'retry, throttled'],
    ['InternalFailure', 'retry, internal'],
    ['ServiceUnavailable', 'retry, internal'],
    ['ServiceUnavailableException', 'retry, internal'],
    ['AccessDeniedException', 'systemic'],
    ['ExpiredTokenException', 'retry, credentials'],
    ['UnrecognizedClientException', 'retry, credentials'],
    ['InvalidSignatureException', 'retry, credentials'],
    ['MissingAuthenticationToken', 'retry, credentials'],
    ['UnknownOperationException', 'systemic'],
    ['SerializationException', 'systemic'],
  ])('%s: %s', (name, expected) => {
    expect(inShort(settleCall(failure(name, { $metadata: { httpStatusCode: 400 } }), 1))).toBe(expected);
  });

  test('a validation error of a whole batch says that one of the items is bad: it is halved until one is left', () => {
    const error = failure('ValidationException');
    expect(settleCall(error, 25).kind).toBe('bisect');
    expect(settleCall(error, 2).kind).toBe('bisect');
    expect(settleCall(error, 1).kind).toBe('quarantine');
  });

  test('a full item collection is not halved: that would not help', () => {
    expect(settleCall(failure('ItemCollectionSizeLimitExceededException'), 25).kind).toBe('quarantine');
  });

  test('an unknown error of the 500s is the service’s trouble and not ours', () => {
    for (const httpStatusCode of [500, 502, 503, 504, 599]) {
      const verdict = settleCall(failure('Unheard', { $metadata: { httpStatusCode } }), 1);
      expect(inShort(verdict)).toBe('retry, internal');
    }
  });

  test('a refusal stays one, whatever its status', () => {
    const error = failure('ConditionalCheckFailedException', { $metadata: { httpStatusCode: 500 } });
    expect(settleCall(error, 1).kind).toBe('refused');
  });

  test('a program error of our own is not taken for the network', () => {
    expect(settleCall(new TypeError('x is not a function'), 1).kind).toBe('systemic');
    expect(settleCall('a string', 1).kind).toBe('systemic');
    expect(settleCall(undefined, 1).kind).toBe('systemic');
  });

  test.each([
    ['ThrottlingReasons', 'ProvisionedThroughputExceededException'],
    ['ThrottlingReasons', 'RequestLimitExceeded'],
    ['throttlingReasons', 'ThrottlingException'],
  ])('says which limit was hit, from %s of %s', (member, name) => {
    const reasons = [
      { reason: 'TableWriteKeyRangeThroughputExceeded', resource: 'arn:aws:dynamodb:…:table/stuff' },
      { reason: 'Other' },
    ];
    expect(settleCall(failure(name, { [member]: reasons }), 1)).toEqual({
      kind: 'retry',
      cause: 'throttled',
      reason: 'TableWriteKeyRangeThroughputExceeded on arn:aws:dynamodb:…:table/stuff',
    });
  });

  test.each([[[]], [[{}]], [[{ resource: 'arn' }]], [undefined]])(
    'falls back to the name where the service does not say which limit: %j',
    reasons => {
      const verdict = settleCall(failure('ThrottlingException', { throttlingReasons: reasons }), 1);
      expect(verdict).toEqual({ kind: 'retry', cause: 'throttled', reason: 'Throttling' });
    },
  );
});
