/** The variables that name a proxy, as the AWS CLI reads them. The lower-case name of each takes precedence. */
const PROXY_VARIABLES = { 'http:': 'http_proxy', 'https:': 'https_proxy' } as const;

/**
 * Names of this machine. A service that listens here, such as a local stack or a test, is reached directly even if a
 * proxy is set.
 */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;

type Environment = Readonly<Record<string, string | undefined>>;

export interface Destination {
  readonly protocol: 'http:' | 'https:';
  readonly host: string;
  readonly port: number;
}

/**
 * The proxy for a destination, as a URL; undefined if it is reached directly.
 *
 * `HTTPS_PROXY` is for https endpoints and `HTTP_PROXY` for http ones. A name in `NO_PROXY` stands for itself and every
 * name below it, with or without a leading dot, and may have a port; `*` stands for everything. The AWS CLI reads them
 * in the same way [Python, urllib.request.proxy_bypass_environment], so both behave alike in one shell. Loopback is
 * always direct.
 */
export function proxyFor(
  environment: Environment,
  { protocol, host, port }: Destination,
): string | undefined {
  const proxy = variable(environment, PROXY_VARIABLES[protocol]);
  if (proxy === undefined || LOOPBACK.test(host)) return undefined;
  const exceptions = (variable(environment, 'no_proxy') ?? '')
    .split(/[\s,]+/)
    .filter(exception => exception !== '');
  if (exceptions.some(exception => means(exception.toLowerCase(), host.toLowerCase(), port)))
    return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

/** The proxy variables that are set, to explain where requests go. */
export function proxyVariables(environment: Environment): string[] {
  return [...Object.values(PROXY_VARIABLES), 'no_proxy'].flatMap(name =>
    [name, name.toUpperCase()].filter(spelling => (environment[spelling] ?? '') !== ''),
  );
}

function variable(environment: Environment, name: string): string | undefined {
  return [environment[name], environment[name.toUpperCase()]].find(text => text !== undefined && text !== '');
}

function means(exception: string, host: string, port: number): boolean {
  if (exception === '*') return true;
  const [, name = exception, itsPort] = /^(.+):(\d+)$/.exec(exception) ?? [];
  if (itsPort !== undefined && Number(itsPort) !== port) return false;
  const bare = name.replace(/^\*?\./, '');
  return host === bare || host.endsWith(`.${bare}`);
}
