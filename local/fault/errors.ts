import { throttledCall, throttledPart } from '../capacity/throttling.ts';
import type { PartRefusal } from '../dynamodb/partial-batch.ts';
import { errorReply, type ProxyReply } from '../proxy/exchange.ts';
import type { Fault, FaultSubject } from './rules.ts';

/** The faults that answer instead of the service. */
export type ErrorFault = Extract<Fault, { kind: 'throttle' | 'fail' | 'deny' }>;

export function isError(fault: Fault): fault is ErrorFault {
  return fault.kind === 'throttle' || fault.kind === 'fail' || fault.kind === 'deny';
}

/** The error of a whole call, in the service's words. */
export function callError(fault: ErrorFault, { service, operation, table }: FaultSubject): ProxyReply {
  const namespace = service === 'dynamodb' ? 'com.amazonaws.dynamodb.v20120810#' : '';
  switch (fault.kind) {
    case 'throttle': {
      if (service !== 'dynamodb') return errorReply(400, 'ThrottlingException', 'Rate exceeded');
      const resource = `arn:aws:dynamodb:us-east-1:000000000000:table/${table ?? ''}`;
      const reasons = fault.reason === undefined ? [] : [{ reason: fault.reason, resource }];
      return throttledCall(fault.error ?? 'provisioned', reasons);
    }
    case 'fail':
      return errorReply(fault.status, `${namespace}${fault.error}`, fault.message ?? 'Injected by a rule.');
    case 'deny':
      return errorReply(
        400,
        'com.amazon.coral.service#AccessDeniedException',
        deniedMessage(service, operation),
      );
  }
}

/** The error of a part, under the names of BatchStatementErrorCodeEnum, which have no suffix. */
export function partError(fault: ErrorFault, { service, operation }: FaultSubject): PartRefusal {
  switch (fault.kind) {
    case 'throttle':
      return throttledPart(fault.error ?? 'provisioned');
    case 'fail':
      return { code: statementCode(fault.error), message: fault.message ?? 'Injected by a rule.' };
    case 'deny':
      return { code: 'AccessDenied', message: deniedMessage(service, operation) };
  }
}

function statementCode(error: string): string {
  if (error === 'ValidationException') return 'ValidationError';
  if (error === 'ThrottlingException') return 'ThrottlingError';
  return error.replace(/Exception$/, '');
}

function deniedMessage(service: string, operation: string): string {
  const action = operation.endsWith('ExecuteStatement') ? 'PartiQLUpdate' : operation;
  return `User: arn:aws:sts::000000000000:assumed-role/local/local is not authorized to perform: ${service}:${action} because no identity-based policy allows the ${service}:${action} action`;
}
