import { expect, test } from 'vitest';
import { checkEnvironment } from '../../../orchestrator/cli/check-environment.ts';

const GOOD = {
  AWS_ENDPOINT_URL: 'https://vpce-1.example/with/a/path',
  AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:8000',
  AWS_ENDPOINT_URL_ECS: '',
  AWS_REGION: 'us-gov-west-1',
  AWS_DEFAULT_REGION: undefined,
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY=',
  AWS_SESSION_TOKEN: 'IQoJb3JpZ2luX2VjE==',
  HTTPS_PROXY: 'http://user:p%40ss@proxy.example:3128',
  http_proxy: 'proxy.example:3128',
  NO_PROXY: 'a b,c',
  ANYTHING_ELSE: '\r\n',
};

test('what can be sent with is accepted', () => {
  expect(() => checkEnvironment(GOOD)).not.toThrow();
});

test.each([
  [
    { AWS_ENDPOINT_URL_DYNAMODB: 'localhost:8000' },
    /^AWS_ENDPOINT_URL_DYNAMODB is not a URL.*localhost:8000/,
  ],
  [{ AWS_ENDPOINT_URL: 'not a url' }, /^AWS_ENDPOINT_URL is not a URL/],
  [{ AWS_ENDPOINT_URL_ECS: 'http://' }, /^AWS_ENDPOINT_URL_ECS is not a URL/],
  [{ HTTPS_PROXY: 'socks5://127.0.0.1:1080' }, /^HTTPS_PROXY does not name a proxy/],
  [{ http_proxy: '::::' }, /^http_proxy does not name a proxy/],
  [{ AWS_REGION: 'us east 1' }, /^AWS_REGION is not the name of a Region: "us east 1"/],
  [{ AWS_DEFAULT_REGION: 'us-east-1\n' }, /^AWS_DEFAULT_REGION is not the name of a Region: "us-east-1\\n"/],
  [{ AWS_ACCESS_KEY_ID: 'AKIA\r' }, /^AWS_ACCESS_KEY_ID contains/],
  [{ AWS_SESSION_TOKEN: 'a b' }, /^AWS_SESSION_TOKEN contains/],
])('%j is refused by name', (spoiled, words) => {
  expect(() => checkEnvironment({ ...GOOD, ...spoiled })).toThrow(words);
});

test('every spoiled variable is named at once, and nothing secret is shown', () => {
  const environment = {
    AWS_SECRET_ACCESS_KEY: 'hidden\r',
    HTTP_PROXY: 'http://user:hidden@a b',
    AWS_REGION: 'here!',
  };
  let words = '';
  try {
    checkEnvironment(environment);
  } catch (error) {
    words = String(error);
  }
  for (const name of Object.keys(environment)) expect(words).toContain(name);
  expect(words).not.toContain('hidden');
});
