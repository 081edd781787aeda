import {
  type AttributeValue,
  DescribeTableCommand,
  type DynamoDBClient,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { describeError, PreflightError } from '../../core/errors.ts';
import type { KeyAttribute, KeySchema, KeyType, Rates } from '../../core/records.ts';
import { chargedIndexes } from '../user-table/write-units.ts';
import { autoscalingFindings } from './autoscaling.ts';
import { capacityFindings } from './capacity.ts';
import { type Finding, failure, ok, warning, wordsOf } from './finding.ts';
import { surroundingsFindings } from './table-integrations.ts';
import { statusFindings } from './table-status.ts';

/** What a run needs to know of the user's table. */
export interface TableFacts {
  readonly description: TableDescription;
  readonly arn: string;
  readonly account: string;
  readonly keySchema: KeySchema;
}

export interface PreflightRequest {
  readonly client: DynamoDBClient;
  readonly table: string;
  /** The attributes that the run sets. */
  readonly targets: readonly [string, ...string[]];
  /** The value of the only target; undefined if values are computed. */
  readonly value: AttributeValue | undefined;
  readonly controlTable: string;
  /** The account in which the table must be, if the operator named one. */
  readonly account: string | undefined;
  readonly allowNoPitr: boolean;
  /** The operator says that the values may make items expire. */
  readonly allowExpiry?: boolean;
  readonly singleWriterRegion: boolean;
  /** The fleet's budget, once it has been chosen. */
  readonly budget?: Rates;
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
    throw new PreflightError(
      absent
        ? `The ${what} ${table} does not exist in ${await client.config.region()}. Check its name, the account and the Region.`
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

/** Every finding that argues against a run, with its whole text in `message`. */
export async function preflight(request: PreflightRequest, facts: TableFacts): Promise<Finding[]> {
  const findings = await examine(request, facts);
  return findings
    .filter(({ level }) => level !== 'ok')
    .map(({ level, check, ...words }) => ({ level, check, message: wordsOf({ level, check, ...words }) }));
}

/** Runs every check of the table before a run. */
export async function examine(request: PreflightRequest, facts: TableFacts): Promise<Finding[]> {
  const { client, controlTable, targets, budget } = request;
  return [
    ...(await controlTableFindings(client, controlTable, facts)),
    ...tableFindings(request, facts),
    ...replicaFindings(request, facts),
    ...indexFindings(request, facts),
    ...(budget ? capacityFindings(facts.description, targets, budget) : []),
    ...(budget ? await autoscalingFindings(facts.description, targets, budget) : []),
    ...(await surroundingsFindings(request, facts.description)),
  ];
}

async function controlTableFindings(
  client: DynamoDBClient,
  controlTable: string,
  facts: TableFacts,
): Promise<Finding[]> {
  const description = await describeTable(client, controlTable, 'control table');
  const names = keySchemaOf(description).map(({ name, type }) => `${name} ${type}`);
  if (names.join() === 'run S,item S') {
    return [
      ok('control-table', `${controlTable} is a control table.`),
      ...otherAccountFindings(accountOf(description), facts),
    ];
  }
  return [
    failure('control-table', {
      message: `${controlTable} is not a control table: its keys are ${names.join(' and ')}, not run S and item S.`,
      advice: 'infra/fleet.yaml creates one.',
    }),
  ];
}

function accountOf({ TableArn }: TableDescription): string | undefined {
  return TableArn?.split(':')[4];
}

/**
 * A transaction stays within one account [API reference, TransactWriteItems], so the lock is taken in the control
 * table's account. CloudWatch has a table's metrics in the table's own account.
 */
function otherAccountFindings(own: string | undefined, { description, account }: TableFacts): Finding[] {
  if (own === undefined || own === account) return [];
  return [
    warning('other-account', {
      message: `The table ${description.TableName} is in account ${account}, and the control table is in ${own}.`,
      means:
        `Fleetfill locks the table only against runs that account ${own} starts, and it cannot see the table's metrics, ` +
        'so it slows down only when its own requests are throttled.',
      advice: `Make sure that nobody runs Fleetfill on this table from account ${account} or from a third one, or start the run in account ${account}.`,
    }),
  ];
}

function tableFindings(
  request: PreflightRequest,
  { description, account, keySchema }: TableFacts,
): Finding[] {
  const { table, targets } = request;
  const findings: Finding[] = [];
  if (request.account !== undefined && request.account !== account) {
    findings.push(
      failure('account', {
        message: `The table ${table} is in account ${account}, not in ${request.account}.`,
        means: 'These credentials belong to another account than you meant.',
        advice: 'Check AWS_PROFILE, or correct --account.',
      }),
    );
  }
  findings.push(...statusFindings(table, description));
  for (const attribute of targets) {
    if (!keySchema.some(({ name }) => name === attribute)) continue;
    findings.push(
      failure('attribute', {
        message: `"${attribute}" is a key of the table ${table}:`,
        means: 'every item has it, and nobody can change it.',
        advice: 'Choose another attribute.',
      }),
    );
  }
  return findings;
}

function replicaFindings({ table, singleWriterRegion }: PreflightRequest, facts: TableFacts): Finding[] {
  const replicas = facts.description.Replicas ?? [];
  if (replicas.length === 0) return [ok('replicas', 'The table has no replicas in other Regions.')];
  const message = `The table ${table} is replicated to ${replicas.map(({ RegionName }) => RegionName).join(', ')}.`;
  const billed = 'You pay for each write there too.';
  if (singleWriterRegion) return [warning('replicas', { message, means: billed })];
  return [
    failure('replicas', {
      message,
      means:
        'Replication is last-writer-wins for whole items, so a write here can undo a change that another Region makes to the same ' +
        `item. ${billed}`,
      advice: 'If no other Region writes to the table, use --single-writer-region.',
    }),
  ];
}

function indexFindings(
  { targets: [attribute], value }: PreflightRequest,
  { description }: TableFacts,
): Finding[] {
  // Computed values are checked later, with the values computed for the sample.
  if (value === undefined) return [];
  const indexes = [
    ...(description.GlobalSecondaryIndexes ?? []),
    ...(description.LocalSecondaryIndexes ?? []),
  ];
  const [[type, content] = []] = Object.entries(value);
  return indexes.flatMap(index => {
    const key = index.KeySchema?.find(({ AttributeName }) => AttributeName === attribute);
    if (key === undefined) return [];
    const wanted = description.AttributeDefinitions?.find(({ AttributeName }) => AttributeName === attribute);
    if (wanted?.AttributeType !== type) {
      return [
        failure('index', {
          message: `"${attribute}" is a key of the index ${index.IndexName}, of type ${wanted?.AttributeType}; the value is of type ${type}.`,
          means: 'DynamoDB would refuse every write.',
          advice: `Give a --value of type ${wanted?.AttributeType}.`,
        }),
      ];
    }
    // An index key cannot be empty [API reference, PutItem].
    if (content === '') {
      return [
        failure('index', {
          message: `"${attribute}" is a key of the index ${index.IndexName}, and the value is empty.`,
          means: 'DynamoDB would refuse every write.',
          advice: 'Give a --value that is not empty.',
        }),
      ];
    }
    return [
      warning('index', {
        message: `"${attribute}" is a key of the index ${index.IndexName}:`,
        means:
          key.KeyType === 'HASH'
            ? 'every item that the run writes enters the index under the same key, and one partition accepts 1,000 write units a second.'
            : 'every item that the run writes and that has the other key enters the index, and the index grows.',
        advice: 'Check that the readers of the index expect these items.',
      }),
    ];
  });
}

/** The global secondary indexes that contain one of the attributes, as a projection or as a key. */
export function indexesWith(attributes: readonly string[], table: TableDescription): string[] {
  return chargedIndexes(attributes, table).flatMap(({ name, kind }) => (kind === 'global' ? [name] : []));
}
