import { expect, test } from 'vitest';
import { describeError, PreflightError, TableLockedError } from '../../core/errors.ts';

test('an error of ours is reported by its message alone', () => {
  expect(describeError(new PreflightError('The table stuff does not exist.'))).toBe(
    'The table stuff does not exist.',
  );
});

test('a foreign error is reported with its name, which often says more than its message', () => {
  const error = Object.assign(new Error(''), { name: 'AccessDeniedException' });
  expect(describeError(error)).toMatch(/^AccessDeniedException/);
  expect(describeError('thrown text')).toBe('thrown text');
});

test('an error keeps its code, its name and its cause', () => {
  const cause = new Error('below');
  const error = new PreflightError('m', { cause });
  expect(error).toMatchObject({ code: 'Preflight', name: 'PreflightError', cause });
  expect(new TableLockedError('run-1', 'm')).toMatchObject({ code: 'TableLocked', holder: 'run-1' });
});
