import type { RouteTable, Subnet, VpcEndpoint } from '@aws-sdk/client-ec2';
import type { ContainerDefinition, TaskDefinition } from '@aws-sdk/client-ecs';
import type { KMSClient } from '@aws-sdk/client-kms';
import { describe, expect, it, test } from 'vitest';
import type { Finding } from '../../../orchestrator/checks/finding.ts';
import { judgeTaskDefinition } from '../../../orchestrator/checks/fleet.ts';
import { judgeArchitecture } from '../../../orchestrator/checks/image.ts';
import { judgeRoutes, judgeSecurityGroups, judgeSubnets } from '../../../orchestrator/checks/network.ts';
import { judgeQuota } from '../../../orchestrator/checks/quota.ts';
import type { TableFacts } from '../../../orchestrator/checks/table.ts';
import { checkTableKey } from '../../../orchestrator/checks/table-access.ts';
import { judgeOutcome } from '../../../orchestrator/checks/task-probe.ts';
import type { Surroundings } from '../../../orchestrator/fleet/location.ts';
import { taskRecord } from '../../support/records.ts';

const levels = (findings: readonly Finding[]) => findings.map(({ level }) => level);

describe('the task definition', () => {
  const container: ContainerDefinition = {
    name: 'job',
    image: 'image:1',
    command: ['node', 'job.mjs'],
    essential: true,
    stopTimeout: 120,
    readonlyRootFilesystem: true,
    user: '1000:1000',
    environment: [{ name: 'AWS_REGION', value: 'eu-west-1' }],
    logConfiguration: { logDriver: 'awslogs', options: { mode: 'non-blocking', 'awslogs-group': 'group' } },
  };
  const definition = (
    change: Partial<ContainerDefinition> = {},
    more: Partial<TaskDefinition> = {},
  ): TaskDefinition => ({
    family: 'fleetfill',
    revision: 1,
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    taskRoleArn: 'arn:task',
    executionRoleArn: 'arn:execution',
    containerDefinitions: [{ ...container, ...change }],
    ...more,
  });
  const judge = (given: TaskDefinition) => judgeTaskDefinition(given, { container: 'job' });

  it('of infra/fleet.yaml is as the worker needs it', () => {
    expect(levels(judge(definition()))).toEqual(['ok', 'ok']);
  });

  it.each<[string, Finding['level'], TaskDefinition, RegExp]>([
    [
      'a variable of ours',
      'failure',
      definition({ environment: [{ name: 'FLEETFILL_RUN_ID', value: 'x' }] }),
      /FLEETFILL_RUN_ID.*act as part of a run/,
    ],
    [
      'an endpoint',
      'warning',
      definition({ environment: [{ name: 'AWS_ENDPOINT_URL_DYNAMODB', value: 'x' }] }),
      /AWS_ENDPOINT_URL_DYNAMODB/,
    ],
    ['a short stopTimeout', 'failure', definition({ stopTimeout: 10 }), /stopTimeout is 10 s/],
    ['a writable root', 'warning', definition({ readonlyRootFilesystem: false }), /root file system/],
    ['root as its user', 'warning', definition({ user: 'root' }), /user is root/],
    [
      'another command',
      'warning',
      definition({ command: ['sleep', '60'] }),
      /"sleep 60", not "node job.mjs"/,
    ],
    ['no log', 'warning', definition({ logConfiguration: undefined }), /logs of the workers are lost/],
    [
      'a blocking log',
      'warning',
      definition({ logConfiguration: { logDriver: 'awslogs', options: {} } }),
      /misses its heartbeat/,
    ],
    ['no task role', 'warning', definition({}, { taskRoleArn: undefined }), /no task role/],
    [
      'another launch type',
      'failure',
      definition({}, { requiresCompatibilities: ['EC2'] }),
      /not for Fargate/,
    ],
  ])('is told that it has %s', (_, level, given, words) => {
    expect(judge(given)).toContainEqual(
      expect.objectContaining({ level, message: expect.stringMatching(words) }),
    );
  });
});

