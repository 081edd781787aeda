import type { PartRefusal } from '../dynamodb/partial-batch.ts';
import { errorReply, type ProxyReply } from '../proxy/exchange.ts';
import type { Shortage } from './capacity-model.ts';

/** The three errors that DynamoDB throttles with [API reference, common and operation errors]. */
export type ThrottlingError = 'provisioned' | 'on-demand' | 'account';

interface Shape {
  readonly type: string;
  /** BatchStatementErrorCodeEnum. */
  readonly statementCode: string;
  /** The SDK's models spell this member differently in each error. */
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
  /** `TableWriteKeyRangeThroughputExceeded`: resource, operation, limit [API reference, ThrottlingReason]. */
  readonly reason: string;
  /** ARN of the table or index. */
  readonly resource: string;
}

/** A call that is refused as a whole. Without reasons it looks as it did before 2025, and as a proxy may leave it. */
export function throttledCall(error: ThrottlingError, reasons: readonly ThrottlingReason[]): ProxyReply {
  const { type, message, reasonsMember } = SHAPES[error];
  return errorReply(400, type, message, reasons.length > 0 ? { [reasonsMember]: reasons } : {});
}

/** One statement of a batch, or one item of a transaction: their errors have no member for reasons. */
export function throttledPart(error: ThrottlingError): PartRefusal {
  const { statementCode: code, message } = SHAPES[error];
  return { code, message };
}

/** Shortages of the account are told by an error of their own. */
export function errorFor(shortages: readonly Shortage[], mode: 'provisioned' | 'on-demand'): ThrottlingError {
  return shortages.some(({ limit }) => limit === 'AccountLimitExceeded') ? 'account' : mode;
}

/**
 * One reason for each limit that is short, without repetitions.
 * @param tableArn of the table that the request names; of the first, where it names several
 */
export function reasonsFor(shortages: readonly Shortage[], tableArn: string): ThrottlingReason[] {
  const reasons = shortages.map(({ limit, kind, index }): ThrottlingReason => {
    const what = `${index === undefined ? 'Table' : 'Index'}${kind === 'write' ? 'Write' : 'Read'}`;
    const resource = index === undefined ? tableArn : `${tableArn}/index/${index}`;
    return { reason: `${what}${limit}`, resource };
  });
  return [...new Map(reasons.map(reason => [`${reason.reason} ${reason.resource}`, reason])).values()];
}
