import { describe, expect, test } from 'vitest';
import { measureScale } from '../../bench/scale/measure-scale.ts';
import { measureSupervisor } from '../../bench/scale/measure-supervisor.ts';
import { SIZES } from '../../bench/scale/sizes.ts';

const { small, wide } = SIZES;
if (!small || !wide) throw new Error('The sizes have other names.');

describe('the benchmark of scale', () => {
  test('brings a small run to its end, with tasks that die, below the limit of one partition', async () => {
    const result = await measureScale({ ...small, items: 50_000, segments: 32 }, 7);
    expect(result.ended).toBe(true);
    expect(result.written).toBeGreaterThanOrEqual(50_000);
    expect(result.writeUnits.peak).toBeLessThan(500);
    expect(result.runTaskPeak).toBeLessThanOrEqual(20);
  });

  test('sees the supervisor of 100,000 segments and 1,000 tasks stay small', async () => {
    const cost = await measureSupervisor({ ...wide, segments: 100_000, tasks: 1_000 }, 3);
    expect(cost.heapMb).toBeLessThan(300);
  });
});
