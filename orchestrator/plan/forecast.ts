import type { TableDescription } from '@aws-sdk/client-dynamodb';
import type { Rates, TaskSize } from '../../core/records.ts';
import type { TableSample } from '../user-table/sample.ts';
import { type Estimate, itemsInterval, shareInterval } from '../user-table/share-interval.ts';
import { type ChargedIndex, writeUnitsOfBytes } from '../user-table/write-units.ts';
import { fargateCost, type Prices, unitsCost } from './prices.ts';

/** Bytes that one read unit covers [developer guide]. */
const BYTES_PER_EVENTUAL_UNIT = 8_192;
const BYTES_PER_CONSISTENT_UNIT = 4_096;

/** The Scan of an empty segment costs half a unit, or one unit if it is strongly consistent. */
const LEAST_EVENTUAL_UNITS = 0.5;
const LEAST_CONSISTENT_UNITS = 1;

/** Time that no rate shortens: launching tasks, their last heartbeats, and waiting for them to stop. */
const SUPERVISION_SECONDS = 5;

/** Time in which Fargate pulls the image and starts the container. Fargate bills most of it. */
const TASK_START_SECONDS = 45;

/** The worker's own metrics with RunOpen and Supervised, and two for each segment: see core/metrics.ts. */
const METRICS_OF_TABLE = 13;
const METRICS_OF_SEGMENT = 2;
const HOURS_A_MONTH = 730;

/** The table of times shows the chosen write rate multiplied by these factors. */
const RATE_STEPS = [0.25, 0.5, 1, 2];

export interface ForecastRequest {
  readonly description: TableDescription;
  readonly indexes: readonly ChargedIndex[];
  readonly sample: TableSample | undefined;
  readonly rates: Rates;
  readonly segments: number;
  readonly verificationSegments: number;
  readonly tasks: number;
  readonly taskSize: TaskSize | undefined;
  readonly prices: Prices;
  /** Replicas in other regions. Each one is charged for every write as well. */
  readonly replicas: number;
}

export interface Forecast {
  readonly items: number;
  readonly itemsBasis: string;
  readonly itemBytes: number;
  /** The share of the items that lack the attribute; null when no item was sampled. */
  readonly share: Estimate | null;
  /** Items that lack the attribute. */
  readonly missing: Estimate;
  readonly writeUnitsPerItem: {
    readonly table: number;
    readonly indexes: readonly { readonly name: string; readonly kind: string; readonly units: number }[];
    readonly total: number;
  };
  readonly writeUnits: Estimate;
  readonly scanReadUnits: number;
  readonly verificationReadUnits: number;
  readonly times: readonly {
    readonly writeUnitsPerSecond: number;
    readonly readUnitsPerSecond: number;
    readonly seconds: number;
    readonly chosen: boolean;
  }[];
  readonly seconds: number;
  /** US dollars. */
  readonly cost: {
    readonly writes: number;
    readonly reads: number;
    /** null when the task size is unknown. */
    readonly fargate: number | null;
    readonly cloudWatch: number;
    readonly sample: number;
    readonly total: number;
    /** The total if as many items lack the attribute as the interval allows. */
    readonly atMost: number;
  };
}

