import type { ControlTable } from '../../../core/control-table.ts';
import { toItem } from '../../../core/record-item.ts';
import {
  NO_COUNTERS,
  type RunRecord,
  type SegmentRecord,
  segmentItem,
  type TaskRecord,
  taskItem,
} from '../../../core/records.ts';

import type { NewRun } from '../../../core/run-store.ts';
import type { SampleRecord } from '../../../core/sample-store.ts';
import { createStores, type Stores } from '../../../orchestrator/stores.ts';
import { newRun, rates, segmentRecord, taskRecord } from '../../support/records.ts';

export interface StoredRun {
  readonly table: ControlTable;
  readonly stores: Stores;
  readonly run: RunRecord;
  putSegment(segment: number, given: Partial<SegmentRecord>): Promise<void>;
  /** Every task sends a heartbeat. */
  beat(): Promise<void>;
  putTask(launch: string, given: Partial<TaskRecord>): Promise<void>;
}

/** Write units a second, just above what the samples show. */
const BUDGET = 30_000;

/** The records of a half-finished run, in a control table of a real engine. */
export async function storeRun(
  table: ControlTable,
  { segments, tasks = 8, run: given }: { segments: number; tasks?: number; run?: Partial<NewRun> },
): Promise<StoredRun> {
  const stores = createStores(table);
  const now = Date.now();
  const at = (secondsAgo: number) => new Date(now - secondsAgo * 1_000).toISOString();
  const run = await stores.runs.create(
    newRun({
      runId: 'run-1',
      totalSegments: segments,
      tasks,
      rates: rates(BUDGET, 60_000),
      unattendedRate: BUDGET / 4,
      createdAt: at(120),
      controlTable: table.name,
      taskSize: { cpuUnits: 256, memoryMiB: 512, architecture: 'ARM64' },
      changes: [{ id: 'a', at: at(120), by: 'someone@somewhere', what: 'start', detail: 'budget: as given' }],
      ...given,
    }),
  );
  const launchOf = (segment: number) => `launch-${segment % tasks}`;
  const putSegment = async (segment: number, given: Partial<SegmentRecord>) => {
    const record = segmentRecord({ segment, totalSegments: segments, launchId: launchOf(segment), ...given });
    await table.put(toItem(record, segmentItem(segment)), []);
  };
  const putTask = async (launch: string, given: Partial<TaskRecord>) => {
    await table.put(toItem(taskRecord({ launchId: launch, ...given }), taskItem(launch)), []);
  };
  let heartbeat = 58;
  const beat = async () => {
    heartbeat += 1;
    for (let task = 0; task < tasks; task++) {
      await putTask(`launch-${task}`, {
        segments: Array.from({ length: segments }, (_, segment) => segment).filter(
          segment => segment % tasks === task,
        ),
        granted: rates(BUDGET / tasks),
        taskArn: `arn:aws:ecs:us-east-1:000000000000:task/fleetfill/task-${task}`,
        launchedAt: at(118),
        heartbeatAt: new Date().toISOString(),
        heartbeat,
      });
    }
  };
  await beat();
  for (let from = 0; from < segments; from += 50) {
    await Promise.all(
      Array.from({ length: Math.min(50, segments - from) }, (_, index) =>
        putSegment(from + index, progressOf(from + index, segments, at)),
      ),
    );
  }
  await storeSamples(stores, run, segments, at);
  return { table, stores, run, putSegment, putTask, beat };
}

/** Two thirds are complete, then some are running at different levels, one was given up, and the rest are waiting. */
function progressOf(
  segment: number,
  segments: number,
  at: (secondsAgo: number) => string,
): Partial<SegmentRecord> {
  const part = segment / segments;
  const counted = (scanned: number) => ({
    ...NO_COUNTERS,
    scanned,
    matched: scanned,
    updated: scanned - 3,
    alreadySet: 2,
    deleted: 1,
    writeUnits: scanned,
    readUnits: scanned / 20,
  });
  const size = 4_000 + ((segment * 37) % 400);
  if (part < 0.66)
    return { status: 'complete', counters: counted(size), completedAt: at(10), progressAt: at(10) };
  if (segment === segments - 1)
    return {
      status: 'failed',
      reason: '5 launches in a row made no progress',
      attempts: 5,
      counters: counted(40),
    };
  if (part < 0.8) {
    const scanned = Math.floor(size * (0.1 + (0.9 * ((segment * 7) % 10)) / 10));
    return { status: 'running', counters: counted(scanned), progressAt: at(1) };
  }
  return { status: 'assigned' };
}

async function storeSamples(
  stores: Stores,
  run: RunRecord,
  segments: number,
  at: (secondsAgo: number) => string,
): Promise<void> {
  const total = segments * 0.74 * 4_200;
  for (let number = 0; number <= 11; number++) {
    const part = number / 11;
    const throttled = number === 5 || number === 6;
    const sample: SampleRecord = {
      runId: run.runId,
      at: at(118 - number * 10),
      status: 'running',
      pass: 1,
      sweep: 1,
      counters: {
        ...NO_COUNTERS,
        scanned: total * part,
        writeUnits: total * part,
        readUnits: (total * part) / 20,
      },
      segmentsComplete: Math.floor(segments * 0.66 * part),
      tasks: number === 0 ? 0 : run.tasks,
      budget: number < 7 ? rates(34_000, 60_000) : rates(BUDGET, 60_000),
      throttled: throttled ? 14 : 0,
      ...(throttled && { throttledReason: 'TableWriteKeyRangeThroughputExceeded' }),
    };
    await stores.samples.write(sample, { epoch: 1, number });
  }
}
