import { tokenConflict } from './errors.ts';
import type { RunTaskRequest } from './requests.ts';
import type { Task } from './task.ts';

/**
 * What RunTask remembers of client tokens. The same token with the same parameters stands for the same tasks, also
 * stopped ones, as long as the tasks are known. A token is valid within its cluster.
 * Source: ECS API reference, "Ensuring idempotency" (there: 24 hours, or the life of the resource plus one hour).
 */
export class ClientTokens {
  readonly #used = new Map<string, { parameters: string; tasks: readonly Task[] }>();

  /**
   * @returns the tasks that an earlier equal request started; undefined for a new token
   * @throws WireError ConflictException when the earlier request had other parameters
   */
  find(cluster: string, request: RunTaskRequest): readonly Task[] | undefined {
    const used = this.#used.get(key(cluster, request));
    if (used === undefined) return undefined;
    if (used.parameters !== parametersOf(request)) throw tokenConflict(used.tasks.map(task => task.arn));
    return used.tasks;
  }

  remember(cluster: string, request: RunTaskRequest, tasks: readonly Task[]): void {
    if (request.clientToken === undefined) return;
    this.#used.set(key(cluster, request), { parameters: parametersOf(request), tasks });
  }

  /** Forgets the tokens of tasks that are no longer known. */
  forget(isForgotten: (task: Task) => boolean): void {
    for (const [token, { tasks }] of this.#used) if (tasks.every(isForgotten)) this.#used.delete(token);
  }
}

const key = (cluster: string, request: RunTaskRequest) => `${cluster}\n${request.clientToken ?? ''}`;

/** The same JSON for any order of members. The order of array elements counts. */
function parametersOf({ cluster: _cluster, ...request }: RunTaskRequest): string {
  return JSON.stringify(request, (_name, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
