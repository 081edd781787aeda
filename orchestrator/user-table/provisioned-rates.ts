import type { TableDescription } from '@aws-sdk/client-dynamodb';
import type { Rates } from '../../core/records.ts';

/** The provisioned write and read units a second of a table; undefined for an on-demand table. */
export function provisionedRates({
  BillingModeSummary,
  ProvisionedThroughput,
}: TableDescription): Rates | undefined {
  const { ReadCapacityUnits = 0, WriteCapacityUnits = 0 } = ProvisionedThroughput ?? {};
  if (BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST' || WriteCapacityUnits <= 0) return undefined;
  return { writeUnitsPerSecond: WriteCapacityUnits, readUnitsPerSecond: ReadCapacityUnits };
}
