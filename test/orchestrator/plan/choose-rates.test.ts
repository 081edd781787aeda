import type { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { type AskedRates, chooseRates } from '../../../orchestrator/plan/choose-rates.ts';
import { rates } from '../../support/records.ts';

/** A CloudWatch with these sums of consumed units for the last minutes. */
function cloudWatch(writeUnits: readonly number[], readUnits: readonly number[] = []): CloudWatchClient {
  const send = async ({ input }: GetMetricDataCommand) => ({
    MetricDataResults: (input.MetricDataQueries ?? []).map(({ Id, MetricStat }) => {
      const name = MetricStat?.Metric?.MetricName ?? '';
      const Values = name.startsWith('ConsumedWrite')
        ? writeUnits
        : name.startsWith('ConsumedRead')
          ? readUnits
          : [];
      const Timestamps = Values.map((_, minute) => new Date(Date.UTC(2026, 0, 1, 0, minute)));
      return { Id, Values, Timestamps };
    }),
  });
  return { send } as unknown as CloudWatchClient;
}

const AWAY = {
  send: async () => {
    throw Object.assign(new Error('not for you'), { name: 'AccessDenied' });
  },
} as unknown as CloudWatchClient;

const provisioned = (
  WriteCapacityUnits: number,
  ReadCapacityUnits = WriteCapacityUnits,
): TableDescription => ({
  TableName: 'stuff',
  ProvisionedThroughput: { WriteCapacityUnits, ReadCapacityUnits },
});
const onDemand = (more: Partial<TableDescription> = {}): TableDescription => ({
  TableName: 'stuff',
  BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
  ProvisionedThroughput: { WriteCapacityUnits: 0, ReadCapacityUnits: 0 },
  ...more,
});

const choose = (table: TableDescription, from: CloudWatchClient, asked: AskedRates = {}) =>
  chooseRates(asked, table, from);

describe('of a provisioned table', () => {
  test('half of what live traffic left in its busiest minute', async () => {
    // 30 units a second in the busiest of three minutes.
    const { rates: chosen, reason } = await choose(provisioned(100), cloudWatch([600, 1_800, 60], [0, 600]));
    expect(chosen).toEqual(rates(35, 45));
    expect(reason).toContain('live traffic used up to 30 and 10');
  });

  test('half of all of it, when nobody used it', async () => {
    const { rates: chosen, reason } = await choose(provisioned(100, 50), cloudWatch([]));
    expect(chosen).toEqual(rates(50, 25));
    expect(reason).toContain('the table reported no traffic');
  });

  test('a quarter, when nobody can say what live traffic uses', async () => {
    const { rates: chosen, reason } = await choose(provisioned(100), AWAY);
    expect(chosen).toEqual(rates(25));
    expect(reason).toContain('not for you');
  });

  test('one unit at least, however small the table and however busy', async () => {
    expect((await choose(provisioned(1), cloudWatch([600]))).rates).toEqual(rates(1));
  });

  test('never more than nine tenths of the free capacity, whatever was asked for', async () => {
    const asked = { maxWriteRate: 1_000, maxReadRate: 10 };
    const { rates: chosen, reason } = await choose(provisioned(100), cloudWatch([600]), asked);
    expect(chosen).toEqual(rates(81, 10));
    expect(reason).toContain('less than the 1000 write and 10 read units a second given');
  });

  test('what was asked for, within that', async () => {
    const asked = { maxWriteRate: 20, maxReadRate: 30 };
    const { rates: chosen, reason } = await choose(provisioned(100), cloudWatch([600]), asked);
    expect(chosen).toEqual(rates(20, 30));
    expect(reason).toBe('as given');
  });
});

describe('of an on-demand table', () => {
  test('a quarter of what a new one takes at once', async () => {
    expect((await choose(onDemand(), AWAY)).rates).toEqual(rates(1_000, 3_000));
  });

  test('a quarter of what it is warm for', async () => {
    const WarmThroughput = { WriteUnitsPerSecond: 40_000, ReadUnitsPerSecond: 60_000 };
    expect((await choose(onDemand({ WarmThroughput }), AWAY)).rates).toEqual(rates(10_000, 15_000));
  });

  test('a quarter of the maximum that its owner set, when that is less', async () => {
    const OnDemandThroughput = { MaxWriteRequestUnits: 400, MaxReadRequestUnits: -1 };
    expect((await choose(onDemand({ OnDemandThroughput }), AWAY)).rates).toEqual(rates(100, 3_000));
  });

  test('what was asked for', async () => {
    const { rates: chosen, reason } = await choose(onDemand(), AWAY, { maxWriteRate: 77 });
    expect(chosen).toEqual(rates(77, 3_000));
    expect(reason).toMatch(/^one was given; the other is a quarter of what the on-demand table can take/);
  });
});
