import type { TableDescription } from '@aws-sdk/client-dynamodb';
import type { Rates } from '../../core/records.ts';

/** Write and read units a second that a table is provisioned for; undefined on demand. */
export function provisionedRates({
  BillingModeSummary,
  ProvisionedThroughput,
}: TableDescription): Rates | undefined {
  const { ReadCapacityUnits = 0, WriteCapacityUnits = 0 } = ProvisionedThroughput ?? {};
  if (BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST' || WriteCapacityUnits <= 0) return undefined;
  return { writeUnitsPerSecond: WriteCapacityUnits, readUnitsPerSecond: ReadCapacityUnits };
}
