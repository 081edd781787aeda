import { describe, expect, test } from 'vitest';
import {
  AuthorityLostError,
  ConfigurationError,
  FleetfillError,
  NotConfirmedError,
  PreflightError,
  SupersededError,
  SystemicError,
  TableLockedError,
} from '../../../core/errors.ts';
import { RUN_TRANSITIONS, type RunStatus } from '../../../core/records.ts';
import { exitCodeOfError, exitCodeOfStatus } from '../../../orchestrator/cli/exit-codes.ts';

/** The exit codes as in the contract. */
const OF_STATUS: Record<RunStatus, number> = {
  verified: 0,
  'dry-run': 0,
  canary: 0,
  quarantined: 5,
  incomplete: 6,
  failed: 7,
  paused: 9,
  cancelled: 9,
  // A command should not end while its run goes on.
  running: 1,
  verifying: 1,
};

describe('the exit code', () => {
  test('has one for every status', () => {
    expect(Object.keys(OF_STATUS).sort()).toEqual(Object.keys(RUN_TRANSITIONS).sort());
  });

  test.each(Object.entries(OF_STATUS))('of a run that ended %s is %i', (status, code) => {
    expect(exitCodeOfStatus(status as RunStatus)).toBe(code);
  });

  test.each([
    [new ConfigurationError('m'), 2],
    [new PreflightError('m'), 3],
    [new NotConfirmedError('m'), 4],
    [new SystemicError('m'), 7],
    [new TableLockedError('run-1', 'm'), 8],
    [new SupersededError('m'), 8],
    [new AuthorityLostError('m'), 1],
    [new FleetfillError('Other', 'm'), 1],
    [new TypeError('m'), 1],
    ['text', 1],
    [undefined, 1],
  ])('of %s is %i', (error, code) => {
    expect(exitCodeOfError(error)).toBe(code);
  });
});
