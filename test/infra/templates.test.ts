import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_NAMESPACE } from '../../core/metrics.ts';
import { TASK_ENVIRONMENT_VARIABLES } from '../../core/task-environment.ts';
import { STACK_OUTPUTS } from '../../orchestrator/fleet/location.ts';
import { FLEET_OUTPUTS, OPTIONAL_FLEET_OUTPUTS } from './support/fleet-outputs.ts';
import {
  DASHBOARD_PARAMETERS,
  FLEET_PARAMETERS,
  loadTemplate,
  type Parameter,
  Rendering,
  TEMPLATE_NAMES,
  templateText,
} from './support/template.ts';

const templates = TEMPLATE_NAMES.map(name => [name, loadTemplate(name)] as const);
const table = loadTemplate('table');
const network = loadTemplate('network');
const repository = loadTemplate('repository');
const fleet = loadTemplate('fleet');

function isBounded(parameter: Parameter): boolean {
  const { Type, AllowedValues, AllowedPattern, ConstraintDescription, MinValue } = parameter;
  if (AllowedValues !== undefined || Type.includes('AWS::EC2::')) return true;
  return Type === 'Number'
    ? MinValue !== undefined
    : AllowedPattern !== undefined && ConstraintDescription !== undefined;
}

describe.each(templates)('%s.yaml', (name, template) => {
  const parameters = Object.entries(template.Parameters);

  it('describes, groups and bounds each parameter', () => {
    const grouped = template.Metadata['AWS::CloudFormation::Interface'].ParameterGroups.flatMap(
      group => group.Parameters,
    );
    expect([...grouped].sort()).toEqual(parameters.map(([parameter]) => parameter).sort());
    expect(parameters.filter(([, { Description }]) => !Description).map(([parameter]) => parameter)).toEqual(
      [],
    );
    expect(
      parameters.filter(([, parameter]) => !isBounded(parameter)).map(([parameter]) => parameter),
    ).toEqual([]);
  });

  it('has defaults that its own bounds allow', () => {
    const outside = parameters.filter(([, { Default, AllowedPattern, AllowedValues }]) => {
      if (Default === undefined) return false;
      if (AllowedValues) return !AllowedValues.includes(Default);
      return AllowedPattern !== undefined && !new RegExp(AllowedPattern).test(String(Default));
    });
    expect(outside).toEqual([]);
  });

  it('has room below the 51,200 bytes that a template may have which is sent along with its command', () => {
    expect(Buffer.byteLength(templateText(name))).toBeLessThan(51_200);
  });

  it('describes each output', () => {
    expect(Object.entries(template.Outputs).filter(([, { Description }]) => !Description)).toEqual([]);
  });

  it('imports nothing from another stack and names no account or Region of its own', () => {
    const text = templateText(name);
    expect(text).not.toMatch(/ImportValue|\bExport:/);
    expect(text).not.toMatch(/arn:aws(-cn|-us-gov)?:|\b\d{12}\b/);
    expect(text).not.toMatch(/\b(us|eu|ap|sa|ca|me|af)-(east|west|north|south|central)[a-z]*-\d\b/);
  });

  it('is explained in its part of docs/deploy.md, parameter by parameter and output by output', () => {
    const text = partOfDeploy(name);
    const names = [...Object.keys(template.Parameters), ...Object.keys(template.Outputs)];
    expect(names.filter(entry => !text.includes(`\`${entry}\``))).toEqual([]);
  });

  it('has the defaults that docs/deploy.md says it has, and no other parameters', () => {
    const said = defaultsSaid(partOfDeploy(name));
    const has = parameters.map(([parameter, { Default }]) => [parameter, String(Default ?? 'none')]);
    expect(said).toEqual(Object.fromEntries(has));
  });
});

