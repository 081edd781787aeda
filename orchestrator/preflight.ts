import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { describeError, PreflightError } from '../core/errors.ts';
import type { KeyAttribute, KeySchema, KeyType } from '../core/records.ts';

/** The user's table, as far as the run depends on it. */
export interface TableFacts {
  readonly description: TableDescription;
  readonly arn: string;
  readonly account: string;
  readonly keySchema: KeySchema;
}

/** One thing that preflight found. A refusal stops the run, a warning is told. */
export interface Finding {
  readonly level: 'warning' | 'refusal';
  readonly check: string;
  readonly message: string;
}

export interface PreflightRequest {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly attribute: string;
  readonly value: { readonly [type: string]: unknown };
  readonly controlTable: string;
  /** The only account in which the run may take place. */
  readonly account: string | undefined;
  readonly allowNoPitr: boolean;
  readonly singleWriterRegion: boolean;
}

/** @throws PreflightError when the table does not exist or cannot be described. */
export async function describeUserTable(client: DynamoDBClient, table: string): Promise<TableFacts> {
  const description = await describeTable(client, table, 'table');
  const arn = description.TableArn ?? `arn:aws:dynamodb:unknown:unknown:table/${table}`;
  return { description, arn, account: arn.split(':')[4] ?? '', keySchema: keySchemaOf(description) };
}

async function describeTable(client: DynamoDBClient, table: string, what: string): Promise<TableDescription> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
    if (Table) return Table;
    throw new PreflightError(`DynamoDB described no ${what} ${table}.`);
  } catch (cause) {
    if (cause instanceof PreflightError) throw cause;
    const absent = cause instanceof Error && cause.name === 'ResourceNotFoundException';
    const region = await client.config.region();
    throw new PreflightError(
      absent
        ? `The ${what} ${table} does not exist in ${region}.`
        : `The ${what} ${table} cannot be described: ${describeError(cause)}`,
      { cause },
    );
  }
}

function keySchemaOf(table: TableDescription): KeySchema {
  const key = (kind: 'HASH' | 'RANGE'): KeyAttribute | undefined => {
    const name = table.KeySchema?.find(({ KeyType }) => KeyType === kind)?.AttributeName;
    const type = table.AttributeDefinitions?.find(
      ({ AttributeName }) => AttributeName === name,
    )?.AttributeType;
    return name === undefined ? undefined : { name, type: type as KeyType };
  };
  const partition = key('HASH');
  const sort = key('RANGE');
  if (!partition)
    throw new PreflightError(`The table ${table.TableName} has no partition key in its description.`);
  return sort ? [partition, sort] : [partition];
}

/** Everything that speaks against the run, all of it at once. */
export async function preflight(request: PreflightRequest, facts: TableFacts): Promise<Finding[]> {
  const { client, controlTable } = request;
  const control = await controlTableFindings(client, controlTable);
  return [
    ...control,
    ...tableFindings(request, facts),
    ...indexFindings(request, facts),
    ...(await timeToLiveFindings(request)),
    ...(await backupFindings(request)),
  ];
}

async function controlTableFindings(client: DynamoDBClient, controlTable: string): Promise<Finding[]> {
  const description = await describeTable(client, controlTable, 'control table');
  const names = keySchemaOf(description).map(({ name, type }) => `${name} ${type}`);
  if (names.join() === 'run S,item S') return [];
  return [
    refusal(
      'control-table',
      `${controlTable} is not a control table: its keys are ${names.join(' and ')}, not run S and item S. infra/fleet.yaml creates one.`,
    ),
  ];
}

