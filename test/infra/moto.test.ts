import { randomUUID } from 'node:crypto';
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
  ListMetricsCommand,
  PutMetricAlarmCommand,
} from '@aws-sdk/client-cloudwatch';
import { DescribeTableCommand, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { DescribeTasksCommand, ECSClient } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { METRIC_UNITS, PER_SEGMENT_METRICS, SEGMENT_DIMENSION, TABLE_DIMENSION } from '../../core/metrics.ts';
import { MetricsPublisher } from '../../core/metrics-publisher.ts';
import { encodeTaskEnvironment, type TaskEnvironment } from '../../core/task-environment.ts';
import { Fleet } from '../../orchestrator/fleet/fleet.ts';
import { RunOpenMetric } from '../../orchestrator/supervise/run-open-metric.ts';
import { FLEET_OUTPUTS } from './support/fleet-outputs.ts';
import { MOTO, Moto, warnWithoutMoto } from './support/moto.ts';
import {
  ACCOUNT,
  FLEET_PARAMETERS,
  loadTemplate,
  REGION,
  Rendering,
  TEMPLATE_NAMES,
} from './support/template.ts';

/** The templates on moto, a third-party implementation of AWS. */
warnWithoutMoto('the templates were NOT created on another implementation of AWS', 'test/infra/moto.test.ts');

/** Types that moto 5.2 accepts in a template without creating anything. Only cfn-lint has checked these. */
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

    const created = await moto.createAll({ AlarmEmail: 'oncall@example.com' });
    outputs = created.fleet;
  });

  afterAll(async () => {
    for (const client of [cloudFormation, ecs, cloudWatch, dynamoDb]) client?.destroy();
    await moto?.stop();
  });

  it.each(TEMPLATE_NAMES)('makes every resource of %s.yaml that moto knows', async name => {
    const template = loadTemplate(name);
    const expected = new Rendering(template, { AlarmEmail: 'oncall@example.com' })
      .resources()
      .filter(id => !NOT_IN_MOTO.includes(template.Resources[id]?.Type ?? ''));
    const created = await createdIds(name === 'fleet' ? 'fleetfill' : `fleetfill-${name}`);
    expect([...created.keys()].filter(id => expected.includes(id)).sort()).toEqual(expected.sort());
  });

  it('gives every output that --stack reads, each with a value', () => {
    expect(Object.keys(outputs).sort()).toEqual([...FLEET_OUTPUTS].sort());
    expect(Object.entries(outputs).filter(([, value]) => value === '')).toEqual([]);
    expect(outputs).toMatchObject({
      Container: 'job',
      Table: 'stuff',
      Attributes: 'test',
      AssignPublicIp: 'DISABLED',
    });
    expect(outputs['Subnets']?.split(',')).toHaveLength(2);
    expect(outputs['TaskDefinition']).toMatch(/^arn:aws:ecs:.+:task-definition\/fleetfill:1$/);
    expect(outputs['SupervisorTaskDefinition']).toMatch(
      /^arn:aws:ecs:.+:task-definition\/fleetfill-supervisor:1$/,
    );
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

  it.each([
    ['on demand', false],
    ['on Spot', true],
  ])("takes the orchestrator's own RunTask, DescribeTasks and StopTask, %s", async (_, spot) => {
    const own = new Fleet(
      {
        cluster: outputs['Cluster'] ?? '',
        taskDefinition: outputs['TaskDefinition'] ?? '',
        container: outputs['Container'] ?? '',
        subnets: outputs['Subnets']?.split(',') ?? [],
        securityGroups: outputs['SecurityGroups']?.split(',') ?? [],
        assignPublicIp: outputs['AssignPublicIp'] === 'ENABLED',
      },
      ecs,
    );
    const environment: TaskEnvironment = {
      runId: '20261124063719-9252d7',
      launchId: randomUUID(),
      segments: [0, 32, 64],
      totalSegments: 96,
      table: 'stuff',
      attribute: 'test',
      value: '1',
      controlTable: outputs['ControlTable'] ?? '',
      namespace: outputs['Namespace'] ?? '',
    };
    const task = await own.start(environment, spot);
    expect((await own.describe([task])).get(task)).toMatchObject({ state: 'alive' });
    const described = await ecs.send(
      new DescribeTasksCommand({ cluster: outputs['Cluster'], tasks: [task] }),
    );
    expect(described.tasks?.[0]).toMatchObject({
      taskDefinitionArn: outputs['TaskDefinition'],
      startedBy: environment.runId,
    });
    expect(described.tasks?.[0]?.overrides?.containerOverrides?.[0]).toMatchObject({
      name: 'job',
      environment: encodeTaskEnvironment(environment),
    });
    await own.stop(task, 'fleetfill: the test is over');
    expect((await own.describe([task])).get(task)).toMatchObject({ state: 'stopped' });
  });

  it('takes what worker and orchestrator publish, under the names and dimensions that alarms and dashboard read', async () => {
    const problems: unknown[] = [];
    const onFailure = (error: unknown) => problems.push(error);
    const namespace = outputs['Namespace'] ?? '';
    const publisher = new MetricsPublisher({
      client: cloudWatch,
      clock: systemClock,
      namespace,
      table: 'stuff',
      writeRateShare: () => 31.25,
      onFailure,
    });
    publisher.count(7, { scanned: 25, updated: 24, alreadySet: 1, readUnits: 3.5, writeUnits: 25 });
    publisher.writeLatency(12.3);
    await publisher.close();
    const open = new RunOpenMetric(cloudWatch, { namespace, table: 'stuff' }, onFailure);
    await open.open();
    await open.close();
    expect(problems).toEqual([]);
    const { Metrics = [] } = await cloudWatch.send(new ListMetricsCommand({ Namespace: namespace }));
    const seriesOf = (dimensions: string) =>
      new Set(
        Metrics.filter(
          ({ Dimensions = [] }) =>
            Dimensions.map(({ Name, Value }) => `${Name}=${Value}`).join() === dimensions,
        ).map(({ MetricName }) => MetricName),
      );
    expect(seriesOf(`${TABLE_DIMENSION}=stuff`)).toEqual(new Set(Object.keys(METRIC_UNITS)));
    expect(seriesOf(`${TABLE_DIMENSION}=stuff,${SEGMENT_DIMENSION}=7`)).toEqual(new Set(PER_SEGMENT_METRICS));
  });

  // Only cfn-lint has checked the composite alarm, because moto has no PutCompositeAlarm.
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
    // Moto 5.2 leaves a stack's route tables behind and then refuses to delete their VPC.
    await ec2(moto.endpoint, 'DeleteRouteTable', { RouteTableId: routeTable });
    for (const stack of ['dashboard', 'network', 'repository', 'table']) await remove(`fleetfill-${stack}`);
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({}));
    expect((Stacks ?? []).filter(stack => stack.StackStatus !== 'DELETE_COMPLETE')).toEqual([]);
    const { TableNames } = await dynamoDb.send(new ListTablesCommand({}));
    expect(TableNames).toEqual(['stuff']);
  });
});

/** One call of EC2's query API, which is enough for the tests. Moto reads the service from the credential. */
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
