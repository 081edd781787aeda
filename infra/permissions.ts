/**
 * Every action that the policies of fleet.yaml allow, with its caller and its reason. A test compares the two. It names
 * an action without an entry, an entry without an action, and a call that no action allows.
 *
 * A run on the local stack exercises `seen` permissions, so the observed calls prove that they are needed. `reviewed`
 * permissions serve what that stack does not have (IAM, image pull, logs, quotas). Their only evidence is that a person
 * has read the reason.
 */
export interface Permission {
  readonly principal: Principal;
  readonly action: string;
  readonly on: ResourceKind;
  /** Condition keys that must narrow the statement: all of them and no others. */
  readonly conditions?: readonly string[];
  readonly calledBy: string;
  readonly reason: string;
  readonly evidence: 'seen' | 'reviewed';
}

/**
 * `execution` is Fargate when it starts a task, `task` is the worker, `supervisor` is the task of `--detach`, and
 * `operator` is whoever runs `orchestrate`.
 */
export type Principal = 'execution' | 'task' | 'supervisor' | 'operator';

/** The resource of a statement. `anything` is `*`, for actions that support no resource or only a condition. */
export type ResourceKind =
  | 'user table'
  | 'control table'
  | 'lock table'
  | 'key of the table'
  | 'cluster'
  | 'tasks of the cluster'
  | 'task definition'
  | 'task definition of the supervisor'
  | 'execution role'
  | 'task role'
  | 'supervisor role'
  | 'service-linked role of ECS'
  | 'image repository'
  | 'log group'
  | 'dashboard'
  | 'this stack'
  | 'anything';

const NO_WHOLE_ITEMS = ['dynamodb:Select'];
/** Key attributes, targets and sources: the attributes that may be read, named in a condition, or set. */
const NAMED_ATTRIBUTES = [...NO_WHOLE_ITEMS, 'dynamodb:Attributes'];
const NAMED_UPDATES = [...NAMED_ATTRIBUTES, 'dynamodb:ReturnValues'];
const ONE_NAMESPACE = ['cloudwatch:namespace'];
const THIS_CLUSTER = ['ecs:cluster'];
const ON_RUN_TASK = ['ecs:CreateAction'];
const TO_TASKS = ['iam:PassedToService'];
const THROUGH_DYNAMODB = ['kms:ViaService'];

const EXECUTION: readonly Omit<Permission, 'principal'>[] = [
  {
    action: 'ecr:GetAuthorizationToken',
    on: 'anything',
    calledBy: 'Fargate, before it pulls the image',
    reason: 'Logs in to the registry. The action knows no resource.',
    evidence: 'reviewed',
  },
  {
    action: 'ecr:BatchCheckLayerAvailability',
    on: 'image repository',
    calledBy: 'Fargate, when it pulls the image',
    reason: 'Asks which layers there are.',
    evidence: 'reviewed',
  },
  {
    action: 'ecr:BatchGetImage',
    on: 'image repository',
    calledBy: 'Fargate, when it pulls the image',
    reason: 'Reads the manifest that the tag or digest names.',
    evidence: 'reviewed',
  },
  {
    action: 'ecr:GetDownloadUrlForLayer',
    on: 'image repository',
    calledBy: 'Fargate, when it pulls the image',
    reason: 'Gets the address in S3 of each layer.',
    evidence: 'reviewed',
  },
  {
    action: 'logs:CreateLogStream',
    on: 'log group',
    calledBy: 'Fargate, the awslogs driver',
    reason: 'Opens a stream for each task. The group exists already, so CreateLogGroup is not allowed.',
    evidence: 'reviewed',
  },
  {
    action: 'logs:PutLogEvents',
    on: 'log group',
    calledBy: 'Fargate, the awslogs driver',
    reason: "Writes the worker's lines.",
    evidence: 'reviewed',
  },
];

