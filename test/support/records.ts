import {
  NO_COUNTERS,
  type Rates,
  type RunRecord,
  type SegmentRecord,
  type TaskRecord,
} from '../../core/records.ts';
import type { NewRun } from '../../core/run-store.ts';

export const rates = (writeUnitsPerSecond: number, readUnitsPerSecond = writeUnitsPerSecond): Rates => ({
  writeUnitsPerSecond,
  readUnitsPerSecond,
});

/** A run as `orchestrate run` would create it, with `given` on top. */
export function newRun(given: Partial<NewRun> = {}): NewRun {
  return {
    runId: 'run-1',
    status: 'running',
    desired: 'run',
    table: 'stuff',
    tableArn: 'arn:aws:dynamodb:us-east-1:000000000000:table/stuff',
    account: '000000000000',
    region: 'us-east-1',
    attribute: 'test',
    value: '1',
    keySchema: [{ name: 'id', type: 'S' }],
    totalSegments: 4,
    tasks: 4,
    spot: false,
    writeApi: 'batch',
    writeApiReason: 'proved',
    indexes: 0,
    dryRun: false,
    rates: rates(100),
    unattendedRate: 25,
    passes: 3,
    maxAttempts: 5,
    heartbeatMs: 2_000,
    authorityMs: 5_000,
    namespace: 'Fleetfill',
    controlTable: 'control',
    pass: 1,
    sweep: 1,
    createdAt: '2026-01-01T00:00:00.000Z',
    createdBy: 'someone@somewhere',
    activeMs: 0,
    changes: [],
    supervisorCounters: NO_COUNTERS,
    ...given,
  };
}

export function runRecord(given: Partial<RunRecord> = {}): RunRecord {
  return { ...newRun(), version: 1, epoch: 1, supervisorWrite: 'nonce', ...given };
}

export function taskRecord(given: Partial<TaskRecord> = {}): TaskRecord {
  return {
    runId: 'run-1',
    launchId: 'launch-1',
    pass: 1,
    segments: [0],
    status: 'running',
    epoch: 1,
    desired: 'run',
    granted: rates(10),
    renewal: 0,
    seenRenewal: 0,
    held: rates(10),
    seen: 'run',
    heartbeat: 1,
    launchedAt: '2026-01-01T00:00:00.000Z',
    ...given,
  };
}

export function segmentRecord(given: Partial<SegmentRecord> = {}): SegmentRecord {
  return {
    runId: 'run-1',
    segment: 0,
    totalSegments: 4,
    pass: 1,
    status: 'running',
    launchId: 'launch-1',
    sequence: 0,
    counters: NO_COUNTERS,
    attempts: 0,
    ...given,
  };
}
