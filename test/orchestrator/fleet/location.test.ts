import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { PreflightError } from '../../../core/errors.ts';
import {
  currentTaskDefinition,
  type FleetChoice,
  locateFleet,
} from '../../../orchestrator/fleet/location.ts';
import { type CloudFormationStub, startCloudFormationStub } from '../../support/cloudformation-stub.ts';

let cloudFormation: CloudFormationStub;

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
  cloudFormation = await startCloudFormationStub();
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'none');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'none');
  vi.stubEnv('AWS_ENDPOINT_URL_CLOUDFORMATION', cloudFormation.endpoint);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await cloudFormation.close();
});

beforeEach(() => {
  cloudFormation.stack = { status: 'UPDATE_COMPLETE', outputs: STACK };
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
    await expect(locateFleet(choice(more))).rejects.toThrow(PreflightError);
    await expect(locateFleet(choice(more))).rejects.toThrow(words);
  });

  test('is taken for any attribute of its table where its roles are not restricted', async () => {
    const stack = (restrict: string) => ({
      status: 'CREATE_COMPLETE',
      outputs: { ...STACK, RestrictAttributes: restrict },
    });
    cloudFormation.stack = stack('false');
    expect(await locateFleet(choice({ attribute: 'a,b' }))).toMatchObject({ cluster: 'cluster' });
    await expect(locateFleet(choice({ table: 'orders' }))).rejects.toThrow('not orders');
    cloudFormation.stack = stack('true');
    await expect(locateFleet(choice({ attribute: 'a,b' }))).rejects.toThrow('not a,b');
  });

  test('names its current task definition, unless an option names one', async () => {
    expect(await currentTaskDefinition(choice({}))).toBe(STACK.TaskDefinition);
    expect(await currentTaskDefinition(choice({ taskDefinition: 'fleetfill:7' }))).toBeUndefined();
  });
});
