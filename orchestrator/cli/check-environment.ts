import { ConfigurationError } from '../../core/errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Says what is wrong with a value, as the end of a sentence. Undefined if nothing is. */
type Judge = (value: string) => string | undefined;

/**
 * Variables that the SDK and the proxy agent read. Their own errors about a wrong value come late and do not name the
 * variable. The values of credentials and proxies are secret and never shown.
 */
const JUDGES: readonly (readonly [variable: RegExp, judge: Judge])[] = [
  [
    /^AWS_ENDPOINT_URL(_[A-Z0-9_]+)?$/,
    value => (isHttpUrl(value) ? undefined : `is not a URL with http:// or https://: ${value}`),
  ],
  [
    /^https?_proxy$/i,
    value =>
      isHttpUrl(value.includes('://') ? value : `http://${value}`)
        ? undefined
        : 'does not name a proxy with http:// or https://. No other kind of proxy is supported.',
  ],
  [
    /^AWS_(DEFAULT_)?REGION$/,
    value =>
      /^[a-z0-9-]+$/i.test(value) ? undefined : `is not the name of a Region: ${JSON.stringify(value)}`,
  ],
  [
    /^AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)$/,
    value =>
      /^[\x21-\x7e]*$/.test(value)
        ? undefined
        : 'contains a space, a line end or another character that no credential has. Copy it again.',
  ],
];

/** @throws ConfigurationError that names every variable of the environment with which no request can be sent */
export function checkEnvironment(environment: Environment): void {
  const problems = Object.entries(environment).flatMap(([name, value = '']) => {
    if (value === '') return [];
    const problem = JUDGES.find(([variable]) => variable.test(name))?.[1](value);
    return problem === undefined ? [] : [`${name} ${problem}`];
  });
  if (problems.length > 0) throw new ConfigurationError(problems.join('\n'));
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