/** Forecasts one sweep and one verification from the sample and DynamoDB's own figures for the table. */
export function forecast(request: ForecastRequest): Forecast {
  const { description, indexes, sample, rates, segments, prices, replicas } = request;
  const size = tableSize(description, sample);
  const share = sample
    ? (shareInterval(sample.tally.segments, sample.totalSegments, sample.tally.independent) ?? null)
    : null;
  const missing = times(share ?? { value: 1, low: 0, high: 1 }, size.items);
  const perItem = sample?.tally.writeUnits ?? writeUnitsOfBytes(size.itemBytes, indexes);
  const total = perItem.table + perItem.indexes.reduce((sum, units) => sum + units, 0);
  const writeUnits = times(missing, total);
  const bytes = size.items * size.itemBytes;
  const scanReadUnits = bytes / BYTES_PER_EVENTUAL_UNIT + segments * LEAST_EVENTUAL_UNITS;
  const verificationReadUnits =
    bytes / BYTES_PER_CONSISTENT_UNIT + request.verificationSegments * LEAST_CONSISTENT_UNITS;
  const sweepSeconds = (write: number) =>
    Math.max(writeUnits.value / write, scanReadUnits / rates.readUnitsPerSecond);
  const secondsAt = (write: number) =>
    sweepSeconds(write) + verificationReadUnits / rates.readUnitsPerSecond + SUPERVISION_SECONDS;
  const seconds = secondsAt(rates.writeUnitsPerSecond);
  const readUnits = scanReadUnits + verificationReadUnits;
  const dollars = unitsCost({ writeUnits: writeUnits.value * (1 + replicas), readUnits }, prices);
  const fargate =
    request.taskSize === undefined
      ? null
      : fargateCost(
          Array.from(
            { length: request.tasks },
            () => TASK_START_SECONDS + SUPERVISION_SECONDS + sweepSeconds(rates.writeUnitsPerSecond),
          ),
          request.taskSize,
          prices,
        );
  const cloudWatch =
    ((METRICS_OF_TABLE + METRICS_OF_SEGMENT * segments) *
      prices.perMetricMonth *
      Math.max(1, Math.ceil(seconds / 3_600))) /
    HOURS_A_MONTH;
  const sampleCost = unitsCost({ writeUnits: 0, readUnits: sample?.readUnits ?? 0 }, prices).reads;
  const sum = dollars.writes + dollars.reads + (fargate ?? 0) + cloudWatch + sampleCost;
  const more = unitsCost(
    { writeUnits: (writeUnits.high - writeUnits.value) * (1 + replicas), readUnits: 0 },
    prices,
  );
  return {
    ...size,
    share,
    missing,
    writeUnitsPerItem: {
      table: perItem.table,
      indexes: indexes.map(({ name, kind }, index) => ({ name, kind, units: perItem.indexes[index] ?? 0 })),
      total,
    },
    writeUnits,
    scanReadUnits,
    verificationReadUnits,
    times: RATE_STEPS.map(step => ({
      writeUnitsPerSecond: Math.max(1, rates.writeUnitsPerSecond * step),
      readUnitsPerSecond: rates.readUnitsPerSecond,
      seconds: secondsAt(Math.max(1, rates.writeUnitsPerSecond * step)),
      chosen: step === 1,
    })),
    seconds,
    cost: { ...dollars, fargate, cloudWatch, sample: sampleCost, total: sum, atMost: sum + more.writes },
  };
}

/**
 * The number of items and their size. A sample of the whole table gives both. Otherwise DynamoDB's count is used if it
 * fits the sample.
 */
function tableSize(description: TableDescription, sample: TableSample | undefined) {
  const { ItemCount = 0, TableSizeBytes = 0 } = description;
  if (!sample || sample.tally.items === 0) {
    const none = sample ? 'DynamoDB’s count' : 'DynamoDB’s count, up to six hours old';
    return {
      items: ItemCount,
      itemsBasis: sample?.wholeTable ? 'the table is empty' : none,
      itemBytes: ItemCount > 0 ? TableSizeBytes / ItemCount : 0,
    };
  }
  const itemBytes = sample.tally.bytes / sample.tally.items;
  if (sample.wholeTable)
    return { items: sample.tally.items, itemsBasis: 'the whole table was read', itemBytes };
  const { value, low, high } = itemsInterval(sample.tally.segments, sample.totalSegments);
  const truncated = sample.tally.segments.some(({ whole }) => !whole);
  if (ItemCount > 0 && (truncated || (ItemCount >= low && ItemCount <= high))) {
    return { items: ItemCount, itemsBasis: 'DynamoDB’s count, which the sample confirms', itemBytes };
  }
  return {
    items: Math.round(value),
    itemsBasis: 'the sample only, because DynamoDB’s count does not fit it',
    itemBytes,
  };
}

function times({ value, low, high }: Estimate, factor: number): Estimate {
  return { value: value * factor, low: low * factor, high: high * factor };
}
