import { randomBytes } from 'node:crypto';
import {
  NO_COUNTERS,
  type Rates,
  type RunRecord,
  type TaskSize,
  type UndoLogRecord,
} from '../../core/records.ts';
import type { NewRun } from '../../core/run-store.ts';
import { supervisorLogSegment } from '../../core/undo/log-store.ts';

export interface NewUndo {
  readonly original: RunRecord;
  readonly undoLog: UndoLogRecord;
  readonly runId: string;
  readonly at: string;
  readonly by: string;
  readonly tasks: number;
  readonly rates: Rates;
  readonly ratesReason: string;
  readonly unattendedRate: number | undefined;
  readonly maxAttempts: number;
  readonly maxCostUsd: number | undefined;
  readonly spot: boolean;
  readonly namespace: string;
  readonly controlTable: string;
  readonly heartbeat: Pick<RunRecord, 'heartbeatMs' | 'authorityMs'>;
  readonly taskSize: TaskSize | undefined;
}

/**
 * The record of an undo at its start. An undo is a run over the segments of the original run's log. The last segment is
 * what the original run's supervisor wrote.
 */
export function newUndo(undo: NewUndo): NewRun {
  const { original, undoLog, runId, at, by, rates } = undo;
  const { table, tableArn, account, region, attribute, value, recipe, keySchema, totalSegments } = original;
  return {
    ...{ runId, table, tableArn, account, region, attribute, keySchema },
    ...(value !== undefined && { value }),
    ...(recipe && { recipe }),
    status: 'running',
    desired: 'run',
    undoes: { runId: original.runId, totalSegments, ...undoLog },
    totalSegments: supervisorLogSegment(original) + 1,
    tasks: undo.tasks,
    writeApi: 'single',
    writeApiReason: 'an undo removes item by item',
    indexes: original.indexes,
    ...(original.provisionedWriteUnits !== undefined && {
      provisionedWriteUnits: original.provisionedWriteUnits,
    }),
    ...(original.itemSize && { itemSize: original.itemSize }),
    ...(original.replicas !== undefined && { replicas: original.replicas }),
    dryRun: false,
    spot: undo.spot,
    rates,
    unattendedRate: undo.unattendedRate ?? rates.writeUnitsPerSecond / 4,
    passes: 1,
    maxAttempts: undo.maxAttempts,
    ...(undo.maxCostUsd !== undefined && { maxCostUsd: undo.maxCostUsd }),
    ...undo.heartbeat,
    namespace: undo.namespace,
    controlTable: undo.controlTable,
    pass: 1,
    sweep: 1,
    createdAt: at,
    createdBy: by,
    supervisor: { by, seenAt: at },
    ...(undo.taskSize && { taskSize: undo.taskSize }),
    activeMs: 0,
    changes: [
      {
        id: randomBytes(8).toString('hex'),
        at,
        by,
        what: 'start',
        detail: `undo of ${original.runId}; budget: ${undo.ratesReason}`,
      },
    ],
    supervisorCounters: NO_COUNTERS,
  };
}
