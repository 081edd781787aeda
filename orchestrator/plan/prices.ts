import type { PriceList, TaskSize } from '../../core/records.ts';

/**
 * These prices are second-hand. They stand in one place, so that they can be compared with a bill, and every output
 * that uses them shows their date.
 */
export type Prices = PriceList;

export const PRICES: Prices = {
  region: 'us-east-1',
  asOf: '2026-11-24',
  source: 'the public price list for us-east-1, not read from AWS; other Regions differ',
  perMillionWriteUnits: 0.625,
  perMillionReadUnits: 0.125,
  fargate: {
    X86_64: { perVcpuHour: 0.04048, perGbHour: 0.004445 },
    ARM64: { perVcpuHour: 0.03238, perGbHour: 0.00356 },
  },
  perMetricMonth: 0.3,
  perPublicIpv4Hour: 0.005,
};

/** Fargate bills by the second, with a minimum of one minute for a task [Fargate pricing]. */
const LEAST_TASK_SECONDS = 60;

/** US dollars for the requests to the table. */
export function unitsCost(units: { writeUnits: number; readUnits: number }, prices = PRICES) {
  return {
    writes: (units.writeUnits / 1e6) * prices.perMillionWriteUnits,
    reads: (units.readUnits / 1e6) * prices.perMillionReadUnits,
  };
}

/**
 * US dollars for tasks of one size that ran for `taskSeconds`, at on-demand (not Spot) prices, with their public IPv4
 * addresses.
 */
export function fargateCost(taskSeconds: readonly number[], size: TaskSize, prices = PRICES): number {
  const { perVcpuHour, perGbHour } = prices.fargate[size.architecture];
  const perAddressHour = size.publicIpv4 ? (prices.perPublicIpv4Hour ?? 0) : 0;
  const hours = taskSeconds.reduce((sum, seconds) => sum + Math.max(LEAST_TASK_SECONDS, seconds), 0) / 3_600;
  const perTaskHour = (size.cpuUnits / 1_024) * perVcpuHour + (size.memoryMiB / 1_024) * perGbHour;
  return hours * (perTaskHour + perAddressHour);
}
