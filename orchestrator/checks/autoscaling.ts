import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { doubting, requestHandler } from '../../core/aws-clients.ts';
import type { Rates } from '../../core/records.ts';
import { provisionedRates } from '../user-table/provisioned-rates.ts';
import { chargedIndexes } from '../user-table/write-units.ts';
import { ask, type Finding, ok, unanswered, warning } from './finding.ts';

/** The plan does not wait longer for this answer. */
const REPLY_TIMEOUT_MS = 5_000;

const WHAT = "how far autoscaling raises the table's capacity";

/**
 * Compares the budget with the maximum of autoscaling, for a provisioned table and for the indexes that contain the
 * attribute. A budget below the maximum makes the capacity grow; a budget above it cannot be reached.
 */
export async function autoscalingFindings(
  table: TableDescription,
  attributes: readonly string[],
  budget: Rates,
): Promise<Finding[]> {
  if (!provisionedRates(table)) return [];
  // With DynamoDB elsewhere than on AWS, the answer of AWS would be about another table.
  const elsewhere = process.env['AWS_ENDPOINT_URL_DYNAMODB'] ?? process.env['AWS_ENDPOINT_URL'];
  const own = process.env['AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING'] ?? process.env['AWS_ENDPOINT_URL'];
  if (elsewhere !== undefined && own === undefined) {
    return [unanswered('autoscaling', WHAT, 'AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING is not set')];
  }
  const indexes = chargedIndexes(attributes, table).flatMap(({ name, kind }) =>
    kind === 'global' ? [name] : [],
  );
  const { ApplicationAutoScalingClient, DescribeScalableTargetsCommand } = await import(
    '@aws-sdk/client-application-auto-scaling'
  );
  const client = doubting(
    new ApplicationAutoScalingClient({ maxAttempts: 2, requestHandler: requestHandler(REPLY_TIMEOUT_MS) }),
    'Application Auto Scaling',
  );
  const answer = await ask('autoscaling', WHAT, () =>
    client.send(
      new DescribeScalableTargetsCommand({
        ServiceNamespace: 'dynamodb',
        ResourceIds: [table.TableName, ...indexes.map(name => `${table.TableName}/index/${name}`)].map(
          resource => `table/${resource}`,
        ),
      }),
    ),
  );
  client.destroy();
  if ('finding' in answer) return [answer.finding];
  const targets = answer.reply.ScalableTargets ?? [];
  const ceiling = (dimension: string) =>
    targets.find(({ ScalableDimension }) => ScalableDimension === dimension)?.MaxCapacity;
  const narrow = indexes.flatMap(name => {
    const most = targets.find(
      ({ ResourceId, ScalableDimension }) =>
        ResourceId === `table/${table.TableName}/index/${name}` &&
        ScalableDimension === 'dynamodb:index:WriteCapacityUnits',
    )?.MaxCapacity;
    // Each write to the table consumes as many units in each of its indexes.
    const share = budget.writeUnitsPerSecond / (1 + indexes.length);
    if (most === undefined || share <= most) return [];
    return [
      warning('autoscaling', {
        message: `Autoscaling raises the index ${name} to at most ${most} write units a second. ${Math.round(share)} of the budget would go to this index.`,
        means: 'An index that cannot keep up throttles the whole table, including live traffic.',
        advice: `Give --max-write-rate ${Math.max(1, Math.floor(most * (1 + indexes.length)))} or less.`,
      }),
    ];
  });
  return [...narrow, ...tableFindings(table, budget, ceiling)];
}

function tableFindings(
  table: TableDescription,
  budget: Rates,
  ceiling: (dimension: string) => number | undefined,
): Finding[] {
  const write = ceiling('dynamodb:table:WriteCapacityUnits');
  const read = ceiling('dynamodb:table:ReadCapacityUnits');
  if (write === undefined && read === undefined) return [ok('autoscaling', 'The table has no autoscaling.')];
  const over = [
    ...(write !== undefined && budget.writeUnitsPerSecond > write ? [`${write} write`] : []),
    ...(read !== undefined && budget.readUnitsPerSecond > read ? [`${read} read`] : []),
  ];
  const limits = `${write ?? 'no'} write and ${read ?? 'no'} read units a second`;
  if (over.length > 0) {
    return [
      warning('autoscaling', {
        message: `Autoscaling raises ${table.TableName} to at most ${limits}, and the budget is above its limit of ${over.join(' and ')}.`,
        means:
          'The table would grow to its maximum, you would pay for that capacity, and DynamoDB would throttle live traffic.',
        advice: 'Give a lower --max-write-rate or --max-read-rate.',
      }),
    ];
  }
  return [
    warning('autoscaling', {
      message: `Autoscaling raises ${table.TableName} to at most ${limits}.`,
      means:
        'After some minutes of throttling the table will scale up for this run, and down again later. You pay for the added capacity.',
      advice: 'To keep DynamoDB from throttling live traffic, raise the minimum for the duration of the run.',
    }),
  ];
}
