import { afterEach, describe, expect, test } from 'vitest';
import { nextCommand, nextRun, sameCommand, sameOptions } from '../../../orchestrator/cli/next-command.ts';
import { runRecord } from '../../support/records.ts';

const before = process.argv;
afterEach(() => {
  process.argv = before;
});

function typed(...words: string[]): void {
  process.argv = ['node', 'orchestrate', ...words];
}

const RATES = { writeUnitsPerSecond: 300, readUnitsPerSecond: 600 };

describe('the next command', () => {
  test('goes to the same fleet as the present one, and takes nothing else from it', () => {
    typed('run', '--stack', 'other', '--control-table=mine', '--segments', '4', '--json', '--yes', '--local');
    expect(nextCommand('resume', 'run-1')).toBe(
      'orchestrate resume run-1 --stack other --control-table=mine --local',
    );
  });

  test('of the default stack does not name the stack', () => {
    typed('--segments', '4');
    expect(nextCommand('failures', 'run-1', '--retry')).toBe('orchestrate failures run-1 --retry');
  });

  test('starts a run as the last one was: a value of its own, and the rates in force at the end', () => {
    typed('--table', 'orders', '--max-write-rate', '1000', '--limit', '5', '--yes', '--allow-no-pitr');
    const run = runRecord({
      table: 'orders',
      attribute: 'two words',
      value: `"it's"`,
      totalSegments: 8,
      tasks: 4,
      rates: RATES,
      passes: 3,
      maxAttempts: 5,
      spot: true,
      replicas: 1,
    });
    expect(nextRun(run, ['--deployed-at', '2026-01-01T00:00:00.000Z'])).toBe(
      `orchestrate run --table orders --attribute 'two words' --value '"it'\\''s"' --segments 8 --tasks 4 ` +
        '--max-write-rate 300 --max-read-rate 600 --spot --single-writer-region --allow-no-pitr --deployed-at 2026-01-01T00:00:00.000Z',
    );
  });

  test('leaves out options that have their default', () => {
    typed();
    const run = runRecord({
      table: 'stuff',
      attribute: 'test',
      value: '1',
      totalSegments: 32,
      tasks: 32,
      rates: RATES,
      passes: 3,
      maxAttempts: 5,
      spot: false,
    });
    expect(nextRun(run)).toBe(
      'orchestrate run --table stuff --attribute test --max-write-rate 300 --max-read-rate 600',
    );
  });
});

describe('the present command', () => {
  test('as a run, from a plan of it', () => {
    typed(
      'plan',
      '--format',
      'md',
      '--table',
      'orders',
      '--json',
      '--value',
      '-1',
      '--deployed-at=2026-01-01',
    );
    expect(sameOptions('run')).toBe('orchestrate run --table orders --value -1 --deployed-at=2026-01-01');
  });

  test('as a plan, from a run, without what confirms it', () => {
    typed('--segments', '4', '--dry-run', '--yes');
    expect(sameOptions('plan', ['yes'])).toBe('orchestrate plan --segments 4 --dry-run');
  });

  test('with one more option', () => {
    typed('--value', '"$x"');
    expect(sameCommand(['--yes'])).toBe(`orchestrate --value '"$x"' --yes`);
  });
});
