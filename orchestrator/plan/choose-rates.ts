import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { describeError } from '../../core/errors.ts';
import type { Rates } from '../../core/records.ts';
import { provisionedRates } from '../user-table/provisioned-rates.ts';
import { readTraffic, type TrafficMinute } from '../user-table/traffic.ts';

/**
 * Takes half of the capacity that live traffic leaves free on a provisioned table; the other half is room for growth.
 */
const PROVISIONED_PART = 0.5;

/** Takes a quarter of a provisioned table's capacity when nobody knows how much live traffic uses. */
const UNKNOWN_TRAFFIC_PART = 0.25;

/** Takes a quarter of an on-demand table's warm throughput, which leaves room for live traffic and its growth. */
const WARM_PART = 0.25;

/** The throughput that a new on-demand table serves at once [developer guide, warm throughput]. */
const NEW_ON_DEMAND: Rates = { writeUnitsPerSecond: 4_000, readUnitsPerSecond: 12_000 };

/**
 * A run never takes more than this part of the free capacity of a provisioned table, whatever the operator asks for.
 */
const MOST_OF_WHAT_IS_FREE = 0.9;

export interface ChosenRates {
  readonly rates: Rates;
  readonly reason: string;
}

/** The rates that the operator asked for, in units a second. */
export interface AskedRates {
  readonly maxWriteRate?: number | undefined;
  readonly maxReadRate?: number | undefined;
}

/** Chooses the budget of a run, and says why it is this budget. */
export async function chooseRates(
  { maxWriteRate, maxReadRate }: AskedRates,
  table: TableDescription,
  cloudWatch: CloudWatchClient,
): Promise<ChosenRates> {
  const { rates, reason, free } = await defaultRates(table, cloudWatch);
  if (maxWriteRate === undefined && maxReadRate === undefined) return { rates, reason };
  const asked: Rates = {
    writeUnitsPerSecond: maxWriteRate ?? rates.writeUnitsPerSecond,
    readUnitsPerSecond: maxReadRate ?? rates.readUnitsPerSecond,
  };
  const words =
    maxWriteRate !== undefined && maxReadRate !== undefined
      ? 'as given'
      : `one was given; the other is ${reason}`;
  if (!free) return { rates: asked, reason: words };
  const most = part(free, MOST_OF_WHAT_IS_FREE);
  const bounded: Rates = {
    writeUnitsPerSecond: Math.min(asked.writeUnitsPerSecond, most.writeUnitsPerSecond),
    readUnitsPerSecond: Math.min(asked.readUnitsPerSecond, most.readUnitsPerSecond),
  };
  const lowered =
    bounded.writeUnitsPerSecond < asked.writeUnitsPerSecond ||
    bounded.readUnitsPerSecond < asked.readUnitsPerSecond;
  return {
    rates: bounded,
    reason: lowered
      ? `nine tenths of what live traffic leaves, which is less than the ${describeRates(asked)} given`
      : words,
  };
}

/**
 * The budget if the operator names none. For a provisioned table it is half of the free capacity, measured by the
 * busiest of the last five minutes in the table's own metrics. For an on-demand table it is a quarter of the warm
 * throughput, or of the owner's maximum if that is lower.
 */
export async function defaultRates(
  table: TableDescription,
  cloudWatch: CloudWatchClient,
): Promise<ChosenRates & { readonly free?: Rates }> {
  const provisioned = provisionedRates(table);
  if (!provisioned) return onDemandRates(table);
  try {
    const minutes = await readTraffic(cloudWatch, table.TableName ?? '', Date.now());
    return freeRates(provisioned, minutes);
  } catch (error) {
    return {
      rates: part(provisioned, UNKNOWN_TRAFFIC_PART),
      reason: `a quarter of the provisioned ${describeRates(provisioned)}, because the table's traffic is unknown: ${describeError(error)}`,
    };
  }
}

function freeRates(
  provisioned: Rates,
  minutes: readonly TrafficMinute[],
): ChosenRates & { readonly free: Rates } {
  const busiest = (rate: keyof Rates) => Math.max(0, ...minutes.map(minute => minute[rate]));
  const free: Rates = {
    writeUnitsPerSecond: Math.max(0, provisioned.writeUnitsPerSecond - busiest('writeUnitsPerSecond')),
    readUnitsPerSecond: Math.max(0, provisioned.readUnitsPerSecond - busiest('readUnitsPerSecond')),
  };
  const used =
    minutes.length === 0
      ? 'the table reported no traffic in the last five minutes'
      : `live traffic used up to ${Math.round(busiest('writeUnitsPerSecond'))} and ${Math.round(busiest('readUnitsPerSecond'))} in the last five minutes`;
  return {
    free,
    rates: part(free, PROVISIONED_PART),
    reason: `half of what live traffic leaves of the provisioned ${describeRates(provisioned)}; ${used}`,
  };
}

function onDemandRates({ WarmThroughput, OnDemandThroughput }: TableDescription): ChosenRates {
  const atMost = (limit: number | undefined) =>
    limit !== undefined && limit > 0 ? limit : Number.POSITIVE_INFINITY;
  const warm: Rates = {
    writeUnitsPerSecond: Math.min(
      WarmThroughput?.WriteUnitsPerSecond ?? NEW_ON_DEMAND.writeUnitsPerSecond,
      atMost(OnDemandThroughput?.MaxWriteRequestUnits),
    ),
    readUnitsPerSecond: Math.min(
      WarmThroughput?.ReadUnitsPerSecond ?? NEW_ON_DEMAND.readUnitsPerSecond,
      atMost(OnDemandThroughput?.MaxReadRequestUnits),
    ),
  };
  return {
    rates: part(warm, WARM_PART),
    reason: `a quarter of what the on-demand table can take immediately, ${describeRates(warm)}`,
  };
}

function part(rates: Rates, factor: number): Rates {
  return {
    writeUnitsPerSecond: Math.max(1, Math.floor(rates.writeUnitsPerSecond * factor)),
    readUnitsPerSecond: Math.max(1, Math.floor(rates.readUnitsPerSecond * factor)),
  };
}

function describeRates({ writeUnitsPerSecond, readUnitsPerSecond }: Rates): string {
  return `${writeUnitsPerSecond} write and ${readUnitsPerSecond} read units a second`;
}
