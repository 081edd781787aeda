import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limitFindings } from '../../../orchestrator/checks/limits.ts';
import {
  containerOverrides,
  MAX_OVERRIDES_LENGTH,
  mostSegmentsInOverrides,
} from '../../../orchestrator/fleet/overrides.ts';

const launch = (totalSegments: number, value = '1') => ({
  runId: '20260101000000000-abcdef',
  totalSegments,
  table: 'stuff',
  attribute: 'test',
  value,
  controlTable: 'fleetfill-control',
  namespace: 'Fleetfill',
});

const of = (segments: number, tasks?: number, value?: string) =>
  limitFindings({ segments, tasks, launch: launch(segments, value), container: 'job' })[0];

const lengthWith = (segments: readonly number[], totalSegments: number, value?: string) =>
  JSON.stringify(
    containerOverrides('job', { ...launch(totalSegments, value), launchId: 'x'.repeat(36), segments }),
  ).length;

describe('the overrides of a launch', () => {
  test('hold the computed number of segments, and not one more of the longest number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 1_000_000 }), fc.string({ maxLength: 6_000 }), (total, text) => {
        const value = JSON.stringify(text);
        const most = mostSegmentsInOverrides(launch(total, value), 'job');
        const longest = Array.from({ length: Math.max(0, most) }, () => total - 1);
        expect(lengthWith(longest, total, value)).toBeLessThanOrEqual(MAX_OVERRIDES_LENGTH);
        expect(lengthWith([...longest, total - 1], total, value)).toBeGreaterThan(MAX_OVERRIDES_LENGTH);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a run that does not fit', () => {
  test('2,048 segments for one task: the message says how many tasks would do, and that many do', () => {
    const found = of(2_048, 1);
    expect(found).toMatchObject({ level: 'failure' });
    expect(found?.message).toMatch(/With --tasks 1, one task gets up to 2,048 segments.*8,192 characters/);
    const fewest = Number(/--tasks (\d+) or more/.exec(found?.advice ?? '')?.[1]);
    expect(of(2_048, fewest)?.level).toBe('ok');
    expect(of(2_048, fewest - 1)?.level).toBe('failure');
  });

  test('100,000 segments without --tasks: more tasks than a run takes', () => {
    const found = of(100_000);
    expect(found?.level).toBe('failure');
    expect(found?.message).toMatch(
      /asks for 100,000 tasks, but a run can have at most 10,000: at 100 heartbeats a second.*every 1,000 s/,
    );
    const [, from, to] = /between (\d+) and (\d+)/.exec(found?.advice ?? '') ?? [];
    expect(of(100_000, Number(from))?.level).toBe('ok');
    expect(of(100_000, Number(to))?.level).toBe('ok');
  });

  test('a value that leaves no room for a segment', () => {
    const found = of(32, 32, JSON.stringify('x'.repeat(9_000)));
    expect(found?.level).toBe('failure');
    expect(found?.message).toContain('the value alone has 9,002');
  });
});

test.each([
  [32, undefined],
  [256, 32],
  [10_000, undefined],
  [100_000, 1_000],
  [1_000_000, 10_000],
])('%i segments with --tasks %s fit', (segments, tasks) => {
  expect(of(segments, tasks)?.level).toBe('ok');
});
