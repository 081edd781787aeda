import { describe, expect, it } from 'vitest';
import { NEED_NO_PERMISSION, PERMISSIONS, type Principal } from '../../infra/permissions.ts';
import { DESIGNED_CALLS } from './calls.ts';
import {
  type Allowed,
  actionsOf,
  allowedBy,
  FULL_PARAMETERS,
  holdAgainstReasons,
  holdCalls,
  notShown,
  type ObservedCall,
  type Statement,
  statementsOf,
} from './support/policies.ts';
import {
  ACCOUNT,
  FLEET_PARAMETERS,
  loadTemplate,
  parseTemplate,
  REGION,
  Rendering,
  TEMPLATE_NAMES,
  templateText,
} from './support/template.ts';

const fleet = loadTemplate('fleet');
const allowed = allowedBy(fleet);
const statements = statementsOf(fleet);

/** The template with a part of its text replaced. */
function changed(part: RegExp, instead: string) {
  const text = templateText('fleet').replace(part, instead);
  if (text === templateText('fleet')) throw new Error(`fleet.yaml has no ${part}`);
  return parseTemplate(text);
}

function statement(principal: Principal, sid: string, from = statements): Statement {
  const found = from[principal].find(entry => entry.Sid === sid);
  if (found === undefined) throw new Error(`No statement ${sid} for ${principal}`);
  return found;
}

