import type { ResourceKind } from '../../../infra/permissions.ts';
import type { Observation } from '../../../local/fault/observation.ts';
import type { FaultSubject } from '../../../local/fault/rules.ts';
import { actionsOf, type ObservedCall } from './policies.ts';

type Call = Pick<Observation, 'service' | 'client' | 'operation' | 'body'>;
type Body = Readonly<Record<string, unknown>>;

const SERVICES = { dynamodb: 'DynamoDB', ecs: 'ECS', cloudwatch: 'CloudWatch' } as const;
/** Who uses the orchestrator's port of the stack: a person, or the task of `--detach`, whose role can do less. */
export type Orchestrator = 'operator' | 'supervisor';

/** The stack answers for services that it does not have on the port of ECS, which knows none of their operations. */
const OPERATIONS_OF_ECS = /(Task|Tasks|TaskDefinition|Cluster|Clusters)$/;

/** Whether the call is for a service that the stack has. The others concern reviewed permissions. */
export function isAnswered({ service, operation }: Pick<Call, 'service' | 'operation'>): boolean {
  return service !== 'ecs' || OPERATIONS_OF_ECS.test(operation);
}

/** One in each account and Region, for all control tables. */
const LOCK_TABLE = 'fleetfill-locks';

interface Named {
  readonly table: string;
  readonly kind?: string;
  /** The statement of a batch. */
  readonly statement?: string;
}

/** The tables that one call of DynamoDB names, each with the kinds of its items or statements. */
function tablesOf(operation: string, body: Body): Named[] {
  if (operation === 'TransactWriteItems') {
    const items = body['TransactItems'] as Readonly<Record<string, { TableName: string }>>[];
    return items.flatMap(item =>
      Object.entries(item).map(([kind, { TableName }]) => ({ table: TableName, kind })),
    );
  }
  if (operation === 'BatchExecuteStatement') {
    return (body['Statements'] as { Statement: string }[]).map(({ Statement }) => {
      const [, kind = '', table = ''] = /^(\w+)\s+(?:INTO\s+|FROM\s+)?"([^"]+)"/.exec(Statement) ?? [];
      return { table, kind, statement: Statement };
    });
  }
  if (operation === 'BatchGetItem')
    return Object.keys(body['RequestItems'] as Body).map(table => ({ table }));
  return [{ table: String(body['TableName']) }];
}

/**
 * The actions that a call on the local stack needs, with the principal whose port it used. Calls of the application
 * have none.
 */
export function observedCalls(
  call: Call,
  controlTable: string,
  orchestrator: Orchestrator = 'operator',
): ObservedCall[] {
  if (call.client === 'application' || !isAnswered(call)) return [];
  const principal = call.client === 'fleet' ? 'task' : orchestrator;
  const service = SERVICES[call.service];
  if (call.service !== 'dynamodb') {
    return actionsOf(service, call.operation).map(action => ({
      principal,
      action,
      ...(action === 'ecs:RunTask' && { on: definitionOf(call.body) }),
      context: contextOf(action, call.body),
    }));
  }
  return tablesOf(call.operation, call.body).flatMap(({ table, kind, statement }) =>
    actionsOf(service, call.operation, kind === undefined ? [] : [kind]).map(action => ({
      principal,
      action,
      table: kindOfTable(table, controlTable),
      context: contextOf(action, call.body, { table, ...(statement && { statement }) }),
    })),
  );
}

/** The condition keys of the policies, as DynamoDB, CloudWatch and ECS fill them [service authorization reference]. */
function contextOf(
  action: string,
  body: Body,
  { table = '', statement = '' }: Partial<Named> = {},
): Record<string, string[]> {
  switch (action) {
    case 'dynamodb:Scan':
      return {
        'dynamodb:Attributes': namedIn(body),
        'dynamodb:Select': [String(body['Select'] ?? 'ALL_ATTRIBUTES')],
      };
    case 'dynamodb:BatchGetItem': {
      const asked = (body['RequestItems'] as Readonly<Record<string, Body>>)[table] ?? {};
      const keys = ((asked['Keys'] ?? []) as Body[]).flatMap(key => Object.keys(key));
      return {
        'dynamodb:Attributes': [...new Set([...keys, ...namedIn(asked)])].sort(),
        'dynamodb:Select': [asked['ProjectionExpression'] ? 'SPECIFIC_ATTRIBUTES' : 'ALL_ATTRIBUTES'],
      };
    }
    case 'dynamodb:UpdateItem': {
      const keys = Object.keys((body['Key'] ?? {}) as Body);
      return {
        'dynamodb:Attributes': [...new Set([...keys, ...namedIn(body)])].sort(),
        // It is not documented whether the item of a refusal counts, so this assumes the wider return value.
        'dynamodb:ReturnValues': [
          String(body['ReturnValuesOnConditionCheckFailure'] ?? body['ReturnValues'] ?? 'NONE'),
        ],
      };
    }
    case 'dynamodb:PartiQLUpdate': {
      const [, ...names] = [...statement.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name);
      return { 'dynamodb:Attributes': [...new Set(names)].sort() };
    }
    case 'cloudwatch:PutMetricData':
      return { 'cloudwatch:namespace': [String(body['Namespace'])] };
    // The local stack has one cluster and no roles, so the names are those of the template.
    case 'ecs:RunTask':
      return { 'ecs:cluster': ['Cluster.Arn'] };
    case 'iam:PassRole':
      return { 'iam:PassedToService': ['ecs-tasks.amazonaws.com'] };
    default:
      return {};
  }
}

/** The attributes that expressions name. All are placeholders, because the code writes no name into an expression. */
function namedIn(body: Body): string[] {
  return Object.values((body['ExpressionAttributeNames'] ?? {}) as Record<string, string>).sort();
}

function definitionOf(body: Body): ResourceKind {
  const isSupervisor = /-supervisor(:|$)/.test(String(body['taskDefinition']));
  return isSupervisor ? 'task definition of the supervisor' : 'task definition';
}

function kindOfTable(table: string, controlTable: string): 'user' | 'control' | 'lock' {
  if (table === controlTable) return 'control';
  return table === LOCK_TABLE ? 'lock' : 'user';
}

/** Of a fault rule's subject, the call. */
export function callOf({ service, client, operation, body }: FaultSubject): Call {
  return { service, client, operation, body };
}