function tableFindings(
  request: PreflightRequest,
  { description, account, keySchema }: TableFacts,
): Finding[] {
  const { table, attribute } = request;
  const findings: Finding[] = [];
  if (request.account !== undefined && request.account !== account) {
    findings.push(
      refusal('account', `The table ${table} is in account ${account}, not in ${request.account}.`),
    );
  }
  if (description.TableStatus !== 'ACTIVE') {
    findings.push(
      refusal('status', `The table ${table} is ${description.TableStatus}; wait until it is ACTIVE.`),
    );
  }
  if (keySchema.some(({ name }) => name === attribute)) {
    findings.push(
      refusal(
        'attribute',
        `"${attribute}" is a key of the table ${table}: every item has it, and none can change it.`,
      ),
    );
  }
  const replicas = description.Replicas ?? [];
  if (replicas.length > 0 && !request.singleWriterRegion) {
    const regions = replicas.map(({ RegionName }) => RegionName).join(', ');
    findings.push(
      refusal(
        'replicas',
        `The table ${table} is replicated to ${regions}. Replication is last-writer-wins by item: a write here can undo ` +
          'a change that another Region makes to the same item. If no other Region writes, say --single-writer-region.',
      ),
    );
  }
  return findings;
}

function indexFindings({ attribute, value }: PreflightRequest, { description }: TableFacts): Finding[] {
  const indexes = [
    ...(description.GlobalSecondaryIndexes ?? []),
    ...(description.LocalSecondaryIndexes ?? []),
  ];
  const [type] = Object.keys(value);
  return indexes.flatMap(index => {
    if (!index.KeySchema?.some(({ AttributeName }) => AttributeName === attribute)) return [];
    const wanted = description.AttributeDefinitions?.find(({ AttributeName }) => AttributeName === attribute);
    if (wanted?.AttributeType !== type) {
      return [
        refusal(
          'index',
          `"${attribute}" is a key of the index ${index.IndexName}, of type ${wanted?.AttributeType}; the value is of type ${type}. DynamoDB would refuse every write.`,
        ),
      ];
    }
    return [
      warning(
        'index',
        `"${attribute}" is a key of the index ${index.IndexName}: every item that is written enters the index, all under one key.`,
      ),
    ];
  });
}

/** The global secondary indexes into which the attribute is projected, or of which it is a key. */
export function indexesWith(attribute: string, { GlobalSecondaryIndexes = [] }: TableDescription): string[] {
  return GlobalSecondaryIndexes.flatMap(({ IndexName = '', KeySchema = [], Projection }) => {
    const projected =
      Projection?.ProjectionType === 'ALL' || Projection?.NonKeyAttributes?.includes(attribute) === true;
    const isKey = KeySchema.some(({ AttributeName }) => AttributeName === attribute);
    return projected || isKey ? [IndexName] : [];
  });
}

async function timeToLiveFindings({ client, table, attribute }: PreflightRequest): Promise<Finding[]> {
  const reply = await ask('time to live', () =>
    client.send(new DescribeTimeToLiveCommand({ TableName: table })),
  );
  if ('level' in reply) return [reply];
  const { AttributeName, TimeToLiveStatus } = reply.TimeToLiveDescription ?? {};
  if (AttributeName !== attribute || TimeToLiveStatus === 'DISABLED') return [];
  return [
    refusal(
      'ttl',
      `"${attribute}" is the time-to-live attribute of ${table}: setting it would have DynamoDB delete items.`,
    ),
  ];
}

async function backupFindings({ client, table, allowNoPitr }: PreflightRequest): Promise<Finding[]> {
  const reply = await ask('point-in-time recovery', () =>
    client.send(new DescribeContinuousBackupsCommand({ TableName: table })),
  );
  if ('level' in reply) return [reply];
  const status =
    reply.ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus ??
    'DISABLED';
  if (status === 'ENABLED') return [];
  const message = `Point-in-time recovery is off for ${table}: there would be no way back.`;
  return [
    allowNoPitr
      ? warning('pitr', message)
      : refusal('pitr', `${message} Turn it on, or say --allow-no-pitr if another backup exists.`),
  ];
}

/** A question that the endpoint cannot answer, or that this role may not ask, is a warning. */
async function ask<T extends object>(what: string, question: () => Promise<T>): Promise<T | Finding> {
  try {
    return await question();
  } catch (error) {
    return warning(what, `It is not known whether ${what} is on: ${describeError(error)}`);
  }
}

function warning(check: string, message: string): Finding {
  return { level: 'warning', check, message };
}

function refusal(check: string, message: string): Finding {
  return { level: 'refusal', check, message };
}
