import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Destination, proxyFor, proxyVariables } from '../../core/proxy-choice.ts';

const AWS: Destination = { protocol: 'https:', host: 'dynamodb.eu-central-1.amazonaws.com', port: 443 };
const PROXY = 'http://proxy.corp:3128';

const through = (environment: Record<string, string>, destination: Partial<Destination> = {}) =>
  proxyFor(environment, { ...AWS, ...destination });

describe('the proxy for an endpoint', () => {
  test.each([
    ['HTTPS_PROXY', { HTTPS_PROXY: PROXY }],
    ['in lower case', { https_proxy: PROXY }],
    ['without a scheme', { HTTPS_PROXY: 'proxy.corp:3128' }],
  ])('of https is the one of %s', (_, environment) => {
    expect(through(environment)).toBe(PROXY);
  });

  test('of http is HTTP_PROXY, and the other is not taken for it', () => {
    const environment = { HTTPS_PROXY: 'http://a:1', HTTP_PROXY: 'http://b:2' };
    expect(through(environment, { protocol: 'http:', port: 80 })).toBe('http://b:2');
    expect(through({ HTTPS_PROXY: 'http://a:1' }, { protocol: 'http:' })).toBeUndefined();
  });

  test('is none without a variable, or with an empty one', () => {
    expect(through({})).toBeUndefined();
    expect(through({ HTTPS_PROXY: '' })).toBeUndefined();
  });

  test.each(['localhost', '127.0.0.1', '127.8.9.10', '::1', '[::1]', 'LOCALHOST'])(
    'is none for %s, which is this machine',
    host => {
      expect(through({ HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY }, { host })).toBeUndefined();
    },
  );

  test.each([
    ['*', true],
    ['amazonaws.com', true],
    ['.amazonaws.com', true],
    ['*.amazonaws.com', true],
    ['dynamodb.eu-central-1.amazonaws.com', true],
    ['DynamoDB.eu-central-1.AmazonAWS.com', true],
    ['internal, .eu-central-1.amazonaws.com', true],
    ['internal .amazonaws.com', true],
    ['amazonaws.com:443', true],
    ['amazonaws.com:8443', false],
    ['eu-west-1.amazonaws.com', false],
    ['zonaws.com', false],
    ['10.0.0.0/8', false],
    ['', false],
  ])('with NO_PROXY=%s: direct is %s', (NO_PROXY, direct) => {
    expect(through({ HTTPS_PROXY: PROXY, NO_PROXY }) === undefined).toBe(direct);
  });

  test('never fails, whatever the variables hold', () => {
    const text = fc.string();
    fc.assert(
      fc.property(text, text, text, (HTTPS_PROXY, NO_PROXY, host) => {
        const chosen = through({ HTTPS_PROXY, NO_PROXY }, { host });
        expect(chosen === undefined || chosen.includes(HTTPS_PROXY)).toBe(true);
      }),
    );
  });
});

test('names the variables that are set', () => {
  expect(proxyVariables({ HTTPS_PROXY: PROXY, no_proxy: 'a', HTTP_PROXY: '' })).toEqual([
    'HTTPS_PROXY',
    'no_proxy',
  ]);
});
