import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { type Finding, failure, ok, warning } from './finding.ts';

const CHECK = 'status';

/** States in which a table takes no writes, each with what it means and what helps [API reference, TableStatus]. */
const UNUSABLE: Readonly<Record<string, { readonly means: string; readonly advice: string }>> = {
  CREATING: {
    means: 'It takes nothing yet.',
    advice: 'Wait until it is ACTIVE: aws dynamodb wait table-exists --table-name',
  },
  DELETING: {
    means: 'It is going, and its items with it.',
    advice: 'Is it the table that you mean? Look at the Region and the account.',
  },
  INACCESSIBLE_ENCRYPTION_CREDENTIALS: {
    means: 'DynamoDB cannot use the KMS key that encrypts it, so nobody can read or write its items.',
    advice:
      'Enable the key, cancel its deletion, or give DynamoDB its grant again within seven days; after that the table is archived.',
  },
  ARCHIVING: {
    means: 'Its KMS key could not be used for seven days, so DynamoDB is archiving it.',
    advice: 'Restore it from the backup that DynamoDB makes of it.',
  },
  ARCHIVED: {
    means:
      'Its KMS key could not be used for seven days, and its items stand in a backup now. Waiting changes nothing.',
    advice: 'Restore it from that backup, with a key that works.',
  },
};

/**
 * Whether the table takes reads and writes. One that is UPDATING takes all of them: a change of its capacity or a new
 * index may last for hours [developer guide, Managing global secondary indexes].
 */
export function statusFindings(table: string, description: TableDescription): Finding[] {
  const { TableStatus = 'unknown' } = description;
  if (TableStatus === 'ACTIVE') return [ok(CHECK, `The table ${table} is ACTIVE.`)];
  if (TableStatus === 'UPDATING') {
    const changes = changesOf(description);
    return [
      warning(CHECK, {
        message: `The table ${table} is UPDATING${changes.length > 0 ? `: ${changes.join('; ')}` : ''}.`,
        means: 'It takes reads and writes as before; what it takes may change during the run.',
        ...(changes.some(change => change.includes('is being created')) && {
          advice: 'An index that is being filled takes write units of its own: watch its metrics.',
        }),
      }),
    ];
  }
  const known = UNUSABLE[TableStatus];
  return [
    failure(CHECK, {
      message: `The table ${table} is ${TableStatus}.`,
      means: known?.means ?? 'What it takes now says nothing about what it takes later.',
      advice:
        TableStatus === 'CREATING'
          ? `${known?.advice} ${table}`
          : (known?.advice ?? 'Wait until it is ACTIVE.'),
    }),
  ];
}

const BEING: Readonly<Record<string, string>> = {
  CREATING: 'is being created',
  UPDATING: 'is being changed',
  DELETING: 'is being deleted',
};

/** What is changing, as far as the description says it. */
function changesOf({
  GlobalSecondaryIndexes = [],
  Replicas = [],
  SSEDescription,
}: TableDescription): string[] {
  return [
    ...GlobalSecondaryIndexes.flatMap(({ IndexName, IndexStatus = '' }) =>
      BEING[IndexStatus] ? [`the index ${IndexName} ${BEING[IndexStatus]}`] : [],
    ),
    ...Replicas.flatMap(({ RegionName, ReplicaStatus = '' }) =>
      BEING[ReplicaStatus] ? [`the replica in ${RegionName} ${BEING[ReplicaStatus]}`] : [],
    ),
    ...(SSEDescription?.Status === 'UPDATING' || SSEDescription?.Status === 'ENABLING'
      ? ['its encryption is being changed']
      : []),
  ];
}
