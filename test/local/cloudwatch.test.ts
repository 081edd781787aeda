import {
  CloudWatchClient,
  GetMetricDataCommand,
  type GetMetricDataCommandInput,
  ListMetricsCommand,
  type MetricDatum,
  PutMetricDataCommand,
  paginateListMetrics,
} from '@aws-sdk/client-cloudwatch';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type CloudWatchEndpoint, startCloudWatch } from '../../local/cloudwatch/endpoint.ts';

/** A whole minute, so that the test can name periods. */
const NOW = 1_800_000_000_000;
const at = (seconds: number) => new Date(NOW + seconds * 1_000);

let cloudWatch: CloudWatchEndpoint;
let client: CloudWatchClient;

beforeAll(async () => {
  cloudWatch = await startCloudWatch({ now: () => NOW });
  client = new CloudWatchClient({
    endpoint: cloudWatch.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
});

afterAll(async () => {
  client.destroy();
  await cloudWatch.stop();
});

/** Each test has its own namespace. */
let namespace = '';
let tests = 0;
beforeEach(() => {
  namespace = `Test${tests++}`;
});

const put = (...MetricData: MetricDatum[]) =>
  client.send(new PutMetricDataCommand({ Namespace: namespace, MetricData }));

const query = (
  Stat: string,
  more: { Period?: number; MetricName?: string; Unit?: 'Count' | 'Bytes' } = {},
) => {
  const { Period = 60, MetricName = 'M', Unit } = more;
  return {
    Id: Stat.charAt(0).toLowerCase() + Stat.slice(1).replace(/\W/g, ''),
    MetricStat: { Metric: { Namespace: namespace, MetricName }, Period, Stat, Unit },
  };
};

const get = (
  given: Partial<GetMetricDataCommandInput> & Pick<GetMetricDataCommandInput, 'MetricDataQueries'>,
) => client.send(new GetMetricDataCommand({ StartTime: at(-600), EndTime: at(600), ...given }));

describe('PutMetricData', () => {
  test('takes Value, Values with Counts, and StatisticValues', async () => {
    const Dimensions = [{ Name: 'Table', Value: 'stuff' }];
    await put(
      { MetricName: 'M', Dimensions, Value: 1 },
      { MetricName: 'M', Dimensions, Values: [10, 20], Counts: [2, 1] },
      { MetricName: 'M', Dimensions, Values: [100] },
      {
        MetricName: 'M',
        Dimensions,
        StatisticValues: { SampleCount: 4, Sum: 1_000, Minimum: 5, Maximum: 900 },
      },
    );
    expect(cloudWatch.sum(namespace, 'M', { Table: 'stuff' })).toBe(1 + 40 + 100 + 1_000);
    expect(cloudWatch.sum(namespace, 'M', {})).toBe(0);
  });

  test('takes what the SDK compresses', async () => {
    const many = Array.from({ length: 1_000 }, (_, index) => ({
      MetricName: 'M',
      Dimensions: [{ Name: 'Segment', Value: String(index) }],
      Value: index,
    }));
    await put(...many);
    expect(cloudWatch.sum(namespace, 'M', { Segment: '999' })).toBe(999);
  });

  const many = <T>(count: number, value: T) => Array.from({ length: count }, () => value);
  const dimensions = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ Name: `d${i}`, Value: 'v' }));
  const refusals: [string, MetricDatum | MetricDatum[], string][] = [
    ['1,001 metrics', many(1_001, { MetricName: 'M', Value: 1 }), 'InvalidParameterValueException'],
    ['no metric', [], 'MissingRequiredParameterException'],
    ['no name', { MetricName: undefined, Value: 1 }, 'MissingRequiredParameterException'],
    ['a name of 256 characters', { MetricName: 'x'.repeat(256), Value: 1 }, 'InvalidParameterValueException'],
    ['no value', { MetricName: 'M' }, 'MissingRequiredParameterException'],
    ['151 values', { MetricName: 'M', Values: many(151, 1) }, 'InvalidParameterValueException'],
    [
      'fewer counts than values',
      { MetricName: 'M', Values: [1, 2], Counts: [1] },
      'InvalidParameterCombinationException',
    ],
    [
      'counts without values',
      { MetricName: 'M', Value: 1, Counts: [1] },
      'InvalidParameterCombinationException',
    ],
    [
      '31 dimensions',
      { MetricName: 'M', Value: 1, Dimensions: dimensions(31) },
      'InvalidParameterValueException',
    ],
    [
      'a dimension without a value',
      { MetricName: 'M', Value: 1, Dimensions: [{ Name: 'a', Value: '' }] },
      'MissingRequiredParameterException',
    ],
    [
      'a dimension twice',
      { MetricName: 'M', Value: 1, Dimensions: [...dimensions(1), ...dimensions(1)] },
      'InvalidParameterValueException',
    ],
    ['NaN', { MetricName: 'M', Value: Number.NaN }, 'InvalidParameterValueException'],
    [
      'Infinity',
      { MetricName: 'M', Values: [1, Number.POSITIVE_INFINITY] },
      'InvalidParameterValueException',
    ],
    ['a number over 2^360', { MetricName: 'M', Value: 2 ** 361 }, 'InvalidParameterValueException'],
    ['Value and Values', { MetricName: 'M', Value: 1, Values: [1] }, 'InvalidParameterCombinationException'],
    [
      'Value and StatisticValues',
      { MetricName: 'M', Value: 1, StatisticValues: { SampleCount: 1, Sum: 1, Minimum: 1, Maximum: 1 } },
      'InvalidParameterCombinationException',
    ],
    [
      'statistics that contradict themselves',
      { MetricName: 'M', StatisticValues: { SampleCount: 1, Sum: 1, Minimum: 2, Maximum: 1 } },
      'InvalidParameterValueException',
    ],
    [
      'an unknown unit',
      { MetricName: 'M', Value: 1, Unit: 'Items' as 'Count' },
      'InvalidParameterValueException',
    ],
    [
      'a resolution of 30',
      { MetricName: 'M', Value: 1, StorageResolution: 30 },
      'InvalidParameterValueException',
    ],
    [
      'a time of 15 days ago',
      { MetricName: 'M', Value: 1, Timestamp: at(-15 * 86_400) },
      'InvalidParameterValueException',
    ],
    [
      'a time 3 hours ahead',
      { MetricName: 'M', Value: 1, Timestamp: at(3 * 3_600) },
      'InvalidParameterValueException',
    ],
  ];

  test.each(refusals)('refuses %s', async (_what, data, name) => {
    await expect(put(...[data].flat())).rejects.toMatchObject({ name, $metadata: { httpStatusCode: 400 } });
  });

  test('keeps nothing of a call that it refuses', async () => {
    await expect(
      put({ MetricName: 'M', Value: 1 }, { MetricName: 'M', Value: Number.NaN }),
    ).rejects.toThrow();
    expect(cloudWatch.sum(namespace, 'M', {})).toBe(0);
  });

  test.each(['', ':a', 'AWS/DynamoDB', 'x'.repeat(256)])('refuses the namespace "%s"', async Namespace => {
    const MetricData = [{ MetricName: 'M', Value: 1 }];
    await expect(client.send(new PutMetricDataCommand({ Namespace, MetricData }))).rejects.toThrow();
  });

  test.each([
    'Count',
    'Count/Second',
    'Milliseconds',
    'Kilobytes',
    'Terabits/Second',
    'Percent',
    'None',
  ] as const)('takes the unit %s', async Unit => {
    await put({ MetricName: 'M', Value: 1, Unit });
  });
});

