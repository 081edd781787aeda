import type { TableDescription } from '@aws-sdk/client-dynamodb';
import type { Rates } from '../core/records.ts';

/** Half of a provisioned table leaves the other half to live traffic. */
const PROVISIONED_PART = 0.5;

/** A quarter of what an on-demand table takes at once leaves room for live traffic and its growth. */
const WARM_PART = 0.25;

/** What a new on-demand table takes at once [developer guide, warm throughput]. */
const NEW_ON_DEMAND: Rates = { writeUnitsPerSecond: 4_000, readUnitsPerSecond: 12_000 };

export interface ChosenRates {
  readonly rates: Rates;
  readonly reason: string;
}

/** The budget when the operator names none. */
export function defaultRates(table: TableDescription): ChosenRates {
  const { ReadCapacityUnits = 0, WriteCapacityUnits = 0 } = table.ProvisionedThroughput ?? {};
  if (table.BillingModeSummary?.BillingMode !== 'PAY_PER_REQUEST' && WriteCapacityUnits > 0) {
    return {
      rates: {
        writeUnitsPerSecond: Math.max(1, Math.floor(WriteCapacityUnits * PROVISIONED_PART)),
        readUnitsPerSecond: Math.max(1, Math.floor(ReadCapacityUnits * PROVISIONED_PART)),
      },
      reason: `half of the provisioned ${WriteCapacityUnits} write and ${ReadCapacityUnits} read units a second`,
    };
  }
  const warm = table.WarmThroughput;
  const write = warm?.WriteUnitsPerSecond ?? NEW_ON_DEMAND.writeUnitsPerSecond;
  const read = warm?.ReadUnitsPerSecond ?? NEW_ON_DEMAND.readUnitsPerSecond;
  return {
    rates: {
      writeUnitsPerSecond: Math.floor(write * WARM_PART),
      readUnitsPerSecond: Math.floor(read * WARM_PART),
    },
    reason: `a quarter of what the on-demand table takes at once, ${write} write and ${read} read units a second`,
  };
}
