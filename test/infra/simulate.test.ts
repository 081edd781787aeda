import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Principal } from '../../infra/permissions.ts';
import { FULL_PARAMETERS, statementsOf } from './support/policies.ts';
import { ACCOUNT, loadTemplate, REGION } from './support/template.ts';

/** A third-party policy simulator, with IAM's own list of actions, resources and condition keys. */
const FOLDER = fileURLToPath(new URL('../../.cache/iam-simulate-0.1.173', import.meta.url));
const SIMULATE = fileURLToPath(new URL('support/simulate.mjs', import.meta.url));
const canSimulate = existsSync(FOLDER);

if (!canSimulate && !process.env['CI']) {
  console.warn(
    '\n!!! SKIPPED: the policies were NOT tried on a policy simulator.\n!!! Run scripts/iam-simulate.sh once, which installs it.\n',
  );
}

const arn = (service: string, rest: string, region = REGION, account = ACCOUNT) =>
  `arn:aws:${service}:${region}:${account}:${rest}`;

const CLUSTER = arn('ecs', 'cluster/fleetfill');

/** Replaces the stack's ARNs in a template that was rendered here. */
const ARNS: Readonly<Record<string, string>> = {
  'Cluster.Arn': CLUSTER,
  'ControlTable.Arn': arn('dynamodb', 'table/control'),
  'ExecutionRole.Arn': arn('iam', 'role/execution', ''),
  'TaskRole.Arn': arn('iam', 'role/task', ''),
  'SupervisorRole.Arn': arn('iam', 'role/supervisor', ''),
  'LogGroup.Arn': arn('logs', 'log-group:fleet:*'),
};

const parameters = {
  ...FULL_PARAMETERS,
  Attributes: 'expiresAt',
  SourceAttributes: 'kind',
  TableKmsKeyArn: arn('kms', 'key/0000'),
};
const statements = statementsOf(loadTemplate('fleet'), parameters);

function policyOf(principal: Principal): unknown {
  const text = JSON.stringify({ Version: '2012-10-17', Statement: statements[principal] });
  return JSON.parse(text.replace(/"(\w+\.Arn)"/g, (_, name: string) => JSON.stringify(ARNS[name] ?? name)));
}

interface Asked {
  readonly principal: Principal;
  readonly action: string;
  readonly resource: string;
  readonly context: Readonly<Record<string, string | readonly string[]>>;
}

async function decide(requests: readonly Asked[]): Promise<string[]> {
  const child = promisify(execFile)(process.execPath, [SIMULATE, FOLDER], { maxBuffer: 1 << 24 });
  child.child.stdin?.end(
    JSON.stringify(
      requests.map(({ principal, ...asked }) => ({
        ...asked,
        account: ACCOUNT,
        policy: policyOf(principal),
      })),
    ),
  );
  return JSON.parse((await child).stdout);
}

