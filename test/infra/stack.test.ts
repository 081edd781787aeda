import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CreateTableCommand,
  DynamoDBClient,
  UpdateContinuousBackupsCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import {
  AssociateRouteTableCommand,
  DeleteVpcEndpointsCommand,
  DescribeRouteTablesCommand,
  DescribeVpcEndpointsCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { ECRClient, PutImageCommand } from '@aws-sdk/client-ecr';
import {
  ECSClient,
  RegisterTaskDefinitionCommand,
  type RegisterTaskDefinitionCommandInput,
} from '@aws-sdk/client-ecs';
import { CreateRoleCommand, DeleteRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import { CreateKeyCommand, DisableKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SERVICE_LINKED_ROLE } from '../../orchestrator/checks/account.ts';
import { FURTHER_STACK_OUTPUTS, STACK_OUTPUTS } from '../../orchestrator/fleet/location.ts';
import { ORCHESTRATE, type OrchestratorEvent } from '../e2e/support/orchestrator-process.ts';
import { Stage } from '../e2e/support/stage.ts';
import { type CloudFormationStub, startCloudFormationStub } from '../support/cloudformation-stub.ts';
import { useEngine } from '../support/engine.ts';
import { FLEET_OUTPUTS, OPTIONAL_FLEET_OUTPUTS } from './support/fleet-outputs.ts';
import { MOTO, Moto, warnWithoutMoto } from './support/moto.ts';
import { loadTemplate, Rendering } from './support/template.ts';

warnWithoutMoto(
  '--stack and doctor were NOT tried on another implementation of AWS',
  'test/infra/stack.test.ts',
);

interface Ended {
  readonly exit: number;
  readonly events: readonly OrchestratorEvent[];
  readonly stderr: string;
}

function orchestrate(environment: Readonly<Record<string, string>>, ...args: string[]): Promise<Ended> {
  return new Promise(resolve => {
    const env = { PATH: process.env['PATH'], ...environment };
    execFile(
      process.execPath,
      [ORCHESTRATE, ...args, '--json'],
      { env, timeout: 90_000 },
      (error, stdout, stderr) => {
        const exit = error === null ? 0 : Number(error.code ?? 1);
        const events = stdout
          .split('\n')
          .filter(Boolean)
          .map(line => JSON.parse(line) as OrchestratorEvent);
        resolve({ exit, events, stderr });
      },
    );
  });
}

const found = (ended: Ended, check: string) => ended.events.filter(event => event['check'] === check);

describe('the outputs that --stack reads', () => {
  it('are those of the template, no fewer and no more', () => {
    const read = [...STACK_OUTPUTS, ...FURTHER_STACK_OUTPUTS].sort();
    expect(read).toEqual([...FLEET_OUTPUTS, ...OPTIONAL_FLEET_OUTPUTS].sort());
    expect(Object.keys(loadTemplate('fleet').Outputs).sort()).toEqual(read);
  });
});

describe('a stack that cannot be used', () => {
  let cloudFormation: CloudFormationStub;

  beforeAll(async () => {
    cloudFormation = await startCloudFormationStub();
  });
  afterAll(() => cloudFormation.close());

  const stackIn = (status: string, outputs: Readonly<Record<string, string>> = {}) => {
    cloudFormation.stack = { status, outputs };
  };

  const ask = (...args: string[]) => askWith({}, ...args);
  const askWith = (environment: Readonly<Record<string, string>>, ...args: string[]) =>
    orchestrate(
      {
        AWS_REGION: 'eu-west-1',
        AWS_ACCESS_KEY_ID: 'none',
        AWS_SECRET_ACCESS_KEY: 'none',
        AWS_ENDPOINT_URL: cloudFormation.endpoint,
        ...environment,
      },
      ...args,
    );
  const engine = useEngine();

  const complete = {
    Cluster: 'c',
    TaskDefinition: 't:1',
    Subnets: 'subnet-a',
    SecurityGroups: 'sg-a',
    ControlTable: 'control',
    Table: 'stuff',
    Attributes: 'test',
  };

  it.each([
    [
      'CREATE_IN_PROGRESS',
      /still being created\. Wait for it: aws cloudformation wait stack-create-complete/,
    ],
    ['ROLLBACK_COMPLETE', /is ROLLBACK_COMPLETE/],
    ['DELETE_IN_PROGRESS', /is DELETE_IN_PROGRESS/],
  ])('is refused with exit 3 while it is %s', async (status, words) => {
    stackIn(status, complete);
    const ended = await ask('run', '--yes');
    expect(ended.stderr).toMatch(words);
    expect(ended.exit).toBe(3);
  });

  it('is refused with every output that it lacks', async () => {
    stackIn('CREATE_COMPLETE', { Cluster: 'c', Subnets: 'subnet-a' });
    const ended = await ask('run', '--yes');
    expect(ended.stderr).toContain('has no output TaskDefinition, SecurityGroups, ControlTable');
    expect(ended.exit).toBe(3);
  });

  it.each([
    ['--table', 'orders', /is for the table stuff, not orders.*\nGive --table stuff/],
    ['--attribute', 'other', /is for the attribute test, not other/],
  ])('is refused for another %s than its own', async (option, value, words) => {
    stackIn('UPDATE_COMPLETE', complete);
    const ended = await ask('run', '--yes', option, value);
    expect(ended.stderr).toMatch(words);
    expect(ended.exit).toBe(3);
  });

  it.each([['run', '--yes'], ['plan']])(
    'is refused by %s when it is for another table or attribute than the default',
    async (...args) => {
      stackIn('CREATE_COMPLETE', { ...complete, Table: 'orders' });
      const other = await ask(...args);
      expect(other.stderr).toMatch(/is for the table orders, not stuff.*\nGive --table orders/);
      expect(other.exit).toBe(3);
      stackIn('CREATE_COMPLETE', { ...complete, Attributes: 'region,zone' });
      const attribute = await ask(...args, '--table', 'stuff');
      expect(attribute.stderr).toMatch(/is for the attribute region, zone, not test/);
      expect(attribute.exit).toBe(3);
    },
  );

  it('is a failure of doctor when it is for another table than the default', async () => {
    stackIn('CREATE_COMPLETE', { ...complete, Table: 'orders' });
    const ended = await ask('doctor');
    expect(found(ended, 'stack')).toMatchObject([
      { level: 'failure', message: expect.stringContaining('is for the table orders, not stuff') },
    ]);
    expect(ended.exit).toBe(3);
  });

  it('is refused by doctor where a recipe reads what its roles may not read', async () => {
    const table = await engine.createTable();
    stackIn('CREATE_COMPLETE', { ...complete, Table: table, SourceAttributes: 'kind' });
    const recipe = ['--set', 'test=created / 1000 + days', '--where', 'kind == "A"'];
    const environment = { AWS_ENDPOINT_URL_DYNAMODB: engine.endpoint };
    const ended = await askWith(environment, 'doctor', '--table', table, ...recipe);
    expect(found(ended, 'source-attributes')).toMatchObject([
      {
        level: 'failure',
        message: 'The recipe reads "days", which the roles of the stack fleetfill may not read.',
        advice: expect.stringContaining('SourceAttributes=kind,days'),
      },
    ]);
    expect(ended.exit).toBe(3);
  });

  it.each(['region', 'zone', 'test'])(
    'is accepted for %s, when it is one of several attributes',
    async attribute => {
      stackIn('CREATE_COMPLETE', { ...complete, Attributes: 'region,zone,test' });
      const ended = await ask('run', '--yes', '--table', 'stuff', '--attribute', attribute);
      expect(ended.stderr).not.toContain('is for the attribute');
    },
  );

  it.each(['status', 'resume some-run'])(
    'is not refused by %s, which goes by the record of a run',
    async command => {
      stackIn('CREATE_COMPLETE', { ...complete, Table: 'orders' });
      expect((await ask(...command.split(' '))).stderr).not.toContain('is for the table');
    },
  );

  it('is a failure for doctor, which still ends with its list', async () => {
    stackIn('CREATE_IN_PROGRESS');
    const ended = await ask('doctor');
    expect(found(ended, 'stack')).toMatchObject([{ level: 'failure' }]);
    expect(ended.events.at(-1)).toMatchObject({ event: 'doctor.finished', failures: 1 });
    expect(ended.exit).toBe(3);
  });
});

describe.skipIf(!MOTO)('doctor, on moto', () => {
  let moto: Moto;
  let taskDefinition: string;
  let created: Awaited<ReturnType<Moto['createAll']>>;

  /**
   * Registers the template's task definition with what moto's CloudFormation leaves out, for this architecture and tag.
   */
  async function registerDefinition(tag: string) {
    const rendered = new Rendering(loadTemplate('fleet'), {
      TableName: 'stuff',
      Attributes: 'test',
      ImageUri: `${created.repository['RepositoryUri']}:${tag}`,
      AssignPublicIp: 'DISABLED',
    }).properties('TaskDefinition');
    const input = lowerFirst(rendered) as RegisterTaskDefinitionCommandInput;
    const ecs = new ECSClient(moto.clientOptions);
    const reply = await ecs.send(
      new RegisterTaskDefinitionCommand({
        ...input,
        taskRoleArn: 'arn:aws:iam::111122223333:role/task',
        executionRoleArn: 'arn:aws:iam::111122223333:role/execution',
        memory: '512',
      }),
    );
    return reply.taskDefinition?.taskDefinitionArn ?? '';
  }

  async function putImage(imageTag: string, architecture: string) {
    await new ECRClient(moto.clientOptions).send(
      new PutImageCommand({
        repositoryName: 'fleetfill',
        imageTag,
        imageManifestMediaType: 'application/vnd.oci.image.index.v1+json',
        imageManifest: JSON.stringify({
          schemaVersion: 2,
          mediaType: 'application/vnd.oci.image.index.v1+json',
          manifests: [
            {
              mediaType: 'application/vnd.oci.image.manifest.v1+json',
              size: 1,
              digest: `sha256:${'a'.repeat(64)}`,
              platform: { architecture, os: 'linux' },
            },
          ],
        }),
      }),
    );
  }

  beforeAll(async () => {
    moto = await Moto.start();
    created = await moto.createAll();
    const { network, fleet } = created;
    // What moto's CloudFormation accepts but does not do: routes of subnets, recovery, time to live.
    const ec2 = new EC2Client(moto.clientOptions);
    const ofVpc = { Filters: [{ Name: 'vpc-id', Values: [network['VpcId'] ?? ''] }] };
    const { RouteTables = [] } = await ec2.send(new DescribeRouteTablesCommand(ofVpc));
    const own = RouteTables.find(({ Associations = [] }) => Associations.length === 0);
    for (const SubnetId of network['SubnetIds']?.split(',') ?? []) {
      await ec2.send(new AssociateRouteTableCommand({ RouteTableId: own?.RouteTableId, SubnetId }));
    }
    const dynamodb = new DynamoDBClient(moto.clientOptions);
    for (const TableName of ['stuff', fleet['ControlTable'] ?? '']) {
      const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: true };
      await dynamodb.send(
        new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification }),
      );
    }
    await dynamodb.send(
      new UpdateTimeToLiveCommand({
        TableName: fleet['ControlTable'],
        TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
      }),
    );
    await putImage('1.0', 'arm64');
    await putImage('intel', 'amd64');
    taskDefinition = await registerDefinition('1.0');
    // Moto's CreateServiceLinkedRole gives it another name than AWS does.
    await new IAMClient(moto.clientOptions).send(
      new CreateRoleCommand({ RoleName: SERVICE_LINKED_ROLE, AssumeRolePolicyDocument: '{}' }),
    );
  });
  afterAll(async () => {
    await moto?.stop();
  });

  /** Moto's CloudFormation drops that a definition is for Fargate, so the registered one is used for both. */
  const supervisor = () => ['--supervisor-task-definition', taskDefinition, '--supervisor-container', 'job'];
  const doctor = (...args: string[]) => orchestrate(moto.environment, 'doctor', ...supervisor(), ...args);

  it('finds nothing wrong with what the templates create, except what moto does not know', async () => {
    const ended = await doctor('--task-definition', taskDefinition);
    const levels = (level: string) =>
      ended.events.filter(event => event['level'] === level).map(event => event['check']);
    expect(levels('failure')).toEqual([]);
    expect(new Set(levels('warning'))).toEqual(new Set(['quota', 'kinesis', 'supervisor']));
    expect(levels('ok')).toEqual(
      expect.arrayContaining([
        'stack',
        'cluster',
        'task-definition',
        'image',
        'subnets',
        'addresses',
        'route',
      ]),
    );
    expect(ended.exit).toBe(0);
  });

  it.each<[string, string, () => Promise<string[]>, RegExp]>([
    [
      'image',
      'an image for another architecture',
      async () => ['--task-definition', await registerDefinition('intel')],
      /built for amd64.*asks for ARM64/,
    ],
    [
      'image',
      'an image that was not pushed',
      async () => ['--task-definition', await registerDefinition('2.0')],
      /not in its repository/,
    ],
    ['addresses', 'more tasks than addresses', async () => ['--segments', '600'], /600 tasks need one each/],
    ['cluster', 'no cluster', async () => ['--cluster', 'nowhere'], /There is no cluster nowhere/],
    [
      'task-definition',
      'no task definition',
      async () => ['--task-definition', 'nothing'],
      /There is no task definition nothing/,
    ],
    [
      'task-definition',
      'no such container',
      async () => ['--container', 'worker'],
      /has no container worker; it has job/,
    ],
    [
      'subnets',
      'no such subnet',
      async () => ['--subnets', 'subnet-0123456789abcdef0'],
      /subnet-0123456789abcdef0/,
    ],
    [
      'security-groups',
      'no such security group',
      async () => ['--security-groups', 'sg-0123456789abcdef0'],
      /sg-0123456789abcdef0/,
    ],
    [
      'attribute',
      'the attribute a key',
      async () => [
        '--cluster',
        'c',
        '--subnets',
        's',
        '--security-groups',
        'g',
        '--control-table',
        created.fleet['ControlTable'] ?? '',
        '--attribute',
        'id',
        '--task-definition',
        taskDefinition,
      ],
      /is a key/,
    ],
  ])('says of the %s: %s', async (check, _, options, words) => {
    const given = await options();
    const defaults = given.includes('--task-definition') ? [] : ['--task-definition', taskDefinition];
    const ended = await doctor(...defaults, ...given);
    const failures = found(ended, check).filter(event => event['level'] === 'failure');
    expect(failures).not.toEqual([]);
    const { message, advice = '' }: Record<string, unknown> = { ...failures[0] };
    // Some findings say in one sentence what is wrong and what to do.
    expect(`${message} ${advice}`).toMatch(words);
    expect(ended.exit).toBe(3);
  });

  it('holds the vCPU quota, on demand and of Spot, against --tasks', async () => {
    const asked: Record<string, unknown>[] = [];
    const quotas = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      asked.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify({ Quota: { Value: 6 } }));
    });
    await new Promise<void>(resolve => quotas.listen(0, '127.0.0.1', resolve));
    const environment = {
      ...moto.environment,
      AWS_ENDPOINT_URL_SERVICE_QUOTAS: `http://127.0.0.1:${(quotas.address() as AddressInfo).port}`,
    };
    const tasks = (count: string, ...more: string[]) =>
      orchestrate(
        environment,
        ...['doctor', ...supervisor(), '--task-definition', taskDefinition, '--tasks', count, ...more],
      );
    const tooMany = await tasks('32');
    expect(found(tooMany, 'quota')).toMatchObject([
      { level: 'warning', message: expect.stringContaining('32 tasks of 0.25 vCPU need 8') },
    ]);
    // The run still works with fewer tasks at a time.
    expect(tooMany.exit).toBe(0);
    expect(found(await tasks('24', '--spot'), 'quota')).toMatchObject([{ level: 'ok' }]);
    expect(asked).toEqual([
      { ServiceCode: 'fargate', QuotaCode: 'L-3032A538' },
      { ServiceCode: 'fargate', QuotaCode: 'L-36FBB829' },
    ]);
    quotas.close();
  });

  it('says that the account has no role by which ECS attaches network interfaces', async () => {
    const iam = new IAMClient(moto.clientOptions);
    const role = { RoleName: SERVICE_LINKED_ROLE };
    await iam.send(new DeleteRoleCommand(role));
    const ended = await doctor('--task-definition', taskDefinition);
    await iam.send(new CreateRoleCommand({ ...role, AssumeRolePolicyDocument: '{}' }));
    expect(found(ended, 'service-linked-role')).toMatchObject([
      { level: 'failure', advice: expect.stringContaining('aws iam create-service-linked-role') },
    ]);
    expect(ended.exit).toBe(3);
  });

  describe('of a table under a customer-managed key', () => {
    let own: string;
    let other: string;

    beforeAll(async () => {
      const kms = new KMSClient(moto.clientOptions);
      const key = async () => (await kms.send(new CreateKeyCommand({}))).KeyMetadata?.Arn ?? '';
      [own, other] = [await key(), await key()];
      await new DynamoDBClient(moto.clientOptions).send(
        new CreateTableCommand({
          TableName: 'sealed',
          AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
          KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
          BillingMode: 'PAY_PER_REQUEST',
          SSESpecification: { Enabled: true, SSEType: 'KMS', KMSMasterKeyId: own },
        }),
      );
      const parameters = {
        TableName: 'sealed',
        Attributes: 'test',
        KeyAttributes: 'id',
        VpcId: created.network['VpcId'] ?? '',
        SubnetIds: created.network['SubnetIds'] ?? '',
        AssignPublicIp: 'DISABLED',
        ImageUri: `${created.repository['RepositoryUri']}:1.0`,
      };
      await moto.create('fleet', { ...parameters, TableKmsKeyArn: own }, 'fleetfill-own');
      await moto.create('fleet', { ...parameters, TableKmsKeyArn: other }, 'fleetfill-other');
      await moto.create('fleet', parameters, 'fleetfill-none');
    });

    const keyOf = async (stack: string) => {
      const ended = await doctor('--stack', stack, '--table', 'sealed', '--task-definition', taskDefinition);
      const [finding, ...others] = found(ended, 'key');
      expect(others).toEqual([]);
      return finding;
    };

    it('names the policy that opens it, where the stack was given the key', async () => {
      expect(await keyOf('fleetfill-own')).toMatchObject({
        level: 'ok',
        message: expect.stringMatching(/is enabled\. Your role needs arn:aws:iam::.+ too/),
      });
    });

    it.each([
      ['another key', 'fleetfill-other', () => other],
      ['no key', 'fleetfill-none', () => 'no key'],
    ])('says that the stack was given %s', async (_, stack, given) => {
      expect(await keyOf(stack)).toMatchObject({
        level: 'failure',
        message: expect.stringContaining(`with ${own}, and the stack ${stack} was given ${given()}`),
        advice: expect.stringContaining(`TableKmsKeyArn=${own}`),
      });
    });

    it('says that the key is disabled', async () => {
      await new KMSClient(moto.clientOptions).send(new DisableKeyCommand({ KeyId: own.split('/').at(-1) }));
      expect(await keyOf('fleetfill-own')).toMatchObject({
        level: 'failure',
        message: expect.stringContaining('is Disabled'),
      });
    });
  });

  it('says which endpoint a subnet without internet lacks', async () => {
    const ec2 = new EC2Client(moto.clientOptions);
    const { VpcEndpoints = [] } = await ec2.send(new DescribeVpcEndpointsCommand({}));
    const logs = VpcEndpoints.find(({ ServiceName }) => ServiceName?.endsWith('.logs'));
    await ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [logs?.VpcEndpointId ?? ''] }));
    const ended = await doctor('--task-definition', taskDefinition);
    expect(found(ended, 'route')[0]).toMatchObject({
      level: 'failure',
      message: expect.stringContaining('no VPC endpoint for logs'),
    });
  });
});