describe('the route of a subnet', () => {
  const subnets: Subnet[] = [{ SubnetId: 'subnet-a' }];
  const table = (route: object | undefined, id = 'rtb-1'): RouteTable => ({
    RouteTableId: id,
    Associations: [{ Main: true }],
    Routes: route ? [{ DestinationCidrBlock: '0.0.0.0/0', State: 'active', ...route }] : [],
  });
  const endpoint = (service: string): VpcEndpoint => ({
    ServiceName: `com.amazonaws.eu-west-1.${service}`,
    VpcEndpointType: ['s3', 'dynamodb'].includes(service) ? 'Gateway' : 'Interface',
    RouteTableIds: ['rtb-1'],
    State: 'available' as never,
  });
  const all = ['ecr.api', 'ecr.dkr', 's3', 'logs', 'monitoring', 'dynamodb'].map(endpoint);

  it.each([
    ['through a NAT', { NatGatewayId: 'nat-1' }, [], false, 'ok'],
    ['through a NAT, with a public address for nothing', { NatGatewayId: 'nat-1' }, [], true, 'warning'],
    ['through an internet gateway with a public address', { GatewayId: 'igw-1' }, [], true, 'ok'],
    ['through an internet gateway without one', { GatewayId: 'igw-1' }, [], false, 'failure'],
    ['through an internet gateway without one, but all endpoints', { GatewayId: 'igw-1' }, all, false, 'ok'],
    ['nowhere', undefined, [], false, 'failure'],
    ['nowhere, but to all endpoints', undefined, all, false, 'ok'],
    ['into a blackhole', { NatGatewayId: 'nat-1', State: 'blackhole' }, [], false, 'failure'],
  ] as const)('that goes %s', (_, route, endpoints, publicIp, level) => {
    expect(levels(judgeRoutes(subnets, [table(route)], endpoints, publicIp, 'eu-west-1'))).toEqual([level]);
  });

  it('names each missing endpoint, and does not count a gateway endpoint of another route table', () => {
    const [finding] = judgeRoutes(subnets, [table(undefined, 'rtb-2')], all, false, 'eu-west-1');
    expect(finding?.message).toContain('no VPC endpoint for s3, dynamodb,');
    expect(finding?.advice).toContain('cuts the open connections');
  });

  it('follows the subnet’s own route table rather than the main one', () => {
    const own = { ...table({ NatGatewayId: 'nat-1' }, 'rtb-2'), Associations: [{ SubnetId: 'subnet-a' }] };
    expect(levels(judgeRoutes(subnets, [table(undefined), own], [], false, 'eu-west-1'))).toEqual(['ok']);
  });
});

describe('subnets and security groups', () => {
  const subnet = (SubnetId: string, zone: string, free: number, VpcId = 'vpc-1'): Subnet => ({
    SubnetId,
    VpcId,
    AvailabilityZone: zone,
    AvailableIpAddressCount: free,
  });

  it('hold as many tasks as they have free addresses', () => {
    const subnets = [subnet('a', 'z1', 20), subnet('b', 'z2', 20)];
    expect(levels(judgeSubnets(subnets, ['a', 'b'], 40))).toEqual(['ok', 'ok']);
    expect(judgeSubnets(subnets, ['a', 'b'], 41)[1]).toMatchObject({
      level: 'failure',
      advice: expect.stringContaining('--tasks 40'),
    });
    expect(judgeSubnets([subnet('a', 'z1', 2), subnet('b', 'z2', 50)], ['a', 'b'], 40)[1]?.level).toBe(
      'warning',
    );
  });

  it('are there, in one VPC and in two zones', () => {
    expect(levels(judgeSubnets([subnet('a', 'z1', 9)], ['a', 'b'], 1))).toEqual(['failure']);
    expect(
      levels(judgeSubnets([subnet('a', 'z1', 9), subnet('b', 'z2', 9, 'vpc-2')], ['a', 'b'], 1)),
    ).toEqual(['failure']);
    expect(judgeSubnets([subnet('a', 'z1', 9)], ['a'], 1)[0]?.level).toBe('warning');
  });

  it('allow outbound HTTPS and nothing inbound', () => {
    const group = {
      GroupId: 'sg',
      VpcId: 'vpc-1',
      IpPermissionsEgress: [{ IpProtocol: 'tcp', FromPort: 443, ToPort: 443 }],
    };
    expect(levels(judgeSecurityGroups([group], 'vpc-1'))).toEqual(['ok']);
    expect(levels(judgeSecurityGroups([group], 'vpc-2'))).toEqual(['failure']);
    expect(levels(judgeSecurityGroups([{ ...group, IpPermissionsEgress: [] }], 'vpc-1'))).toEqual([
      'failure',
    ]);
    expect(
      levels(judgeSecurityGroups([{ ...group, IpPermissions: [{ IpProtocol: '-1' }] }], 'vpc-1')),
    ).toEqual(['warning']);
  });
});