const TASK: readonly Omit<Permission, 'principal'>[] = [
  {
    action: 'dynamodb:Scan',
    on: 'user table',
    conditions: NAMED_ATTRIBUTES,
    calledBy: 'worker: scan',
    reason: 'Finds the items that lack the attribute: keys, targets and sources, never whole items.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:PartiQLUpdate',
    on: 'user table',
    conditions: NAMED_UPDATES,
    calledBy: 'worker: write, --write-api batch',
    reason: 'Sets the attribute where it is missing, 25 items a call. An UPDATE never creates an item.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:UpdateItem',
    on: 'user table',
    conditions: NAMED_UPDATES,
    calledBy: 'worker: write, --write-api single',
    reason: 'Sets the attribute where it is missing, an item a call, for names that PartiQL cannot carry.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:BatchGetItem',
    on: 'user table',
    conditions: NAMED_UPDATES,
    calledBy: 'worker: settle, and a Scan that ends without an item',
    reason:
      'Reads a refused item back by a projection: set by somebody else, deleted, or still without the attribute; and the item at which a Scan ended.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:GetItem',
    on: 'control table',
    calledBy: 'worker: start, checkpoint',
    reason: 'Reads the run record, and its own records back after a lost reply.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:Query',
    on: 'control table',
    calledBy: 'worker: canary',
    reason: 'Lists the items that a canary named, so that it writes those and no others.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:PutItem',
    on: 'control table',
    calledBy: 'worker: quarantine; the task of doctor --task',
    reason: 'Records an item that cannot be written, with the reason.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:UpdateItem',
    on: 'control table',
    calledBy: 'worker: heartbeat, checkpoint, completion marker',
    reason: 'Renews its authority and saves its progress, each as one conditional write.',
    evidence: 'seen',
  },
  {
    action: 'cloudwatch:PutMetricData',
    on: 'anything',
    conditions: ONE_NAMESPACE,
    calledBy: 'worker: metrics',
    reason:
      'Publishes the counters. The action knows no resource; the condition keeps it to the one namespace.',
    evidence: 'seen',
  },
  {
    action: 'kms:Decrypt',
    on: 'key of the table',
    conditions: THROUGH_DYNAMODB,
    calledBy: 'DynamoDB, on behalf of the worker',
    reason: 'Tables under a customer-managed key open only for callers who may use the key through DynamoDB.',
    evidence: 'reviewed',
  },
];

/**
 * On the lock table of the account and Region, which keeps two fleets off the same table even if their control tables
 * differ.
 */
const LOCK: readonly Omit<Permission, 'principal'>[] = [
  {
    action: 'dynamodb:DescribeTable',
    on: 'lock table',
    calledBy: 'orchestrate run, resume',
    reason: 'Waits until the lock table is there.',
    evidence: 'reviewed',
  },
  {
    action: 'dynamodb:GetItem',
    on: 'lock table',
    calledBy: 'orchestrate run, resume',
    reason: 'Reads who holds the lock of a table.',
    evidence: 'reviewed',
  },
  {
    action: 'dynamodb:PutItem',
    on: 'lock table',
    calledBy: 'orchestrate run, resume',
    reason: 'Takes the lock, in the same transaction as the run.',
    evidence: 'reviewed',
  },
  {
    action: 'dynamodb:UpdateItem',
    on: 'lock table',
    calledBy: 'orchestrate run, resume',
    reason: 'Says who holds the lock after a takeover.',
    evidence: 'reviewed',
  },
  {
    action: 'dynamodb:DeleteItem',
    on: 'lock table',
    calledBy: 'orchestrate run, resume, cancel',
    reason: 'Frees the lock when the run ends.',
    evidence: 'reviewed',
  },
];

/**
 * The supervisor continues a run that an operator began. It needs what `resume` calls, and nothing that begins or plans
 * a run.
 */
