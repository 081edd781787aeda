import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { PreflightError } from '../../../core/errors.ts';
import {
  currentTaskDefinition,
  type FleetChoice,
  locateFleet,
} from '../../../orchestrator/fleet/location.ts';

let server: Server;
let outputs: Readonly<Record<string, string>>;

const STACK = {
  Cluster: 'cluster',
  TaskDefinition: 'arn:aws:ecs:eu-west-1:111122223333:task-definition/fleetfill:8',
  Subnets: 'subnet-a,subnet-b',
  SecurityGroups: 'sg-a',
  ControlTable: 'control',
  Table: 'stuff',
  Attributes: 'gsi1pk,gsi1sk',
};

beforeAll(async () => {
  server = createServer((_, response) => {
    const members = Object.entries(outputs)
      .map(
        ([key, value]) => `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`,
      )
      .join('');
    response.writeHead(200, { 'content-type': 'text/xml' });
    response.end(
      `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks><member><StackName>fleetfill</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>UPDATE_COMPLETE</StackStatus><Outputs>${members}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`,
    );
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'none');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'none');
  vi.stubEnv('AWS_ENDPOINT_URL_CLOUDFORMATION', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

afterAll(() => {
  vi.unstubAllEnvs();
  server.close();
});

afterEach(() => {
  outputs = STACK;
});

const choice = (more: Partial<FleetChoice>): FleetChoice => ({
  stack: 'fleetfill',
  table: 'stuff',
  given: new Set(Object.keys(more)),
  ...more,
});

describe('a stack', () => {
  test.each<[string, Partial<FleetChoice>]>([
    ['one of its attributes', { attribute: 'gsi1sk' }],
    ['a recipe that sets both', { attribute: 'test', set: ['gsi1pk = "A#" + kind', 'gsi1sk=updatedAt'] }],
    ['a command that sets nothing', {}],
  ])('is taken for %s', async (_, more) => {
    outputs = STACK;
    expect(await locateFleet(choice(more))).toMatchObject({ cluster: 'cluster', controlTable: 'control' });
  });

  test.each<[string, Partial<FleetChoice>, RegExp]>([
    [
      'another attribute',
      { attribute: 'test' },
      /for the attribute gsi1pk, gsi1sk, not test.*\nGive --attribute gsi1pk/,
    ],
    ['a recipe that sets a third', { set: ['gsi1pk = "A"', 'ttl = 1'] }, /not ttl.*\nSet one of those/],
    ['another table', { table: 'orders', attribute: 'gsi1pk' }, /for the table stuff, not orders/],
  ])('is refused for %s', async (_, more, words) => {
    outputs = STACK;
    await expect(locateFleet(choice(more))).rejects.toThrow(PreflightError);
    await expect(locateFleet(choice(more))).rejects.toThrow(words);
  });

  test('names its current task definition, unless an option names one', async () => {
    outputs = STACK;
    expect(await currentTaskDefinition(choice({}))).toBe(STACK.TaskDefinition);
    expect(await currentTaskDefinition(choice({ taskDefinition: 'fleetfill:7' }))).toBeUndefined();
  });
});
