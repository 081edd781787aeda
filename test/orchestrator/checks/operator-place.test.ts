import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  checkClock,
  checkCredentials,
  checkOperatorPlace,
  judgeClock,
  judgeCredentials,
} from '../../../orchestrator/checks/operator-place.ts';
import { type HttpFront, startHttpFront } from '../../support/http-front.ts';

const NOW = Date.UTC(2026, 10, 27);
const minutes = (count: number) => new Date(NOW + count * 60_000);

let front: HttpFront;
let client: DynamoDBClient;

beforeAll(async () => {
  front = await startHttpFront(undefined, (_, answer) => answer.refuse('AccessDeniedException'));
  client = new DynamoDBClient({
    endpoint: front.endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'b' },
    maxAttempts: 1,
  });
});
afterAll(async () => {
  client.destroy();
  await front.close();
});

describe('credentials', () => {
  test.each([
    [undefined, 'ok'],
    [minutes(180), 'ok'],
    [minutes(55), 'warning'],
    [minutes(-1), 'failure'],
  ])('that end at %s are %s', (expiration, level) => {
    expect(judgeCredentials('AKIA', expiration, NOW).level).toBe(level);
  });

  test('that expire before the run ends are reported, with what to do', () => {
    const finding = judgeCredentials('AKIA', minutes(180), NOW, 4 * 3_600_000);
    expect(finding).toMatchObject({ level: 'warning', advice: expect.stringContaining('--detach') });
    expect(finding.message).toContain('in 180 minutes');
  });

  test('that are not there are a failure', async () => {
    const none = new DynamoDBClient({
      region: 'eu-central-1',
      credentials: async () => {
        throw Object.assign(new Error('Could not load credentials from any providers'), {
          name: 'CredentialsProviderError',
        });
      },
    });
    const finding = await checkCredentials(none, NOW);
    expect(finding).toMatchObject({ level: 'failure', advice: expect.stringContaining('aws sso login') });
  });
});

describe('the clock', () => {
  test.each([
    [0, 'ok'],
    [-29_000, 'ok'],
    [60_000, 'warning'],
    [-600_000, 'warning'],
  ])('that is %i ms ahead is %s', (aheadMs, level) => {
    expect(judgeClock(aheadMs).level).toBe(level);
  });

  test('five minutes off says what follows', () => {
    expect(judgeClock(-600_000).message).toBe('The clock of this machine is 600 s behind AWS.');
    expect(judgeClock(600_000).means).toMatch(/signature[\s\S]*guard/);
  });

  test('is read from a refused request as well', async () => {
    expect(await checkClock(client, 'control', Date.now)).toMatchObject({ level: 'ok' });
    expect(await checkClock(client, 'control', () => Date.now() - 600_000)).toMatchObject({
      level: 'warning',
      message: expect.stringMatching(/(599|600|601) s behind AWS/),
    });
  });
});

test('where the operator stands: Region, credentials, clock, the way there and its name', async () => {
  const environment = {
    AWS_ENDPOINT_URL_DYNAMODB: front.endpoint,
    HTTPS_PROXY: 'http://user:secret@proxy.invalid:3128',
  };
  const findings = await checkOperatorPlace(client, 'control', environment, Date.now);
  expect(findings.map(({ check, level }) => `${check} ${level}`)).toEqual([
    'region ok',
    'credentials ok',
    'clock ok',
    'proxy ok',
    'name ok',
  ]);
  expect(findings.map(({ message }) => message).join('\n')).toContain(
    '127.0.0.1 is called directly, though HTTPS_PROXY is set',
  );
});

test('behind a proxy only the proxy’s name must resolve, and its password is not shown', async () => {
  const environment = { HTTPS_PROXY: 'http://user:secret@proxy.invalid:3128' };
  const findings = await checkOperatorPlace(client, 'control', environment, Date.now);
  const words = findings.map(({ message }) => message).join('\n');
  expect(words).toContain(
    'dynamodb.eu-central-1.amazonaws.com is called through the proxy http://proxy.invalid:3128/',
  );
  expect(words).not.toContain('secret');
  expect(findings.at(-1)).toMatchObject({
    check: 'name',
    level: 'failure',
    message: expect.stringContaining('proxy.invalid'),
  });
});
