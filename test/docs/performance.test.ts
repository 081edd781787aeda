import { describe, expect, test } from 'vitest';
import { verificationSegments } from '../../core/verification-segments.ts';
import { type Forecast, forecast } from '../../orchestrator/plan/forecast.ts';
import { count, dollars, span } from '../../orchestrator/plan/plan-figures.ts';
import { PRICES } from '../../orchestrator/plan/prices.ts';
import { readDocument } from './support/markdown.ts';

/** The number of items in the table of docs/performance.md. */
const ITEMS = 5_000_000;
const ITEM_BYTES = 350;
const SEGMENTS = 32;
const READ_UNITS_PER_SECOND = 3_000;
const RATES = [500, 1_000, 2_000, 4_000, 40_000];

const { prose } = readDocument('docs/performance.md');

/** The cells of every row below the heading whose first cell is a number. */
function rowsBelow(heading: string): string[][] {
  const from = prose.findIndex(line => line.startsWith('## ') && line.endsWith(heading));
  const length = prose.slice(from + 1).findIndex(line => line.startsWith('## '));
  return prose
    .slice(from + 1, length < 0 ? undefined : from + 1 + length)
    .map(line => line.split('|').map(cell => cell.trim()))
    .filter(cells => /^[\d,]+$/.test(cells[1] ?? ''))
    .map(cells => cells.slice(1, -1));
}

function forecastAt(writeUnitsPerSecond: number): Forecast {
  return forecast({
    description: { ItemCount: ITEMS, TableSizeBytes: ITEMS * ITEM_BYTES },
    indexes: [],
    sample: undefined,
    rates: { writeUnitsPerSecond, readUnitsPerSecond: READ_UNITS_PER_SECOND },
    segments: SEGMENTS,
    verificationSegments: verificationSegments(SEGMENTS),
    tasks: SEGMENTS,
    taskSize: { cpuUnits: 256, memoryMiB: 512, architecture: 'ARM64' },
    prices: PRICES,
    replicas: 0,
  });
}

describe('docs/performance.md', () => {
  test('says of five million items what the plan would say', () => {
    expect(rowsBelow('Five million items')).toEqual(
      RATES.map(rate => {
        const { seconds, cost } = forecastAt(rate);
        return [
          count(rate),
          span(seconds),
          dollars(cost.writes),
          dollars(cost.reads),
          dollars(cost.fargate ?? Number.NaN),
          dollars(cost.cloudWatch),
          dollars(cost.total),
        ];
      }),
    );
  });

  test('names the figures that it multiplies', () => {
    const { writeUnits, scanReadUnits, verificationReadUnits } = forecastAt(1_000);
    const text = prose.join('\n');
    for (const figure of [writeUnits.value, scanReadUnits, verificationReadUnits]) {
      expect(text).toContain(count(figure));
    }
    expect(text).toContain(`prices of ${PRICES.asOf}`);
    expect(text).toContain(`$${PRICES.perMillionWriteUnits} a million write units`);
    expect(text).toContain(`$${PRICES.perMillionReadUnits} a million read units`);
    const { perVcpuHour, perGbHour } = PRICES.fargate.ARM64;
    expect(text).toContain(`$${perVcpuHour} a vCPU and hour`);
    expect(text).toContain(`$${perGbHour} a GB and hour`);
  });
});
