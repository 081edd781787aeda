import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { NO_COUNTERS, type RunRecord } from '../../../core/records.ts';
import { evidenceOf } from '../../../orchestrator/report/compose-evidence.ts';
import { compose } from '../../../orchestrator/snapshot/compose.ts';
import { drawFrame } from '../../../orchestrator/terminal/frame.ts';
import { runRecord, segmentRecord } from '../../support/records.ts';

const COUNTERS = {
  ...NO_COUNTERS,
  ...{ scanned: 2_000, matched: 1_650, updated: 1_500, alreadySet: 100, deleted: 30, quarantined: 20 },
};

/** What the terminal and the report say about the same records. */
function facesOf(run: Partial<RunRecord>, counters = COUNTERS): readonly string[] {
  const records = {
    run: runRecord({ totalSegments: 1, ...run }),
    segments: [segmentRecord({ segment: 0, totalSegments: 1, counters })],
    ...{ tasks: [], quarantine: [], verifications: [], verificationProgress: [] },
  };
  const snapshot = compose(records, {
    nowMs: Date.parse('2026-01-01T00:03:20.000Z'),
    ages: new Map(),
    rate: { writeUnitsPerSecond: 80, readUnitsPerSecond: 3, itemsPerSecond: 10, overMs: 10_000 },
    history: { points: [], throttling: [], cuts: [], passes: [] },
    scannedBefore: undefined,
    orchestratorAgeMs: 0,
  });
  const frame = stripVTControlCharacters(drawFrame(snapshot, { columns: 160, rows: 40 }).join('\n'));
  return [frame, JSON.stringify(evidenceOf(records.run, snapshot, '2026-01-01T00:03:20.000Z', []))];
}

test('a constant has no scope, and nothing to compute again', () => {
  for (const face of facesOf({})) {
    expect(face).toContain('1,500 set, 100 set by others, 30 deleted, 20 in quarantine');
    expect(face).not.toMatch(/out of scope|computed again/);
  }
});

test('of a recipe both are counted', () => {
  const recipe = { set: [{ name: 'test', expression: 'a' }], where: 'b == 1' };
  for (const face of facesOf({ recipe }, { ...COUNTERS, outOfScope: 300, recomputed: 7 })) {
    expect(face).toContain('30 deleted, 300 out of scope, 7 computed again, 20 in quarantine');
  }
});

test('of an undo they are values, and what was removed', () => {
  const undoes = { runId: 'run-0', totalSegments: 4, targets: [], expiresAt: 4_000_000_000 };
  for (const face of facesOf({ undoes })) {
    expect(face).toContain('1,500 removed, 100 had another value or none, 30 deleted, 20 in quarantine');
  }
});