describe('quota and architecture', () => {
  it('are compared with what the fleet needs', () => {
    expect(judgeQuota(8, 32, 256, 'L-1').level).toBe('ok');
    expect(judgeQuota(6, 32, 256, 'L-1')).toMatchObject({
      level: 'warning',
      message: expect.stringContaining('32 tasks of 0.25 vCPU need 8; the account may use 6'),
      advice: expect.stringContaining('--tasks 24'),
    });
    expect(judgeArchitecture('image:1', 'ARM64', ['amd64', 'arm64']).level).toBe('ok');
    expect(judgeArchitecture('image:1', 'ARM64', ['amd64']).advice).toContain('--platform linux/arm64');
  });
});

describe('the end of a task on trial', () => {
  const named = { logGroup: 'group', operatorPolicy: undefined, controlTable: 'control' };
  const stopped = (exitCode: number | undefined, reason = '', stopCode = 'EssentialContainerExited') =>
    ({ state: 'stopped', stopCode, reason, exitCode }) as const;
  const launched = taskRecord({ heartbeat: 0, status: 'launching' });
  const adviceFor = (observation: Parameters<typeof judgeOutcome>[0]['observation'], task = launched) =>
    judgeOutcome({ task, observation, waitedMs: 60_000 }, named)[0];

  it.each([
    [
      'CannotPullContainerError: context canceled',
      undefined,
      'TaskFailedToStart',
      /The subnets have no route/,
    ],
    ['exec /usr/local/bin/node: exec format error', 255, 'EssentialContainerExited', /another architecture/],
    ['', 2, 'EssentialContainerExited', /another version of Fleetfill/],
    ['OutOfMemoryError', 137, 'EssentialContainerExited', /ran out of memory/],
    ['', 1, 'EssentialContainerExited', /could not use the control table control/],
  ] as const)('says what to do after "%s" and exit code %s', (reason, exitCode, stopCode, words) => {
    const finding = adviceFor(stopped(exitCode, reason, stopCode));
    expect(finding).toMatchObject({ level: 'failure', advice: expect.stringMatching(words) });
  });

  it('distinguishes a container that never ran from one that reaches nothing', () => {
    const advice = (lastStatus: string) => adviceFor({ state: 'alive', lastStatus })?.advice;
    expect(advice('PENDING')).toContain('cannot pull the image');
    expect(advice('RUNNING')).toContain('cannot reach the control table');
  });

  it('names the statement of the stack that should have allowed a step', () => {
    const probe = [
      { step: 'scan', ok: true, detail: '8 items' },
      { step: 'write-batch', ok: false, detail: 'AccessDenied: not authorized' },
      { step: 'metric', ok: false, detail: 'TimeoutError: no reply' },
    ] as const;
    const task = { ...taskRecord({ heartbeat: 2, status: 'finished' }), probe };
    const findings = judgeOutcome({ task, observation: undefined, waitedMs: 1_000 }, named);
    expect(levels(findings)).toEqual(['ok', 'ok', 'failure', 'failure']);
    expect(findings[2]?.advice).toContain('SetItAndReadItBack');
    expect(findings[3]?.advice).toContain('no route to that service');
  });
});

test('a denied question about the table’s key says that the stack was not given the key', async () => {
  const arn = 'arn:aws:kms:eu-west-1:111122223333:key/own';
  const denying = {
    send: () => Promise.reject(Object.assign(new Error('no'), { name: 'AccessDeniedException' })),
  } as unknown as KMSClient;
  const facts = { description: { SSEDescription: { SSEType: 'KMS', KMSMasterKeyArn: arn } } } as TableFacts;
  const stack = (outputs: Record<string, string>) =>
    ({ stack: { name: 'fleetfill', status: 'CREATE_COMPLETE', outputs } }) as unknown as Surroundings;
  expect(await checkTableKey(denying, facts, stack({}))).toMatchObject([
    { level: 'warning', advice: expect.stringContaining(`TableKmsKeyArn=${arn}`) },
  ]);
  expect(await checkTableKey(denying, facts, stack({ TableKmsKey: arn }))).toMatchObject([
    { level: 'warning', message: expect.stringContaining('could not find out') },
  ]);
});
