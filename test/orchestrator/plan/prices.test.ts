import { describe, expect, test } from 'vitest';
import { fargateCost, PRICES } from '../../../orchestrator/plan/prices.ts';
import { taskSizeOf } from '../../../orchestrator/plan/run-sizes.ts';

const HOUR_SECONDS = 3_600;
const definition = { cpu: '256', memory: '512', runtimePlatform: { cpuArchitecture: 'ARM64' as const } };

describe('what a task costs', () => {
  test('is its vCPU and memory by the hour, and no less than a minute', () => {
    const size = taskSizeOf(definition, false);
    if (!size) throw new Error('The definition says its size.');
    const anHour = 0.25 * 0.03238 + 0.5 * 0.00356;
    expect(fargateCost([HOUR_SECONDS, HOUR_SECONDS], size)).toBeCloseTo(2 * anHour, 10);
    expect(fargateCost([1], size)).toBeCloseTo(anHour / 60, 10);
  });

  test('is half as much again with a public IPv4 address, which is charged apart', () => {
    const [without, withAddress] = [false, true].map(publicIpv4 => {
      const size = taskSizeOf(definition, publicIpv4);
      return size ? fargateCost([HOUR_SECONDS], size) : 0;
    });
    expect((withAddress ?? 0) - (without ?? 0)).toBeCloseTo(0.005, 10);
  });

  test('leaves addresses out by the prices in the record of an older run', () => {
    const { perPublicIpv4Hour: _, ...older } = PRICES;
    const size = taskSizeOf(definition, true);
    if (!size) throw new Error('The definition says its size.');
    expect(fargateCost([HOUR_SECONDS], size, older)).toBe(
      fargateCost([HOUR_SECONDS], { ...size, publicIpv4: false }),
    );
  });
});
