import {
  DescribeRouteTablesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVpcEndpointsCommand,
  type EC2Client,
  type RouteTable,
  type SecurityGroup,
  type Subnet,
  type VpcEndpoint,
} from '@aws-sdk/client-ec2';
import type { FleetLocation } from '../fleet/fleet.ts';
import { asking, type Finding, failure, ok, warning } from './finding.ts';

/** The services that a task must reach: the image's registry and layers, logs, metrics and tables. */
const NEEDED_SERVICES = ['ecr.api', 'ecr.dkr', 's3', 'logs', 'monitoring', 'dynamodb'];

/** Checks the network of a task in these subnets, as far as EC2's API shows it. */
export async function checkNetwork(
  ec2: EC2Client,
  location: FleetLocation,
  tasks: number,
  region: string,
): Promise<readonly Finding[]> {
  let subnets: Subnet[] = [];
  const found = await asking(
    'subnets',
    'whether the subnets exist',
    async () => {
      const reply = await ec2.send(new DescribeSubnetsCommand({ SubnetIds: [...location.subnets] }));
      subnets = reply.Subnets ?? [];
      return judgeSubnets(subnets, location.subnets, tasks);
    },
    absent('subnets', '--subnets'),
  );
  const vpc = subnets[0]?.VpcId;
  if (vpc === undefined) return found;
  const ofVpc = { Filters: [{ Name: 'vpc-id', Values: [vpc] }] };
  const route = await asking('route', 'how the subnets reach AWS', async () => {
    const { RouteTables = [] } = await ec2.send(new DescribeRouteTablesCommand(ofVpc));
    const { VpcEndpoints = [] } = await ec2.send(new DescribeVpcEndpointsCommand(ofVpc));
    return judgeRoutes(subnets, RouteTables, VpcEndpoints, location.assignPublicIp, region);
  });
  const groups = await asking(
    'security-groups',
    'what the security groups allow',
    async () => {
      const GroupIds = [...location.securityGroups];
      const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds }));
      return judgeSecurityGroups(SecurityGroups, vpc);
    },
    absent('security-groups', '--security-groups'),
  );
  return [...found, ...route, ...groups];
}

function absent(check: string, option: string): (error: Error) => Finding | undefined {
  return error =>
    /^Invalid.*(NotFound|Malformed)$/.test(error.name)
      ? failure(check, { message: error.message, advice: `Name others with ${option}, or fix the stack.` })
      : undefined;
}

export function judgeSubnets(
  subnets: readonly Subnet[],
  named: readonly string[],
  tasks: number,
): readonly Finding[] {
  const missing = named.filter(id => !subnets.some(({ SubnetId }) => SubnetId === id));
  if (missing.length > 0) {
    return [
      failure('subnets', {
        message: `These subnets do not exist: ${missing.join(', ')}.`,
        advice: 'Name others with --subnets.',
      }),
    ];
  }
  const vpcs = new Set(subnets.map(({ VpcId }) => VpcId));
  if (vpcs.size > 1) {
    return [
      failure('subnets', {
        message: `The subnets are in several VPCs: ${[...vpcs].join(', ')}.`,
        advice: 'Name subnets of one VPC.',
      }),
    ];
  }
  const zones = new Set(subnets.map(({ AvailabilityZone }) => AvailabilityZone));
  return [
    zones.size > 1
      ? ok('subnets', `${subnets.length} subnets in ${zones.size} zones of ${[...vpcs].join()}.`)
      : warning('subnets', {
          message: 'All subnets are in one zone. When Fargate has no capacity there, no task starts.',
          advice: 'Give subnets in two zones.',
        }),
    judgeAddresses(subnets, tasks),
  ];
}

function judgeAddresses(subnets: readonly Subnet[], tasks: number): Finding {
  const free = subnets.map(({ AvailableIpAddressCount = 0 }) => AvailableIpAddressCount);
  const sum = free.reduce((total, count) => total + count, 0);
  const each = subnets.map(({ SubnetId }, index) => `${SubnetId} has ${free[index]}`).join(', ');
  if (sum < tasks) {
    return failure('addresses', {
      message: `The subnets have ${sum} free addresses, and ${tasks} tasks need one each: ${each}.`,
      advice: `Give more subnets, or --tasks ${Math.max(1, sum)} or fewer.`,
    });
  }
  if (free.some(count => count < Math.ceil(tasks / subnets.length))) {
    return warning('addresses', {
      message: `The subnets have ${sum} free addresses for ${tasks} tasks, but not evenly: ${each}. ECS may try a subnet that is full.`,
    });
  }
  return ok('addresses', `The subnets have ${sum} free addresses for ${tasks} tasks.`);
}

