import { actionsOf, type ObservedCall } from './support/policies.ts';

/**
 * The calls that a run makes on the local stack, written down from the design. The same function compares these and the
 * observed calls of such a run with the policies.
 */
interface Operation {
  readonly principal: 'task' | 'supervisor' | 'operator';
  readonly service: string;
  readonly operation: string;
  readonly table?: 'user' | 'control';
  readonly kinds?: readonly string[];
  readonly context?: ObservedCall['context'];
  /** For a RunTask that does not start a worker. */
  readonly on?: 'task definition of the supervisor';
}

const ONE_ATTRIBUTE = { 'dynamodb:Attributes': ['created', 'id', 'test'] };
const A_PROJECTION = { ...ONE_ATTRIBUTE, 'dynamodb:Select': ['SPECIFIC_ATTRIBUTES'] };
const ONE_UPDATE = { ...ONE_ATTRIBUTE, 'dynamodb:ReturnValues': ['NONE'] };
const ONE_NAMESPACE = { 'cloudwatch:namespace': ['Fleetfill'] };

/** For RunTask, and for the PassRole that it implies. */
const ONE_FLEET = { 'ecs:cluster': ['Cluster.Arn'], 'iam:PassedToService': ['ecs-tasks.amazonaws.com'] };

const OPERATIONS: readonly Operation[] = [
  { principal: 'task', service: 'DynamoDB', operation: 'Scan', table: 'user', context: A_PROJECTION },
  {
    principal: 'task',
    service: 'DynamoDB',
    operation: 'BatchExecuteStatement',
    table: 'user',
    kinds: ['UPDATE'],
    context: ONE_ATTRIBUTE,
  },
  { principal: 'task', service: 'DynamoDB', operation: 'UpdateItem', table: 'user', context: ONE_UPDATE },
  { principal: 'task', service: 'DynamoDB', operation: 'BatchGetItem', table: 'user', context: A_PROJECTION },
  { principal: 'task', service: 'DynamoDB', operation: 'GetItem', table: 'control' },
  { principal: 'task', service: 'DynamoDB', operation: 'PutItem', table: 'control' },
  { principal: 'task', service: 'DynamoDB', operation: 'Query', table: 'control' },
  { principal: 'task', service: 'DynamoDB', operation: 'UpdateItem', table: 'control' },
  { principal: 'task', service: 'CloudWatch', operation: 'PutMetricData', context: ONE_NAMESPACE },

  { principal: 'supervisor', service: 'ECS', operation: 'RunTask', context: ONE_FLEET },
  { principal: 'supervisor', service: 'ECS', operation: 'DescribeTasks' },
  { principal: 'supervisor', service: 'ECS', operation: 'StopTask' },
  { principal: 'supervisor', service: 'DynamoDB', operation: 'GetItem', table: 'control' },
  { principal: 'supervisor', service: 'DynamoDB', operation: 'Query', table: 'control' },
  { principal: 'supervisor', service: 'DynamoDB', operation: 'PutItem', table: 'control' },
  { principal: 'supervisor', service: 'DynamoDB', operation: 'UpdateItem', table: 'control' },
  {
    principal: 'supervisor',
    service: 'DynamoDB',
    operation: 'TransactWriteItems',
    table: 'control',
    kinds: ['Put', 'Update', 'Delete', 'ConditionCheck'],
  },
  { principal: 'supervisor', service: 'DynamoDB', operation: 'Scan', table: 'user', context: A_PROJECTION },
  {
    principal: 'supervisor',
    service: 'DynamoDB',
    operation: 'UpdateItem',
    table: 'user',
    context: ONE_UPDATE,
  },
  { principal: 'supervisor', service: 'CloudWatch', operation: 'PutMetricData', context: ONE_NAMESPACE },
  { principal: 'supervisor', service: 'CloudWatch', operation: 'GetMetricData' },

  { principal: 'operator', service: 'STS', operation: 'GetCallerIdentity' },
  { principal: 'operator', service: 'ECS', operation: 'RunTask', context: ONE_FLEET },
  {
    ...{ principal: 'operator', service: 'ECS', operation: 'RunTask', context: ONE_FLEET },
    on: 'task definition of the supervisor',
  },
  { principal: 'operator', service: 'ECS', operation: 'DescribeTasks' },
  { principal: 'operator', service: 'ECS', operation: 'StopTask' },
  { principal: 'operator', service: 'ECS', operation: 'DescribeClusters' },
  { principal: 'operator', service: 'ECS', operation: 'DescribeTaskDefinition' },
  { principal: 'operator', service: 'DynamoDB', operation: 'DescribeTable', table: 'control' },
  { principal: 'operator', service: 'DynamoDB', operation: 'GetItem', table: 'control' },
  { principal: 'operator', service: 'DynamoDB', operation: 'Query', table: 'control' },
  { principal: 'operator', service: 'DynamoDB', operation: 'Scan', table: 'control' },
  { principal: 'operator', service: 'DynamoDB', operation: 'PutItem', table: 'control' },
  { principal: 'operator', service: 'DynamoDB', operation: 'UpdateItem', table: 'control' },
  {
    principal: 'operator',
    service: 'DynamoDB',
    operation: 'TransactWriteItems',
    table: 'control',
    kinds: ['Put', 'Update', 'Delete', 'ConditionCheck'],
  },
  {
    principal: 'operator',
    service: 'DynamoDB',
    operation: 'BatchExecuteStatement',
    table: 'control',
    kinds: ['UPDATE'],
  },
  { principal: 'operator', service: 'DynamoDB', operation: 'DescribeTable', table: 'user' },
  { principal: 'operator', service: 'DynamoDB', operation: 'DescribeContinuousBackups', table: 'user' },
  { principal: 'operator', service: 'DynamoDB', operation: 'DescribeTimeToLive', table: 'user' },
  {
    principal: 'operator',
    service: 'DynamoDB',
    operation: 'DescribeKinesisStreamingDestination',
    table: 'user',
  },
  { principal: 'operator', service: 'DynamoDB', operation: 'DescribeContinuousBackups', table: 'control' },
  { principal: 'operator', service: 'DynamoDB', operation: 'DescribeTimeToLive', table: 'control' },
  { principal: 'operator', service: 'DynamoDB', operation: 'Scan', table: 'user', context: A_PROJECTION },
  { principal: 'operator', service: 'DynamoDB', operation: 'UpdateItem', table: 'user', context: ONE_UPDATE },
  {
    principal: 'operator',
    service: 'DynamoDB',
    operation: 'BatchGetItem',
    table: 'user',
    context: A_PROJECTION,
  },
  { principal: 'operator', service: 'CloudWatch', operation: 'PutMetricData', context: ONE_NAMESPACE },
  { principal: 'operator', service: 'CloudWatch', operation: 'GetMetricData' },
];

export const DESIGNED_CALLS: readonly ObservedCall[] = OPERATIONS.flatMap(
  ({ principal, service, operation, table, kinds, context, on = 'task definition' as const }) =>
    actionsOf(service, operation, kinds).map(action => ({
      principal,
      action,
      ...(table && { table }),
      ...(action === 'ecs:RunTask' && { on }),
      ...(context && { context }),
    })),
);
