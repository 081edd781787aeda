import { type ProxyReply, readJson, withJson } from '../proxy/exchange.ts';
import type { CapacityModel } from './capacity-model.ts';
import type { CapacityKind } from './consumption-journal.ts';

type Json = Readonly<Record<string, unknown>>;

/** The quota of a table, used if no capacity is configured [developer guide, "Quotas"]. */
const TABLE_QUOTA = 40_000;

/** Puts the model's capacity and indexes into a reply to DescribeTable. */
export function describeCapacity(reply: ProxyReply, model: CapacityModel): ProxyReply {
  const body = reply.status === 200 ? readJson(reply) : undefined;
  if (body?.['Table'] === undefined) return reply;
  const table = body['Table'] as Json;
  const { BillingModeSummary: _, ...rest } = table;
  const indexes = simulatedIndexes(table, model);
  return withJson(reply, {
    ...body,
    Table: {
      ...rest,
      ...throughput(model),
      ...(indexes.length > 0 && {
        GlobalSecondaryIndexes: [...((table['GlobalSecondaryIndexes'] ?? []) as unknown[]), ...indexes],
      }),
    },
  });
}

function throughput(model: CapacityModel): Json {
  const write = model.limitOf('write');
  const read = model.limitOf('read');
  if (model.settings.mode === 'provisioned') {
    return {
      ProvisionedThroughput: {
        NumberOfDecreasesToday: 0,
        ReadCapacityUnits: atMostQuota(read),
        WriteCapacityUnits: atMostQuota(write),
      },
    };
  }
  const { partitions, partition } = model.settings;
  const warm = (kind: CapacityKind) => Math.min(model.limitOf(kind), partitions * partition[kind]);
  return {
    BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
    ProvisionedThroughput: { NumberOfDecreasesToday: 0, ReadCapacityUnits: 0, WriteCapacityUnits: 0 },
    WarmThroughput: {
      ReadUnitsPerSecond: Math.floor(warm('read')),
      WriteUnitsPerSecond: Math.floor(warm('write')),
      Status: 'ACTIVE',
    },
    ...((Number.isFinite(write) || Number.isFinite(read)) && {
      OnDemandThroughput: {
        ...(Number.isFinite(read) && { MaxReadRequestUnits: read }),
        ...(Number.isFinite(write) && { MaxWriteRequestUnits: write }),
      },
    }),
  };
}

function simulatedIndexes(table: Json, { settings }: CapacityModel): Json[] {
  const units = atMostQuota(settings.indexWriteUnitsPerSecond);
  return settings.indexes.map(IndexName => ({
    IndexName,
    IndexArn: `${String(table['TableArn'])}/index/${IndexName}`,
    IndexStatus: 'ACTIVE',
    // Any key works, because only the extra write to the index matters.
    KeySchema: table['KeySchema'],
    Projection: { ProjectionType: 'ALL' },
    ...(settings.mode === 'provisioned' && {
      ProvisionedThroughput: {
        NumberOfDecreasesToday: 0,
        ReadCapacityUnits: TABLE_QUOTA,
        WriteCapacityUnits: units,
      },
    }),
  }));
}

function atMostQuota(unitsPerSecond: number): number {
  return Number.isFinite(unitsPerSecond) ? Math.floor(unitsPerSecond) : TABLE_QUOTA;
}