const STUFF = arn('dynamodb', 'table/stuff');
const LOCKS = arn('dynamodb', 'table/fleetfill-locks');
const WORKER = arn('ecs', 'task-definition/fleetfill:7');
const SUPERVISOR = arn('ecs', 'task-definition/fleetfill-supervisor:7');
const named = (...names: string[]) => ({ 'dynamodb:Attributes': names });
const SPECIFIC = { 'dynamodb:Select': 'SPECIFIC_ATTRIBUTES' };
const NEEDED = named('id', 'created', 'expiresAt', 'kind');
const IN_CLUSTER = { 'ecs:cluster': CLUSTER };
const TO_TASKS = { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' };

type Row = readonly [what: string, Principal, string, string, Asked['context']];

const ALLOWED: readonly Row[] = [
  ['the scan', 'task', 'dynamodb:Scan', STUFF, { ...SPECIFIC, ...NEEDED }],
  ['a batched write', 'task', 'dynamodb:PartiQLUpdate', STUFF, NEEDED],
  ['a single write', 'task', 'dynamodb:UpdateItem', STUFF, { ...NEEDED, 'dynamodb:ReturnValues': 'NONE' }],
  ['a read-back', 'task', 'dynamodb:BatchGetItem', STUFF, { ...SPECIFIC, ...NEEDED }],
  ['a heartbeat', 'task', 'dynamodb:UpdateItem', arn('dynamodb', 'table/control'), {}],
  ['the verification', 'supervisor', 'dynamodb:Scan', STUFF, { ...SPECIFIC, ...NEEDED }],
  ['a repair', 'supervisor', 'dynamodb:UpdateItem', STUFF, NEEDED],
  ['a replacement', 'supervisor', 'ecs:RunTask', WORKER, IN_CLUSTER],
  ['the role for it', 'supervisor', 'iam:PassRole', arn('iam', 'role/task', ''), TO_TASKS],
  ['its own lock', 'supervisor', 'dynamodb:DeleteItem', LOCKS, {}],
  ['the supervisor', 'operator', 'ecs:RunTask', SUPERVISOR, IN_CLUSTER],
  ['its role', 'operator', 'iam:PassRole', arn('iam', 'role/supervisor', ''), TO_TASKS],
  ['the lock table', 'operator', 'dynamodb:CreateTable', LOCKS, {}],
  [
    'tags on a task that it starts',
    'operator',
    'ecs:TagResource',
    arn('ecs', 'task/Cluster/0123'),
    { 'ecs:CreateAction': 'RunTask' },
  ],
];

const DENIED: readonly Row[] = [
  ['a scan of whole items', 'task', 'dynamodb:Scan', STUFF, { 'dynamodb:Select': 'ALL_ATTRIBUTES' }],
  ['a scan that does not say what it returns', 'task', 'dynamodb:Scan', STUFF, {}],
  ['a scan of other attributes', 'task', 'dynamodb:Scan', STUFF, { ...SPECIFIC, ...named('id', 'email') }],
  [
    'a read-back of whole items',
    'task',
    'dynamodb:BatchGetItem',
    STUFF,
    { 'dynamodb:Select': 'ALL_ATTRIBUTES' },
  ],
  [
    'a read-back of other attributes',
    'task',
    'dynamodb:BatchGetItem',
    STUFF,
    { ...SPECIFIC, ...named('email') },
  ],
  ['a batched write of another attribute', 'task', 'dynamodb:PartiQLUpdate', STUFF, named('id', 'price')],
  [
    'a write that returns the old item',
    'task',
    'dynamodb:UpdateItem',
    STUFF,
    { 'dynamodb:ReturnValues': 'ALL_OLD' },
  ],
  [
    'a batched write that returns the old item',
    'task',
    'dynamodb:PartiQLUpdate',
    STUFF,
    { 'dynamodb:ReturnValues': 'ALL_OLD' },
  ],
  ['a put', 'task', 'dynamodb:PutItem', STUFF, named('id')],
  ['a delete', 'task', 'dynamodb:DeleteItem', STUFF, {}],
  ['a batched delete', 'task', 'dynamodb:PartiQLDelete', STUFF, {}],
  ['another table', 'task', 'dynamodb:UpdateItem', arn('dynamodb', 'table/orders'), NEEDED],
  [
    'the table of another Region',
    'task',
    'dynamodb:Scan',
    arn('dynamodb', 'table/stuff', 'us-east-1'),
    SPECIFIC,
  ],
  ['the lock of a table', 'task', 'dynamodb:DeleteItem', LOCKS, {}],
  ['metrics of others', 'task', 'cloudwatch:PutMetricData', '*', { 'cloudwatch:namespace': 'App' }],
  ['a task', 'task', 'ecs:RunTask', WORKER, IN_CLUSTER],
  [
    'the key, outside of DynamoDB',
    'task',
    'kms:Decrypt',
    arn('kms', 'key/0000'),
    { 'kms:ViaService': 's3.eu-west-1.amazonaws.com' },
  ],
  ['another supervisor', 'supervisor', 'ecs:RunTask', SUPERVISOR, IN_CLUSTER],
  ['a role like its own', 'supervisor', 'iam:PassRole', arn('iam', 'role/supervisor', ''), TO_TASKS],
  ['a lock table', 'supervisor', 'dynamodb:CreateTable', LOCKS, {}],
  ['any other table', 'supervisor', 'dynamodb:DeleteItem', STUFF, {}],
  ['a list of the runs', 'supervisor', 'dynamodb:Scan', arn('dynamodb', 'table/control'), SPECIFIC],
  [
    'the stack',
    'supervisor',
    'cloudformation:DescribeStacks',
    arn('cloudformation', 'stack/fleetfill/1'),
    {},
  ],
  [
    'a worker in another cluster',
    'operator',
    'ecs:RunTask',
    WORKER,
    { 'ecs:cluster': arn('ecs', 'cluster/other') },
  ],
  ['another task definition', 'operator', 'ecs:RunTask', arn('ecs', 'task-definition/other:1'), IN_CLUSTER],
  ['another role', 'operator', 'iam:PassRole', arn('iam', 'role/admin', ''), TO_TASKS],
  [
    'a role for another service',
    'operator',
    'iam:PassRole',
    arn('iam', 'role/task', ''),
    { 'iam:PassedToService': 'lambda.amazonaws.com' },
  ],
  ['a table of another name', 'operator', 'dynamodb:CreateTable', arn('dynamodb', 'table/other'), {}],
  ['the lock table, whole', 'operator', 'dynamodb:DeleteTable', LOCKS, {}],
  ['tags on a task that runs', 'operator', 'ecs:TagResource', arn('ecs', 'task/Cluster/0123'), {}],
  [
    'a verification of whole items',
    'operator',
    'dynamodb:Scan',
    STUFF,
    { 'dynamodb:Select': 'ALL_ATTRIBUTES' },
  ],
  ['a repair of another attribute', 'operator', 'dynamodb:UpdateItem', STUFF, named('id', 'price')],
  ['a log group', 'execution', 'logs:CreateLogGroup', arn('logs', 'log-group:other'), {}],
  ['a push of an image', 'execution', 'ecr:PutImage', arn('ecr', 'repository/tools/fleetfill'), {}],
];

describe.skipIf(!canSimulate && !process.env['CI'])('the policies, on a simulator of IAM', () => {
  it.each<[string, readonly Row[], string]>([
    ['allow what worker, supervisor and operator do', ALLOWED, 'Allowed'],
    ['deny what they must not', DENIED, 'ImplicitlyDenied'],
  ])('%s', async (_, rows, wanted) => {
    const decisions = await decide(
      rows.map(([, principal, action, resource, context]) => ({ principal, action, resource, context })),
    );
    const said = rows.map(([what, principal], index) => `${principal}: ${what}: ${decisions[index]}`);
    expect(said).toEqual(rows.map(([what, principal]) => `${principal}: ${what}: ${wanted}`));
  });
});
