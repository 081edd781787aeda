import { describe, expect, it } from 'vitest';
import { NEED_NO_PERMISSION, PERMISSIONS } from '../../infra/permissions.ts';
import { DESIGNED_CALLS } from './calls.ts';
import {
  type Allowed,
  actionsOf,
  allowedBy,
  FULL_PARAMETERS,
  holdAgainstReasons,
  holdCalls,
  notShown,
  type Statement,
  statementsOf,
} from './support/policies.ts';
import { ACCOUNT, FLEET_PARAMETERS, loadTemplate, REGION, Rendering } from './support/template.ts';

const fleet = loadTemplate('fleet');
const allowed = allowedBy(fleet);
const statements = statementsOf(fleet);

function statement(principal: 'execution' | 'task' | 'operator', sid: string, from = statements): Statement {
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

  it('are asked for the reason when an action is added', () => {
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

  it('are told when a condition is dropped', () => {
    const widened = allowed.map(entry =>
      entry.principal === 'task' && entry.action === 'dynamodb:Scan' ? { ...entry, conditions: [] } : entry,
    );
    expect(holdAgainstReasons(widened, PERMISSIONS)).toEqual([
      'task: dynamodb:Scan on user table is narrowed by nothing, not by dynamodb:Select',
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

  it.each(['task', 'operator'] as const)(
    'let the %s neither put, delete nor replace an item of the user table',
    principal => {
      const actions = allowed
        .filter(entry => entry.principal === principal && entry.on === 'user table')
        .map(e => e.action);
      const writes = actions.filter(action => !/:(Scan|Get|BatchGet|Describe)/.test(action));
      expect(writes.sort()).toEqual(['dynamodb:PartiQLUpdate', 'dynamodb:UpdateItem']);
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
});

describe('the attributes that may be written', () => {
  const restricted = { 'ForAllValues:StringEquals': { 'dynamodb:Attributes': ['id', 'created', 'test'] } };

  it('are the keys and the one attribute, for worker and operator', () => {
    expect(statement('task', 'SetItInBatches').Condition).toEqual(restricted);
    expect(statement('task', 'SetItSingly').Condition).toMatchObject(restricted);
    expect(statement('operator', 'RepairWhatVerificationFound').Condition).toEqual(restricted);
  });

  it('follow the names of another table', () => {
    const orders = { ...FULL_PARAMETERS, KeyAttributes: 'order-id', Attribute: 'tax.rate' };
    expect(statement('task', 'SetItInBatches', statementsOf(fleet, orders)).Condition).toEqual({
      'ForAllValues:StringEquals': { 'dynamodb:Attributes': ['order-id', 'tax.rate'] },
    });
  });

  it('are any when RestrictAttributes is off, with the statements otherwise unchanged', () => {
    const open = statementsOf(fleet, { ...FULL_PARAMETERS, RestrictAttributes: 'false' });
    for (const [principal, sid] of [
      ['task', 'SetItInBatches'],
      ['task', 'SetItSingly'],
      ['operator', 'RepairWhatVerificationFound'],
    ] as const) {
      const { Condition: _, ...narrow } = statement(principal, sid);
      expect(statement(principal, sid, open)).toEqual(narrow);
    }
  });
});

describe('the edges of the policies', () => {
  it('leave the key out for a table that has none of its own', () => {
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

  it.each(['ExecutionRole', 'TaskRole'])('let only tasks of this account and Region take the %s', role => {
    const [trust] = new Rendering(fleet, FLEET_PARAMETERS).properties(role).AssumeRolePolicyDocument
      .Statement;
    expect(trust.Principal).toEqual({ Service: 'ecs-tasks.amazonaws.com' });
    expect(trust.Condition).toEqual({
      StringEquals: { 'aws:SourceAccount': ACCOUNT },
      ArnLike: { 'aws:SourceArn': `arn:aws:ecs:${REGION}:${ACCOUNT}:*` },
    });
  });

  it('fit what IAM takes: 6,144 characters a managed policy, 10,240 for all inline policies of a role', () => {
    // Names at their longest; logical ids stand for ARNs of about 100 characters.
    const longest = { ...FULL_PARAMETERS, TableName: 't'.repeat(255), Attribute: 'a'.repeat(255) };
    const size = (list: Statement[]): number => JSON.stringify(list).length + 40 + 100 * list.length;
    const { operator, task, execution } = statementsOf(fleet, longest);
    expect(size(statements.operator)).toBeLessThan(6_144);
    expect(size(task)).toBeLessThan(10_240);
    expect(size(execution)).toBeLessThan(10_240);
    expect(JSON.stringify(operator).length).toBeLessThan(6_144);
  });
});
