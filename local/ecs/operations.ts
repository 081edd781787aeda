import { readRequest } from '../wire/request.ts';
import type { Cluster } from './clusters.ts';
import type { ControlPlaneState } from './control-plane-state.ts';
import { describeTask } from './describe-task.ts';
import { clientError, invalidParameter } from './errors.ts';
import { listTasks } from './list-tasks.ts';
import { clusterArn, shortName, taskArn } from './names.ts';
import {
  createClusterRequest,
  deregisterTaskDefinitionRequest,
  describeClustersRequest,
  describeTaskDefinitionRequest,
  describeTasksRequest,
  registerTaskDefinitionRequest,
  stopTaskRequest,
} from './requests.ts';
import { runTask } from './run-task.ts';

const MAX_DESCRIBED = 100;

/** The operations by their wire names. */
export function createOperations(state: ControlPlaneState): Record<string, (body: unknown) => unknown> {
  return {
    CreateCluster: body => createCluster(state, body),
    DescribeClusters: body => describeClusters(state, body),
    RegisterTaskDefinition: body => registerTaskDefinition(state, body),
    DeregisterTaskDefinition: body => deregisterTaskDefinition(state, body),
    DescribeTaskDefinition: body => describeTaskDefinition(state, body),
    RunTask: body => runTask(state, body),
    DescribeTasks: body => describeTasks(state, body),
    ListTasks: body => listTasks(state, body),
    StopTask: body => stopTask(state, body),
  };
}

function createCluster(state: ControlPlaneState, body: unknown): unknown {
  const request = readRequest(createClusterRequest, body);
  return {
    cluster: describeCluster(state, state.clusters.create(request.clusterName, request.capacityProviders)),
  };
}

function describeClusters(state: ControlPlaneState, body: unknown): unknown {
  const { clusters: names = ['default'] } = readRequest(describeClustersRequest, body);
  if (names.length > MAX_DESCRIBED)
    throw invalidParameter(`clusters can have at most ${MAX_DESCRIBED} items.`);
  const found = names.map(name => ({ name, cluster: state.clusters.find(name) }));
  return {
    clusters: found.flatMap(({ cluster }) => (cluster ? [describeCluster(state, cluster)] : [])),
    failures: found.flatMap(({ name, cluster }) =>
      cluster ? [] : [{ arn: clusterArn(state.place, shortName(name)), reason: 'MISSING' }],
    ),
  };
}

function describeCluster(state: ControlPlaneState, cluster: Cluster): unknown {
  const statuses = [...state.tasks.values()]
    .filter(task => task.settings.cluster === cluster.name)
    .map(task => task.lastStatus);
  return {
    clusterArn: cluster.arn,
    clusterName: cluster.name,
    status: 'ACTIVE',
    registeredContainerInstancesCount: 0,
    runningTasksCount: statuses.filter(status => status === 'RUNNING').length,
    pendingTasksCount: statuses.filter(status => status === 'PENDING' || status === 'PROVISIONING').length,
    activeServicesCount: 0,
    statistics: [],
    tags: [],
    settings: [],
    capacityProviders: cluster.capacityProviders,
    defaultCapacityProviderStrategy: [],
  };
}

function registerTaskDefinition(state: ControlPlaneState, body: unknown): unknown {
  const taskDefinition = state.taskDefinitions.register(readRequest(registerTaskDefinitionRequest, body));
  return { taskDefinition, tags: state.taskDefinitions.tags(taskDefinition.taskDefinitionArn) };
}

function deregisterTaskDefinition(state: ControlPlaneState, body: unknown): unknown {
  const { taskDefinition: name = '' } = readRequest(deregisterTaskDefinitionRequest, body);
  return { taskDefinition: state.taskDefinitions.deregister(name) };
}

function describeTaskDefinition(state: ControlPlaneState, body: unknown): unknown {
  const { taskDefinition: name = '', include = [] } = readRequest(describeTaskDefinitionRequest, body);
  const taskDefinition = state.taskDefinitions.find(name);
  // RunTask words the same error differently, as on AWS.
  if (taskDefinition === undefined) throw clientError('Unable to describe task definition.');
  return {
    taskDefinition,
    ...(include.includes('TAGS') && { tags: state.taskDefinitions.tags(taskDefinition.taskDefinitionArn) }),
  };
}

function describeTasks(state: ControlPlaneState, body: unknown): unknown {
  const { cluster: clusterName, tasks: names = [], include = [] } = readRequest(describeTasksRequest, body);
  const cluster = state.clusters.get(clusterName);
  if (names.length === 0) throw invalidParameter('Tasks cannot be empty.');
  if (names.length > MAX_DESCRIBED) throw invalidParameter(`tasks can have at most ${MAX_DESCRIBED} items.`);
  state.forgetOldTasks();
  const found = names.map(name => ({ name, task: findTask(state, cluster, name) }));
  return {
    tasks: found.flatMap(({ task }) => {
      if (task === undefined) return [];
      const described = describeTask(task);
      return [include.includes('TAGS') ? described : { ...described, tags: [] }];
    }),
    failures: found.flatMap(({ name, task }) =>
      task
        ? []
        : [
            {
              arn: name.startsWith('arn:') ? name : taskArn(state.place, cluster.name, name),
              reason: 'MISSING',
            },
          ],
    ),
  };
}

function stopTask(state: ControlPlaneState, body: unknown): unknown {
  const { cluster: clusterName, task: name = '', reason } = readRequest(stopTaskRequest, body);
  const cluster = state.clusters.get(clusterName);
  if (name === '') throw invalidParameter('Task can not be blank.');
  state.forgetOldTasks();
  const task = findTask(state, cluster, name);
  if (task === undefined) throw invalidParameter('The referenced task was not found.');
  task.stop({ stopCode: 'UserInitiated', reason: reason ?? 'Task stopped by user' });
  return { task: describeTask(task) };
}

function findTask(state: ControlPlaneState, cluster: Cluster, nameOrArn: string) {
  const task = state.tasks.get(shortName(nameOrArn));
  if (task?.settings.cluster !== cluster.name) return undefined;
  return nameOrArn.startsWith('arn:') && nameOrArn !== task.arn ? undefined : task;
}
