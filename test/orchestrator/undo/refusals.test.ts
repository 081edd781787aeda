import { expect, test } from 'vitest';
import { PreflightError, TableLockedError } from '../../../core/errors.ts';
import type { RunRecord } from '../../../core/records.ts';
import { requireUndoable } from '../../../orchestrator/undo/refusals.ts';
import { runRecord } from '../../support/records.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.parse('2026-11-27T12:00:00Z');
const seconds = (ms: number) => Math.floor(ms / 1_000);

const undoLog = {
  targets: [{ name: 'test', value: '{"N":"1"}' }],
  expiresAt: seconds(NOW_MS + 100 * HOUR_MS),
};

const finished = (given: Partial<RunRecord> = {}): RunRecord =>
  runRecord({
    runId: 'first',
    status: 'verified',
    tableArn: 'arn:stuff',
    attribute: 'test',
    createdAt: '2026-11-20T00:00:00Z',
    undoLog,
    ...given,
  });

const without = (run: RunRecord): RunRecord => {
  const { undoLog: _, ...rest } = run;
  return rest;
};

test('a run that has ended and kept a log can be undone; a canary and a cancelled one as well', () => {
  for (const status of ['verified', 'quarantined', 'incomplete', 'cancelled', 'canary'] as const) {
    expect(requireUndoable(finished({ status }), [], NOW_MS)).toEqual(undoLog);
  }
});

test.each(['running', 'verifying', 'paused', 'failed'] as const)('a run that is %s has not ended', status => {
  expect(() => requireUndoable(finished({ status }), [], NOW_MS)).toThrow(TableLockedError);
  expect(() => requireUndoable(finished({ status }), [], NOW_MS)).toThrow('orchestrate cancel first');
});

test('an undo, a dry run, and a run without a log each have their own answer', () => {
  const undo = finished({ undoes: { runId: 'older', totalSegments: 4, ...undoLog } });
  expect(() => requireUndoable(undo, [], NOW_MS)).toThrow('is itself an undo of run older');
  expect(() => requireUndoable(finished({ dryRun: true, status: 'dry-run' }), [], NOW_MS)).toThrow(
    'was a dry run',
  );
  expect(() => requireUndoable(without(finished()), [], NOW_MS)).toThrow('kept no undo log');
});

test('a log is not used in its last 48 hours, and is gone after them', () => {
  const expiring = (hours: number) =>
    finished({ undoLog: { ...undoLog, expiresAt: seconds(NOW_MS + hours * HOUR_MS) } });
  expect(requireUndoable(expiring(49), [], NOW_MS)).toBeDefined();
  expect(() => requireUndoable(expiring(47), [], NOW_MS)).toThrow('last 48 hours');
  expect(() => requireUndoable(expiring(-1), [], NOW_MS)).toThrow('expired at');
});

test('a later run on the same attribute of the same table is named', () => {
  const later = (given: Partial<RunRecord> = {}) =>
    finished({ runId: 'second', createdAt: '2026-11-21T00:00:00Z', ...given });
  const undoable = (...others: RunRecord[]) => requireUndoable(finished(), others, NOW_MS);

  expect(() => undoable(later())).toThrow(PreflightError);
  expect(() => undoable(later())).toThrow('orchestrate undo second');
  expect(() => undoable(without(later()))).toThrow('second');
  expect(undoable(finished({ runId: 'earlier', createdAt: '2026-11-19T00:00:00Z' }))).toEqual(undoLog);
  expect(undoable(later({ tableArn: 'arn:other' }))).toEqual(undoLog);
  expect(undoable(later({ dryRun: true }))).toEqual(undoLog);
  const other = { targets: [{ name: 'other' }], expiresAt: undoLog.expiresAt };
  expect(undoable(later({ attribute: 'other', undoLog: other }))).toEqual(undoLog);
  const both = { targets: [{ name: 'other' }, { name: 'test' }], expiresAt: undoLog.expiresAt };
  expect(() => undoable(later({ attribute: 'other', undoLog: both }))).toThrow('second');
});

test('neither a later run that was undone nor its undo is an obstacle', () => {
  const later = finished({ runId: 'second', createdAt: '2026-11-21T00:00:00Z' });
  const undo = (status: RunRecord['status']) =>
    without(
      finished({
        runId: 'undo of second',
        status,
        createdAt: '2026-11-22T00:00:00Z',
        undoes: { runId: 'second', totalSegments: 4, ...undoLog },
      }),
    );
  expect(requireUndoable(finished(), [later, undo('verified')], NOW_MS)).toEqual(undoLog);
  expect(() => requireUndoable(finished(), [later, undo('cancelled')], NOW_MS)).toThrow('second');
});
