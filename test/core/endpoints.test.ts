import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JOB, ORCHESTRATE, runBundle } from '../support/command.ts';

/** A proxy that records which hosts the bundles ask for and connects to none. */
const asked: string[] = [];
const proxy = createServer().on('connect', (incoming, socket) => {
  asked.push(String(incoming.url));
  socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
});

beforeAll(async () => {
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
});
afterAll(() => {
  proxy.close();
});

const WORKER = {
  FLEETFILL_RUN_ID: '20261124071218-1a2b3c',
  FLEETFILL_LAUNCH: '00000000-0000-4000-8000-000000000000',
  FLEETFILL_SEGMENTS: '0',
  FLEETFILL_TOTAL_SEGMENTS: '1',
  FLEETFILL_TABLE: 'stuff',
  FLEETFILL_ATTRIBUTE: 'test',
  FLEETFILL_VALUE: '1',
  FLEETFILL_CONTROL_TABLE: 'control',
  FLEETFILL_NAMESPACE: 'Fleetfill',
};

const BUNDLES: [string, string, string[], Record<string, string>][] = [
  ['orchestrator', ORCHESTRATE, ['verify'], {}],
  ['worker', JOB, [], WORKER],
];

function environment(more: Record<string, string>): Record<string, string> {
  return {
    HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    ...more,
  };
}

test.each(
  BUNDLES.flatMap(([who, bundle, line, own]) => [
    {
      who,
      bundle,
      line,
      own,
      by: 'AWS_USE_FIPS_ENDPOINT',
      host: 'dynamodb-fips.us-east-1.amazonaws.com:443',
    },
    { who, bundle, line, own, by: 'AWS_USE_DUALSTACK_ENDPOINT', host: 'dynamodb.us-east-1.api.aws:443' },
  ]),
)(
  '$by moves the $who to $host',
  async ({ bundle, line, own, by, host }) => {
    asked.length = 0;
    const { code } = await runBundle(bundle, line, environment({ ...own, [by]: 'true' }));
    expect(code).not.toBe(0);
    expect(new Set(asked)).toEqual(new Set([host]));
  },
  60_000,
);

test.each(BUNDLES)('an AWS_CA_BUNDLE that the %s cannot read is named', async (_, bundle, line, own) => {
  const ended = await runBundle(bundle, line, environment({ ...own, AWS_CA_BUNDLE: '/no/such/bundle.pem' }));
  expect(ended.code).toBe(2);
  expect(ended.stderr).toMatch(/AWS_CA_BUNDLE names \/no\/such\/bundle\.pem, which cannot be read/);
  expect(ended.stderr).not.toMatch(/Internal error|\n\s+at /);
});
