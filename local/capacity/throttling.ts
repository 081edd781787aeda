import type { PartRefusal } from '../dynamodb/partial-batch.ts';
import { errorReply, type ProxyReply } from '../proxy/exchange.ts';
import type { Shortage } from './capacity-model.ts';

/** The three errors by which DynamoDB throttles [API reference, common and operation errors]. */
export type ThrottlingError = 'provisioned' | 'on-demand' | 'account';

interface Shape {
  readonly type: string;
  /** BatchStatementErrorCodeEnum. */
  readonly statementCode: string;
  /** The SDK's models spell this member differently for each error. */
  readonly reasonsMember: 'ThrottlingReasons' | 'throttlingReasons';
  readonly message: string;
}

const SHAPES: Readonly<Record<ThrottlingError, Shape>> = {
  provisioned: {
    type: 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
    statementCode: 'ProvisionedThroughputExceeded',
    reasonsMember: 'ThrottlingReasons',
    message:
      'The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.',
  },
  'on-demand': {
    type: 'com.amazon.coral.availability#ThrottlingException',
    statementCode: 'ThrottlingError',
    reasonsMember: 'throttlingReasons',
    message:
      'Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or index so please try again shortly. If exceptions persist, check if you have a hot key: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html',
  },
  account: {
    type: 'com.amazonaws.dynamodb.v20120810#RequestLimitExceeded',
    statementCode: 'RequestLimitExceeded',
    reasonsMember: 'ThrottlingReasons',
    message: 'Throughput exceeds the current throughput limit for your account. Please contact AWS Support.',
  },
};

export interface ThrottlingReason {
  /**
   * For example `TableWriteKeyRangeThroughputExceeded`: resource, operation, limit [API reference, ThrottlingReason].
   */
  readonly reason: string;
  /** ARN of the table or index. */
  readonly resource: string;
}

/** Refuses a whole call. Without reasons the error looks as it did before 2025, or as a proxy may pass it on. */
export function throttledCall(error: ThrottlingError, reasons: readonly ThrottlingReason[]): ProxyReply {
  const { type, message, reasonsMember } = SHAPES[error];
  return errorReply(400, type, message, reasons.length > 0 ? { [reasonsMember]: reasons } : {});
}

/** Refuses one statement of a batch or one item of a transaction. These errors have no member for reasons. */
export function throttledPart(error: ThrottlingError): PartRefusal {
  const { statementCode: code, message } = SHAPES[error];
  return { code, message };
}

/** A shortage of the account has its own error. */
export function errorFor(shortages: readonly Shortage[], mode: 'provisioned' | 'on-demand'): ThrottlingError {
  return shortages.some(({ limit }) => limit === 'AccountLimitExceeded') ? 'account' : mode;
}

/**
 * One reason for each exceeded limit, without repetitions.
 * @param tableArn of the table that the request names; of the first one if it names several
 */
export function reasonsFor(shortages: readonly Shortage[], tableArn: string): ThrottlingReason[] {
  const reasons = shortages.map(({ limit, kind, index }): ThrottlingReason => {
    const what = `${index === undefined ? 'Table' : 'Index'}${kind === 'write' ? 'Write' : 'Read'}`;
    const resource = index === undefined ? tableArn : `${tableArn}/index/${index}`;
    return { reason: `${what}${limit}`, resource };
  });
  return [...new Map(reasons.map(reason => [`${reason.reason} ${reason.resource}`, reason])).values()];
}