const SUPERVISOR: readonly Omit<Permission, 'principal'>[] = [
  ...LOCK,
  {
    action: 'ecs:RunTask',
    on: 'task definition',
    conditions: THIS_CLUSTER,
    calledBy: 'supervisor: replacements',
    reason: 'Starts a task for segments whose task was lost. It cannot start another supervisor.',
    evidence: 'seen',
  },
  {
    action: 'ecs:TagResource',
    on: 'tasks of the cluster',
    conditions: ON_RUN_TASK,
    calledBy: 'ECS, on RunTask',
    reason: "Gives a task the tags of its definition, so that it shows up in the bill under the stack's.",
    evidence: 'reviewed',
  },
  {
    action: 'iam:PassRole',
    on: 'task role',
    conditions: TO_TASKS,
    calledBy: 'ECS, on RunTask',
    reason: 'Whoever starts a task hands it the role of the worker.',
    evidence: 'reviewed',
  },
  {
    action: 'iam:PassRole',
    on: 'execution role',
    conditions: TO_TASKS,
    calledBy: 'ECS, on RunTask',
    reason: 'Whoever starts a task hands Fargate the role that pulls the image and writes the log.',
    evidence: 'reviewed',
  },
  {
    action: 'ecs:DescribeTasks',
    on: 'tasks of the cluster',
    calledBy: 'supervisor: control loop',
    reason: 'Learns that a task is running, or stopped and why.',
    evidence: 'seen',
  },
  {
    action: 'ecs:StopTask',
    on: 'tasks of the cluster',
    calledBy: 'supervisor: control loop',
    reason: 'Stops a task that was fenced off.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:ConditionCheckItem',
    on: 'control table',
    calledBy: 'supervisor: launches',
    reason: 'Records a launch only while this supervisor still holds its epoch.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:DeleteItem',
    on: 'control table',
    calledBy: 'supervisor: the end of a run',
    reason: 'Frees the lock.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:GetItem',
    on: 'control table',
    calledBy: 'supervisor: control loop',
    reason: 'Reads the run record, and its own writes back after a lost reply.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:PutItem',
    on: 'control table',
    calledBy: 'supervisor: launches, verification',
    reason: 'Creates launch, segment and verification records.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:Query',
    on: 'control table',
    calledBy: 'supervisor: control loop',
    reason: 'Lists the tasks, segments and quarantine of the run.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:UpdateItem',
    on: 'control table',
    calledBy: 'supervisor: takeover, shares, desired states, owners',
    reason: 'Takes the epoch over and reconciles the records, each by a conditional write.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:DescribeTable',
    on: 'user table',
    calledBy: 'supervisor: traffic guard',
    reason: 'Which capacity the table has now, and which indexes.',
    evidence: 'reviewed',
  },
  {
    action: 'dynamodb:Scan',
    on: 'user table',
    conditions: NAMED_ATTRIBUTES,
    calledBy: 'supervisor: verification',
    reason: 'The consistent scan that proves the result.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:UpdateItem',
    on: 'user table',
    conditions: NAMED_UPDATES,
    calledBy: 'supervisor: repair',
    reason: 'Sets the attribute on the few keys that verification found without it, an item a call.',
    evidence: 'reviewed',
  },
  {
    action: 'dynamodb:BatchGetItem',
    on: 'user table',
    conditions: NAMED_UPDATES,
    calledBy: 'supervisor: verification, canary, repair',
    reason: 'Reads items back by their keys: those of a canary, and the one at which a Scan ended.',
    evidence: 'reviewed',
  },
  {
    action: 'cloudwatch:PutMetricData',
    on: 'anything',
    conditions: ONE_NAMESPACE,
    calledBy: 'supervisor: metrics',
    reason: 'Publishes RunOpen, Supervised, verification reads and repairs, in the one namespace.',
    evidence: 'seen',
  },
  {
    action: 'cloudwatch:GetMetricData',
    on: 'anything',
    calledBy: 'supervisor: traffic guard',
    reason:
      "Reads the table's consumed and throttled units, which the budget obeys. The action knows no resource.",
    evidence: 'seen',
  },
  {
    action: 'kms:Decrypt',
    on: 'key of the table',
    conditions: THROUGH_DYNAMODB,
    calledBy: 'DynamoDB, on behalf of the supervisor',
    reason: 'Verification and repair read and write under the key, and so do the records.',
    evidence: 'reviewed',
  },
];

