import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NO_COUNTERS, type RunRecord, type SegmentRecord } from '../../../core/records.ts';
import type { SampleRecord } from '../../../core/sample-store.ts';
import { compose, type Knowledge, type Records } from '../../../orchestrator/snapshot/compose.ts';
import { applied, difference } from '../../../orchestrator/snapshot/delta.ts';
import { HeartbeatAges } from '../../../orchestrator/snapshot/heartbeat-ages.ts';
import { History } from '../../../orchestrator/snapshot/history.ts';
import { RateTrail } from '../../../orchestrator/snapshot/rate-trail.ts';
import { ThrottleCount } from '../../../orchestrator/snapshot/throttle-count.ts';
import { rates, runRecord, segmentRecord, taskRecord } from '../../support/records.ts';

const START_MS = Date.parse('2026-01-01T00:00:00.000Z');
const iso = (ms: number) => new Date(START_MS + ms).toISOString();

function snapshot(
  run: Partial<RunRecord>,
  segments: SegmentRecord[],
  more: Partial<Records & Knowledge> = {},
) {
  return compose(
    {
      run: runRecord(run),
      segments,
      tasks: [],
      quarantine: [],
      verifications: [],
      verificationProgress: [],
      ...more,
    },
    {
      nowMs: START_MS + 60_000,
      ages: new Map(),
      rate: { writeUnitsPerSecond: 50, readUnitsPerSecond: 5, itemsPerSecond: 100, overMs: 10_000 },
      history: { points: [], throttling: [], cuts: [], passes: [] },
      scannedBefore: undefined,
      orchestratorAgeMs: 0,
      ...more,
    },
  );
}

const scanned = (
  segment: number,
  items: number,
  status: SegmentRecord['status'],
  more: Partial<SegmentRecord> = {},
) => segmentRecord({ segment, status, counters: { ...NO_COUNTERS, scanned: items }, ...more });

describe('the estimate of the time left', () => {
  test('is not made while too few segments are complete and DynamoDB has no count', () => {
    const { progress } = snapshot({ totalSegments: 40 }, [
      scanned(0, 100, 'complete'),
      scanned(1, 30, 'running'),
    ]);
    expect(progress.remainingMs).toBeNull();
    expect(progress.remainingBasis).toContain('only 1 segment is complete, and there is no count');
    expect(progress).toMatchObject({ part: 1 / 40, basis: 'of the segments are complete' });
  });

  test('rests on the complete segments once there are enough', () => {
    const complete = [0, 1, 2, 3].map(segment => scanned(segment, 1_000, 'complete'));
    const { progress } = snapshot({ totalSegments: 10 }, [...complete, scanned(4, 500, 'running')]);
    expect(progress.part).toBeCloseTo(0.45);
    expect(progress.remainingMs).toBeCloseTo(55_000);
    expect(progress.remainingBasis).toContain('4 complete segments');
  });

  test('is not made when a running segment is far larger than those that are complete', () => {
    const complete = [0, 1, 2, 3].map(segment => scanned(segment, 100, 'complete'));
    const { progress } = snapshot({ totalSegments: 10 }, [...complete, scanned(4, 10_000, 'running')]);
    expect(progress.remainingMs).toBeNull();
    expect(progress.remainingBasis).toContain('far larger');
  });

  test('is not made when the last segments are as large as the complete ones: nobody knows how much is left', () => {
    const complete = [0, 1, 2, 3].map(segment => scanned(segment, 1_000, 'complete'));
    const { progress } = snapshot({ totalSegments: 5 }, [...complete, scanned(4, 1_100, 'running')]);
    expect(progress).toMatchObject({ part: 0.99, remainingMs: null });
    expect(progress.remainingBasis).toContain('already of average size');
  });

  test('drops a count of DynamoDB that is contradicted, and one of 0', () => {
    const running = [scanned(0, 900, 'running')];
    expect(snapshot({ tableSize: { items: 1_000, bytes: 1 } }, running).progress.remainingMs).toBeCloseTo(
      1_000,
    );
    expect(snapshot({ tableSize: { items: 800, bytes: 1 } }, running).progress.remainingBasis).toContain(
      'the count is too low',
    );
    expect(snapshot({ tableSize: { items: 0, bytes: 0 } }, running).progress.remainingBasis).toContain(
      'no count',
    );
  });

  test('is not made while nobody works on the run, or nothing moves', () => {
    const sized: Partial<RunRecord> = { tableSize: { items: 1_000, bytes: 1 } };
    expect(snapshot({ ...sized, desired: 'pause' }, []).progress.remainingMs).toBeNull();
    expect(snapshot(sized, [scanned(0, 10, 'running')], { rate: null }).progress.remainingMs).toBeNull();
  });

  test('never shows more than 100 % done, nor 100 % before the end', () => {
    const status = fc.constantFrom<SegmentRecord['status']>('assigned', 'running', 'complete', 'failed');
    const sizes = fc.array(fc.tuple(status, fc.nat(1e9)), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(sizes, fc.nat(1e9), fc.nat(50), (segments, items, unseen) => {
        const { progress, segments: views } = snapshot(
          { totalSegments: segments.length + unseen, tableSize: { items, bytes: items } },
          segments.map(([of, size], segment) => scanned(segment, size, of)),
        );
        const all = unseen === 0 && segments.every(([of]) => of === 'complete');
        expect(progress.part).toBeGreaterThanOrEqual(0);
        expect(all ? progress.part === 1 : progress.part < 1).toBe(true);
        expect(progress.remainingMs ?? 0).toBeGreaterThanOrEqual(0);
        for (const view of views) expect(view.filled === 1).toBe(view.status === 'complete');
      }),
    );
  });
});

