import {
  type AttributeValue,
  DescribeContinuousBackupsCommand,
  DescribeKinesisStreamingDestinationCommand,
  DescribeTimeToLiveCommand,
  type DescribeTimeToLiveCommandOutput,
  type DynamoDBClient,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { expiryFindings } from './expiry.ts';
import { ask, type Finding, failure, ok, warning } from './finding.ts';

export interface SurroundingsQuestion {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly targets: readonly [string, ...string[]];
  readonly value: AttributeValue | undefined;
  readonly allowExpiry?: boolean;
  readonly allowNoPitr: boolean;
}

/** Checks what depends on the table: time to live, recovery, and the consumers of its changes. */
export async function surroundingsFindings(
  question: SurroundingsQuestion,
  description: TableDescription,
): Promise<Finding[]> {
  return [
    ...(await timeToLiveFindings(question)),
    ...(await backupFindings(question)),
    ...streamFindings(question, description),
    ...(await kinesisFindings(question)),
  ];
}

async function timeToLiveFindings({
  client,
  table,
  targets,
  value,
  allowExpiry = false,
}: SurroundingsQuestion): Promise<Finding[]> {
  const answer = await ask('ttl', 'whether items expire by time to live', () =>
    client.send(new DescribeTimeToLiveCommand({ TableName: table })),
  );
  // Computed values are checked later, with the values computed for the sample.
  const target = value && [{ name: targets[0], values: [value] }];
  const question = { table, allowExpiry, nowMs: Date.now() };
  if ('finding' in answer) {
    return [answer.finding, ...expiryFindings(target ?? [], { ...question, ttlAttribute: undefined })];
  }
  const ttlAttribute = ttlAttributeOf(answer.reply);
  const findings = expiryFindings(target ?? [], { ...question, ttlAttribute });
  return findings.length > 0 ? findings : [ok('ttl', 'The table has no time to live.')];
}

/** The time-to-live attribute; undefined if time to live is off. */
function ttlAttributeOf({ TimeToLiveDescription }: DescribeTimeToLiveCommandOutput): string | undefined {
  const { AttributeName, TimeToLiveStatus = 'DISABLED' } = TimeToLiveDescription ?? {};
  return TimeToLiveStatus === 'DISABLED' ? undefined : AttributeName;
}

/** Asks DynamoDB for the time-to-live attribute; undefined also if there is no answer. */
export async function ttlAttributeAt(client: DynamoDBClient, table: string): Promise<string | undefined> {
  const answer = await ask('ttl', 'whether items expire by time to live', () =>
    client.send(new DescribeTimeToLiveCommand({ TableName: table })),
  );
  return 'reply' in answer ? ttlAttributeOf(answer.reply) : undefined;
}

async function backupFindings({ client, table, allowNoPitr }: SurroundingsQuestion): Promise<Finding[]> {
  const answer = await ask('pitr', 'whether point-in-time recovery is on', () =>
    client.send(new DescribeContinuousBackupsCommand({ TableName: table })),
  );
  if ('finding' in answer) return [answer.finding];
  const recovery = answer.reply.ContinuousBackupsDescription?.PointInTimeRecoveryDescription;
  if (recovery?.PointInTimeRecoveryStatus === 'ENABLED') {
    return [ok('pitr', `Point-in-time recovery is on for ${table}.`)];
  }
  const message = `Point-in-time recovery is off for ${table}:`;
  const means = 'you could not restore it.';
  if (allowNoPitr) return [warning('pitr', { message, means })];
  const advice =
    `Turn it on: aws dynamodb update-continuous-backups --table-name ${table} ` +
    '--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true. If another backup exists, use --allow-no-pitr.';
  return [failure('pitr', { message, means, advice })];
}

function streamFindings(
  { table }: SurroundingsQuestion,
  { StreamSpecification }: TableDescription,
): Finding[] {
  if (!StreamSpecification?.StreamEnabled) return [ok('stream', 'The table has no stream.')];
  return [
    warning('stream', {
      message: `${table} has a stream (${StreamSpecification.StreamViewType}).`,
      means:
        'Every item that the run writes becomes a MODIFY record for each consumer, as fast as the budget allows.',
      advice: 'Ask the owners whether their consumers can handle it, or filter such records out.',
    }),
  ];
}

async function kinesisFindings({ client, table }: SurroundingsQuestion): Promise<Finding[]> {
  const answer = await ask('kinesis', 'whether changes go to a Kinesis stream', () =>
    client.send(new DescribeKinesisStreamingDestinationCommand({ TableName: table })),
  );
  if ('finding' in answer) return [answer.finding];
  const active = (answer.reply.KinesisDataStreamDestinations ?? []).filter(
    ({ DestinationStatus }) => DestinationStatus === 'ACTIVE' || DestinationStatus === 'ENABLING',
  );
  if (active.length === 0) return [ok('kinesis', 'The table sends no changes to a Kinesis stream.')];
  return [
    warning('kinesis', {
      message: `Changes of ${table} go to ${active.map(({ StreamArn }) => StreamArn).join(', ')}.`,
      means:
        'Every item that the run writes becomes a record there, as fast as the budget allows, and you pay for it.',
      advice: 'Check that its shards and consumers can handle it.',
    }),
  ];
}
