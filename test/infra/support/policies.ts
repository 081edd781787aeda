import type { Permission, Principal, ResourceKind } from '../../../infra/permissions.ts';
import { ACCOUNT, FLEET_PARAMETERS, REGION, Rendering, type Template } from './template.ts';

/** One action that a policy of fleet.yaml allows. */
export interface Allowed {
  readonly principal: Principal;
  readonly action: string;
  readonly on: ResourceKind;
  /** Keys of the condition, sorted. */
  readonly conditions: readonly string[];
  readonly condition?: Condition | undefined;
}

/** Operator, then key, then values. */
type Condition = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** A call as observed, or as the design requires it, with `table` for DynamoDB. */
export interface ObservedCall {
  readonly principal: Exclude<Principal, 'execution'>;
  /** An IAM action. {@link actionsOf} returns those of an API operation. */
  readonly action: string;
  readonly table?: 'user' | 'control' | 'lock';
  /** The resource of the call, if the table does not say it. */
  readonly on?: ResourceKind;
  /** What IAM knows of the call besides action and resource: values by condition key. */
  readonly context?: Readonly<Record<string, readonly string[]>>;
}

export interface Statement {
  readonly Sid: string;
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Condition;
}

const TABLE_KEY_ARN = `arn:aws:kms:${REGION}:${ACCOUNT}:key/0000`;

/** Parameters that give every optional permission. */
export const FULL_PARAMETERS: Readonly<Record<string, string>> = {
  ...FLEET_PARAMETERS,
  TableKmsKeyArn: TABLE_KEY_ARN,
};