describe.skipIf(!MOTO)('a run by --stack', () => {
  it('needs nothing but the stack: moto has it, and the tasks run on this machine', async () => {
    const moto = await Moto.start({ account: '000000000000', region: 'us-east-1' });
    let stage: Stage | undefined;
    try {
      const { fleet } = await moto.createAll();
      stage = await Stage.open({ items: 200, stack: { controlTable: fleet['ControlTable'] } });
      const { ecs, environment } = stage.stack;
      // Moto runs no container, so the stack's cluster and definition also exist in a second place, where tasks do run.
      ecs.createCluster(fleet['Cluster'] ?? '');
      ecs.registerTaskDefinition({
        family: 'fleetfill',
        networkMode: 'awsvpc',
        requiresCompatibilities: ['FARGATE'],
        cpu: '256',
        memory: '512',
        containerDefinitions: [{ name: 'job', image: 'job', command: ['node', 'job.mjs'], essential: true }],
      });
      const awsOnly = Object.entries(environment).filter(([name]) => name.startsWith('AWS_'));
      const ended = await orchestrate(
        { ...Object.fromEntries(awsOnly), AWS_ENDPOINT_URL_CLOUDFORMATION: moto.endpoint },
        ...['run', '--stack', 'fleetfill', '--segments', '4', '--allow-no-pitr', '--yes'],
      );
      expect(ended.events.at(-1)).toMatchObject({ event: 'run.finished', status: 'verified', updated: 200 });
      expect(ended.exit).toBe(0);
      expect(ecs.tasks()).toHaveLength(4);
    } finally {
      await stage?.close();
      await moto.stop();
    }
  }, 120_000);
});

/**
 * Turns a template's names, which begin with a capital letter, into the API's names. Values of maps keep their names.
 */
function lowerFirst(value: unknown, inMap = false): unknown {
  if (Array.isArray(value)) return value.map(entry => lowerFirst(entry));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      inMap ? name : name.charAt(0).toLowerCase() + name.slice(1),
      lowerFirst(inner, name === 'Options'),
    ]),
  );
}
