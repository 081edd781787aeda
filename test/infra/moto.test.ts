import {
  CloudFormationClient,
  DeleteStackCommand,
  DescribeStacksCommand,
  ListStackResourcesCommand,
  waitUntilStackDeleteComplete,
} from '@aws-sdk/client-cloudformation';
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
} from '@aws-sdk/client-cloudwatch';
import { DescribeTableCommand, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import {
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RunTaskCommand,
  StopTaskCommand,
} from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { METRIC_UNITS, type MetricName, TABLE_DIMENSION } from '../../core/metrics.ts';
import { encodeTaskEnvironment } from '../../core/task-environment.ts';
import { FLEET_OUTPUTS } from './support/fleet-outputs.ts';
import { MOTO, Moto, warnWithoutMoto } from './support/moto.ts';
import { ACCOUNT, FLEET_PARAMETERS, loadTemplate, REGION, Rendering } from './support/template.ts';

/** The templates on moto, an implementation of AWS that is not ours. */
warnWithoutMoto('the templates were NOT created on another implementation of AWS', 'test/infra/moto.test.ts');

/** Types that moto 5.2 accepts in a template without creating anything. cfn-lint is all that has seen these. */
const NOT_IN_MOTO: readonly string[] = [
  'AWS::CloudWatch::Alarm',
  'AWS::CloudWatch::CompositeAlarm',
  'AWS::SNS::TopicPolicy',
];

const fleet = loadTemplate('fleet');
const TOPIC = `arn:aws:sns:${REGION}:${ACCOUNT}:oncall`;

describe.skipIf(!MOTO)('the templates, created on moto', () => {
  let moto: Moto;
  let cloudFormation: CloudFormationClient;
  let ecs: ECSClient;
  let cloudWatch: CloudWatchClient;
  let dynamoDb: DynamoDBClient;
  let outputs: Record<string, string>;

  async function createdIds(StackName: string): Promise<Map<string, string>> {
    const { StackResourceSummaries } = await cloudFormation.send(
      new ListStackResourcesCommand({ StackName }),
    );
    return new Map(
      (StackResourceSummaries ?? []).map(entry => [
        entry.LogicalResourceId ?? '',
        entry.PhysicalResourceId ?? '',
      ]),
    );
  }

  async function remove(StackName: string): Promise<void> {
    await cloudFormation.send(new DeleteStackCommand({ StackName }));
    await waitUntilStackDeleteComplete(
      { client: cloudFormation, maxWaitTime: 60, minDelay: 1, maxDelay: 1 },
      { StackName },
    );
  }

  beforeAll(async () => {
    moto = await Moto.start();
    const options = moto.clientOptions;
    cloudFormation = new CloudFormationClient(options);
    ecs = new ECSClient(options);
    cloudWatch = new CloudWatchClient(options);
    dynamoDb = new DynamoDBClient(options);

    const created = await moto.createAll({ AlarmEmail: 'oncall@example.com', ExpectedItems: '5000000' });
    outputs = created.fleet;
  });

  afterAll(async () => {
    for (const client of [cloudFormation, ecs, cloudWatch, dynamoDb]) client?.destroy();
    await moto?.stop();
  });

  it.each(['network', 'repository', 'table', 'fleet'] as const)(
    'makes every resource of %s.yaml that moto knows',
    async name => {
      const template = loadTemplate(name);
      const expected = new Rendering(template, { AlarmEmail: 'oncall@example.com' })
        .resources()
        .filter(id => !NOT_IN_MOTO.includes(template.Resources[id]?.Type ?? ''));
      const created = await createdIds(name === 'fleet' ? 'fleetfill' : `fleetfill-${name}`);
      expect([...created.keys()].filter(id => expected.includes(id)).sort()).toEqual(expected.sort());
    },
  );

  it('gives every output that --stack reads, each with a value', () => {
    expect(Object.keys(outputs).sort()).toEqual([...FLEET_OUTPUTS].sort());
    expect(Object.entries(outputs).filter(([, value]) => value === '')).toEqual([]);
    expect(outputs).toMatchObject({
      Container: 'job',
      Table: 'stuff',
      Attribute: 'test',
      AssignPublicIp: 'DISABLED',
    });
    expect(outputs['Subnets']?.split(',')).toHaveLength(2);
    expect(outputs['TaskDefinition']).toMatch(/^arn:aws:ecs:.+:task-definition\/fleetfill:1$/);
    expect(outputs['OperatorPolicy']).toMatch(/^arn:aws:iam::\d{12}:policy\//);
  });

  it('makes a control table of the shape that core/ expects', async () => {
    const { Table } = await dynamoDb.send(
      new DescribeTableCommand({ TableName: outputs['ControlTable'] ?? '' }),
    );
    expect(Table?.KeySchema).toEqual([
      { AttributeName: 'run', KeyType: 'HASH' },
      { AttributeName: 'item', KeyType: 'RANGE' },
    ]);
    expect(Table?.BillingModeSummary?.BillingMode).toBe('PAY_PER_REQUEST');
  });

  it('runs, describes, lists and stops a task from the outputs alone', async () => {
    const cluster = outputs['Cluster'] ?? '';
    const { tasks, failures } = await ecs.send(
      new RunTaskCommand({
        cluster,
        taskDefinition: outputs['TaskDefinition'] ?? '',
        launchType: 'FARGATE',
        clientToken: 'launch-1',
        startedBy: 'fleetfill/run-1',
        networkConfiguration: {
          awsvpcConfiguration: {
            subnets: outputs['Subnets']?.split(','),
            securityGroups: outputs['SecurityGroups']?.split(','),
            assignPublicIp: outputs['AssignPublicIp'] as 'ENABLED' | 'DISABLED',
          },
        },
        overrides: {
          containerOverrides: [
            {
              name: outputs['Container'],
              environment: encodeTaskEnvironment({
                runId: 'run-1',
                launch: 'launch-1',
                segments: [0],
                totalSegments: 32,
                table: 'stuff',
                attribute: 'test',
                value: '1',
                controlTable: outputs['ControlTable'] ?? '',
                namespace: outputs['Namespace'] ?? '',
              }),
            },
          ],
        },
      }),
    );
    expect(failures).toEqual([]);
    const task = tasks?.[0]?.taskArn ?? '';
    const described = await ecs.send(new DescribeTasksCommand({ cluster, tasks: [task] }));
    expect(described.tasks?.[0]).toMatchObject({
      taskArn: task,
      taskDefinitionArn: outputs['TaskDefinition'],
    });
    const listed = await ecs.send(new ListTasksCommand({ cluster, startedBy: 'fleetfill/run-1' }));
    expect(listed.taskArns).toEqual([task]);
    const stopped = await ecs.send(new StopTaskCommand({ cluster, task, reason: 'test' }));
    expect(stopped.task?.desiredStatus).toBe('STOPPED');
  });

  it('takes every metric with its unit and dimension', async () => {
    const names = Object.keys(METRIC_UNITS) as MetricName[];
    await cloudWatch.send(
      new PutMetricDataCommand({
        Namespace: outputs['Namespace'],
        MetricData: names.map(MetricName => ({
          MetricName,
          Unit: METRIC_UNITS[MetricName],
          Dimensions: [{ Name: TABLE_DIMENSION, Value: 'stuff' }],
          Value: 0,
        })),
      }),
    );
  });

  // The composite alarm has been seen by cfn-lint only: moto has no PutCompositeAlarm.
  it('takes each metric alarm as CloudFormation would put it', async () => {
    const rendering = new Rendering(fleet, { ...FLEET_PARAMETERS, AlarmTopicArn: TOPIC });
    const alarms = rendering.resources().filter(id => fleet.Resources[id]?.Type === 'AWS::CloudWatch::Alarm');
    for (const id of alarms) await cloudWatch.send(new PutMetricAlarmCommand(rendering.properties(id)));
    const { MetricAlarms } = await cloudWatch.send(new DescribeAlarmsCommand({}));
    expect(MetricAlarms).toHaveLength(alarms.length);
  });

  it('deletes all of it again, fleet first, and leaves the table', async () => {
    const routeTable = (await createdIds('fleetfill-network')).get('RouteTable') ?? '';
    await remove('fleetfill');
    // Moto 5.2 leaves the route tables of a stack behind and then refuses to delete the VPC they are in.
    await ec2(moto.endpoint, 'DeleteRouteTable', { RouteTableId: routeTable });
    for (const stack of ['fleetfill-network', 'fleetfill-repository', 'fleetfill-table']) await remove(stack);
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({}));
    expect((Stacks ?? []).filter(stack => stack.StackStatus !== 'DELETE_COMPLETE')).toEqual([]);
    const { TableNames } = await dynamoDb.send(new ListTablesCommand({}));
    expect(TableNames).toEqual(['stuff']);
  });
});

/** One call of EC2's query API, which is all that the tests need of it. Moto reads the service from the credential. */
async function ec2(
  endpoint: string,
  action: string,
  parameters: Readonly<Record<string, string>>,
): Promise<void> {
  const reply = await fetch(endpoint, {
    method: 'POST',
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=none/20260101/${REGION}/ec2/aws4_request, SignedHeaders=host, Signature=none`,
    },
    body: new URLSearchParams({ Action: action, Version: '2016-11-15', ...parameters }),
  });
  if (!reply.ok) throw new Error(`EC2 ${action}: ${await reply.text()}`);
}