describe('the policies of fleet.yaml', () => {
  it('allow every call that the design makes', () => {
    expect(holdCalls(DESIGNED_CALLS, allowed, NEED_NO_PERMISSION)).toEqual([]);
  });

  it('allow nothing without a reason, and everything that has one, narrowed as the reason says', () => {
    expect(holdAgainstReasons(allowed, PERMISSIONS)).toEqual([]);
  });

  it('allow nothing as seen that no call shows', () => {
    expect(notShown(DESIGNED_CALLS, PERMISSIONS)).toEqual([]);
    expect(notShown([], PERMISSIONS)).toHaveLength(
      PERMISSIONS.filter(entry => entry.evidence === 'seen').length,
    );
  });

  it.each(allowed)('are missed by name when $action on the $on is taken from $principal', removed => {
    const rest = allowed.filter(entry => entry !== removed);
    const { principal, action, on } = removed;
    expect(holdAgainstReasons(rest, PERMISSIONS)).toEqual([
      expect.stringMatching(
        new RegExp(`^${principal}: ${action} on ${on} is not allowed, but needed by .+: .+`),
      ),
    ]);
    const permission = PERMISSIONS.find(
      entry => entry.principal === principal && entry.action === action && entry.on === on,
    );
    if (permission?.evidence !== 'seen') return;
    expect(holdCalls(DESIGNED_CALLS, rest)).toContainEqual(
      expect.stringContaining(`The ${principal} calls ${action}`),
    );
  });

  it('need a reason when an action is added', () => {
    const added: Allowed = {
      principal: 'task',
      action: 'dynamodb:PutItem',
      on: 'user table',
      conditions: [],
    };
    expect(holdAgainstReasons([...allowed, added], PERMISSIONS)).toEqual([
      'task: dynamodb:PutItem on user table is allowed, and infra/permissions.ts gives no reason for it',
    ]);
  });

  it.each<[string, string, string]>([
    ['WriteTheLog', 'logs:CreateLogGroup', 'execution: logs:CreateLogGroup on log group'],
    ['PullTheImage', 'ecr:PutImage', 'execution: ecr:PutImage on image repository'],
    ['KeepTheRecordsOfTheRun', 'dynamodb:DeleteTable', 'task: dynamodb:DeleteTable on control table'],
    ['WatchAndStopTasks', 'ecs:UpdateService', 'supervisor: ecs:UpdateService on tasks of the cluster'],
    [
      'ExamineTheTable',
      'dynamodb:ListContributorInsights',
      'operator: dynamodb:ListContributorInsights on user table',
    ],
    ['ReadWhatHasNoResource', 'iam:ListRoles', 'operator: iam:ListRoles on anything'],
  ])('are asked for the reason when %s of the template is given %s too', (sid, action, named) => {
    const added = changed(
      new RegExp(`(- Sid: ${sid}\n +Effect: Allow\n)( +)Action:\n`),
      `$1$2Action:\n$2  - ${action}\n`,
    );
    expect(holdAgainstReasons(allowedBy(added), PERMISSIONS)).toEqual([
      `${named} is allowed, and infra/permissions.ts gives no reason for it`,
    ]);
  });

  it('name a second statement that allows the same without its condition', () => {
    const wider = changed(
      /( +)- Sid: FindItemsWithoutIt\n +Effect: Allow\n +Action: dynamodb:Scan\n( +Resource: .+\n)/,
      '$1- Sid: Wider\n$1  Effect: Allow\n$1  Action: dynamodb:Scan\n$2$&',
    );
    expect(holdAgainstReasons(allowedBy(wider), PERMISSIONS)).toEqual([
      'task: dynamodb:Scan on user table is narrowed by nothing, not by dynamodb:Attributes, dynamodb:Select',
    ]);
  });

  it('need a reason for a policy that a role gets by its ARN', () => {
    const given = changed(
      / {2}TaskRole:\n {4}Type: AWS::IAM::Role\n {4}Properties:\n/,
      '$&      ManagedPolicyArns: ["arn:aws:iam::aws:policy/AdministratorAccess"]\n',
    );
    expect(holdAgainstReasons(allowedBy(given), PERMISSIONS)).toEqual([
      'task: arn:aws:iam::aws:policy/AdministratorAccess on anything is allowed, and infra/permissions.ts gives no reason for it',
    ]);
  });

  it('need a reason for a separate policy that is attached to a role', () => {
    const attached = changed(
      /^ {2}ControlTable:$/m,
      `  MorePolicy:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: more
      Roles: [!Ref ExecutionRole]
      PolicyDocument:
        Statement:
          - { Sid: More, Effect: Allow, Action: "ecr:DeleteRepository", Resource: "*" }
$&`,
    );
    expect(holdAgainstReasons(allowedBy(attached), PERMISSIONS)).toEqual([
      'execution: ecr:DeleteRepository on anything is allowed, and infra/permissions.ts gives no reason for it',
    ]);
  });

  it.each([
    [
      'NotAction',
      /Action: dynamodb:Scan/,
      'NotAction: dynamodb:DeleteTable',
      /FindItemsWithoutIt has NotAction/,
    ],
    ['a resource nobody knows', /table\/\${TableName}"/, 'table/*"', /No kind of resource is known for/],
  ])('are refused with %s, which lets in what nobody listed', (_, part, instead, words) => {
    const odd = changed(part, instead);
    expect(() => allowedBy(odd)).toThrow(words);
  });

  it('are in fleet.yaml alone, and no resource grants access to itself by a resource policy', () => {
    for (const name of TEMPLATE_NAMES) {
      expect(templateText(name)).not.toMatch(/\b(ResourcePolicy|RepositoryPolicyText)\b/);
      if (name !== 'fleet') expect(templateText(name)).not.toContain('AWS::IAM::');
    }
  });

  it('are refused when a condition is dropped', () => {
    const widened = allowed.map(entry =>
      entry.principal === 'task' && entry.action === 'dynamodb:Scan' ? { ...entry, conditions: [] } : entry,
    );
    expect(holdAgainstReasons(widened, PERMISSIONS)).toEqual([
      'task: dynamodb:Scan on user table is narrowed by nothing, not by dynamodb:Attributes, dynamodb:Select',
    ]);
  });

  it('name a call that was observed and is not allowed, with its table', () => {
    const observed = actionsOf('DynamoDB', 'BatchWriteItem').map(
      action => ({ principal: 'task', action, table: 'user' }) as const,
    );
    expect(holdCalls(observed, allowed)).toEqual([
      'The task calls dynamodb:BatchWriteItem on the user table, and no policy of fleet.yaml allows it',
    ]);
  });

  it.each([
    ['task', ['dynamodb:PartiQLUpdate', 'dynamodb:UpdateItem']],
    ['supervisor', ['dynamodb:UpdateItem']],
    ['operator', ['dynamodb:PartiQLUpdate', 'dynamodb:UpdateItem']],
  ] as const)(
    'let the %s neither put, delete nor replace an item of the user table',
    (principal, allowedWrites) => {
      const actions = allowed
        .filter(entry => entry.principal === principal && entry.on === 'user table')
        .map(e => e.action);
      const writes = actions.filter(action => !/:(Scan|Get|BatchGet|Describe)/.test(action));
      expect(writes.sort()).toEqual(allowedWrites);
    },
  );

  it('use no wildcard in an action', () => {
    expect(allowed.filter(entry => entry.action.includes('*'))).toEqual([]);
  });

  it('give the worker no way to start, stop or see tasks', () => {
    expect(
      new Set(allowed.filter(entry => entry.principal === 'task').map(entry => entry.action.split(':')[0])),
    ).toEqual(new Set(['dynamodb', 'cloudwatch', 'kms']));
  });

  it('give the supervisor nothing beyond the operator’s rights, and none of the commands that start or inspect a run', () => {
    const of = (principal: Principal) =>
      allowed.filter(entry => entry.principal === principal).map(({ action, on }) => `${action} on ${on}`);
    const operator = of('operator');
    const supervisor = of('supervisor');
    expect(supervisor.filter(entry => !operator.includes(entry))).toEqual([]);
    const services = new Set(supervisor.map(entry => entry.split(':')[0]));
    expect(services).toEqual(new Set(['cloudwatch', 'dynamodb', 'ecs', 'iam', 'kms']));
    expect(supervisor).not.toContain('ecs:RunTask on task definition of the supervisor');
    expect(supervisor).not.toContain('iam:PassRole on supervisor role');
    expect(supervisor).not.toContain('dynamodb:CreateTable on lock table');
  });
});

describe('the conditions of the policies', () => {
  const ONE_UPDATE = { 'dynamodb:Attributes': ['created', 'id', 'test'], 'dynamodb:ReturnValues': ['NONE'] };

  it.each<[string, ObservedCall]>([
    [
      'a scan of whole items',
      call('task', 'dynamodb:Scan', { 'dynamodb:Select': ['ALL_ATTRIBUTES'] }, 'user'),
    ],
    ['a scan that does not say what it returns', call('task', 'dynamodb:Scan', {}, 'user')],
    [
      'a scan that reads another attribute',
      call(
        'task',
        'dynamodb:Scan',
        { 'dynamodb:Select': ['SPECIFIC_ATTRIBUTES'], 'dynamodb:Attributes': ['id', 'email'] },
        'user',
      ),
    ],
    [
      'a read-back of whole items',
      call('task', 'dynamodb:BatchGetItem', { 'dynamodb:Select': ['ALL_ATTRIBUTES'] }, 'user'),
    ],
    [
      'a read-back of another attribute',
      call('supervisor', 'dynamodb:BatchGetItem', { 'dynamodb:Attributes': ['id', 'email'] }, 'user'),
    ],
    [
      'a repair by the supervisor of another attribute',
      call('supervisor', 'dynamodb:UpdateItem', { 'dynamodb:Attributes': ['id', 'price'] }, 'user'),
    ],
    [
      'a batched update that returns the old item',
      call(
        'task',
        'dynamodb:PartiQLUpdate',
        { 'dynamodb:Attributes': ['id'], 'dynamodb:ReturnValues': ['ALL_OLD'] },
        'user',
      ),
    ],
    ['tags on a task that runs already', call('operator', 'ecs:TagResource', { 'ecs:CreateAction': [] })],
    [
      'a verification that reads whole items',
      call('operator', 'dynamodb:Scan', { 'dynamodb:Select': ['ALL_ATTRIBUTES'] }, 'user'),
    ],
    [
      'a batched update of another attribute',
      call('task', 'dynamodb:PartiQLUpdate', { 'dynamodb:Attributes': ['id', 'created', 'price'] }, 'user'),
    ],
    [
      'an update of another attribute',
      call('task', 'dynamodb:UpdateItem', { ...ONE_UPDATE, 'dynamodb:Attributes': ['id', 'price'] }, 'user'),
    ],
    [
      'an update that returns the whole item',
      call('task', 'dynamodb:UpdateItem', { ...ONE_UPDATE, 'dynamodb:ReturnValues': ['ALL_NEW'] }, 'user'),
    ],
    [
      'a repair that returns the whole item',
      call(
        'operator',
        'dynamodb:UpdateItem',
        { ...ONE_UPDATE, 'dynamodb:ReturnValues': ['ALL_OLD'] },
        'user',
      ),
    ],
    [
      'metrics in another namespace',
      call('task', 'cloudwatch:PutMetricData', { 'cloudwatch:namespace': ['App'] }),
    ],
    [
      'metrics of the operator in another namespace',
      call('operator', 'cloudwatch:PutMetricData', { 'cloudwatch:namespace': ['App'] }),
    ],
    ['a task in another cluster', call('operator', 'ecs:RunTask', { 'ecs:cluster': ['Other.Arn'] })],
    [
      'a role handed to another service',
      call('operator', 'iam:PassRole', { 'iam:PassedToService': ['lambda.amazonaws.com'] }),
    ],
    [
      'the key, other than through DynamoDB',
      call('task', 'kms:Decrypt', { 'kms:ViaService': [`s3.${REGION}.amazonaws.com`] }),
    ],
  ])('deny %s', (_, denied) => {
    expect(holdCalls([denied], allowed)).toEqual([
      expect.stringContaining(`The ${denied.principal} calls ${denied.action}`),
    ]);
  });

  it.each<[string, RegExp, string, string]>([
    ['Select', /SPECIFIC_ATTRIBUTES }/g, 'COUNT }', 'The task calls dynamodb:Scan on the user table'],
    [
      'namespace',
      /"cloudwatch:namespace": !Ref Namespace/g,
      '"cloudwatch:namespace": Other',
      'The task calls cloudwatch:PutMetricData',
    ],
    [
      'cluster',
      /"ecs:cluster": !GetAtt Cluster.Arn/g,
      '"ecs:cluster": other',
      'The operator calls ecs:RunTask',
    ],
    [
      'service',
      /"iam:PassedToService": ecs-tasks/g,
      '"iam:PassedToService": ecs',
      'The operator calls iam:PassRole',
    ],
    [
      'attributes',
      /\${KeyAttributes},\${Attributes}/g,
      '$${Attributes}',
      'The task calls dynamodb:PartiQLUpdate on the user table',
    ],
  ])(
    'are missed by the call that needs it when the %s of the template is another',
    (_, part, instead, words) => {
      expect(holdCalls(DESIGNED_CALLS, allowedBy(changed(part, instead)), NEED_NO_PERMISSION)).toContainEqual(
        expect.stringContaining(words),
      );
    },
  );
});

