import { writeFileSync } from 'node:fs';

/** The settings of a row's process, passed in its environment. */
export interface RowSettings {
  readonly table: string;
  readonly attribute: string;
  readonly segment: number;
  readonly totalSegments: number;
}

/** What a row's process did, by its own count. */
export interface RowCounts {
  readonly items: number;
  readonly readUnits: number;
  readonly writeUnits: number;
}

export function encodeRowSettings(settings: RowSettings, countsPath: string): Record<string, string> {
  return { FLEETFILL_BENCH_ROW: JSON.stringify(settings), FLEETFILL_BENCH_COUNTS: countsPath };
}

export function readRowSettings(): RowSettings {
  return JSON.parse(process.env['FLEETFILL_BENCH_ROW'] ?? '{}') as RowSettings;
}

export function writeRowCounts(counts: RowCounts): void {
  writeFileSync(process.env['FLEETFILL_BENCH_COUNTS'] ?? '/dev/stdout', JSON.stringify(counts));
}
