import { readRequest } from '../wire/request.ts';
import type { ControlPlaneState } from './control-plane-state.ts';
import { invalidParameter } from './errors.ts';
import { listTasksRequest } from './requests.ts';
import type { Task } from './task.ts';

const MAX_PAGE = 100;
const FILTERS = [
  'family',
  'desiredStatus',
  'launchType',
  'serviceName',
  'containerInstance',
  'daemonName',
] as const;

/**
 * ListTasks: the ARNs of the tasks that pass every given filter, in pages. Without `desiredStatus`, only tasks that
 * should run. `startedBy` excludes other filters [ECS API reference, ListTasks].
 */
export function listTasks(state: ControlPlaneState, body: unknown): unknown {
  const request = readRequest(listTasksRequest, body);
  const cluster = state.clusters.get(request.cluster);
  const { maxResults = MAX_PAGE, startedBy, family, desiredStatus = 'RUNNING', launchType } = request;
  if (maxResults < 1 || maxResults > MAX_PAGE)
    throw invalidParameter(`maxResults must be between 1 and ${MAX_PAGE}.`);
  if (startedBy !== undefined && FILTERS.some(filter => request[filter] !== undefined)) {
    throw invalidParameter('startedBy must be the only filter.');
  }
  if (!['RUNNING', 'PENDING', 'STOPPED'].includes(desiredStatus)) {
    throw invalidParameter('desiredStatus must be RUNNING, PENDING or STOPPED.');
  }
  state.forgetOldTasks();
  const matches = [...state.tasks.values()].filter(
    task =>
      task.settings.cluster === cluster.name &&
      task.desiredStatus === desiredStatus &&
      (startedBy === undefined || task.settings.request.startedBy === startedBy) &&
      (family === undefined || task.settings.definition.family === family) &&
      (launchType === undefined || launchType === 'FARGATE') &&
      // No task here belongs to a service, a daemon or an instance.
      request.serviceName === undefined &&
      request.daemonName === undefined &&
      request.containerInstance === undefined,
  );
  const page = afterToken(state, matches, request.nextToken).slice(0, maxResults);
  const last = page.at(-1);
  return {
    taskArns: page.map(task => task.arn),
    ...(last !== undefined && last !== matches.at(-1) && { nextToken: encodeToken(last) }),
  };
}

/** The token names the last task of the previous page, so tasks that start or stop in between shift nothing. */
const encodeToken = (task: Task) => Buffer.from(task.id).toString('base64url');

function afterToken(
  state: ControlPlaneState,
  matches: readonly Task[],
  token: string | undefined,
): readonly Task[] {
  if (token === undefined) return matches;
  const lastId = Buffer.from(token, 'base64url').toString();
  const order = [...state.tasks.keys()];
  const place = order.indexOf(lastId);
  if (place < 0) throw invalidParameter('Invalid token');
  const later = new Set(order.slice(place + 1));
  return matches.filter(task => later.has(task.id));
}
