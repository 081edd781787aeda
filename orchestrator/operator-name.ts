import { hostname, userInfo } from 'node:os';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Who operates a run, for its record: `name@host`. In a container whose user id has no name in the list of users, as
 * with `docker run --user` and OpenShift, the name comes from the variables, or else is the number.
 */
export function operatorName(environment: Environment = process.env, readUser = readUserName): string {
  const { USER, LOGNAME, USERNAME } = environment;
  const name = [readUser(), USER, LOGNAME, USERNAME].find(known => known !== undefined && known !== '');
  return `${name ?? `uid-${process.getuid?.() ?? 'unknown'}`}@${hostname()}`;
}

function readUserName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