function call(
  principal: ObservedCall['principal'],
  action: string,
  context: NonNullable<ObservedCall['context']>,
  table?: 'user' | 'control',
): ObservedCall {
  return { principal, action, context, ...(table && { table }) };
}

describe('the attributes that may be touched', () => {
  const names = (...list: string[]) => ({ 'ForAllValues:StringEquals': { 'dynamodb:Attributes': list } });
  const statements = [
    ['task', 'FindItemsWithoutIt'],
    ['task', 'SetItAndReadItBack'],
    ['supervisor', 'VerifyTheTable'],
    ['supervisor', 'RepairWhatVerificationFound'],
    ['operator', 'RepairWhatVerificationFound'],
  ] as const;

  it.each(statements)('are the keys and the targets for %s: %s', (principal, sid) => {
    expect(statement(principal, sid).Condition).toMatchObject(names('id', 'created', 'test'));
  });

  it.each(statements)('are the sources of a recipe too for %s: %s', (principal, sid) => {
    const recipe = {
      ...FULL_PARAMETERS,
      KeyAttributes: 'order-id',
      Attributes: 'expiresAt,tax.rate',
      SourceAttributes: 'updatedAt,kind',
    };
    expect(statement(principal, sid, statementsOf(fleet, recipe)).Condition).toMatchObject(
      names('order-id', 'expiresAt', 'tax.rate', 'updatedAt', 'kind'),
    );
  });

  it.each(statements)(
    'are any for %s: %s when RestrictAttributes is off, never whole items',
    (principal, sid) => {
      const open = statementsOf(fleet, { ...FULL_PARAMETERS, RestrictAttributes: 'false' });
      const { 'ForAllValues:StringEquals': _, ...narrow } = statement(principal, sid).Condition ?? {};
      expect(statement(principal, sid, open).Condition).toEqual(narrow);
      expect(JSON.stringify(narrow)).toContain('"dynamodb:Select":"SPECIFIC_ATTRIBUTES"');
    },
  );
});

