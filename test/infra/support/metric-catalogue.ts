import {
  METRIC_UNITS,
  type MetricName,
  PER_SEGMENT_METRICS,
  SEGMENT_DIMENSION,
  TABLE_DIMENSION,
} from '../../../core/metrics.ts';

const UNITS: Readonly<Record<string, string>> = METRIC_UNITS;

/** DynamoDB's metrics of a table that infra/ reads [CloudWatch metrics of DynamoDB, developer guide]. */
const DYNAMODB: Readonly<Record<string, { readonly unit: string; readonly dimensions: readonly string[] }>> =
  {
    ConsumedReadCapacityUnits: { unit: 'Count', dimensions: ['TableName'] },
    ConsumedWriteCapacityUnits: { unit: 'Count', dimensions: ['TableName'] },
    // DynamoDB publishes it as Count but means units a second.
    ProvisionedReadCapacityUnits: { unit: 'Count/Second', dimensions: ['TableName'] },
    ProvisionedWriteCapacityUnits: { unit: 'Count/Second', dimensions: ['TableName'] },
    // Published by reason since September 2025 ["Detailed throttling metrics by cause"].
    ...Object.fromEntries(
      ['Read', 'Write'].flatMap(way =>
        ['ProvisionedThroughput', 'MaxOnDemandThroughput', 'KeyRangeThroughput', 'AccountLimit'].map(
          reason => [`${way}${reason}ThrottleEvents`, { unit: 'Count', dimensions: ['TableName'] }],
        ),
      ),
    ),
    ReadThrottleEvents: { unit: 'Count', dimensions: ['TableName'] },
    WriteThrottleEvents: { unit: 'Count', dimensions: ['TableName'] },
    SuccessfulRequestLatency: { unit: 'Milliseconds', dimensions: ['Operation', 'TableName'] },
  };

/** A series that a widget or an alarm reads. */
export interface Series {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: readonly string[];
}

/** What is wrong with a series; undefined if nothing is. */
export function problemOf({ namespace, name, dimensions }: Series): string | undefined {
  const given = [...dimensions].sort().join();
  if (namespace === 'AWS/DynamoDB') {
    const known = DYNAMODB[name];
    if (known === undefined) return `DynamoDB publishes no ${name}`;
    const ofIndex = [...known.dimensions, 'GlobalSecondaryIndexName'].sort().join();
    return [known.dimensions.join(), ofIndex].includes(given)
      ? undefined
      : `${name} has no dimensions ${given}`;
  }
  if (UNITS[name] === undefined) return `core/metrics.ts has no ${name}`;
  if (given === TABLE_DIMENSION) return undefined;
  if (given === [SEGMENT_DIMENSION, TABLE_DIMENSION].sort().join()) {
    return (PER_SEGMENT_METRICS as readonly string[]).includes(name)
      ? undefined
      : `${name} is not published for each segment`;
  }
  return `${name} has no dimensions ${given}`;
}

export function unitOf({ namespace, name }: Series): string | undefined {
  return namespace === 'AWS/DynamoDB' ? DYNAMODB[name]?.unit : UNITS[name];
}

export const PUBLISHED_METRICS = Object.keys(METRIC_UNITS) as MetricName[];
