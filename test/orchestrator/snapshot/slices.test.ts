import { describe, expect, test } from 'vitest';
import { composeInSlices, type Knowledge, type Records } from '../../../orchestrator/snapshot/compose.ts';
import { atOnce, betweenOthers, sliceBySlice } from '../../../orchestrator/snapshot/slices.ts';
import { runRecord, segmentRecord, taskRecord } from '../../support/records.ts';

describe('work in slices', () => {
  test('takes every element once, in order, and yields in between', () => {
    const elements = Array.from({ length: 4_500 }, (_, index) => index);
    const seen: number[] = [];
    const slices = sliceBySlice(elements, element => seen.push(element));
    slices.next();
    expect(seen).toHaveLength(2_000);
    atOnce(slices);
    expect(seen).toEqual(elements);
  });

  test('is done at once when there is little of it', () => {
    let sum = 0;
    let done = false;
    betweenOthers(
      sliceBySlice([1, 2, 3], element => {
        sum += element;
      }),
      () => {
        done = true;
      },
    );
    expect([sum, done]).toEqual([6, true]);
  });

  test('lets other callbacks run when there is much of it', async () => {
    const order: string[] = [];
    const work = new Promise<void>(resolve =>
      betweenOthers(
        sliceBySlice(new Array(10_000).fill(0), () => {}),
        () => resolve(void order.push('work')),
      ),
    );
    setImmediate(() => order.push('other'));
    await work;
    expect(order).toEqual(['other', 'work']);
  });
});

describe('a snapshot of 100,000 segments and 1,000 tasks', () => {
  const run = runRecord({ totalSegments: 100_000, tasks: 1_000 });
  const launch = (task: number) => `launch-${task}`;
  const records: Records = {
    run,
    segments: Array.from({ length: 100_000 }, (_, segment) =>
      segmentRecord({
        segment,
        status: segment % 2 === 0 ? 'complete' : 'running',
        launchId: launch(segment % 1_000),
        progressedBy: launch(segment % 1_000),
        progressAt: run.createdAt,
      }),
    ),
    tasks: Array.from({ length: 1_000 }, (_, task) =>
      taskRecord({
        launchId: launch(task),
        segments: Array.from({ length: 100 }, (_, index) => task + index * 1_000),
      }),
    ),
    quarantine: [],
    verifications: [],
    verificationProgress: [],
  };
  const knowledge: Knowledge = {
    nowMs: Date.parse(run.createdAt) + 60_000,
    ages: new Map(),
    rate: null,
    history: { points: [], throttling: [], cuts: [], passes: [] },
    scannedBefore: undefined,
    orchestratorAgeMs: 0,
  };

  /** CPU time of each step in milliseconds, so that another process on the core does not count. */
  function steps(): number[] {
    const slices = composeInSlices(records, knowledge);
    const taken: number[] = [];
    for (let done = false; !done; ) {
      const before = process.cpuUsage();
      done = slices.next().done === true;
      const { user, system } = process.cpuUsage(before);
      taken.push((user + system) / 1_000);
    }
    return taken;
  }

  test('keeps nothing waiting for 50 ms: no step of it takes as long', () => {
    // The garbage collector's timing is arbitrary, so a step counts as long as in its fastest run.
    const runs = Array.from({ length: 5 }, steps);
    const quickest = (runs[0] ?? []).map((_, step) => Math.min(...runs.map(run => run[step] ?? 0)));
    expect(quickest.length).toBeGreaterThan(200);
    expect(Math.max(...quickest)).toBeLessThan(25);
  });
});
