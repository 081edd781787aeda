import { askControlTable } from '../../core/ask-control-table.ts';
import type { Clock } from '../../core/clock.ts';
import { checkpointIntervalMs, farewellMs, SEGMENTS_AT_A_TIME } from '../../core/control-pace.ts';
import type { ControlTable } from '../../core/control-table.ts';
import { AuthorityLostError } from '../../core/errors.ts';
import { RateControl } from '../../core/rate/rate-control.ts';
import type { RunRecord, TaskEnd, TaskRecord } from '../../core/records.ts';
import { SegmentStore } from '../../core/segment-store.ts';
import type { TaskEnvironment } from '../../core/task-environment.ts';
import { TaskStore } from '../../core/task-store.ts';
import { Authority } from '../../job/authority.ts';
import { SegmentWork } from '../../job/segment-work.ts';

/** How long a worker's claim, checkpoint or heartbeat is retried. */
const PATIENCE_MS = 300_000;

/** A page is what the share allows in this part of the time between two checkpoints. */
const PAGE_PART = 0.5;

export interface ThinWorkerOptions {
  readonly task: TaskEnvironment;
  readonly run: RunRecord;
  readonly control: ControlTable;
  readonly clock: Clock;
  readonly itemsPerSegment: number;
  readonly writeUnitsPerItem: number;
  /** How many times longer a page of this task takes than its share would allow; 1 for most tasks. */
  readonly slowness: number;
  /** Whether the table throttles this task's next page. */
  readonly throttled: () => boolean;
  readonly onWritten: (items: number) => void;
}

/**
 * A worker with the shipped authority, rate control, claims, checkpoints and giving up. Its pages are only numbers:
 * they take the time that its share of the budget allows, and no item is read or written.
 */
export async function runThinWorker(options: ThinWorkerOptions): Promise<number> {
  const { task, run, control, clock } = options;
  const tasks = new TaskStore(control);
  const rate = new RateControl({
    clock,
    floorWriteUnitsPerSecond: run.unattendedRate / Math.max(1, run.tasks),
  });
  const stop = new AbortController();
  const instance = task.launchId;
  const authority = new Authority({
    tasks,
    clock,
    runId: task.runId,
    launchId: task.launchId,
    instance,
    heartbeatMs: run.heartbeatMs,
    authorityMs: run.authorityMs,
    report: () => {
      const throttled = rate.takeThrottled();
      return { seenRenewal: rate.seenRenewal, ...(throttled && { throttled }) };
    },
    onRecord: record => {
      rate.grant(record.granted, record.renewal);
      if (record.desired !== 'run') stop.abort(new Error(record.desired));
    },
  });
  const record = await authority.start(stop.signal);
  const ended = AbortSignal.any([stop.signal, authority.lost]);
  const works: SegmentWork[] = [];
  const waiting = [...record.segments];
  const lane = async () => {
    for (let segment = waiting.shift(); segment !== undefined; segment = waiting.shift()) {
      await backfill(segment, record, options, { rate, works, signal: ended });
    }
  };
  let end: TaskEnd = { kind: 'done', message: 'every segment is complete' };
  try {
    await Promise.all(Array.from({ length: SEGMENTS_AT_A_TIME }, lane));
  } catch (error) {
    end = { kind: stop.signal.aborted ? 'desired' : 'error', message: String(error) };
  }
  if (stop.signal.aborted) await clock.sleep(farewellMs(run.tasks) * 0.5);
  await Promise.all(works.map(work => work.giveUp()));
  await authority.stop();
  await tasks.finish(task.runId, task.launchId, instance, end, clock.nowIso());
  return end.kind === 'error' ? 1 : 0;
}

interface Working {
  readonly rate: RateControl;
  readonly works: SegmentWork[];
  readonly signal: AbortSignal;
}

async function backfill(
  segment: number,
  record: TaskRecord,
  options: ThinWorkerOptions,
  { rate, works, signal }: Working,
): Promise<void> {
  const { task, run, control, clock, itemsPerSegment, writeUnitsPerItem, slowness, throttled, onWritten } =
    options;
  const segments = new SegmentStore(control);
  const owner = { runId: task.runId, segment, pass: record.pass, launchId: task.launchId };
  const intervalMs = checkpointIntervalMs(run.tasks);
  try {
    const claimed = await askControlTable({ clock, signal, patienceMs: PATIENCE_MS }, () =>
      segments.claim(owner),
    );
    const work = new SegmentWork({
      owner,
      claimed,
      segments,
      clock,
      checkpointIntervalMs: intervalMs,
      onCounters: () => {},
    });
    works.push(work);
    let done = claimed.counters.scanned;
    while (done < itemsPerSegment) {
      signal.throwIfAborted();
      rate.adjust();
      const earned =
        (rate.write.unitsPerSecond / SEGMENTS_AT_A_TIME / writeUnitsPerItem) *
        ((intervalMs * PAGE_PART) / 1_000);
      const items = Math.min(itemsPerSegment - done, Math.max(1, Math.floor(earned)));
      const startedAtMs = clock.monotonicMs();
      if (throttled()) rate.throttled('TableWriteKeyRangeThroughputExceeded');
      await rate.write.reserve(items * writeUnitsPerItem, signal);
      const tookMs = clock.monotonicMs() - startedAtMs;
      if (slowness > 1) await clock.sleep(tookMs * (slowness - 1), signal);
      done += items;
      const last = done >= itemsPerSegment;
      const page = { unsettled: items, lastEvaluatedKey: last ? undefined : `{"id":{"S":"${done}"}}` };
      work.tally.add({ scanned: items, writeUnits: items * writeUnitsPerItem, readUnits: items / 8 });
      work.append(page);
      work.settle(page, 'updated', items);
      onWritten(items);
      await work.belowOpenPages(2, signal);
    }
    await work.completion(signal);
  } catch (error) {
    if (!(error instanceof AuthorityLostError) || signal.aborted) throw error;
  }
}