describe('what is shown of segments and tasks', () => {
  const owner = taskRecord({ launchId: 'launch-1', heartbeat: 7 });

  test('a segment is without progress when its owner is silent, and not merely because it was just claimed', () => {
    const segment = scanned(0, 10, 'running', { progressedBy: 'another', progressAt: iso(0) });
    const late = snapshot({}, [segment], { tasks: [owner], ages: new Map([['launch-1', 3_600]]) });
    expect(late.tasks[0]?.late).toBe(true);
    expect(late.segments[0]?.stalled).toBe(true);
    const healthy = snapshot({}, [segment], { tasks: [owner], ages: new Map([['launch-1', 2_900]]) });
    expect(healthy.tasks[0]?.late).toBe(false);
    expect(healthy.segments[0]?.stalled).toBe(false);
  });

  test('a segment of an earlier sweep waits again, and its counters stay', () => {
    const { segments, states } = snapshot({ sweep: 2, pass: 2 }, [scanned(0, 10, 'complete')]);
    expect(segments[0]).toMatchObject({ status: 'pending', filled: 0, scanned: 10 });
    expect(states).toMatchObject({ pending: 4, complete: 0 });
  });

  test('a relaunch is a launch of a segment that had one in the same sweep', () => {
    const again = taskRecord({ launchId: 'launch-2', launchedAt: iso(5_000) });
    const later = taskRecord({ launchId: 'launch-3', pass: 2, launchedAt: iso(9_000) });
    expect(snapshot({}, [], { tasks: [later, again, owner] }).relaunches).toBe(1);
  });
});

test('progress is measured against the plan’s count, or without a plan against DynamoDB’s count', () => {
  const forecast = {
    items: 8_000,
    itemsBasis: 'the whole table was read',
    missing: 6_000,
    writeUnits: 6_100,
    readUnits: 700,
    seconds: 40,
    cost: { writes: 0.5, reads: 0.25, fargate: 0.1 },
  };
  const tableSize = { items: 10, bytes: 10_240 };
  const planned = snapshot({ forecast, tableSize }, []).cost.expected;
  expect(planned).toMatchObject({ items: 8_000, missing: 6_000, writeUnits: 6_100, dollars: 0.75 });
  expect(planned?.basis).toContain('the whole table was read');
  expect(snapshot({ tableSize }, []).cost.expected).toMatchObject({
    items: 10,
    missing: null,
    writeUnits: 10,
  });
  expect(snapshot({}, []).cost.expected).toBeNull();
});

test('the age of a heartbeat runs from when it was seen to change, whatever the other clock says', () => {
  const ages = new HeartbeatAges();
  const beat = (heartbeat: number, heartbeatAt: string) => [taskRecord({ heartbeat, heartbeatAt })];
  expect(ages.look(beat(1, iso(-4_000)), 0, START_MS).get('launch-1')).toBe(4_000);
  expect(ages.look(beat(2, iso(-600_000)), 1_000, START_MS + 1_000).get('launch-1')).toBe(0);
  expect(ages.look(beat(2, iso(-600_000)), 3_500, START_MS + 3_500).get('launch-1')).toBe(2_500);
  expect(ages.look([taskRecord({ heartbeat: 0 })], 4_000, START_MS).size).toBe(0);
});

test('the rate is over ten seconds, so that a late checkpoint does not look like a broken budget', () => {
  const trail = new RateTrail();
  for (let second = 0; second <= 30; second++) {
    trail.add({ ...NO_COUNTERS, writeUnits: Math.floor(second / 3) * 300 }, second * 1_000);
    const rate = trail.rate();
    if (second > 10) expect(rate?.writeUnitsPerSecond).toBeLessThanOrEqual(120);
  }
  expect(trail.rate()?.overMs).toBe(10_000);
});

test('throttling is counted once a heartbeat', () => {
  const counts = new ThrottleCount();
  const throttled = (heartbeat: number) => [
    taskRecord({ heartbeat, throttled: { count: 3, reason: 'Hot' } }),
  ];
  expect(counts.take(throttled(5))).toEqual({ count: 3, reason: 'Hot' });
  expect(counts.take(throttled(5))).toEqual({ count: 0 });
  expect(counts.take(throttled(6)).count).toBe(3);
});

