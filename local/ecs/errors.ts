import { WireError } from '../wire/error.ts';

/**
 * The errors of the service, under its own names. Texts quoted in README.md are the service's own. The others are ours,
 * because no client may depend on them.
 */
export const clusterNotFound = () => new WireError('ClusterNotFoundException', 'Cluster not found.');

export const invalidParameter = (message: string) => new WireError('InvalidParameterException', message);

/** ECS's error for a task definition that cannot be found or registered. */
export const clientError = (message: string) => new WireError('ClientException', message);

/** @param resourceIds ARNs of the tasks that the token stands for */
export const tokenConflict = (resourceIds: readonly string[]) =>
  new WireError(
    'ConflictException',
    'The provided clientToken is already in use with a different RunTask request.',
    { members: { resourceIds } },
  );