const OPERATOR: readonly Omit<Permission, 'principal'>[] = [
  ...LOCK,
  {
    action: 'dynamodb:CreateTable',
    on: 'lock table',
    calledBy: 'the first run in an account and Region',
    reason: 'Makes the lock table at its first use in an account and Region, under its one name.',
    evidence: 'reviewed',
  },
  {
    action: 'ecs:RunTask',
    on: 'task definition of the supervisor',
    conditions: THIS_CLUSTER,
    calledBy: 'orchestrate run, resume, with --detach',
    reason: 'Starts the supervisor in a task of its own.',
    evidence: 'seen',
  },
  {
    action: 'iam:PassRole',
    on: 'supervisor role',
    conditions: TO_TASKS,
    calledBy: 'ECS, on RunTask',
    reason: 'Whoever starts the supervisor hands it its role, which can do no more than the operator.',
    evidence: 'reviewed',
  },
  {
    action: 'ecs:TagResource',
    on: 'tasks of the cluster',
    conditions: ON_RUN_TASK,
    calledBy: 'ECS, on RunTask',
    reason: "Gives a task the tags of its definition, so that it shows up in the bill under the stack's.",
    evidence: 'reviewed',
  },
  {
    action: 'cloudformation:DescribeStacks',
    on: 'this stack',
    calledBy: 'orchestrate --stack',
    reason: 'Reads the outputs, from which everything else follows.',
    evidence: 'reviewed',
  },
  {
    action: 'ecs:RunTask',
    on: 'task definition',
    conditions: THIS_CLUSTER,
    calledBy: 'orchestrate run, resume, doctor --task',
    reason: 'Starts each task with its segments in the overrides.',
    evidence: 'seen',
  },
  {
    action: 'iam:PassRole',
    on: 'task role',
    conditions: TO_TASKS,
    calledBy: 'ECS, on RunTask',
    reason:
      'Whoever starts a task hands it the role of the worker. Without it RunTask is denied, and the message names the role.',
    evidence: 'reviewed',
  },
  {
    action: 'iam:PassRole',
    on: 'execution role',
    conditions: TO_TASKS,
    calledBy: 'ECS, on RunTask',
    reason: 'Whoever starts a task hands Fargate the role that pulls the image and writes the log.',
    evidence: 'reviewed',
  },
  {
    action: 'ecs:DescribeTasks',
    on: 'tasks of the cluster',
    calledBy: 'orchestrate run, resume, doctor --task',
    reason: 'Learns that a task is running, or stopped and why.',
    evidence: 'seen',
  },
  {
    action: 'ecs:StopTask',
    on: 'tasks of the cluster',
    calledBy: 'orchestrate run, resume, doctor --task',
    reason: 'Stops a task that was fenced off, and one on trial that gave no report.',
    evidence: 'seen',
  },
  {
    action: 'ecs:DescribeClusters',
    on: 'cluster',
    calledBy: 'orchestrate doctor',
    reason: 'The cluster is there and active.',
    evidence: 'seen',
  },
  {
    action: 'ecs:DescribeTaskDefinition',
    on: 'anything',
    calledBy: 'orchestrate run, doctor',
    reason: 'Preflight: container, architecture, CPU, roles. The action knows no resource.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:DescribeTable',
    on: 'control table',
    calledBy: 'orchestrate run, doctor',
    reason: 'Preflight: the control table is there, with its key schema.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:DescribeContinuousBackups',
    on: 'control table',
    calledBy: 'orchestrate doctor',
    reason: 'The records of a run can be brought back.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:DescribeTimeToLive',
    on: 'control table',
    calledBy: 'orchestrate doctor',
    reason: 'What a proof leaves behind when it is cut off expires.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:GetItem',
    on: 'control table',
    calledBy: 'orchestrate, every command with a RUN',
    reason: 'Reads run, lock and task records; reads the proof of the engine back.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:Query',
    on: 'control table',
    calledBy: 'orchestrate run, status, failures, report',
    reason: 'Lists the tasks, segments, quarantine and verifications of a run.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:Scan',
    on: 'control table',
    calledBy: 'orchestrate status without a RUN',
    reason: 'Lists the runs there have been.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:PutItem',
    on: 'control table',
    calledBy: 'orchestrate run',
    reason:
      'Creates run, lock, segment and verification records, and the items on which the engine is proved.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:UpdateItem',
    on: 'control table',
    calledBy: 'orchestrate run, pause, resume, cancel, rate',
    reason: 'Changes shares, desired states and owners; proves the single-item write on items of its own.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:ConditionCheckItem',
    on: 'control table',
    calledBy: 'orchestrate run, resume',
    reason: 'Part of the transaction that records a launch only while the supervisor still holds its epoch.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:DeleteItem',
    on: 'control table',
    calledBy: 'orchestrate run, resume, cancel',
    reason: 'Frees the lock, and removes the items on which the engine was proved.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:PartiQLUpdate',
    on: 'control table',
    calledBy: 'orchestrate run',
    reason: 'Proves the batched write on items of its own before the first write of a run.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:DescribeTable',
    on: 'user table',
    calledBy: 'orchestrate run, plan, verify, doctor',
    reason: 'Key schema, indexes, capacity, replicas, stream: the plan and most of preflight.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:DescribeContinuousBackups',
    on: 'user table',
    calledBy: 'orchestrate run, plan, doctor',
    reason: 'Preflight: point-in-time recovery is the way back.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:DescribeKinesisStreamingDestination',
    on: 'user table',
    calledBy: 'orchestrate run, plan, doctor',
    reason:
      "Preflight: whoever reads the table's changes from Kinesis gets a record for each item that is set.",
    evidence: 'seen',
  },
  {
    action: 'dynamodb:DescribeTimeToLive',
    on: 'user table',
    calledBy: 'orchestrate run, plan, doctor',
    reason: 'Preflight: the attribute to set must not be the one that makes items expire.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:Scan',
    on: 'user table',
    conditions: NO_WHOLE_ITEMS,
    calledBy: 'orchestrate run, verify, plan',
    reason: 'The consistent scan that proves the result, by code and identity other than the workers.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:PartiQLUpdate',
    on: 'user table',
    conditions: NAMED_UPDATES,
    calledBy: 'a person, with docs/first-contact.md',
    reason:
      'Asks AWS, on a key that does not exist, whether the condition holds for PartiQL; the worker has the same one.',
    evidence: 'reviewed',
  },
  {
    action: 'dynamodb:UpdateItem',
    on: 'user table',
    conditions: NAMED_UPDATES,
    calledBy: 'orchestrate run: repair, failures --retry',
    reason:
      'Sets the attribute on the few keys that verification found without it, or that were in quarantine, an item a call.',
    evidence: 'seen',
  },
  {
    action: 'dynamodb:BatchGetItem',
    on: 'user table',
    conditions: NAMED_UPDATES,
    calledBy: 'orchestrate run, verify, run --limit',
    reason: 'Verifies the items of a canary, consistently, and the item at which a verification scan ended.',
    evidence: 'seen',
  },
  {
    action: 'cloudwatch:PutMetricData',
    on: 'anything',
    conditions: ONE_NAMESPACE,
    calledBy: 'orchestrate run, resume',
    reason:
      'Publishes RunOpen, Supervised, verification reads and repairs. The condition keeps it to the one namespace.',
    evidence: 'seen',
  },
  {
    action: 'cloudwatch:GetMetricData',
    on: 'anything',
    calledBy: 'orchestrate run, resume, plan, verify',
    reason:
      "Reads the table's consumed and throttled units, which the budget obeys. The action knows no resource.",
    evidence: 'seen',
  },
  {
    action: 'logs:FilterLogEvents',
    on: 'log group',
    calledBy: 'a person, following a message about a failed task',
    reason: 'Searches the lines of all tasks of a run.',
    evidence: 'reviewed',
  },
  {
    action: 'logs:GetLogEvents',
    on: 'log group',
    calledBy: 'a person, following a message about a failed task',
    reason: 'Reads the lines of one task.',
    evidence: 'reviewed',
  },
  {
    action: 'logs:StartQuery',
    on: 'log group',
    calledBy: 'a person, looking at the dashboard',
    reason: 'Its last widget asks the log for warnings and errors.',
    evidence: 'reviewed',
  },
  {
    action: 'logs:GetQueryResults',
    on: 'anything',
    calledBy: 'a person, looking at the dashboard',
    reason: 'Fetches what that question found. A query has no resource.',
    evidence: 'reviewed',
  },
  {
    action: 'cloudwatch:GetDashboard',
    on: 'dashboard',
    calledBy: 'a person, looking at the dashboard',
    reason: 'Opens it. Its graphs are GetMetricData.',
    evidence: 'reviewed',
  },
  {
    action: 'cloudwatch:DescribeAlarms',
    on: 'anything',
    calledBy: 'a person, looking at the dashboard, or with docs/first-contact.md',
    reason: 'Sees the state of the alarms. Composite alarms are shown only to who may see all.',
    evidence: 'reviewed',
  },
  {
    action: 'application-autoscaling:DescribeScalableTargets',
    on: 'anything',
    calledBy: 'orchestrate run, plan, doctor',
    reason: 'Preflight: how far a provisioned table grows by itself. The action knows no resource.',
    evidence: 'reviewed',
  },
  {
    action: 'servicequotas:GetServiceQuota',
    on: 'anything',
    calledBy: 'orchestrate doctor',
    reason:
      'Holds the quota of Fargate vCPUs against --tasks; new accounts have as few as 6. The action knows no resource.',
    evidence: 'reviewed',
  },
  {
    action: 'ec2:DescribeSubnets',
    on: 'anything',
    calledBy: 'orchestrate doctor',
    reason: 'Counts the free addresses; each task takes one. The action knows no resource.',
    evidence: 'reviewed',
  },
  {
    action: 'ec2:DescribeRouteTables',
    on: 'anything',
    calledBy: 'orchestrate doctor',
    reason: 'Holds the route out of the subnets against AssignPublicIp. The action knows no resource.',
    evidence: 'reviewed',
  },
  {
    action: 'ec2:DescribeVpcEndpoints',
    on: 'anything',
    calledBy: 'orchestrate doctor',
    reason: 'Without a route to the internet, the endpoints that a task needs. The action knows no resource.',
    evidence: 'reviewed',
  },
  {
    action: 'ec2:DescribeSecurityGroups',
    on: 'anything',
    calledBy: 'orchestrate doctor',
    reason: 'HTTPS gets out, and nothing in. The action knows no resource.',
    evidence: 'reviewed',
  },
  {
    action: 'ecr:BatchGetImage',
    on: 'image repository',
    calledBy: 'orchestrate doctor',
    reason: 'Reads the manifest of the image: whether it is there, and for which architecture.',
    evidence: 'reviewed',
  },
  {
    action: 'ecr:GetDownloadUrlForLayer',
    on: 'image repository',
    calledBy: 'orchestrate doctor',
    reason: 'Reads the configuration of an image that has one manifest only, which names the architecture.',
    evidence: 'reviewed',
  },
  {
    action: 'iam:GetRole',
    on: 'service-linked role of ECS',
    calledBy: 'orchestrate doctor',
    reason: 'Without that role ECS cannot attach network interfaces, and no task starts.',
    evidence: 'reviewed',
  },
  {
    action: 'kms:DescribeKey',
    on: 'key of the table',
    calledBy: 'orchestrate doctor',
    reason: 'The key is enabled and is the one that this stack was given.',
    evidence: 'reviewed',
  },
  {
    action: 'kms:Decrypt',
    on: 'key of the table',
    conditions: THROUGH_DYNAMODB,
    calledBy: 'DynamoDB, on behalf of orchestrate',
    reason: 'Verification and repair read and write under the key, and so do the records.',
    evidence: 'reviewed',
  },
];

export const PERMISSIONS: readonly Permission[] = [
  ...EXECUTION.map(entry => ({ principal: 'execution' as const, ...entry })),
  ...TASK.map(entry => ({ principal: 'task' as const, ...entry })),
  ...SUPERVISOR.map(entry => ({ principal: 'supervisor' as const, ...entry })),
  ...OPERATOR.map(entry => ({ principal: 'operator' as const, ...entry })),
];

/** Calls that IAM allows everybody. `sts:GetCallerIdentity` needs no permission, and no policy can deny it. */
export const NEED_NO_PERMISSION: readonly string[] = ['sts:GetCallerIdentity'];
