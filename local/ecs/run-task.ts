import { readRequest } from '../wire/request.ts';
import type { ControlPlaneState } from './control-plane-state.ts';
import { describeTask } from './describe-task.ts';
import { clientError, invalidParameter } from './errors.ts';
import { type RunTaskRequest, runTaskRequest } from './requests.ts';
import { checkPlacement, checkRunTask } from './run-task-rules.ts';
import { Task } from './task.ts';
import type { Tag, TaskDefinition } from './task-definitions.ts';

/**
 * RunTask: places `count` tasks, or returns those that the clientToken already stands for.
 * @throws WireError for everything that run-task-rules.ts refuses
 */
export async function runTask(state: ControlPlaneState, body: unknown): Promise<unknown> {
  const request = readRequest(runTaskRequest, body);
  const cluster = state.clusters.get(request.cluster);
  checkRunTask(request);
  const interference = await state.beforeRunTask?.(request);
  if (interference && 'error' in interference) throw interference.error;

  // There is no await from here on, because two calls with the same token must not both find it unused.
  state.forgetOldTasks();
  const known = state.tokens.find(cluster.name, request);
  if (known !== undefined) return { tasks: known.map(describeTask), failures: [] };
  const definition = state.taskDefinitions.find(request.taskDefinition ?? '');
  if (definition === undefined) throw clientError('TaskDefinition not found.');
  if (definition.status === 'INACTIVE') throw invalidParameter('TaskDefinition is inactive');
  const container = checkPlacement(request, definition, cluster.capacityProviders);
  if (interference && 'failures' in interference) return { tasks: [], failures: interference.failures };
  const tasks = Array.from(
    { length: request.count ?? 1 },
    () =>
      new Task({
        ...state.taskSettings(),
        cluster: cluster.name,
        definition,
        tags: tagsOf(state, request, definition),
        container,
        request,
        failToStart: interference?.failToStart,
      }),
  );
  for (const task of tasks) state.tasks.set(task.id, task);
  state.tokens.remember(cluster.name, request, tasks);
  return { tasks: tasks.map(describeTask), failures: [] };
}

/** The tags of a task: from the request, from its definition if they are propagated, and from ECS itself. */
function tagsOf(state: ControlPlaneState, request: RunTaskRequest, definition: TaskDefinition): Tag[] {
  const propagated = request.propagateTags === 'TASK_DEFINITION';
  return [
    ...(request.tags ?? []),
    ...(propagated ? state.taskDefinitions.tags(definition.taskDefinitionArn) : []),
    ...(request.enableECSManagedTags
      ? [{ key: 'aws:ecs:clusterName', value: state.clusters.get(request.cluster).name }]
      : []),
  ];
}
