import { describe, expect, test } from 'vitest';
import { measureProcess } from '../../bench/scale/measure-process.ts';
import { measureScale } from '../../bench/scale/measure-scale.ts';
import { measureSupervisor } from '../../bench/scale/measure-supervisor.ts';
import { drawFrom } from '../../bench/scale/same-each-time.ts';
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

  test('is the same each time for one seed, and another one for another', async () => {
    const brief = { ...small, seconds: 120 };
    const measured = async (seed: number) => {
      drawFrom(seed);
      const { realSeconds: _, ...result } = await measureScale(brief, seed);
      return result;
    };
    const first = await measured(3);
    expect(await measured(3)).toEqual(first);
    expect(await measured(4)).not.toEqual(first);
  });

  test('sees the supervisor of 100,000 segments and 1,000 tasks stay small', async () => {
    const costs = [];
    for (let time = 0; time < 2; time++) costs.push(await measureSupervisor(wide, 4));
    // The garbage collector also has to look at the simulated table, and its timing is arbitrary.
    expect(Math.min(...costs.map(({ heapMb }) => heapMb))).toBeLessThan(300);
    expect(Math.min(...costs.map(({ longestBlockMs }) => longestBlockMs))).toBeLessThan(50);
  }, 180_000);

  test('sees it stay small as a process, with the SDK, over HTTP', async () => {
    const own = await measureProcess(wide, 25);
    expect(own.requests).toBeGreaterThan(500);
    expect(own.heapMb).toBeLessThan(300);
    expect(own.roundsOver50Ms).toBe(0);
  }, 120_000);
});
