import { beforeEach, describe, expect, test } from 'vitest';
import { SUPERVISOR_WRITES_PER_SECOND } from '../../../core/control-pace.ts';
import type { SegmentRecord, TaskEnd, TaskRecord } from '../../../core/records.ts';
import type { SegmentOwner } from '../../../core/segment-store.ts';
import type { TaskEnvironment } from '../../../core/task-environment.ts';
import type { NewLaunch } from '../../../core/task-store.ts';
import { LaunchRefusedError } from '../../../orchestrator/fleet/fleet.ts';
import { distribute, type OpenSegment } from '../../../orchestrator/supervise/assignment.ts';
import { Launcher, type LauncherOptions } from '../../../orchestrator/supervise/launcher.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { rates, runRecord, segmentRecord } from '../../support/records.ts';

const RUN = runRecord({ totalSegments: 8, sweep: 2 });

let clock: FakeClock;
/** What happened, in order. */
let course: string[];
let launches: NewLaunch[];
let started: { task: TaskEnvironment; atMs: number; spot: boolean }[];
let ended: [launch: string, end: TaskEnd][];
let refusals: number[];
let broken: unknown[];
let createLaunch: () => Promise<boolean>;
let start: () => Promise<string>;
let launcher: Launcher;

beforeEach(async () => {
  clock = new FakeClock();
  course = [];
  launches = [];
  started = [];
  ended = [];
  refusals = [];
  broken = [];
  createLaunch = async () => true;
  start = async () => 'arn';
  const note = (what: string) => {
    course.push(what);
  };
  launcher = new Launcher({
    stores: {
      tasks: {
        createLaunch: async (launch: NewLaunch) => {
          note('record');
          launches.push(launch);
          return createLaunch();
        },
        recordArn: async () => note('arn'),
        markStopped: async (_: string, launch: string, end: TaskEnd) => {
          ended.push([launch, end]);
          return true;
        },
      },
      segments: {
        assignNew: async (owner: SegmentOwner) => {
          note(`new segment ${owner.segment} of pass ${owner.pass}`);
          return true;
        },
        assign: async (seen: SegmentRecord, owner: SegmentOwner) => {
          note(`segment ${owner.segment}, seen at ${seen.sequence}`);
          return seen.sequence === 0;
        },
      },
    } as unknown as LauncherOptions['stores'],
    fleet: {
      start: async (task, spot) => {
        note('RunTask');
        started.push({ task, spot, atMs: clock.monotonicMs() });
        return start();
      },
    },
    clock,
    supervision: { runId: 'run-1', epoch: 1 },
    onLaunched: () => note('launched'),
    onRefused: (_, retryInMs) => refusals.push(retryInMs),
    onBroken: error => broken.push(error),
  });
  // A moment without writes, which saves the supervisor's part of the partition.
  await clock.advance(1_000);
});

const open = (...segments: number[]): OpenSegment[] =>
  segments.map(segment => ({ segment, record: undefined }));

async function launch(segments: OpenSegment[], count: number, run = RUN) {
  const launching = launcher.launch(run, distribute(segments, count), rates(10));
  await clock.advance(10_000);
  const assigned = await launching;
  await launcher.idle();
  return assigned;
}