/** What docs/deploy.md says about a template's parameters and outputs. */
function partOfDeploy(name: string): string {
  const text = readFileSync(new URL('../../docs/deploy.md', import.meta.url), 'utf8');
  const [, part] = text.split(`### infra/${name}.yaml\n`);
  if (part === undefined) throw new Error(`docs/deploy.md has no part on infra/${name}.yaml`);
  return part.split(/^### /m)[0] ?? '';
}

/** A row names one or more parameters, with one default for all or one for each. */
function defaultsSaid(text: string): Record<string, string> {
  const rows = [...text.matchAll(/^\| (`.+?`) \| (.*?) ?\| .*\|$/gm)];
  return Object.fromEntries(
    rows.flatMap(([, names = '', said = '']) => {
      const parameters = names.split(', ').map(entry => entry.replaceAll('`', ''));
      const each = said.split(', ');
      return parameters.map((parameter, index) => [
        parameter,
        (each.length === parameters.length ? each[index] : said) ?? '',
      ]);
    }),
  );
}

describe('table.yaml', () => {
  const properties = new Rendering(table).properties('Table');

  it('is the table of the founding case', () => {
    expect(properties).toMatchObject({
      TableName: 'stuff',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'id', AttributeType: 'S' },
        { AttributeName: 'created', AttributeType: 'N' },
      ],
      KeySchema: [
        { AttributeName: 'id', KeyType: 'HASH' },
        { AttributeName: 'created', KeyType: 'RANGE' },
      ],
    });
    expect(properties).not.toHaveProperty('ProvisionedThroughput');
  });

  it('survives its stack, and has a way back', () => {
    expect(table.Resources['Table']).toMatchObject({
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
    });
    expect(properties).toMatchObject({
      DeletionProtectionEnabled: 'true',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
  });

  it('says in its description never to create it over an existing table', () => {
    expect(table.Description).toMatch(/never create this stack over an existing table/i);
  });

  it('takes provisioned capacity and a key when told', () => {
    const key = 'arn:aws:kms:eu-west-1:111122223333:key/0000';
    expect(
      new Rendering(table, {
        BillingMode: 'PROVISIONED',
        WriteCapacityUnits: '700',
        KmsKeyArn: key,
      }).properties('Table'),
    ).toMatchObject({
      ProvisionedThroughput: { ReadCapacityUnits: '100', WriteCapacityUnits: '700' },
      SSESpecification: { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: key },
    });
  });
});

describe('network.yaml', () => {
  const rendering = new Rendering(network);
  const endpoints = rendering
    .resources()
    .filter(id => network.Resources[id]?.Type === 'AWS::EC2::VPCEndpoint')
    .map(id => rendering.properties(id));

  it('has the endpoints that a task without internet needs, and no others', () => {
    const services = endpoints.map(({ VpcEndpointType, ServiceName }) => [
      ServiceName.split('.').slice(3).join('.'),
      VpcEndpointType,
    ]);
    expect(Object.fromEntries(services)).toEqual({
      dynamodb: 'Gateway',
      s3: 'Gateway',
      'ecr.api': 'Interface',
      'ecr.dkr': 'Interface',
      ecs: 'Interface',
      logs: 'Interface',
      monitoring: 'Interface',
    });
  });

  it('puts endpoints into its own VPC only, and takes no other', () => {
    expect(endpoints.map(({ VpcId }) => VpcId)).toEqual(endpoints.map(() => 'Vpc'));
    expect(Object.values(network.Parameters).filter(({ Type }) => Type.includes('VPC'))).toEqual([]);
  });

  it('has no way to the internet', () => {
    expect(
      rendering
        .resources()
        .filter(id => /InternetGateway|NatGateway|Route$/.test(network.Resources[id]?.Type ?? '')),
    ).toEqual([]);
  });
});

describe('repository.yaml', () => {
  it('keeps tags immutable and images bounded', () => {
    const { ImageTagMutability, ImageScanningConfiguration, LifecyclePolicy } = new Rendering(repository, {
      KeepImages: '7',
    }).properties('Repository');
    expect(ImageTagMutability).toBe('IMMUTABLE');
    expect(ImageScanningConfiguration).toEqual({ ScanOnPush: true });
    const [rule, ...others] = JSON.parse(LifecyclePolicy.LifecyclePolicyText).rules;
    expect(others).toEqual([]);
    expect(rule).toMatchObject({ selection: { countNumber: 7 }, action: { type: 'expire' } });
  });
});

describe('fleet.yaml', () => {
  const rendering = new Rendering(fleet, FLEET_PARAMETERS);

  it('needs what only its user can know, and has a default for the rest', () => {
    const needed = Object.entries(fleet.Parameters).filter(([, { Default }]) => Default === undefined);
    expect(needed.map(([name]) => name)).toEqual(Object.keys(FLEET_PARAMETERS));
  });

  it('has the outputs that a run needs, and all that orchestrate --stack asks for', () => {
    expect(Object.keys(fleet.Outputs)).toEqual([...FLEET_OUTPUTS, ...OPTIONAL_FLEET_OUTPUTS]);
    expect(STACK_OUTPUTS.filter(name => !(FLEET_OUTPUTS as readonly string[]).includes(name))).toEqual([]);
    expect(rendering.output('Container')).toBe(
      rendering.properties('TaskDefinition').ContainerDefinitions[0].Name,
    );
    expect(rendering.output('Subnets')).toBe('subnet-a,subnet-b');
    expect(rendering.output('SupervisorTaskDefinition')).toBe('SupervisorTaskDefinition');
    expect(fleet.Parameters['Namespace']?.Default).toBe(DEFAULT_NAMESPACE);
  });

  it('keeps records in a control table of the contract, with recovery and expiry', () => {
    expect(rendering.properties('ControlTable')).toEqual({
      AttributeDefinitions: [
        { AttributeName: 'run', AttributeType: 'S' },
        { AttributeName: 'item', AttributeType: 'S' },
      ],
      KeySchema: [
        { AttributeName: 'run', KeyType: 'HASH' },
        { AttributeName: 'item', KeyType: 'RANGE' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    });
  });

  describe('the task definition', () => {
    const { ContainerDefinitions, ...task } = rendering.properties('TaskDefinition');
    const [container, ...others] = ContainerDefinitions;

    it('is one container on Fargate, for ARM by default', () => {
      expect(others).toEqual([]);
      expect(task).toMatchObject({
        RequiresCompatibilities: ['FARGATE'],
        NetworkMode: 'awsvpc',
        RuntimePlatform: { CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' },
      });
    });

    it('has roles of its own for starting and for working', () => {
      expect(task).toMatchObject({ ExecutionRoleArn: 'ExecutionRole.Arn', TaskRoleArn: 'TaskRole.Arn' });
    });

    it('can write nowhere but its log, and has no privilege to drop', () => {
      expect(container).toMatchObject({
        ReadonlyRootFilesystem: true,
        User: '1000:1000',
        LinuxParameters: { InitProcessEnabled: true, Capabilities: { Drop: ['ALL'] } },
      });
    });

    it('has the longest time to stop that Fargate allows', () => {
      expect(container.StopTimeout).toBe(120);
    });

    it('stays usable for the run that began with it when the stack is updated', () => {
      for (const id of ['TaskDefinition', 'SupervisorTaskDefinition']) {
        expect(fleet.Resources[id]).toMatchObject({
          UpdateReplacePolicy: 'Retain',
          DeletionPolicy: 'Delete',
        });
      }
    });

    it('leaves the size of the log buffer to ECS, and never waits for the log', () => {
      expect(Object.keys(container.LogConfiguration.Options).sort()).toEqual([
        'awslogs-group',
        'awslogs-region',
        'awslogs-stream-prefix',
        'mode',
      ]);
      expect(container.LogConfiguration.Options.mode).toBe('non-blocking');
    });

    it("sets none of the worker's variables, and documents each", () => {
      const set = container.Environment.map(({ Name }: { Name: string }) => Name);
      expect(TASK_ENVIRONMENT_VARIABLES.filter(name => set.includes(name))).toEqual([]);
      expect(TASK_ENVIRONMENT_VARIABLES.filter(name => !templateText('fleet').includes(name))).toEqual([]);
    });

    it.each(['256', '512', '1024', '2048', '4096'])(
      'pairs %s CPU units with memory that Fargate takes',
      TaskCpu => {
        const sized = new Rendering(fleet, { ...FLEET_PARAMETERS, TaskCpu }).properties('TaskDefinition');
        // The least for each size [Fargate task CPU and memory, developer guide].
        const least: Record<string, number> = { 256: 512, 512: 1024, 1024: 2048, 2048: 4096, 4096: 8192 };
        expect(sized).toMatchObject({ Cpu: TaskCpu, Memory: least[TaskCpu] });
        expect(sized.ContainerDefinitions[0].Memory).toBe(least[TaskCpu]);
        expect(fleet.Parameters['TaskCpu']?.AllowedValues).toContain(TaskCpu);
      },
    );
  });

  describe('the task definition of the supervisor', () => {
    const task = rendering.properties('SupervisorTaskDefinition');
    const [container, ...others] = task.ContainerDefinitions;
    const worker = rendering.properties('TaskDefinition').ContainerDefinitions[0];

    it('is the same image as the worker, as confined, in a container of the name that --detach overrides', () => {
      expect(others).toEqual([]);
      expect(container.Name).toBe('supervisor');
      const { Name: _, Command: __, Memory: ___, LogConfiguration: ____, ...confined } = worker;
      expect(container).toMatchObject(confined);
    });

    it('does nothing without the override', () => {
      expect(container.Command).toEqual(['node', 'orchestrate.mjs', '--help']);
    });

    it('has a role of its own, and logs to the workers’ log group', () => {
      expect(task).toMatchObject({
        Family: 'fleetfill-supervisor',
        ExecutionRoleArn: 'ExecutionRole.Arn',
        TaskRoleArn: 'SupervisorRole.Arn',
      });
      expect(container.LogConfiguration.Options).toEqual({
        ...worker.LogConfiguration.Options,
        'awslogs-stream-prefix': 'supervisor',
      });
    });
  });

  it('lets nothing in, and HTTPS out', () => {
    const group = rendering.properties('TaskSecurityGroup');
    expect(group).not.toHaveProperty('SecurityGroupIngress');
    expect(group.SecurityGroupEgress).toMatchObject([{ IpProtocol: 'tcp', FromPort: 443, ToPort: 443 }]);
  });

  it('keeps logs for a bounded time', () => {
    expect(rendering.properties('LogGroup')).toEqual({ RetentionInDays: '90' });
  });

  it('encrypts the log under a key when it is given one', () => {
    const LogKmsKeyArn = 'arn:aws:kms:eu-west-1:111122223333:key/1111';
    const keyed = new Rendering(fleet, { ...FLEET_PARAMETERS, LogKmsKeyArn });
    expect(keyed.properties('LogGroup').KmsKeyId).toBe(LogKmsKeyArn);
  });

  it.each([
    ['Attributes', 'test', true],
    ['Attributes', 'tax.rate-2', true],
    ['Attributes', 'gsi1pk,gsi1sk', true],
    ['Attributes', 'a,', false],
    ['Attributes', '', false],
    ['Attributes', 'say "hi"', false],
    ['Attributes', '$' + '{aws:username}', false],
    ['SourceAttributes', '', true],
    ['SourceAttributes', 'created,kind', true],
    ['SourceAttributes', ',kind', false],
    ['KeyAttributes', 'id', true],
    ['KeyAttributes', 'id,created', true],
    ['KeyAttributes', 'a,b,c', false],
    ['ImageUri', '111122223333.dkr.ecr.eu-west-1.amazonaws.com/fleetfill:1.0', true],
    [
      'ImageUri',
      `111122223333.dkr.ecr.eu-west-1.amazonaws.com/tools/fleetfill@sha256:${'a'.repeat(64)}`,
      true,
    ],
    ['ImageUri', '111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/fleetfill:1.0', true],
    ['ImageUri', '111122223333.dkr.ecr.us-gov-west-1.amazonaws.com/fleetfill:1.0', true],
    ['ImageUri', '111122223333.dkr.ecr.cn-north-1.amazonaws.com.uk/fleetfill:1.0', false],
    ['ImageUri', '111122223333.dkr.ecr.eu-west-1.amazonaws.com/fleetfill', false],
    ['ImageUri', 'fleetfill:latest', false],
    ['Namespace', 'Fleetfill', true],
    ['Namespace', 'Ops/Backfill', true],
    ['Namespace', 'AWS/DynamoDB', false],
    ['AlarmEmail', 'oncall@example.com', true],
    ['AlarmEmail', 'oncall', false],
    ['TableKmsKeyArn', 'arn:aws:kms:eu-west-1:111122223333:alias/stuff', false],
  ])('takes for %s %s: %s', (parameter, value, taken) => {
    expect(new RegExp(fleet.Parameters[parameter]?.AllowedPattern ?? '').test(value)).toBe(taken);
  });
});

/** The partitions with what differs in each [AWS reference guide, "Partitions"; console and endpoints of each]. */
const PARTITIONS = [
  { partition: 'aws', region: 'eu-west-1', suffix: 'amazonaws.com', console: 'console.aws.amazon.com' },
  { partition: 'aws-cn', region: 'cn-north-1', suffix: 'amazonaws.com.cn', console: 'console.amazonaws.cn' },
  {
    partition: 'aws-us-gov',
    region: 'us-gov-west-1',
    suffix: 'amazonaws.com',
    console: 'console.amazonaws-us-gov.com',
  },
] as const;

describe.each(PARTITIONS)('in the partition $partition', ({ partition, region, suffix, console }) => {
  const place = { 'AWS::Partition': partition, 'AWS::Region': region, 'AWS::URLSuffix': suffix };
  const ImageUri = `111122223333.dkr.ecr.${region}.${suffix}/tools/fleetfill:1.0`;
  const rendering = new Rendering(fleet, {
    ...FLEET_PARAMETERS,
    ...place,
    ImageUri,
    TableKmsKeyArn: `arn:${partition}:kms:${region}:111122223333:key/0000`,
  });

  it('every ARN of the fleet is of it', () => {
    const text = JSON.stringify(rendering.resources().map(id => rendering.properties(id)));
    const partitions = [...text.matchAll(/arn:(aws[a-z-]*):/g)].map(([, name]) => name);
    expect(partitions.length).toBeGreaterThan(20);
    expect(new Set(partitions)).toEqual(new Set([partition]));
  });

  it('the image is pulled from its repository', () => {
    expect(new RegExp(fleet.Parameters['ImageUri']?.AllowedPattern ?? '').test(ImageUri)).toBe(true);
    const repositories = JSON.stringify(rendering.properties('ExecutionRole')).match(
      /[^"]+:repository\/[^"]+/g,
    );
    expect(repositories).toEqual([`arn:${partition}:ecr:${region}:111122223333:repository/tools/fleetfill`]);
  });

  it('the dashboard is in its console, where the dashboard stack made it', () => {
    const url = `https://${region}.${console}/cloudwatch/home?region=${region}#dashboards/dashboard/fleetfill-${region}`;
    expect(rendering.output('DashboardUrl')).toBe(url);
    const dashboard = new Rendering(loadTemplate('dashboard'), { ...DASHBOARD_PARAMETERS, ...place });
    expect(dashboard.properties('Dashboard').DashboardName).toBe(`fleetfill-${region}`);
    expect(dashboard.output('DashboardUrl')).toBe(url.replace(/fleetfill-[^/]+$/, 'Dashboard'));
  });

  it('the key of the table is used through its DynamoDB', () => {
    const [statement] = rendering.properties('TaskKeyPolicy').PolicyDocument.Statement;
    expect(statement.Condition.StringEquals['kms:ViaService']).toBe(`dynamodb.${region}.${suffix}`);
  });

  it('the network has its endpoints', () => {
    const own = new Rendering(network, place);
    const names = own
      .resources()
      .filter(id => network.Resources[id]?.Type === 'AWS::EC2::VPCEndpoint')
      .map(id => own.properties(id).ServiceName as string);
    expect(names.filter(name => !name.includes(`com.amazonaws.${region}.`))).toEqual([]);
    const chinese = names.filter(name => name.startsWith('cn.')).map(name => name.split(`${region}.`)[1]);
    expect(chinese.sort()).toEqual(partition === 'aws-cn' ? ['ecr.api', 'ecr.dkr', 'ecs', 'monitoring'] : []);
  });
});
