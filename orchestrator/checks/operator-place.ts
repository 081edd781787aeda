import { lookup } from 'node:dns/promises';
import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describeError } from '../../core/errors.ts';
import { proxyFor, proxyVariables } from '../../core/proxy-choice.ts';
import { type Finding, failure, ok, warning } from './finding.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** AWS accepts a signature within this time of its own clock [IAM user guide, signing AWS API requests]. */
const SIGNATURE_MS = 5 * 60_000;

/**
 * A smaller error of this machine's clock is reported too, because the traffic guard asks CloudWatch for minutes by it.
 */
const NOTED_MS = 30_000;

/** Credentials that expire sooner are reported even if the length of the run is unknown. */
const SHORT_CREDENTIALS_MS = 2 * 3_600_000;

/** What doctor checks first: the machine and the credentials of the operator. */
export async function checkOperatorPlace(
  client: DynamoDBClient,
  controlTable: string,
  environment: Environment,
  nowMs: () => number,
): Promise<Finding[]> {
  const region = await client.config.region();
  return [
    ok('region', `The Region is ${region}.`),
    await checkCredentials(client, nowMs()),
    await checkClock(client, controlTable, nowMs),
    ...(await checkWay(client, region, environment)),
  ];
}

/** Checks that there are credentials, and how long they are valid. */
export async function checkCredentials(
  client: DynamoDBClient,
  nowMs: number,
  neededMs?: number,
): Promise<Finding> {
  try {
    const { accessKeyId, expiration } = await client.config.credentials();
    return judgeCredentials(accessKeyId, expiration, nowMs, neededMs);
  } catch (error) {
    return failure('credentials', {
      message: `There are no credentials: ${describeError(error)}.`,
      advice: 'Log in, for instance with: aws sso login. Or check AWS_PROFILE.',
    });
  }
}

/** `neededMs`: how long the run will take, if known. */
export function judgeCredentials(
  accessKeyId: string,
  expiration: Date | undefined,
  nowMs: number,
  neededMs = SHORT_CREDENTIALS_MS,
): Finding {
  const key = `The access key ${accessKeyId}`;
  if (expiration === undefined) return ok('credentials', `${key} does not say when it expires.`);
  const leftMs = expiration.getTime() - nowMs;
  const until = `${expiration.toISOString()}, in ${Math.round(leftMs / 60_000)} minutes`;
  if (leftMs <= 0) {
    return failure('credentials', {
      message: `${key} expired at ${expiration.toISOString()}.`,
      advice: 'Log in again.',
    });
  }
  if (leftMs >= neededMs) return ok('credentials', `${key} is valid until ${until}.`);
  return warning('credentials', {
    message: `${key} is valid until ${until}.`,
    means:
      'If nothing renews it, a longer run loses its supervisor at that time, and the fleet slows to the unattended rate.',
    advice:
      'Let a task supervise the run with --detach. Otherwise log in again at that time, and resume the run.',
  });
}

/** Compares this machine's clock with the Date header of any reply from the service. */
export async function checkClock(
  client: DynamoDBClient,
  table: string,
  nowMs: () => number,
): Promise<Finding> {
  const askedAtMs = nowMs();
  const date = await dateOfReply(client, table);
  const answeredAtMs = nowMs();
  const serviceMs = Date.parse(date ?? '');
  if (Number.isNaN(serviceMs)) {
    return warning('clock', {
      message: 'No reply had a date, so this command could not check the clock of this machine.',
    });
  }
  return judgeClock((askedAtMs + answeredAtMs) / 2 - serviceMs);
}

/** `aheadMs`: how far this machine is ahead of the service. The service's Date has whole seconds. */
export function judgeClock(aheadMs: number): Finding {
  const off = Math.abs(aheadMs);
  const seconds = Math.round(off / 1_000);
  const message = `The clock of this machine is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} AWS.`;
  if (off < NOTED_MS) return ok('clock', message);
  const advice = 'Set the clock, or switch on time synchronisation: timedatectl set-ntp true.';
  if (off < SIGNATURE_MS) {
    return warning('clock', {
      message,
      means: 'The guard that protects live traffic uses this clock when it asks CloudWatch.',
      advice,
    });
  }
  return warning('clock', {
    message,
    means:
      'AWS accepts a signature for five minutes only, so it refuses the first requests until the SDK corrects its clock. The guard that protects live traffic would ask CloudWatch for the wrong minutes.',
    advice,
  });
}

async function dateOfReply(client: DynamoDBClient, table: string): Promise<string | undefined> {
  let date: string | undefined;
  const command = new DescribeTableCommand({ TableName: table });
  command.middlewareStack.add(
    next => async call => {
      const result = await next(call);
      const { headers } = result.response as { readonly headers?: Record<string, string> };
      date = headers?.['date'];
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'dateOfReply' },
  );
  try {
    await client.send(command);
  } catch {
    // A refusal carries a Date too.
  }
  return date;
}

/** Says whether requests go through a proxy, and checks that the first host name on their way resolves. */
async function checkWay(
  client: DynamoDBClient,
  region: string,
  environment: Environment,
): Promise<Finding[]> {
  const endpoint = await endpointOf(client, region, environment);
  const { hostname, protocol, port } = endpoint;
  const host = hostname.replace(/^\[|\]$/g, '');
  const isHttp = protocol === 'http:';
  const proxy = proxyFor(environment, {
    protocol: isHttp ? 'http:' : 'https:',
    host,
    port: port === '' ? (isHttp ? 80 : 443) : Number(port),
  });
  const set = proxyVariables(environment);
  const way =
    proxy === undefined
      ? ok('proxy', `${host} is called directly${set.length > 0 ? `, though ${set.join(', ')} is set` : ''}.`)
      : ok('proxy', `${host} is called through the proxy ${withoutPassword(proxy)}.`);
  if (proxy !== undefined) return [way, await checkName(new URL(proxy).hostname, 'the proxy')];
  return [way, await checkName(host, 'DynamoDB')];
}

async function checkName(host: string, whose: string): Promise<Finding> {
  try {
    const { address } = await lookup(host.replace(/^\[|\]$/g, ''));
    return ok('name', `${host}, of ${whose}, is ${address}.`);
  } catch (error) {
    return failure('name', {
      message: `${host}, of ${whose}, cannot be resolved here: ${describeError(error)}.`,
      advice: 'Check the Region and the network. Behind a proxy, set HTTPS_PROXY.',
    });
  }
}

async function endpointOf(client: DynamoDBClient, region: string, environment: Environment): Promise<URL> {
  const given = environment['AWS_ENDPOINT_URL_DYNAMODB'] ?? environment['AWS_ENDPOINT_URL'];
  if (given !== undefined) return new URL(given);
  const { url } = client.config.endpointProvider({
    Region: region,
    UseDualStack: await client.config.useDualstackEndpoint(),
    UseFIPS: await client.config.useFipsEndpoint(),
  });
  return url;
}

function withoutPassword(url: string): string {
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  return parsed.href;
}
