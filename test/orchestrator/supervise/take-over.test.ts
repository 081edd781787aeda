import { expect, test } from 'vitest';
import { measureSupervisor } from '../../../bench/scale/measure-supervisor.ts';

test('a take-over of 1,000 tasks leaves the partition of the run room for the heartbeats', async () => {
  const size = { items: 1e6, segments: 1_000, tasks: 1_000, budget: 1_000, seconds: 0, deathsPerTaskHour: 0 };
  const { mostWriteUnits } = await measureSupervisor(size, 4);
  // The supervisor may write 170 units a second, plus the units that its limiter had saved up.
  expect(mostWriteUnits).toBeGreaterThan(100);
  expect(mostWriteUnits).toBeLessThan(300);
});