describe('the edges of the policies', () => {
  it('leave out the key when the table has none of its own', () => {
    const without = Object.values(statementsOf(fleet, FLEET_PARAMETERS)).flat();
    expect(without.flatMap(entry => entry.Action).filter(action => action.startsWith('kms:'))).toEqual([]);
  });

  it.each([
    [
      `${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com/fleetfill:1.0`,
      `arn:aws:ecr:${REGION}:${ACCOUNT}:repository/fleetfill`,
    ],
    [
      `444455556666.dkr.ecr.us-east-1.amazonaws.com/tools/fleet.fill@sha256:${'0'.repeat(64)}`,
      'arn:aws:ecr:us-east-1:444455556666:repository/tools/fleet.fill',
    ],
  ])('let the image %s be pulled from its repository only', (ImageUri, repository) => {
    const rendered = new Rendering(fleet, { ...FLEET_PARAMETERS, ImageUri }).properties('ExecutionRole');
    const pull = rendered.Policies[0].PolicyDocument.Statement.find(
      (entry: Statement) => entry.Sid === 'PullTheImage',
    );
    expect(pull.Resource).toBe(repository);
  });

  it('let only tasks take a role, and those of worker and supervisor only tasks of this account and Region', () => {
    const trustOf = (role: string) =>
      new Rendering(fleet, FLEET_PARAMETERS).properties(role).AssumeRolePolicyDocument.Statement;
    const taken = {
      Effect: 'Allow',
      Principal: { Service: 'ecs-tasks.amazonaws.com' },
      Action: 'sts:AssumeRole',
    };
    expect(trustOf('ExecutionRole')).toEqual([taken]);
    for (const role of ['TaskRole', 'SupervisorRole']) {
      expect(trustOf(role)).toEqual([
        {
          ...taken,
          Condition: {
            StringEquals: { 'aws:SourceAccount': ACCOUNT },
            ArnLike: { 'aws:SourceArn': `arn:aws:ecs:${REGION}:${ACCOUNT}:*` },
          },
        },
      ]);
    }
  });

  it('fit what IAM takes: 6,144 characters a managed policy, 10,240 for all inline policies of a role', () => {
    const longest = {
      ...FULL_PARAMETERS,
      TableName: 't'.repeat(255),
      Attributes: 'a'.repeat(255),
      SourceAttributes: 's'.repeat(255),
    };
    // IAM does not count white space. An ARN of the stack has about 100 characters.
    const size = (list: Statement[]): number =>
      JSON.stringify({ Version: '2012-10-17', Statement: list }).replace(/\b\w+\.Arn\b/g, 'r'.repeat(100))
        .length;
    const { operator, supervisor, task, execution } = statementsOf(fleet, longest);
    expect(size(operator)).toBeLessThan(6_144);
    for (const inline of [supervisor, task, execution]) expect(size(inline)).toBeLessThan(10_240);
  });
});
