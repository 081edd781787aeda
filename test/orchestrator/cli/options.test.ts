import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigurationError } from '../../../core/errors.ts';
import { optionsFromEnvironment, parseSettings as parse } from '../../../orchestrator/cli/command.ts';
import { optionName } from '../../../orchestrator/cli/option.ts';
import { FLEET_OPTIONS, RUN_OPTIONS } from '../../../orchestrator/cli/options.ts';
import { plan } from '../../../orchestrator/commands/plan.ts';
import { resume } from '../../../orchestrator/commands/resume.ts';

const parseSettings = (given: Readonly<Record<string, unknown>>) => parse(plan, given);

/** The lines that say what is wrong. */
function problemsOf(given: Record<string, unknown>): string[] {
  try {
    parseSettings(given);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message.split('\n');
  }
  return [];
}

test('without an option, a run is the founding case of the contract', () => {
  expect(parseSettings({})).toMatchObject({
    table: 'stuff',
    attribute: 'test',
    value: '1',
    segments: 32,
    passes: 3,
    maxAttempts: 5,
    writeApi: 'auto',
    stack: 'fleetfill',
    yes: false,
    json: false,
  });
});

test('a given value is distinguished from a default', () => {
  expect([...parseSettings({ segments: '32', table: undefined }).given]).toEqual(['segments']);
});

test.each([
  ['segments', '32', 32],
  ['segments', '1000000', 1_000_000],
  ['tasks', '1', 1],
  ['maxWriteRate', '200', 200],
  ['maxWriteRate', '1.5', 1.5],
  ['maxQuarantine', '0', 0],
  ['subnets', 'subnet-1, subnet-2', ['subnet-1', 'subnet-2']],
  [
    'table',
    'arn:aws:dynamodb:us-east-1:123456789012:table/stuff',
    'arn:aws:dynamodb:us-east-1:123456789012:table/stuff',
  ],
  ['table', 'a.b-c_1', 'a.b-c_1'],
  ['attribute', 'ä "b".c', 'ä "b".c'],
  ['account', '012345678901', '012345678901'],
  ['deployedAt', '2026-01-01T00:00:00+01:00', '2025-12-31T23:00:00.000Z'],
])('--%s %s is %j', (name, text, expected) => {
  expect(parseSettings({ [name]: text })).toMatchObject({ [name]: expected });
});

test.each([
  ['segments', '0'],
  ['segments', '1000001'],
  ['segments', '1e3'],
  ['segments', '-1'],
  ['segments', ' 1'],
  ['segments', ''],
  ['tasks', '10001'],
  ['maxWriteRate', '0.99'],
  ['maxWriteRate', '1e9'],
  ['maxReadRate', 'Infinity'],
  ['unattendedRate', '0'],
  ['passes', '101'],
  ['maxAttempts', '0'],
  ['maxQuarantine', '-1'],
  ['table', 'ab'],
  ['table', 'a b c'],
  ['table', 'x'.repeat(256)],
  ['attribute', ''],
  ['account', '1234'],
  ['account', '12345678901a'],
  ['writeApi', 'both'],
  ['namespace', ''],
  ['controlTable', '??'],
  ['deployedAt', 'yesterday'],
  ['deployedAt', '2026-13-01'],
  ['maxCost', '0'],
  ['limit', '0'],
])('--%s %j is refused, and named as it is written', (name, text) => {
  const problems = problemsOf({ [name]: text });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(new RegExp(`^--${optionName(name)} `));
  expect(problems[0]).toContain(text);
});

test('all problems are reported at once, one line each', () => {
  expect(problemsOf({ segments: 'x', maxWriteRate: 'y', account: 'z' })).toHaveLength(3);
});

test('an option that is given twice is refused, whatever its values', () => {
  expect(problemsOf({ segments: ['2', '2'] })).toEqual(['--segments is given more than once.']);
});

test('only text that is a number is taken for a number', () => {
  fc.assert(
    fc.property(fc.string(), text => {
      try {
        const { segments } = parseSettings({ segments: text });
        expect(text).toMatch(/^\d+$/);
        expect(String(segments)).toBe(text.replace(/^0+(?=\d)/, ''));
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigurationError);
      }
    }),
  );
});

describe('an environment variable for an option', () => {
  const all = { ...FLEET_OPTIONS, ...RUN_OPTIONS };

  test('has its name in capitals', () => {
    const environment = { FLEETFILL_MAX_WRITE_RATE: '500', FLEETFILL_TABLE: 'orders', OTHER: '1' };
    expect(optionsFromEnvironment(environment, all)).toEqual({ maxWriteRate: '500', table: 'orders' });
  });

  test('of a flag is off for the words that mean no', () => {
    const of = (text: string) => optionsFromEnvironment({ FLEETFILL_JSON: text }, all)['json'];
    expect(['0', 'false', 'no'].map(of)).toEqual([false, false, false]);
    expect(['1', 'true', 'yes'].map(of)).toEqual([true, true, true]);
  });

  test('that is empty, or names no option, has no effect', () => {
    expect(optionsFromEnvironment({ FLEETFILL_TABLE: '', FLEETFILL_LAUNCH: 'x' }, all)).toEqual({});
  });
});

test('resume has the options of a run without defaults: an option that is not given changes nothing', () => {
  expect(Object.keys(resume.options)).toEqual([...Object.keys(RUN_OPTIONS), 'detach', 'expect-epoch']);
  for (const option of Object.values(resume.options)) expect(option).not.toHaveProperty('default');
});
