import { clusterArn, containerArn } from './names.ts';
import type { Task } from './task.ts';

/** The platform version that LATEST stands for [ECS developer guide, "Fargate platform versions"]. */
const LATEST_PLATFORM = '1.4.0';

/** A task in wire format. Times are epoch seconds; what a task does not have yet is left out. */
export function describeTask(task: Task): Record<string, unknown> {
  const { definition, place, cluster, request } = task.settings;
  const { platformVersion = 'LATEST' } = request;
  const { createdAt, pullStartedAt, startedAt, stoppingAt, executionStoppedAt, stoppedAt } = task.times;
  return {
    taskArn: task.arn,
    clusterArn: clusterArn(place, cluster),
    taskDefinitionArn: definition.taskDefinitionArn,
    group: request.group ?? `family:${definition.family}`,
    startedBy: request.startedBy,
    lastStatus: task.lastStatus,
    desiredStatus: task.desiredStatus,
    stopCode: task.stopRequest?.stopCode,
    stoppedReason: task.stopRequest?.reason,
    version: task.version,
    containers: [describeContainer(task)],
    overrides: { containerOverrides: [], inferenceAcceleratorOverrides: [], ...request.overrides },
    attachments: [describeNetworkInterface(task)],
    attributes: [{ name: 'ecs.cpu-architecture', value: process.arch === 'arm64' ? 'arm64' : 'x86_64' }],
    availabilityZone: `${place.region}a`,
    connectivity: startedAt === undefined ? undefined : 'CONNECTED',
    connectivityAt: inSeconds(startedAt),
    cpu: definition.cpu,
    memory: definition.memory,
    ephemeralStorage: { sizeInGiB: 20 },
    enableExecuteCommand: false,
    healthStatus: 'UNKNOWN',
    launchType: 'FARGATE',
    capacityProviderName: request.capacityProviderStrategy?.[0]?.capacityProvider,
    platformVersion: platformVersion === 'LATEST' ? LATEST_PLATFORM : platformVersion,
    platformFamily: 'Linux',
    tags: task.settings.tags,
    createdAt: inSeconds(createdAt),
    pullStartedAt: inSeconds(pullStartedAt),
    pullStoppedAt: inSeconds(startedAt),
    startedAt: inSeconds(startedAt),
    stoppingAt: inSeconds(stoppingAt),
    executionStoppedAt: inSeconds(executionStoppedAt),
    stoppedAt: inSeconds(stoppedAt),
  };
}

function describeContainer(task: Task): Record<string, unknown> {
  const { place, cluster, container } = task.settings;
  const { stopRequest } = task;
  return {
    containerArn: containerArn(place, cluster, task.id, task.containerId),
    taskArn: task.arn,
    name: container.name,
    image: container.image,
    runtimeId: runtimeId(task),
    lastStatus: containerStatus(task),
    exitCode: task.exitCode,
    reason: stopRequest?.stopCode === 'TaskFailedToStart' ? stopRequest.reason : undefined,
    networkBindings: [],
    networkInterfaces: [],
    healthStatus: 'UNKNOWN',
    cpu: String(container.cpu ?? 0),
    memory: container.memory === undefined ? undefined : String(container.memory),
  };
}

/** On Fargate this is the task's id and a number. Here the number is the pid, which helps to find the process. */
export function runtimeId(task: Task): string | undefined {
  return task.pid === undefined ? undefined : `${task.id}-${task.pid}`;
}

function containerStatus({ lastStatus, pid }: Task): 'PENDING' | 'RUNNING' | 'STOPPED' {
  if (lastStatus === 'DEPROVISIONING' || lastStatus === 'STOPPED') return 'STOPPED';
  return pid === undefined ? 'PENDING' : 'RUNNING';
}

function describeNetworkInterface({ containerId, lastStatus, pid, settings }: Task): Record<string, unknown> {
  const [subnet] = settings.request.networkConfiguration?.awsvpcConfiguration?.subnets ?? [];
  const attached = pid === undefined ? 'PRECREATED' : 'ATTACHED';
  return {
    id: containerId,
    type: 'ElasticNetworkInterface',
    status: lastStatus === 'STOPPED' ? 'DELETED' : attached,
    details: subnet === undefined ? [] : [{ name: 'subnetId', value: subnet }],
  };
}

function inSeconds(epochMs: number | undefined): number | undefined {
  return epochMs === undefined ? undefined : epochMs / 1_000;
}