describe('a launch', () => {
  test('is recorded, then has its segments, then its task: a crash in between leaves a record behind', async () => {
    await launch(open(3), 1);
    expect(course).toEqual(['record', 'new segment 3 of pass 2', 'RunTask', 'arn', 'launched']);
  });

  test('takes segments over only from the record that it read, and says which have a new owner since', async () => {
    const seen = segmentRecord({ segment: 5 });
    const changed = segmentRecord({ segment: 6, sequence: 3 });
    const assigned = await launch(
      [
        { segment: 5, record: seen },
        { segment: 6, record: changed },
      ],
      1,
    );
    expect(course).toContain('segment 5, seen at 0');
    const [{ launchId } = { launchId: '' }] = launches;
    expect(assigned).toEqual([
      { segment: 5, record: seen, launchId, assigned: true },
      { segment: 6, record: changed, launchId, assigned: false },
    ]);
  });

  test('gives out its segments no faster than the control table takes them from one supervisor', async () => {
    const many = open(...Array.from({ length: 1_000 }, (_, segment) => segment));
    const launching = launcher.launch(RUN, [many], rates(10));
    await clock.advance(1_000);
    expect(course.length).toBeLessThanOrEqual(1 + SUPERVISOR_WRITES_PER_SECOND * 1.3);
    await clock.advance(10_000);
    expect(await launching).toHaveLength(1_000);
  });

  test('says to the worker what its record says', async () => {
    await launch(open(0, 1, 2), 2);
    expect(launches).toMatchObject([
      { runId: 'run-1', pass: 2, segments: [0, 2], granted: rates(10) },
      { runId: 'run-1', pass: 2, segments: [1], granted: rates(10) },
    ]);
    expect(started.map(({ task }) => [task.launchId, task.segments])).toEqual(
      launches.map(each => [each.launchId, each.segments]),
    );
    expect(started[0]?.task).toMatchObject({ totalSegments: 8, table: 'stuff', value: '1' });
  });

  test('has an id that was never used before', async () => {
    await launch(open(0, 1, 2, 3, 4, 5), 6);
    expect(new Set(launches.map(each => each.launchId)).size).toBe(6);
  });

  test('goes to Spot when the run says so', async () => {
    await launch(open(0), 1, { ...RUN, spot: true });
    expect(started[0]?.spot).toBe(true);
  });

  test('follows the one before after a pause: RunTask has a rate', async () => {
    await launch(open(0, 1, 2, 3, 4, 5, 6, 7), 8);
    const gaps = started.slice(1).map(({ atMs }, index) => atMs - (started[index]?.atMs ?? 0));
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(50);
  });

  test('that the control table refuses starts nothing: someone else supervises, or the run is not wanted', async () => {
    createLaunch = async () => false;
    await launch(open(0), 1);
    expect(course).toEqual(['record']);
  });

  test('is started once, however often it is asked for', async () => {
    await launch(open(0), 1);
    const [task] = launches as unknown as TaskRecord[];
    launcher.start(RUN, task as TaskRecord);
    launcher.start(RUN, task as TaskRecord);
    await clock.advance(1_000);
    expect(started).toHaveLength(1);
  });

  test('of another session, whose record has no task, is started with its own token', async () => {
    launcher.start(RUN, { launchId: 'launch-of-before', segments: [4] });
    await clock.advance(1_000);
    expect(started[0]?.task).toMatchObject({ launchId: 'launch-of-before', segments: [4] });
    expect(launches).toEqual([]);
  });
});

describe('a creation whose reply was lost', () => {
  test('holds up new launches, and is repeated with the same launch until its outcome is known', async () => {
    let fails = 2;
    createLaunch = async () => {
      if (fails-- > 0) throw new Error('no reply');
      return true;
    };
    await expect(launcher.launch(RUN, [open(0)], rates(10))).rejects.toThrow('no reply');
    expect(launcher.paused).toBe(true);
    await expect(launcher.settle(RUN)).rejects.toThrow('no reply');
    const settling = launcher.settle(RUN);
    await clock.advance(1_000);
    await settling;
    expect(launcher.paused).toBe(false);
    expect(new Set(launches.map(each => each.launchId)).size).toBe(1);
    expect(started).toHaveLength(1);
  });
});

describe('a task that ECS did not start', () => {
  beforeEach(() => {
    start = async () => {
      throw new LaunchRefusedError(['Capacity is unavailable at this time']);
    };
  });

  test('ends its launch without blame, and is reported', async () => {
    await launch(open(0), 1);
    expect(ended).toEqual([
      [
        launches[0]?.launchId,
        { kind: 'not-started', message: expect.stringContaining('Capacity is unavailable') },
      ],
    ]);
    expect(refusals).toHaveLength(1);
    expect(broken).toEqual([]);
  });

  test('delays new launches, longer each time, up to half a minute', async () => {
    const pauses: number[] = [];
    for (let refusal = 0; refusal < 8; refusal++) {
      const launching = launcher.launch(RUN, [open(0)], rates(10));
      await clock.advance(60);
      await launching;
      expect(launcher.paused).toBe(true);
      expect(launcher.trying).toBe(true);
      pauses.push(refusals.at(-1) ?? 0);
      await clock.advance(40_000);
      expect(launcher.paused).toBe(false);
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  test('delays nothing any more once a task has ended and made room', async () => {
    const launching = launcher.launch(RUN, [open(0)], rates(10));
    await clock.advance(60);
    await launching;
    launcher.roomMade();
    expect(launcher.paused).toBe(false);
    expect(launcher.trying).toBe(true);
  });

  test('is forgotten when the next one starts', async () => {
    await launch(open(0), 1);
    start = async () => 'arn';
    await clock.advance(60_000);
    await launch(open(0), 1);
    expect(launcher.trying).toBe(false);
  });
});

test('a call that fails for good is reported as broken, and its launch is left as it is', async () => {
  start = async () => {
    throw Object.assign(new Error('no'), { name: 'AccessDeniedException' });
  };
  await launch(open(0), 1);
  expect(broken).toHaveLength(1);
  expect(ended).toEqual([]);
  expect(launcher.paused).toBe(false);
});
