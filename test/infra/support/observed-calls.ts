import type { Observation } from '../../../local/fault/observation.ts';
import type { FaultSubject } from '../../../local/fault/rules.ts';
import { actionsOf, type ObservedCall } from './policies.ts';

type Call = Pick<Observation, 'service' | 'client' | 'operation' | 'body'>;
type Body = Readonly<Record<string, unknown>>;

const SERVICES = { dynamodb: 'DynamoDB', ecs: 'ECS', cloudwatch: 'CloudWatch' } as const;
const PRINCIPALS: Readonly<Record<string, 'task' | 'operator'>> = { fleet: 'task', orchestrator: 'operator' };

/** The stack answers for services that it does not have on the port of ECS, which knows none of their operations. */
const OPERATIONS_OF_ECS = /(Task|Tasks|TaskDefinition|Cluster|Clusters)$/;

/** Whether the call is for a service that the stack has; what it does not have is for reviewed permissions. */
export function isAnswered({ service, operation }: Pick<Call, 'service' | 'operation'>): boolean {
  return service !== 'ecs' || OPERATIONS_OF_ECS.test(operation);
}

/** Tables that one call of DynamoDB names, each with the kinds of its items or statements. */
function tablesOf(operation: string, body: Body): { table: string; kind?: string }[] {
  if (operation === 'TransactWriteItems') {
    const items = body['TransactItems'] as Readonly<Record<string, { TableName: string }>>[];
    return items.flatMap(item =>
      Object.entries(item).map(([kind, { TableName }]) => ({ table: TableName, kind })),
    );
  }
  if (operation === 'BatchExecuteStatement') {
    return (body['Statements'] as { Statement: string }[]).map(({ Statement }) => {
      const [, kind = '', table = ''] = /^(\w+)\s+(?:INTO\s+|FROM\s+)?"([^"]+)"/.exec(Statement) ?? [];
      return { table, kind };
    });
  }
  if (operation === 'BatchGetItem')
    return Object.keys(body['RequestItems'] as Body).map(table => ({ table }));
  return [{ table: String(body['TableName']) }];
}

/**
 * The actions that a call on the stack of one machine asks for, with the principal whose port it came by. Calls of the
 * application, which is neither, have none.
 */
export function observedCalls(call: Call, controlTable: string): ObservedCall[] {
  const principal = PRINCIPALS[call.client];
  if (principal === undefined || !isAnswered(call)) return [];
  const service = SERVICES[call.service];
  if (call.service !== 'dynamodb') {
    return actionsOf(service, call.operation).map(action => ({ principal, action }));
  }
  return tablesOf(call.operation, call.body).flatMap(({ table, kind }) =>
    actionsOf(service, call.operation, kind === undefined ? [] : [kind]).map(action => ({
      principal,
      action,
      table: table === controlTable ? ('control' as const) : ('user' as const),
    })),
  );
}

/** What the statements' conditions would refuse of a call on the user's table, in words; empty when nothing. */
export function breachesOfConditions(
  call: Call,
  {
    controlTable,
    writable,
    namespace,
  }: { controlTable: string; writable: readonly string[]; namespace: string },
): string[] {
  const { body, operation, service } = call;
  if (PRINCIPALS[call.client] === undefined) return [];
  if (service === 'cloudwatch' && operation === 'PutMetricData') {
    return body['Namespace'] === namespace ? [] : [`PutMetricData in ${String(body['Namespace'])}`];
  }
  if (service !== 'dynamodb') return [];
  const breaches: string[] = [];
  for (const { table } of tablesOf(operation, body)) {
    if (table === controlTable) continue;
    if (operation === 'Scan' && body['Select'] !== 'SPECIFIC_ATTRIBUTES') {
      breaches.push(`a Scan of ${table} with Select ${String(body['Select'] ?? 'ALL_ATTRIBUTES')}`);
    }
    if (operation === 'UpdateItem') {
      const names = Object.values((body['ExpressionAttributeNames'] ?? {}) as Record<string, string>);
      const other = names.filter(name => !writable.includes(name));
      if (other.length > 0) breaches.push(`an UpdateItem that names ${other.join(', ')}`);
      if (/^ALL_/.test(String(body['ReturnValues'] ?? '')))
        breaches.push('an UpdateItem that returns whole items');
    }
    if (operation === 'BatchExecuteStatement') {
      for (const { Statement } of body['Statements'] as { Statement: string }[]) {
        const names = [...Statement.matchAll(/"([^"]+)"/g)]
          .map(([, name = '']) => name)
          .filter(name => name !== table);
        const other = names.filter(name => !writable.includes(name));
        if (other.length > 0) breaches.push(`a statement that names ${other.join(', ')}`);
      }
    }
  }
  return breaches;
}

/** Of a fault rule's subject, the call. */
export function callOf({ service, client, operation, body }: FaultSubject): Call {
  return { service, client, operation, body };
}
