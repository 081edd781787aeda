import type { Permission, Principal, ResourceKind } from '../../../infra/permissions.ts';
import { ACCOUNT, FLEET_PARAMETERS, REGION, Rendering, type Template } from './template.ts';

/** One action that a policy of fleet.yaml allows. */
export interface Allowed {
  readonly principal: Principal;
  readonly action: string;
  readonly on: ResourceKind;
  readonly conditions: readonly string[];
}

/** A call as it was seen (or as the design calls for it), with `table` for DynamoDB's. */
export interface ObservedCall {
  readonly principal: 'task' | 'operator';
  /** An IAM action; {@link actionsOf} gives those of an API operation. */
  readonly action: string;
  readonly table?: 'user' | 'control';
}

export interface Statement {
  readonly Sid: string;
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const TABLE_KEY_ARN = `arn:aws:kms:${REGION}:${ACCOUNT}:key/0000`;

/** With every optional permission there. */
export const FULL_PARAMETERS: Readonly<Record<string, string>> = {
  ...FLEET_PARAMETERS,
  TableKmsKeyArn: TABLE_KEY_ARN,
};

const KIND_OF_RESOURCE: readonly [RegExp, ResourceKind][] = [
  [/^\*$/, 'anything'],
  [/:table\/stuff$/, 'user table'],
  [/^ControlTable\.Arn$/, 'control table'],
  [/:key\/0000$/, 'key of the table'],
  [/^Cluster\.Arn$/, 'cluster'],
  [/:task\/Cluster\/\*$/, 'tasks of the cluster'],
  [/:task-definition\/fleetfill:\*$/, 'task definition'],
  [/^(TaskRole|ExecutionRole)\.Arn$/, 'roles of the tasks'],
  [/:role\/aws-service-role\/ecs\.amazonaws\.com\/AWSServiceRoleForECS$/, 'service-linked role of ECS'],
  [/:repository\/tools\/fleetfill$/, 'image repository'],
  [/^LogGroup\.Arn$|:log-group:LogGroup$/, 'log group'],
  [/:stack\/fleetfill\/\*$/, 'this stack'],
];

function kindOf(resource: string): ResourceKind {
  const found = KIND_OF_RESOURCE.find(([pattern]) => pattern.test(resource));
  if (found === undefined)
    throw new Error(`No kind of resource is known for ${resource}; add it, with its reason`);
  return found[1];
}

function listOf<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? value : [value as T];
}

/** The statements of each principal, rendered. */
export function statementsOf(
  template: Template,
  parameters = FULL_PARAMETERS,
): Record<Principal, Statement[]> {
  const rendering = new Rendering(template, parameters);
  const there = rendering.resources();
  const inline = (role: string): Statement[] =>
    rendering
      .properties(role)
      .Policies.flatMap(
        (policy: { PolicyDocument: { Statement: Statement[] } }) => policy.PolicyDocument.Statement,
      );
  const attached = (policy: string): Statement[] =>
    there.includes(policy) ? rendering.properties(policy).PolicyDocument.Statement : [];
  return {
    execution: inline('ExecutionRole'),
    task: [...inline('TaskRole'), ...attached('TaskKeyPolicy')],
    operator: [...attached('OperatorPolicy'), ...attached('OperatorKeyPolicy')],
  };
}

/** Everything that the policies allow, an entry for each action and kind of resource. */
export function allowedBy(template: Template): Allowed[] {
  const found = new Map<string, Allowed>();
  for (const [principal, statements] of Object.entries(statementsOf(template)) as [
    Principal,
    Statement[],
  ][]) {
    for (const statement of statements) {
      if (statement.Effect !== 'Allow') continue;
      const conditions = Object.values(statement.Condition ?? {})
        .flatMap(Object.keys)
        .sort();
      for (const action of listOf(statement.Action)) {
        for (const on of listOf(statement.Resource).map(kindOf)) {
          found.set(`${principal} ${action} ${on}`, { principal, action, on, conditions });
        }
      }
    }
  }
  return [...found.values()];
}

function nameOf({ principal, action, on }: Pick<Permission, 'principal' | 'action' | 'on'>): string {
  return `${principal}: ${action} on ${on}`;
}

/** What is allowed without a reason, has a reason and is not allowed, or is not narrowed as its reason says. */
export function holdAgainstReasons(
  allowed: readonly Allowed[],
  permissions: readonly Permission[],
): string[] {
  const reasons = new Map(permissions.map(permission => [nameOf(permission), permission]));
  const names = new Set(allowed.map(nameOf));
  const problems = allowed.flatMap(entry => {
    const permission = reasons.get(nameOf(entry));
    if (permission === undefined) {
      return [`${nameOf(entry)} is allowed, and infra/permissions.ts gives no reason for it`];
    }
    const wanted = [...(permission.conditions ?? [])].sort();
    if (wanted.join() === entry.conditions.join()) return [];
    return [
      `${nameOf(entry)} is narrowed by ${entry.conditions.join(', ') || 'nothing'}, not by ${wanted.join(', ') || 'nothing'}`,
    ];
  });
  const unused = permissions.filter(permission => !names.has(nameOf(permission)));
  return [
    ...problems,
    ...unused.map(
      entry => `${nameOf(entry)} is not allowed, but needed by ${entry.calledBy}: ${entry.reason}`,
    ),
  ];
}

/** The calls that no policy allows. */
export function holdCalls(
  calls: readonly ObservedCall[],
  allowed: readonly Allowed[],
  needNoPermission: readonly string[] = [],
): string[] {
  const names = new Set(allowed.map(nameOf));
  return calls
    .filter(call => !needNoPermission.includes(call.action))
    .filter(({ principal, action, table }) =>
      table === undefined
        ? !allowed.some(entry => entry.principal === principal && entry.action === action)
        : !names.has(nameOf({ principal, action, on: `${table} table` })),
    )
    .map(
      ({ principal, action, table }) =>
        `The ${principal} calls ${action}${table ? ` on the ${table} table` : ''}, and no policy of fleet.yaml allows it`,
    );
}

/** The permissions said to be `seen` that no call shows: either the list of calls is short, or they are not needed. */
export function notShown(calls: readonly ObservedCall[], permissions: readonly Permission[]): string[] {
  return permissions
    .filter(({ evidence }) => evidence === 'seen')
    .filter(
      ({ principal, action, on }) =>
        !calls.some(
          call =>
            call.principal === principal &&
            call.action === action &&
            (call.table === undefined || on === `${call.table} table`),
        ),
    )
    .map(permission => `${nameOf(permission)} is said to be seen, and no call shows it`);
}

/**
 * The IAM actions that an API operation asks for, where they are not named like it. `kinds` are those of the
 * items of a transaction (Put, Update, Delete, ConditionCheck) or of the statements of a batch (UPDATE, SELECT, …).
 */
export function actionsOf(service: string, operation: string, kinds: readonly string[] = []): string[] {
  const prefix = service.toLowerCase();
  switch (`${prefix}:${operation}`) {
    case 'dynamodb:BatchExecuteStatement':
    case 'dynamodb:ExecuteStatement':
      return kinds.map(
        kind => `dynamodb:PartiQL${kind.charAt(0).toUpperCase()}${kind.slice(1).toLowerCase()}`,
      );
    case 'dynamodb:TransactWriteItems':
      return kinds.map(kind =>
        kind === 'ConditionCheck' ? 'dynamodb:ConditionCheckItem' : `dynamodb:${kind}Item`,
      );
    case 'ecs:RunTask':
      return ['ecs:RunTask', 'iam:PassRole'];
    default:
      return [`${prefix}:${operation}`];
  }
}
