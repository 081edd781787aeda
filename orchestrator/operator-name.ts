import { hostname, userInfo } from 'node:os';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Who operates a run, for its record: `name@host`. In a container that runs under a number without a name in its list
 * of users, as `docker run --user` and OpenShift do it, the variables say who it is, or else the number.
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
