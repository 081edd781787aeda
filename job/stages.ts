import { CanaryStore } from '../core/canary-store.ts';
import type { Clock } from '../core/clock.ts';
import type { ControlTable } from '../core/control-table.ts';
import { QuarantineStore } from '../core/quarantine-store.ts';
import type { RateControl } from '../core/rate/rate-control.ts';
import type { RunRecord, SegmentRecord, UndoneRun } from '../core/records.ts';
import { layoutOf } from '../core/undo/item-removal.ts';
import { LogStore } from '../core/undo/log-store.ts';
import { UndoLogWriter } from '../core/undo/log-writer.ts';
import { writeCanary } from './canary-stage.ts';
import { type Removal, RemoveStage } from './remove-stage.ts';
import { type ScanStageOptions, scanSegment } from './scan-stage.ts';
import type { CheckpointRecords, SegmentWork } from './segment-work.ts';
import { UndoSegment } from './undo-stage.ts';
import type { UserTable } from './user-table.ts';
import { WriteQueue } from './write-queue.ts';
import { MOST_IN_FLIGHT, WriteStage } from './write-stage.ts';

/** How a worker processes its segments: the stages of a backfill or of an undo. */
export interface Stages {
  readonly writing: {
    /** @throws SystemicError for an error that concerns every item. */
    run(signal: AbortSignal): Promise<void>;
    close(): void;
  };
  /** @throws SystemicError for an error that concerns every item; the signal's reason when it aborts. */
  readonly doSegment: (work: SegmentWork, claimed: SegmentRecord) => Promise<void>;
  readonly recordsOf: (segment: number) => CheckpointRecords | undefined;
}

interface StagesOptions {
  readonly run: RunRecord;
  readonly table: UserTable;
  readonly rate: RateControl;
  readonly controlTable: ControlTable;
  readonly clock: Clock;
  /** Repeats a call to the control table until it is answered. */
  readonly ask: <T>(call: () => Promise<T>) => Promise<T>;
  /** Called with why an item's record could not be written to the quarantine. */
  readonly onUnrecorded: (reason: string) => void;
}

/** The undo log of a launch, if its run keeps one. */
export function openUndoLog({
  run: { runId, keySchema, undoLog },
  controlTable,
  clock,
  pass,
  launchId,
}: Pick<StagesOptions, 'run' | 'controlTable' | 'clock'> & {
  readonly pass: number;
  readonly launchId: string;
}): UndoLogWriter | undefined {
  if (!undoLog) return undefined;
  const { expiresAt } = undoLog;
  const store = new LogStore(controlTable);
  return new UndoLogWriter({
    store,
    layout: layoutOf(keySchema, undoLog),
    clock,
    runId,
    pass,
    launchId,
    expiresAt,
  });
}

/** Scan, undo log, write, checkpoint. */
export function backfillStages(
  {
    run,
    table,
    rate,
    controlTable,
    clock,
    ask,
    onUnrecorded,
    undoLog,
  }: StagesOptions & { readonly undoLog: UndoLogWriter | undefined },
  signal: AbortSignal,
): Stages {
  const { writeApi, batchForms, dryRun, totalSegments, limit } = run;
  const queue = new WriteQueue();
  const quarantine = new QuarantineStore(controlTable);
  const stage = new WriteStage({
    ...{ table, queue, rate, quarantine, clock, undoLog, writeApi, batchForms, onUnrecorded },
    runId: run.runId,
  });
  const scan: ScanStageOptions = { table, queue, rate, clock, dryRun, totalSegments, undoLog };
  return {
    writing: { run: ending => stage.run(ending), close: () => queue.close() },
    doSegment: async (work, claimed) => {
      undoLog?.open(work.segment, claimed.undoChunks ?? 0);
      if (limit === undefined) return scanSegment(scan, work, claimed.lastEvaluatedKey, signal);
      const keys = await ask(() => new CanaryStore(controlTable).list(run.runId, work.segment));
      return writeCanary(scan, work, keys, signal);
    },
    recordsOf: segment =>
      undoLog && {
        recorded: urgent => undoLog.recorded(segment, urgent),
        chunks: () => undoLog.chunks(segment),
      },
  };
}

/** Read the log of another run, remove what it set, mark the chunk, checkpoint. */
export function undoStages(
  {
    run,
    undoes,
    table,
    rate,
    controlTable,
    clock,
    onUnrecorded,
  }: StagesOptions & { readonly undoes: UndoneRun },
  signal: AbortSignal,
): Stages {
  const queue = new WriteQueue<Removal>();
  const quarantine = new QuarantineStore(controlTable);
  const stage = new RemoveStage({
    ...{ table, queue, rate, quarantine, clock, onUnrecorded },
    runId: run.runId,
    writers: MOST_IN_FLIGHT[run.writeApi],
  });
  const source = {
    store: new LogStore(controlTable),
    layout: layoutOf(run.keySchema, undoes),
    runId: undoes.runId,
    totalSegments: undoes.totalSegments,
  };
  const open = new Map<number, UndoSegment>();
  const segmentOf = (segment: number) => {
    const known =
      open.get(segment) ?? new UndoSegment({ source, undoes, runId: run.runId, queue, clock }, segment);
    open.set(segment, known);
    return known;
  };
  return {
    writing: { run: ending => stage.run(ending), close: () => queue.close() },
    doSegment: (work, { lastEvaluatedKey, sequence, attempts }) =>
      segmentOf(work.segment).read(work, lastEvaluatedKey, sequence > 0 || attempts > 0, signal),
    recordsOf: segmentOf,
  };
}
