import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseJsonValue } from '../../core/attribute-value.ts';
import { ConfigurationError } from '../../core/errors.ts';
import { MAX_TOTAL_SEGMENTS } from '../../core/records.ts';
import {
  encodeTaskEnvironment,
  parseTaskEnvironment,
  TASK_ENVIRONMENT_VARIABLES,
  type TaskEnvironment,
} from '../../core/task-environment.ts';

const text = fc.string({ unit: 'binary', minLength: 1 });

const task: fc.Arbitrary<TaskEnvironment> = fc
  .record({
    runId: text,
    launchId: text,
    segments: fc.uniqueArray(fc.nat({ max: 999_999 }), { minLength: 1, maxLength: 20 }),
    table: text,
    attribute: text,
    value: fc.json().filter(json => isValue(json)),
    controlTable: text,
    namespace: text,
    further: fc.nat({ max: 1_000 }),
  })
  .map(({ further, ...given }) => ({
    ...given,
    totalSegments: Math.min(MAX_TOTAL_SEGMENTS, Math.max(...given.segments) + 1 + further),
  }));

/** JSON can express numbers that DynamoDB cannot hold. */
function isValue(json: string): boolean {
  try {
    parseJsonValue(json);
    return true;
  } catch {
    return false;
  }
}

/** A run with a recipe has neither. */
const WITHOUT_RECIPE = ['FLEETFILL_ATTRIBUTE', 'FLEETFILL_VALUE'];

const asEnvironment = (given: TaskEnvironment) =>
  Object.fromEntries(encodeTaskEnvironment(given).map(({ name, value }) => [name, value]));

const GOOD = {
  FLEETFILL_RUN_ID: 'run-1',
  FLEETFILL_LAUNCH: 'launch-1',
  FLEETFILL_SEGMENTS: '0,32,64',
  FLEETFILL_TOTAL_SEGMENTS: '96',
  FLEETFILL_TABLE: 'stuff',
  FLEETFILL_ATTRIBUTE: 'test',
  FLEETFILL_VALUE: '1',
  FLEETFILL_CONTROL_TABLE: 'control',
  FLEETFILL_NAMESPACE: 'Fleetfill',
};

/** The lines of the message without the first one. */
function problemsOf(environment: Record<string, string | undefined>): string[] {
  try {
    parseTaskEnvironment(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message.split('\n').slice(1);
  }
  return [];
}

test('what the orchestrator encodes is what the worker reads', () => {
  fc.assert(
    fc.property(task, given => {
      expect(parseTaskEnvironment(asEnvironment(given))).toEqual(given);
    }),
  );
});

test('the environment is the nine variables of the contract', () => {
  expect([...TASK_ENVIRONMENT_VARIABLES].sort()).toEqual(Object.keys(GOOD).sort());
});

test('segments keep the order in which they are to be taken', () => {
  expect(parseTaskEnvironment({ ...GOOD, FLEETFILL_SEGMENTS: '64,0,32' }).segments).toEqual([64, 0, 32]);
});

test('variables of others are of no concern', () => {
  expect(problemsOf({ ...GOOD, AWS_REGION: 'us-east-1', FLEETFILL_STACK: 'other' })).toEqual([]);
});

describe('a worker that cannot use its environment', () => {
  test('names every variable that is missing, at once', () => {
    const always = TASK_ENVIRONMENT_VARIABLES.filter(name => !WITHOUT_RECIPE.includes(name));
    const neither =
      'FLEETFILL_ATTRIBUTE and FLEETFILL_VALUE are not set, which is right only for a run with a recipe';
    expect(problemsOf({})).toEqual([...always.map(name => `${name} is not set`), neither]);
  });

  test('has attribute and value, or neither for a run with a recipe', () => {
    const { FLEETFILL_ATTRIBUTE: _, FLEETFILL_VALUE: __, ...recipe } = GOOD;
    expect(parseTaskEnvironment(recipe)).not.toHaveProperty('attribute');
    expect(encodeTaskEnvironment(parseTaskEnvironment(recipe)).map(({ name }) => name)).toEqual(
      Object.keys(recipe),
    );
    const both = 'is not set, but the other one is. Set both, or neither for a run with a recipe';
    for (const [name, value] of [
      ['FLEETFILL_ATTRIBUTE', 'test'],
      ['FLEETFILL_VALUE', '1'],
    ] as const) {
      const other = WITHOUT_RECIPE.find(one => one !== name);
      expect(problemsOf({ ...recipe, [name]: value })).toEqual([`${other} ${both}`]);
    }
  });

  test('names every variable that is empty, at once', () => {
    const empty = Object.fromEntries(TASK_ENVIRONMENT_VARIABLES.map(name => [name, '']));
    const problems = problemsOf(empty);
    for (const name of TASK_ENVIRONMENT_VARIABLES) expect(problems).toContain(`${name} is empty`);
  });

  test('names a problem of two variables together beside one of another alone', () => {
    const problems = problemsOf({ ...GOOD, FLEETFILL_SEGMENTS: '96', FLEETFILL_TABLE: '' });
    expect(problems).toHaveLength(2);
    expect(problems).toContain('FLEETFILL_TABLE is empty');
    expect(problems).toContain('FLEETFILL_SEGMENTS names 96, but FLEETFILL_TOTAL_SEGMENTS is 96');
  });

  test.each([
    ['FLEETFILL_SEGMENTS', '1,1', 'names a segment twice'],
    ['FLEETFILL_SEGMENTS', '1, 2', 'is not a comma-separated list of whole numbers'],
    ['FLEETFILL_SEGMENTS', '-1', 'is not a comma-separated list of whole numbers'],
    ['FLEETFILL_SEGMENTS', '1,', 'is not a comma-separated list of whole numbers'],
    ['FLEETFILL_SEGMENTS', '0,96,97', 'names 96, 97, but FLEETFILL_TOTAL_SEGMENTS is 96'],
    ['FLEETFILL_TOTAL_SEGMENTS', '1e2', 'is not a whole number'],
    ['FLEETFILL_TOTAL_SEGMENTS', '0', 'is not between 1 and 1000000'],
    ['FLEETFILL_TOTAL_SEGMENTS', '1000001', 'is not between 1 and 1000000'],
    ['FLEETFILL_VALUE', 'one', 'is not JSON'],
    ['FLEETFILL_VALUE', '1e126', 'cannot be set: The number 1e126 is outside the range of DynamoDB.'],
  ])('%s=%s %s', (name, value, problem) => {
    expect(problemsOf({ ...GOOD, [name]: value })).toContain(`${name} ${problem}`);
  });

  test('is never told the values of other variables', () => {
    expect(
      problemsOf({ ...GOOD, FLEETFILL_SEGMENTS: 'x', AWS_SECRET_ACCESS_KEY: 'hush' }).join(),
    ).not.toContain('hush');
  });
});