describe('GetMetricData', () => {
  test('answers every statistic, newest period first', async () => {
    await put(
      { MetricName: 'M', Values: [1, 3], Counts: [3, 1], Timestamp: at(10) },
      { MetricName: 'M', Value: 10, Timestamp: at(50) },
      { MetricName: 'M', Value: 7, Timestamp: at(60) },
    );
    const statistics = ['Sum', 'Average', 'Minimum', 'Maximum', 'SampleCount'];
    const { MetricDataResults } = await get({ MetricDataQueries: statistics.map(Stat => query(Stat)) });
    expect(MetricDataResults).toMatchObject(
      [
        [7, 16],
        [7, 3.2],
        [7, 1],
        [7, 10],
        [1, 5],
      ].map((Values, index) => ({
        Id: query(statistics[index] ?? '').Id,
        Label: 'M',
        StatusCode: 'Complete',
        Timestamps: [at(60), at(0)],
        Values,
      })),
    );
  });

  test('scans in the other order too', async () => {
    await put(
      { MetricName: 'M', Value: 1, Timestamp: at(0) },
      { MetricName: 'M', Value: 2, Timestamp: at(60) },
    );
    const { MetricDataResults } = await get({
      MetricDataQueries: [query('Sum')],
      ScanBy: 'TimestampAscending',
    });
    expect(MetricDataResults?.[0]?.Values).toEqual([1, 2]);
  });

  test('takes a start inside a period for that period, and leaves the end out', async () => {
    await put(
      { MetricName: 'M', Value: 1, Timestamp: at(5) },
      { MetricName: 'M', Value: 2, Timestamp: at(60) },
    );
    const { MetricDataResults } = await get({
      MetricDataQueries: [query('Sum')],
      StartTime: at(30),
      EndTime: at(60),
    });
    expect(MetricDataResults?.[0]).toMatchObject({ Timestamps: [at(0)], Values: [1] });
  });

  test('has seconds for what was put with high resolution', async () => {
    await put(
      { MetricName: 'M', Value: 1, Timestamp: at(1), StorageResolution: 1 },
      { MetricName: 'M', Value: 2, Timestamp: at(2), StorageResolution: 1 },
    );
    const { MetricDataResults } = await get({ MetricDataQueries: [query('Sum', { Period: 1 })] });
    expect(MetricDataResults?.[0]).toMatchObject({ Timestamps: [at(2), at(1)], Values: [2, 1] });
  });

  test('returns no values for a series that does not exist', async () => {
    const { MetricDataResults } = await get({ MetricDataQueries: [query('Sum')] });
    expect(MetricDataResults).toMatchObject([
      { Id: 'sum', Timestamps: [], Values: [], StatusCode: 'Complete' },
    ]);
  });

  test('keeps to the unit that it is asked for', async () => {
    await put({ MetricName: 'M', Value: 1, Unit: 'Count' }, { MetricName: 'M', Value: 2, Unit: 'Bytes' });
    const { MetricDataResults } = await get({ MetricDataQueries: [query('Sum', { Unit: 'Bytes' })] });
    expect(MetricDataResults?.[0]?.Values).toEqual([2]);
  });

  test('pages by MaxDatapoints, with nothing lost and nothing twice', async () => {
    await put(...Array.from({ length: 5 }, (_, i) => ({ MetricName: 'M', Value: i, Timestamp: at(i * 60) })));
    const MetricDataQueries = [query('Sum'), query('Maximum')];
    const values: number[] = [];
    const statuses: (string | undefined)[][] = [];
    let NextToken: string | undefined;
    do {
      const page = await get({ MetricDataQueries, MaxDatapoints: 4, ...(NextToken && { NextToken }) });
      values.push(...(page.MetricDataResults ?? []).flatMap(result => result.Values ?? []));
      statuses.push((page.MetricDataResults ?? []).map(result => result.StatusCode));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    expect(values).toEqual([4, 3, 2, 1, 0, 4, 3, 2, 1, 0]);
    expect(statuses).toEqual([
      ['PartialData', 'PartialData'],
      ['Complete', 'PartialData'],
      ['Complete', 'Complete'],
    ]);
  });

  const wrong: [string, Parameters<typeof get>[0]][] = [
    ['no query', { MetricDataQueries: [] }],
    [
      '501 queries',
      { MetricDataQueries: Array.from({ length: 501 }, (_, i) => ({ ...query('Sum'), Id: `q${i}` })) },
    ],
    ['two queries of one Id', { MetricDataQueries: [query('Sum'), query('Sum')] }],
    ['an Id that begins with a capital', { MetricDataQueries: [{ ...query('Sum'), Id: 'Sum' }] }],
    ['a period of 7', { MetricDataQueries: [query('Sum', { Period: 7 })] }],
    ['a period of 0', { MetricDataQueries: [query('Sum', { Period: 0 })] }],
    ['an unknown statistic', { MetricDataQueries: [query('Total')] }],
    ['a percentile', { MetricDataQueries: [query('p99')] }],
    ['an expression', { MetricDataQueries: [{ Id: 'e', Expression: 'm1 / 2' }] }],
    ['a query of nothing', { MetricDataQueries: [{ Id: 'e' }] }],
    ['a start after the end', { MetricDataQueries: [query('Sum')], StartTime: at(1), EndTime: at(0) }],
    ['a token of its own making', { MetricDataQueries: [query('Sum')], NextToken: 'abc' }],
  ];

  test.each(wrong)('refuses %s', async (_what, given) => {
    await expect(get(given)).rejects.toMatchObject({
      name: expect.stringMatching(
        /^(InvalidParameter(Value|Combination)|MissingRequiredParameter)Exception$|^InvalidNextToken$/,
      ),
    });
  });
});

describe('ListMetrics', () => {
  test('filters by namespace, name and dimensions', async () => {
    const dimension = (Name: string, Value: string) => ({ Name, Value });
    await put(
      { MetricName: 'A', Value: 1, Dimensions: [dimension('Table', 't'), dimension('Segment', '1')] },
      { MetricName: 'A', Value: 1, Dimensions: [dimension('Table', 't')] },
      { MetricName: 'B', Value: 1, Dimensions: [dimension('Table', 'u')] },
    );
    const list = async (
      given: { MetricName?: string; Dimensions?: { Name: string; Value?: string }[] } = {},
    ) => (await client.send(new ListMetricsCommand({ Namespace: namespace, ...given }))).Metrics ?? [];
    expect(await list()).toHaveLength(3);
    expect(await list({ MetricName: 'A' })).toHaveLength(2);
    expect(await list({ Dimensions: [{ Name: 'Segment' }] })).toEqual([
      {
        Namespace: namespace,
        MetricName: 'A',
        Dimensions: [dimension('Table', 't'), dimension('Segment', '1')],
      },
    ]);
    expect(await list({ Dimensions: [{ Name: 'Table', Value: 'u' }] })).toHaveLength(1);
    expect(await list({ Dimensions: [{ Name: 'Table', Value: 'x' }] })).toHaveLength(0);
  });

  test('gives 500 a page', async () => {
    await put(...Array.from({ length: 1_000 }, (_, i) => ({ MetricName: `M${i}`, Value: 1 })));
    await put({ MetricName: 'M1000', Value: 1 });
    const sizes: number[] = [];
    for await (const { Metrics } of paginateListMetrics({ client }, { Namespace: namespace })) {
      sizes.push(Metrics?.length ?? 0);
    }
    expect(sizes).toEqual([500, 500, 1]);
  });
});

describe('the endpoint', () => {
  test("takes a service's own metrics without the wire", async () => {
    const statistics = { sampleCount: 1, sum: 25, minimum: 25, maximum: 25 };
    const dimensions = { TableName: 'stuff' };
    cloudWatch.put({
      namespace: 'AWS/DynamoDB',
      metric: 'ConsumedWriteCapacityUnits',
      dimensions,
      timestamp: NOW,
      statistics,
    });
    expect(cloudWatch.sum('AWS/DynamoDB', 'ConsumedWriteCapacityUnits', dimensions)).toBe(25);
  });

  test('speaks AWS JSON 1.1 as well, and names errors as the query protocol did', async () => {
    const reply = await fetch(cloudWatch.endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'GraniteServiceVersion20100801.PutMetricData',
      },
      body: JSON.stringify({ MetricData: [{ MetricName: 'M', Value: 1 }] }),
    });
    expect(reply.status).toBe(400);
    expect(reply.headers.get('x-amzn-query-error')).toBe('MissingParameter;Sender');
    expect(await reply.json()).toMatchObject({ __type: 'MissingRequiredParameterException' });
  });

  test('refuses a request of more than a megabyte', async () => {
    const reply = await fetch(cloudWatch.endpoint, {
      method: 'POST',
      headers: { 'x-amz-target': 'GraniteServiceVersion20100801.PutMetricData' },
      body: ' '.repeat(1024 * 1024 + 1),
    });
    expect(reply.status).toBe(413);
  });
});
