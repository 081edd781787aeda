import type { PriceList, TaskSize } from '../../core/records.ts';

/** Second-hand figures: in one place, to be held against the bill, and shown with their date wherever they are used. */
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

/** Fargate charges by the second, and no less than a minute for a task [Fargate pricing]. */
const LEAST_TASK_SECONDS = 60;

/** Dollars for the requests to the table. */
export function unitsCost(units: { writeUnits: number; readUnits: number }, prices = PRICES) {
  return {
    writes: (units.writeUnits / 1e6) * prices.perMillionWriteUnits,
    reads: (units.readUnits / 1e6) * prices.perMillionReadUnits,
  };
}

/** Dollars for tasks of one size that ran for these times, at the price without Spot, with their public addresses. */
export function fargateCost(taskSeconds: readonly number[], size: TaskSize, prices = PRICES): number {
  const { perVcpuHour, perGbHour } = prices.fargate[size.architecture];
  const perAddressHour = size.publicIpv4 ? (prices.perPublicIpv4Hour ?? 0) : 0;
  const hours = taskSeconds.reduce((sum, seconds) => sum + Math.max(LEAST_TASK_SECONDS, seconds), 0) / 3_600;
  const perTaskHour = (size.cpuUnits / 1_024) * perVcpuHour + (size.memoryMiB / 1_024) * perGbHour;
  return hours * (perTaskHour + perAddressHour);
}
