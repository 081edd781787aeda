import {
  DescribeContinuousBackupsCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { DescribeKeyCommand, type KMSClient } from '@aws-sdk/client-kms';
import { parseJsonValue } from '../../core/attribute-value.ts';
import { PreflightError } from '../../core/errors.ts';
import { EXPIRES_AT } from '../../core/probe-store.ts';
import { targetsOf } from '../../core/recipe/recipe.ts';
import type { Surroundings } from '../fleet/location.ts';
import { type WrittenSettings, writtenOf } from '../written-settings.ts';
import { asking, type Finding, failure, ok, warning } from './finding.ts';
import { describeUserTable, preflight, type TableFacts } from './table.ts';

/** Checks the table as `orchestrate run` would, with the same messages. */
/** What the check must know of the planned run. */
interface PlannedRun extends WrittenSettings {
  readonly table: string;
  readonly account?: string | undefined;
  readonly allowNoPitr: boolean;
  readonly singleWriterRegion: boolean;
}

export async function checkTable(
  client: DynamoDBClient,
  settings: PlannedRun,
  controlTable: string,
): Promise<{ facts?: TableFacts; findings: readonly Finding[] }> {
  let facts: TableFacts;
  try {
    facts = await describeUserTable(client, settings.table);
  } catch (error) {
    if (!(error instanceof PreflightError)) throw error;
    return {
      findings: [
        failure('table', {
          message: error.message,
          advice: 'Name the table with --table, and check account and Region.',
        }),
      ],
    };
  }
  const written = writtenOf(settings);
  const request = {
    client,
    table: settings.table,
    targets: targetsOf(written),
    value: written.value === undefined ? undefined : parseJsonValue(written.value),
    controlTable,
    account: settings.account,
    allowNoPitr: settings.allowNoPitr,
    singleWriterRegion: settings.singleWriterRegion,
    // The lowest budget. The plan, not doctor, checks whether a budget is too high.
    budget: { writeUnitsPerSecond: 1, readUnitsPerSecond: 1 },
  };
  try {
    const findings = await preflight(request, facts);
    const summary = findings.some(({ level }) => level === 'failure')
      ? []
      : [
          ok(
            'table',
            `${facts.arn} is ${facts.description.TableStatus}; "${settings.attribute}" can be set there.`,
          ),
        ];
    return { facts, findings: [...summary, ...findings] };
  } catch (error) {
    // Of preflight's checks, only the one of the control table throws.
    if (!(error instanceof PreflightError)) throw error;
    return {
      facts,
      findings: [
        failure('control-table', {
          message: error.message,
          advice: 'infra/fleet.yaml creates one; --control-table names another.',
        }),
      ],
    };
  }
}

/** Checks settings that a run works without but should have: records expire, and the table can be restored. */
export async function checkControlTable(client: DynamoDBClient, table: string): Promise<readonly Finding[]> {
  const timeToLive = await asking('control-table', `whether items of ${table} expire`, async () => {
    const { TimeToLiveDescription: ttl } = await client.send(
      new DescribeTimeToLiveCommand({ TableName: table }),
    );
    return /^ENABL/.test(ttl?.TimeToLiveStatus ?? '') && ttl?.AttributeName === EXPIRES_AT
      ? [ok('control-table', `Items of ${table} expire by ${EXPIRES_AT}.`)]
      : [
          warning('control-table', {
            message: `Items of ${table} do not expire, so the items of an interrupted check stay there for good.`,
            advice: `Turn time to live on for ${EXPIRES_AT}, as infra/fleet.yaml does.`,
          }),
        ];
  });
  const backups = await asking('control-table', `whether ${table} can be restored`, async () => {
    const reply = await client.send(new DescribeContinuousBackupsCommand({ TableName: table }));
    const status =
      reply.ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus;
    return status === 'ENABLED'
      ? [ok('control-table', `${table} has point-in-time recovery.`)]
      : [
          warning('control-table', {
            message: `${table} has no point-in-time recovery, so nobody can restore the records of a run.`,
            advice: 'Turn it on, as infra/fleet.yaml does.',
          }),
        ];
  });
  return [...timeToLive, ...backups];
}

/**
 * Checks the key of a table that is encrypted with a customer-managed key. Only a role that may use the key can use the
 * table.
 */
export async function checkTableKey(
  kms: KMSClient,
  { description }: TableFacts,
  { stack }: Surroundings,
): Promise<readonly Finding[]> {
  const { SSEType, KMSMasterKeyArn, Status } = description.SSEDescription ?? {};
  if (SSEType !== 'KMS' || KMSMasterKeyArn === undefined) {
    return [ok('key', 'The table is encrypted with a key that DynamoDB owns, which needs no permissions.')];
  }
  if (Status !== undefined && Status !== 'ENABLED') {
    return [warning('key', { message: `The table's encryption with ${KMSMasterKeyArn} is ${Status}.` })];
  }
  const given = stack?.outputs['TableKmsKey'];
  const unfit = stack !== undefined && given !== KMSMasterKeyArn;
  const giveIt = `Update the stack with TableKmsKeyArn=${KMSMasterKeyArn}, and attach both OperatorPolicy and OperatorKeyPolicy to your role.`;
  const notGiven = `The table is encrypted with ${KMSMasterKeyArn}, and the stack ${stack?.name} was given ${given ?? 'no key'}`;
  return asking(
    'key',
    `whether the table's key ${KMSMasterKeyArn} can be used`,
    async () => {
      const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: KMSMasterKeyArn }));
      if (KeyMetadata?.KeyManager === 'AWS') {
        return [
          ok(
            'key',
            "The table is encrypted with the account's AWS managed key for DynamoDB, which needs no policy from this tool.",
          ),
        ];
      }
      if (KeyMetadata?.KeyState !== 'Enabled') {
        return [
          failure('key', {
            message: `The table's key ${KMSMasterKeyArn} is ${KeyMetadata?.KeyState}, so nobody can read the table.`,
            advice: 'Enable the key.',
          }),
        ];
      }
      if (unfit)
        return [
          failure('key', { message: `${notGiven}: its roles may not use the table's key.`, advice: giveIt }),
        ];
      const attach = stack?.outputs['OperatorKeyPolicy'];
      const means = attach === undefined ? '' : ` Your role needs ${attach} too.`;
      return [ok('key', `The table's key ${KMSMasterKeyArn} is enabled.${means}`)];
    },
    // A stack lets the operator ask about the key only if the key was given to the stack. So a denial means that it was
    // not.
    error =>
      unfit && /AccessDenied/.test(error.name)
        ? warning('key', {
            message: `${notGiven}. If it is a customer-managed key, its roles may not use it.`,
            advice: giveIt,
          })
        : undefined,
  );
}
