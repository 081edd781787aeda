import type { TableDescription } from '@aws-sdk/client-dynamodb';
import type { Rates } from '../../core/records.ts';
import { provisionedRates } from '../user-table/provisioned-rates.ts';
import { chargedIndexes } from '../user-table/write-units.ts';
import { type Finding, ok, warning } from './finding.ts';

/** A budget above this part of the capacity leaves live traffic too little room to grow. */
const MUCH_OF_CAPACITY = 0.8;

/** Checks whether the table and its indexes have the capacity for the budget. */
export function capacityFindings(
  table: TableDescription,
  attributes: readonly string[],
  budget: Rates,
): Finding[] {
  return [...tableCapacity(table, budget), ...indexCapacity(table, attributes, budget)];
}

function tableCapacity(table: TableDescription, budget: Rates): Finding[] {
  const provisioned = provisionedRates(table);
  const maximum = table.OnDemandThroughput;
  const most = (kind: 'write' | 'read') => {
    const limit = provisioned
      ? provisioned[`${kind}UnitsPerSecond`]
      : kind === 'write'
        ? maximum?.MaxWriteRequestUnits
        : maximum?.MaxReadRequestUnits;
    return limit !== undefined && limit > 0 ? limit : undefined;
  };
  const what = provisioned ? 'is provisioned for' : 'is on demand with a limit of';
  const findings = (['write', 'read'] as const).flatMap(kind => {
    const limit = most(kind);
    const wanted = budget[`${kind}UnitsPerSecond`];
    if (limit === undefined || wanted <= MUCH_OF_CAPACITY * limit) return [];
    const message = `The budget is ${wanted} ${kind} units a second, and ${table.TableName} ${what} ${limit}.`;
    const lower = `Give --max-${kind}-rate ${Math.max(1, Math.floor(limit / 2))} or less`;
    if (wanted > limit) {
      return [
        warning('capacity', {
          message,
          means: "The fleet would use the table's whole capacity, and DynamoDB would throttle live traffic.",
          advice: `${lower}, or raise the table's capacity first.`,
        }),
      ];
    }
    return [
      warning('capacity', {
        message,
        means:
          'This leaves little for live traffic, and the fleet slows down only after DynamoDB has throttled somebody.',
        advice: `${lower}.`,
      }),
    ];
  });
  const warm = table.WarmThroughput?.WriteUnitsPerSecond;
  if (!provisioned && warm !== undefined && budget.writeUnitsPerSecond > warm) {
    findings.push(
      warning('capacity', {
        message: `The budget is ${budget.writeUnitsPerSecond} write units a second, and ${table.TableName} can take ${warm} immediately.`,
        means:
          'An on-demand table needs about half an hour to grow beyond that. Until then DynamoDB throttles everybody.',
        advice: `Start with --max-write-rate ${Math.max(1, Math.floor(warm / 4))} and raise it later with orchestrate rate.`,
      }),
    );
  }
  if (findings.length > 0) return findings;
  return [
    ok(
      'capacity',
      `The budget of ${budget.writeUnitsPerSecond} write and ${budget.readUnitsPerSecond} read units a second is within the table's capacity.`,
    ),
  ];
}

/**
 * An index without enough write capacity throttles the table [developer guide, global secondary indexes: write
 * capacity].
 */
function indexCapacity(table: TableDescription, attributes: readonly string[], budget: Rates): Finding[] {
  const charged = chargedIndexes(attributes, table).filter(({ kind }) => kind === 'global');
  return charged.map(({ name }) => {
    const index = table.GlobalSecondaryIndexes?.find(({ IndexName }) => IndexName === name);
    const limit = provisionedRates(table)
      ? index?.ProvisionedThroughput?.WriteCapacityUnits
      : index?.OnDemandThroughput?.MaxWriteRequestUnits;
    // Each write consumes the same units in the table and in every such index, so an index takes an equal part of the
    // budget.
    const share = budget.writeUnitsPerSecond / (1 + charged.length);
    if (limit === undefined || limit <= 0 || share <= MUCH_OF_CAPACITY * limit) {
      return ok('index-capacity', `The index ${name} has enough capacity for its part of the budget.`);
    }
    return warning('index-capacity', {
      message: `The index ${name} holds "${attributes.join('" or "')}" and accepts ${limit} write units a second. Of the budget of ${budget.writeUnitsPerSecond}, ${Math.round(share)} would go to this index.`,
      means: 'An index that cannot keep up throttles the whole table, including live traffic.',
      advice: `Raise its write capacity, or give --max-write-rate ${Math.max(1, Math.floor((limit / 2) * (1 + charged.length)))} or less.`,
    });
  });
}