/** Checks that every subnet has a route to everything that a task calls, and enough free addresses for the tasks. */
export function judgeRoutes(
  subnets: readonly Subnet[],
  tables: readonly RouteTable[],
  endpoints: readonly VpcEndpoint[],
  assignPublicIp: boolean,
  region: string,
): readonly Finding[] {
  return subnets.map(({ SubnetId = '' }) => {
    const table = tableOf(SubnetId, tables);
    const way = wayOut(table);
    const open = endpointServices(endpoints, table, region);
    const closed = NEEDED_SERVICES.filter(service => !open.includes(service));
    if (way === 'address-translation') {
      return assignPublicIp
        ? warning('route', {
            message: `${SubnetId} reaches AWS through a NAT, so tasks there need no public address.`,
          })
        : ok('route', `${SubnetId} reaches AWS through a NAT or another gateway that translates addresses.`);
    }
    if (way === 'internet-gateway' && assignPublicIp) {
      return ok(
        'route',
        `${SubnetId} reaches AWS through an internet gateway, and each task gets a public address.`,
      );
    }
    if (closed.length === 0) {
      return ok('route', `${SubnetId} has VPC endpoints for everything that a task calls.`);
    }
    if (way === 'internet-gateway') {
      return failure('route', {
        message: `${SubnetId} has an internet gateway, but tasks get no public address, so they cannot reach ${closed.join(', ')}.`,
        advice:
          "Set the stack's AssignPublicIp to ENABLED (or give --assign-public-ip), or use subnets behind a NAT.",
      });
    }
    return failure('route', {
      message: `${SubnetId} has no ${way === 'blackhole' ? 'working ' : ''}route out of the VPC, and no VPC endpoint for ${closed.join(', ')}, so no task could start there.`,
      advice:
        'Use other subnets, or the VPC of infra/network.yaml. Do not add a DynamoDB gateway endpoint to a VPC in use: that cuts the open connections of everybody in the VPC.',
    });
  });
}

function tableOf(subnet: string, tables: readonly RouteTable[]): RouteTable | undefined {
  const own = tables.find(table => table.Associations?.some(({ SubnetId }) => SubnetId === subnet));
  return own ?? tables.find(table => table.Associations?.some(({ Main }) => Main));
}

function wayOut(table: RouteTable | undefined) {
  const route = table?.Routes?.find(({ DestinationCidrBlock }) => DestinationCidrBlock === '0.0.0.0/0');
  if (!route) return 'none';
  if (route.State === 'blackhole') return 'blackhole';
  return route.GatewayId?.startsWith('igw-') ? 'internet-gateway' : 'address-translation';
}

/**
 * The services that tasks in subnets with this route table reach through endpoints. Each is named by the end of its
 * service name.
 */
function endpointServices(
  endpoints: readonly VpcEndpoint[],
  table: RouteTable | undefined,
  region: string,
): string[] {
  const usable = endpoints.filter(
    ({ State, VpcEndpointType, RouteTableIds = [], PrivateDnsEnabled }) =>
      (State === undefined || String(State).toLowerCase() === 'available') &&
      (VpcEndpointType === 'Gateway'
        ? RouteTableIds.includes(table?.RouteTableId ?? '')
        : PrivateDnsEnabled !== false),
  );
  const prefix = `com.amazonaws.${region}.`;
  return usable.flatMap(({ ServiceName = '' }) =>
    ServiceName.startsWith(prefix) ? [ServiceName.slice(prefix.length)] : [],
  );
}

export function judgeSecurityGroups(groups: readonly SecurityGroup[], vpc: string): readonly Finding[] {
  const elsewhere = groups.filter(({ VpcId }) => VpcId !== vpc).map(({ GroupId }) => GroupId);
  if (elsewhere.length > 0) {
    return [
      failure('security-groups', {
        message: `${elsewhere.join(', ')} is not in ${vpc}, the VPC of the subnets.`,
        advice: 'Name security groups and subnets of one VPC.',
      }),
    ];
  }
  const outward = groups.flatMap(({ IpPermissionsEgress = [] }) => IpPermissionsEgress);
  const https = outward.some(
    ({ IpProtocol, FromPort = 0, ToPort = 65_535 }) =>
      IpProtocol === '-1' || (IpProtocol === 'tcp' && FromPort <= 443 && ToPort >= 443),
  );
  if (!https) {
    return [
      failure('security-groups', {
        message: 'The security groups do not allow outbound HTTPS, so a task could not call AWS.',
        advice: 'Allow outbound TCP 443, as infra/fleet.yaml does.',
      }),
    ];
  }
  const inward = groups.filter(({ IpPermissions = [] }) => IpPermissions.length > 0);
  return inward.length > 0
    ? [
        warning('security-groups', {
          message: `${inward.map(({ GroupId }) => GroupId).join(', ')} allows inbound connections, and a worker needs none.`,
        }),
      ]
    : [ok('security-groups', 'The security groups allow outbound HTTPS and nothing inbound.')];
}