const KIND_OF_RESOURCE: readonly [RegExp, ResourceKind][] = [
  [/^\*$/, 'anything'],
  [/:table\/stuff$/, 'user table'],
  [/^ControlTable\.Arn$/, 'control table'],
  [/:table\/fleetfill-locks$/, 'lock table'],
  [/:key\/0000$/, 'key of the table'],
  [/^Cluster\.Arn$/, 'cluster'],
  [/:task\/Cluster\/\*$/, 'tasks of the cluster'],
  [/:task-definition\/fleetfill:\*$/, 'task definition'],
  [/:task-definition\/fleetfill-supervisor:\*$/, 'task definition of the supervisor'],
  [/^TaskRole\.Arn$/, 'task role'],
  [/^SupervisorRole\.Arn$/, 'supervisor role'],
  [/^ExecutionRole\.Arn$/, 'execution role'],
  [/:role\/aws-service-role\/ecs\.amazonaws\.com\/AWSServiceRoleForECS$/, 'service-linked role of ECS'],
  [/:repository\/tools\/fleetfill$/, 'image repository'],
  [/^LogGroup\.Arn$|:log-group:LogGroup$/, 'log group'],
  [/:dashboard\/fleetfill-eu-west-1$/, 'dashboard'],
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

const ROLES: Readonly<Record<string, Principal>> = {
  ExecutionRole: 'execution',
  TaskRole: 'task',
  SupervisorRole: 'supervisor',
};

interface IamProperties {
  readonly Roles?: readonly string[];
  readonly Policies?: readonly { readonly PolicyDocument: PolicyDocument }[];
  readonly PolicyDocument?: PolicyDocument;
  readonly ManagedPolicyArns?: readonly string[];
}

interface PolicyDocument {
  readonly Statement: readonly Statement[];
}

/**
 * The rendered statements of each principal, from every resource of the template that grants them. A policy that is
 * attached to no role is the operator's. A managed policy named by its ARN counts as an unknown action.
 * @throws for a role that belongs to no principal, and for kinds of permissions that this cannot read.
 */
export function statementsOf(
  template: Template,
  parameters = FULL_PARAMETERS,
): Record<Principal, Statement[]> {
  const rendering = new Rendering(template, parameters);
  const found: Record<Principal, Statement[]> = { execution: [], task: [], supervisor: [], operator: [] };
  for (const id of rendering.resources()) {
    const type = template.Resources[id]?.Type ?? '';
    if (!type.startsWith('AWS::IAM::')) continue;
    const properties: IamProperties = rendering.properties(id);
    for (const principal of principalsOf(id, type, properties)) {
      const documents = [
        ...(properties.Policies ?? []).map(policy => policy.PolicyDocument),
        ...(properties.PolicyDocument ? [properties.PolicyDocument] : []),
      ];
      found[principal].push(...documents.flatMap(document => document.Statement));
      for (const arn of properties.ManagedPolicyArns ?? []) {
        found[principal].push({ Sid: id, Effect: 'Allow', Action: arn, Resource: '*' });
      }
    }
  }
  return found;
}

function principalsOf(id: string, type: string, { Roles }: IamProperties): Principal[] {
  const ofRole = (role: string): Principal => {
    const principal = ROLES[role];
    if (principal === undefined)
      throw new Error(`${id} is for ${role}, which infra/permissions.ts does not know`);
    return principal;
  };
  switch (type) {
    case 'AWS::IAM::Role':
      return [ofRole(id)];
    case 'AWS::IAM::Policy':
    case 'AWS::IAM::ManagedPolicy':
      return Roles === undefined ? ['operator'] : Roles.map(ofRole);
    default:
      throw new Error(`${id} is a ${type}, which this cannot read`);
  }
}

/** Everything that the policies allow, with an entry for each action, kind of resource and condition. */
export function allowedBy(template: Template): Allowed[] {
  const found = new Map<string, Allowed>();
  for (const [principal, statements] of Object.entries(statementsOf(template)) as [
    Principal,
    Statement[],
  ][]) {
    for (const statement of statements) {
      refuseUnread(statement);
      const condition = statement.Condition;
      const conditions = Object.values(condition ?? {})
        .flatMap(Object.keys)
        .sort();
      for (const action of listOf(statement.Action)) {
        for (const on of listOf(statement.Resource).map(kindOf)) {
          const name = `${principal} ${action} ${on} ${JSON.stringify(condition)}`;
          found.set(name, { principal, action, on, conditions, condition });
        }
      }
    }
  }
  return [...found.values()];
}

const READ_PARTS = ['Sid', 'Effect', 'Action', 'Resource', 'Condition'];

/** A NotAction would allow actions that nobody listed. */
function refuseUnread(statement: Statement): void {
  const odd = Object.keys(statement).filter(part => !READ_PARTS.includes(part));
  if (odd.length > 0 || statement.Effect !== 'Allow') {
    throw new Error(
      `The statement ${statement.Sid} has ${odd.join(', ') || statement.Effect}, which this cannot read`,
    );
  }
}

function nameOf({ principal, action, on }: Pick<Permission, 'principal' | 'action' | 'on'>): string {
  return `${principal}: ${action} on ${on}`;
}

/**
 * Finds what is allowed without a reason, what has a reason but is not allowed, and what is not narrowed as its reason
 * says.
 */
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

/** Finds the calls that no policy allows. */
export function holdCalls(
  calls: readonly ObservedCall[],
  allowed: readonly Allowed[],
  needNoPermission: readonly string[] = [],
): string[] {
  return calls
    .filter(call => !needNoPermission.includes(call.action))
    .filter(call => !allowed.some(entry => isFor(entry, call) && isMet(entry.condition, call.context ?? {})))
    .map(call => {
      const { principal, action, table, context = {} } = call;
      const keys = allowed.filter(entry => isFor(entry, call)).flatMap(({ conditions }) => conditions);
      const unmet = [...new Set(keys)].map(key => `${key} ${context[key]?.join(', ') ?? 'unknown'}`);
      const on = table === undefined ? '' : ` on the ${table} table`;
      const when = unmet.length === 0 ? '' : ` with ${unmet.join('; ')}`;
      return `The ${principal} calls ${action}${on}${when}, and no policy of fleet.yaml allows it`;
    });
}

function isFor({ principal, action, on }: Allowed, call: ObservedCall): boolean {
  if (principal !== call.principal || action !== call.action) return false;
  return (call.table === undefined || on === `${call.table} table`) && (call.on ?? on) === on;
}

/**
 * Evaluates a condition block as IAM does: every key of every operator must hold [IAM user guide, condition operators].
 */
export function isMet(
  condition: Condition = {},
  context: Readonly<Record<string, readonly string[]>> = {},
): boolean {
  return Object.entries(condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, value]) => {
      const wanted = listOf(value).map(String);
      const given = context[key];
      switch (operator) {
        case 'StringEquals':
        case 'ArnEquals':
          return given?.length === 1 && wanted.includes(given[0] ?? '');
        case 'StringEqualsIfExists':
          return given === undefined || given.every(entry => wanted.includes(entry));
        case 'ForAllValues:StringEquals':
          return (given ?? []).every(entry => wanted.includes(entry));
        default:
          throw new Error(
            `The policies did not use ${operator} when this was written; teach it to this function`,
          );
      }
    }),
  );
}

/** The `seen` permissions that no call shows. Either a call is missing in the list, or the permission is not needed. */
export function notShown(calls: readonly ObservedCall[], permissions: readonly Permission[]): string[] {
  return permissions
    .filter(({ evidence }) => evidence === 'seen')
    .filter(
      ({ principal, action, on }) =>
        !calls.some(
          call =>
            call.principal === principal &&
            call.action === action &&
            (call.table === undefined || on === `${call.table} table`) &&
            (call.on ?? on) === on,
        ),
    )
    .map(permission => `${nameOf(permission)} is said to be seen, and no call shows it`);
}

/**
 * The IAM actions of an API operation, where the names differ. `kinds` are those of a transaction's items (Put, Update,
 * Delete, ConditionCheck) or of a batch's statements (UPDATE, SELECT, …).
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