describe('history', () => {
  const sample = (ms: number, writeUnits: number, more: Partial<SampleRecord> = {}): SampleRecord => ({
    runId: 'run-1',
    at: iso(ms),
    status: 'running',
    pass: 1,
    sweep: 1,
    counters: { ...NO_COUNTERS, writeUnits },
    segmentsComplete: 0,
    tasks: 2,
    budget: rates(100),
    throttled: 0,
    ...more,
  });

  test('samples that are close together are compared with an older one', () => {
    const history = new History();
    history.addSamples([sample(0, 0), sample(10_000, 900), sample(11_000, 1_200), sample(12_000, 1_210)]);
    expect(history.points.map(({ write }) => write)).toEqual([null, 90, 109.1, 100.8]);
  });

  test('a snapshot keeps its moment when the history goes on', () => {
    const history = new History();
    history.addSamples([sample(0, 0), sample(10_000, 900)]);
    const before = snapshot({}, [], { history });
    history.addLook(sample(11_000, 1_000), before.rate);
    const sent = difference({ ...before }, { ...snapshot({}, [], { history }) });
    expect(sent.arrays?.['history']).toMatchObject({
      length: 3,
      changed: [[2, { t: START_MS / 1_000 + 11 }]],
    });
  });

  test('a gap is one average, not a slope', () => {
    const history = new History();
    history.addSamples([sample(0, 0), sample(10_000, 1_000), sample(3_610_000, 1_000)]);
    expect(history.points.map(({ write }) => write)).toEqual([null, 100, 0, 0]);
  });

  test('throttling in neighbouring samples is one episode', () => {
    const history = new History();
    const throttled = { throttled: 2, throttledReason: 'TableWriteKeyRangeThroughputExceeded' };
    history.addSamples([sample(0, 0, throttled), sample(10_000, 0, throttled), sample(60_000, 0, throttled)]);
    expect(history.throttling.map(({ count }) => count)).toEqual([4, 2]);
  });

  test('what live traffic needs is taken off the budget, and each change is noted', () => {
    const cut = { factor: 0.5, reason: '3 throttled writes on the table at 00:00' };
    const history = new History();
    history.addSamples([sample(0, 0), sample(10_000, 500, { cut }), sample(20_000, 900, { cut })]);
    history.addLook(sample(30_000, 1_500), null);
    expect(history.points.map(({ budgetWrite }) => budgetWrite)).toEqual([100, 50, 50]);
    const { run, marks } = snapshot({ cut }, [], { history });
    expect(run).toMatchObject({ budget: rates(100), budgetNow: rates(50), cut });
    expect(marks.map(({ at, text }) => [at, text])).toEqual([
      [iso(10_000), `The fleet uses 50 % of its budget: ${cut.reason}`],
      [iso(30_000), 'The fleet uses its whole budget again'],
    ]);
    expect(snapshot({ cut: { factor: 1, reason: '' } }, []).run.cut).toBeNull();
  });

  test('a later pass and a segment that was given up are marks', () => {
    const history = new History();
    history.addSamples([sample(0, 0), sample(5_000, 0, { pass: 2 })]);
    const given = { reason: '5 launches in a row made no progress' };
    const { marks } = snapshot({}, [scanned(1, 0, 'failed', given)], {
      history,
      tasks: [taskRecord({ segments: [0, 1], endedAt: iso(7_000), status: 'stopped' })],
    });
    expect(marks.filter(({ kind }) => kind === 'pass' || kind === 'segment-failed')).toEqual([
      { at: iso(5_000), kind: 'pass', text: 'Pass 2 began' },
      { at: iso(7_000), kind: 'segment-failed', text: `Segment 1 was given up: ${given.reason}` },
    ]);
  });

  test('a page that stays open keeps thousands of points, not hundreds of thousands', () => {
    const history = new History();
    const rate = { writeUnitsPerSecond: 1, readUnitsPerSecond: 1, itemsPerSecond: 1, overMs: 10_000 };
    let throttled = 0;
    for (let second = 1; second <= 20_000; second++) {
      if (second % 100 === 0) throttled += 1;
      history.addLook(sample(second * 1_000, 0, { throttled: second % 100 === 0 ? 1 : 0 }), rate);
    }
    expect(history.points.length).toBeLessThan(4_000);
    const times = history.points.map(({ t }) => t);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(history.points.reduce((sum, point) => sum + point.throttled, 0)).toBe(throttled);
  });
});

test('applying a difference makes the later snapshot, whatever changed', () => {
  const value = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown>;
  const object = fc.record({ a: value, list: fc.array(value), b: value, other: fc.array(fc.nat()) });
  fc.assert(
    fc.property(object, object, (before, after) => {
      const sent = JSON.parse(JSON.stringify(difference(before, after)));
      expect(JSON.stringify(applied(before, sent))).toBe(JSON.stringify(after));
    }),
  );
});
