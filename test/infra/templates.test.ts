import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_NAMESPACE } from '../../core/metrics.ts';
import { TASK_ENVIRONMENT_VARIABLES } from '../../core/task-environment.ts';
import { STACK_OUTPUTS } from '../../orchestrator/fleet/location.ts';
import { FLEET_OUTPUTS, OPTIONAL_FLEET_OUTPUTS } from './support/fleet-outputs.ts';
import {
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

  it('describes each output', () => {
    expect(Object.entries(template.Outputs).filter(([, { Description }]) => !Description)).toEqual([]);
  });

  it('imports nothing from another stack and names no account or Region of its own', () => {
    const text = templateText(name);
    expect(text).not.toMatch(/ImportValue|\bExport:/);
    expect(text).not.toMatch(/arn:aws:|\b\d{12}\b/);
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

/** What docs/deploy.md says of a template's parameters and outputs. */
function partOfDeploy(name: string): string {
  const text = readFileSync(new URL('../../docs/deploy.md', import.meta.url), 'utf8');
  const [, part] = text.split(`### infra/${name}.yaml\n`);
  if (part === undefined) throw new Error(`docs/deploy.md has no part on infra/${name}.yaml`);
  return part.split(/^### /m)[0] ?? '';
}

/** A row names one parameter or several, with one default for all or one for each. */
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
    expect(rendering.output('DashboardUrl')).toMatch(
      /^https:\/\/eu-west-1\.console\.aws\.amazon\.com\/cloudwatch\/.+Dashboard$/,
    );
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

    it('is one container on Fargate, for ARM unless told otherwise', () => {
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

    it('has all the time that Fargate gives to stop', () => {
      expect(container.StopTimeout).toBe(120);
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

  it('lets nothing in, and HTTPS out', () => {
    const group = rendering.properties('TaskSecurityGroup');
    expect(group).not.toHaveProperty('SecurityGroupIngress');
    expect(group.SecurityGroupEgress).toMatchObject([{ IpProtocol: 'tcp', FromPort: 443, ToPort: 443 }]);
  });

  it('keeps logs for a bounded time', () => {
    expect(rendering.properties('LogGroup').RetentionInDays).toBe('90');
  });

  it.each([
    ['Attribute', 'test', true],
    ['Attribute', 'tax.rate-2', true],
    ['Attribute', 'a,b', false],
    ['Attribute', 'say "hi"', false],
    ['Attribute', '$' + '{aws:username}', false],
    ['KeyAttributes', 'id', true],
    ['KeyAttributes', 'id,created', true],
    ['KeyAttributes', 'a,b,c', false],
    ['ImageUri', '111122223333.dkr.ecr.eu-west-1.amazonaws.com/fleetfill:1.0', true],
    [
      'ImageUri',
      `111122223333.dkr.ecr.eu-west-1.amazonaws.com/tools/fleetfill@sha256:${'a'.repeat(64)}`,
      true,
    ],
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
