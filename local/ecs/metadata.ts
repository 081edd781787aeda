import type { ControlPlaneState } from './control-plane-state.ts';
import { runtimeId } from './describe-task.ts';
import type { Task } from './task.ts';

/**
 * The parts of the task metadata endpoint, version 4, that programs in a container use [ECS developer guide, "Task
 * metadata endpoint version 4"]: `${ECS_CONTAINER_METADATA_URI_V4}` describes the container, `…/task` the task.
 */
export const METADATA_PATH = '/v4';

/** @returns undefined for an unknown path */
export function answerMetadata(state: ControlPlaneState, path: string): unknown {
  const [, version, taskId = '', what] = path.split('/');
  const task = `/${version}` === METADATA_PATH ? state.tasks.get(taskId) : undefined;
  if (task === undefined) return undefined;
  if (what === undefined || what === '') return describeContainer(task);
  return what === 'task' ? describeTask(state, task) : undefined;
}

function describeTask(state: ControlPlaneState, task: Task): unknown {
  const { definition, cluster, place } = task.settings;
  return {
    Cluster: state.clusters.find(cluster)?.arn,
    TaskARN: task.arn,
    Family: definition.family,
    Revision: String(definition.revision),
    DesiredStatus: task.desiredStatus,
    KnownStatus: task.lastStatus,
    Limits: { CPU: Number(definition.cpu ?? 0) / 1_024, Memory: Number(definition.memory ?? 0) },
    AvailabilityZone: `${place.region}a`,
    LaunchType: 'FARGATE',
    Containers: [describeContainer(task)],
  };
}

function describeContainer(task: Task): unknown {
  const { container, definition } = task.settings;
  return {
    DockerId: runtimeId(task),
    Name: container.name,
    DockerName: container.name,
    Image: container.image,
    Labels: {
      'com.amazonaws.ecs.cluster': task.settings.cluster,
      'com.amazonaws.ecs.container-name': container.name,
      'com.amazonaws.ecs.task-arn': task.arn,
      'com.amazonaws.ecs.task-definition-family': definition.family,
      'com.amazonaws.ecs.task-definition-version': String(definition.revision),
    },
    DesiredStatus: task.desiredStatus,
    KnownStatus: task.lastStatus,
    Type: 'NORMAL',
  };
}
