import type { Estimate } from '../user-table/share-interval.ts';

/** `1,234` or `12.3`: decimals only where they matter. */
export function count(value: number): string {
  if (!Number.isFinite(value)) return '∞';
  return value < 100 && !Number.isInteger(value)
    ? value.toFixed(1)
    : Math.round(value).toLocaleString('en-US');
}

export function dollars(value: number): string {
  if (value === 0) return '$0.00';
  return value < 0.01 ? 'under $0.01' : `$${value.toFixed(2)}`;
}

export function percent(part: number): string {
  const value = part * 100;
  return `${value === 0 || value === 100 || value >= 10 ? value.toFixed(value % 1 === 0 ? 0 : 1) : value.toPrecision(2)} %`;
}

/** `25.0 % (95 %: 22.1 % to 28.3 %)`; without the interval if the value is exact. */
export function percentRange({ value, low, high }: Estimate): string {
  if (low === high) return percent(value);
  return `${percent(value)} (95 %: ${percent(low)} to ${percent(high)})`;
}

export function countRange({ value, low, high }: Estimate): string {
  if (low === high) return count(value);
  return `${count(value)} (95 %: ${count(low)} to ${count(high)})`;
}

export function span(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}

export function bytes(value: number): string {
  return value < 1_024 ? `${Math.round(value)} bytes` : `${(value / 1_024).toFixed(1)} KB`;
}
