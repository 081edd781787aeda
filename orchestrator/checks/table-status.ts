import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { type Finding, failure, ok, warning } from './finding.ts';

const CHECK = 'status';

/** States in which a table accepts no writes, each with what it means and what to do [API reference, TableStatus]. */
const UNUSABLE: Readonly<Record<string, { readonly means: string; readonly advice: string }>> = {
  CREATING: {
    means: 'It accepts no requests yet.',
    advice: 'Wait until it is ACTIVE: aws dynamodb wait table-exists --table-name',
  },
  DELETING: {
    means: 'DynamoDB is deleting the table and its items.',
    advice: 'Check that it is the table that you mean, in the right Region and account.',
  },
  INACCESSIBLE_ENCRYPTION_CREDENTIALS: {
    means: 'DynamoDB cannot use the KMS key that encrypts it, so nobody can read or write its items.',
    advice:
      "Enable the key, cancel its deletion, or restore DynamoDB's grant within seven days. After that DynamoDB archives the table.",
  },
  ARCHIVING: {
    means: 'DynamoDB could not use its KMS key for seven days, so it is archiving the table.',
    advice: 'Restore the table from the backup that DynamoDB makes.',
  },
  ARCHIVED: {
    means:
      'DynamoDB could not use its KMS key for seven days. The items are in a backup now, and waiting does not help.',
    advice: 'Restore the table from that backup, with a key that works.',
  },
};

/**
 * Checks that the table accepts reads and writes. A table that is UPDATING accepts both. A change of its capacity or a
 * new index can take hours [developer guide, Managing global secondary indexes].
 */
export function statusFindings(table: string, description: TableDescription): Finding[] {
  const { TableStatus = 'unknown' } = description;
  if (TableStatus === 'ACTIVE') return [ok(CHECK, `The table ${table} is ACTIVE.`)];
  if (TableStatus === 'UPDATING') {
    const changes = changesOf(description);
    return [
      warning(CHECK, {
        message: `The table ${table} is UPDATING${changes.length > 0 ? `: ${changes.join('; ')}` : ''}.`,
        means: 'It accepts reads and writes as before, but its capacity may change during the run.',
        ...(changes.some(change => change.includes('is being created')) && {
          advice: 'An index that is being created uses write units of its own. Watch its metrics.',
        }),
      }),
    ];
  }
  const known = UNUSABLE[TableStatus];
  return [
    failure(CHECK, {
      message: `The table ${table} is ${TableStatus}.`,
      means: known?.means ?? 'Its capacity may change at any time.',
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

/** What is changing, if the description tells. */
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
