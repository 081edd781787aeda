import {
  CreateTableCommand,
  PutItemCommand,
  type TableDescription,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linesOf } from '../../../orchestrator/checks/finding.ts';
import { checkQuotaOnAws } from '../../../orchestrator/checks/quota.ts';
import { describeUserTable, examine, type PreflightRequest } from '../../../orchestrator/checks/table.ts';
import { useEngine } from '../../support/engine.ts';
import { type HttpFront, startHttpFront } from '../../support/http-front.ts';

const engine = useEngine();

let front: HttpFront;
let controlTable: string;
/** How the front changes the engine's description; by default not at all. */
let described: (table: TableDescription) => unknown = table => table;
/** Answers instead of the engine, by operation. */
let answers: Record<string, unknown> = {};

beforeAll(async () => {
  controlTable = (await engine.createControlTable()).name;
  front = await startHttpFront(engine.endpoint, async (call, answer) => {
    const made = answers[call.operation];
    if (made !== undefined) return answer.reply(200, made);
    if (call.operation !== 'DescribeTable' || call.body.TableName === controlTable) return answer.pass();
    const { status, body } = await answer.forward();
    return answer.reply(status, { ...body, Table: described(body['Table'] as TableDescription) });
  });
});
afterAll(() => front.close());

const PITR_ON = {
  ContinuousBackupsDescription: {
    ContinuousBackupsStatus: 'ENABLED',
    PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'ENABLED' },
  },
};

async function findings(table: string, more: Partial<PreflightRequest> = {}) {
  const request: PreflightRequest = {
    client: engine.connect(front.endpoint),
    table,
    targets: ['test'],
    value: { N: '1' },
    controlTable,
    account: undefined,
    allowNoPitr: false,
    singleWriterRegion: false,
    budget: { writeUnitsPerSecond: 100, readUnitsPerSecond: 100 },
    ...more,
  };
  return examine(request, await describeUserTable(request.client, table));
}

async function only(check: string, table: string, more: Partial<PreflightRequest> = {}) {
  const found = (await findings(table, more)).filter(finding => finding.check === check);
  return found[0];
}

describe('caused on the engine', () => {
  test('a table in order has no refusal', async () => {
    const table = await engine.createTable();
    const found = await findings(table);
    expect(found.filter(({ level }) => level === 'failure')).toEqual([]);
    expect(found.filter(({ level }) => level === 'ok').length).toBeGreaterThan(4);
  });

  test('what the engine cannot answer is one warning and no refusal', async () => {
    const lines = linesOf(await findings(await engine.createTable()), 'warning');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^The checks could not find out whether point-in-time recovery is on, or whether changes go/,
    );
  });

  test('a key as the attribute, and another account, are refused together', async () => {
    const table = await engine.createTable();
    const found = await findings(table, { targets: ['created'], account: '123456789012' });
    const refused = found.filter(({ level }) => level === 'failure').map(({ check }) => check);
    expect(refused).toEqual(['account', 'attribute']);
    for (const finding of found.filter(({ level }) => level === 'failure')) {
      expect(finding.means).toBeTruthy();
      expect(finding.advice).toBeTruthy();
    }
  });

  test('the time-to-live attribute is refused; another one is reported', async () => {
    const table = await engine.createTable();
    const enable = (AttributeName: string) =>
      engine.client.send(
        new UpdateTimeToLiveCommand({
          TableName: table,
          TimeToLiveSpecification: { Enabled: true, AttributeName },
        }),
      );
    await enable('test');
    expect(await only('ttl', table)).toMatchObject({ level: 'failure' });
    expect(await only('ttl', table, { targets: ['other'] })).toMatchObject({ level: 'ok' });
  });

  /** A table with one index over `test`, created in the engine. */
  async function indexedBy(table: string, kind: 'global' | 'global-sort' | 'local') {
    const key = (AttributeName: string, KeyType: 'HASH' | 'RANGE') => ({ AttributeName, KeyType });
    const index = {
      IndexName: `${kind}-by-test`,
      KeySchema:
        kind === 'global'
          ? [key('test', 'HASH')]
          : [key(kind === 'local' ? 'id' : 'owner', 'HASH'), key('test', 'RANGE')],
      Projection: { ProjectionType: 'KEYS_ONLY' as const },
    };
    const names = ['id', 'created', 'test', ...(kind === 'global-sort' ? ['owner'] : [])];
    await engine.client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [key('id', 'HASH'), key('created', 'RANGE')],
        AttributeDefinitions: names.map(AttributeName => ({
          AttributeName,
          AttributeType: AttributeName === 'created' ? ('N' as const) : ('S' as const),
        })),
        ...(kind === 'local' ? { LocalSecondaryIndexes: [index] } : { GlobalSecondaryIndexes: [index] }),
      }),
    );
    return table;
  }

  test.each(['global', 'global-sort', 'local'] as const)(
    'the key of a %s index must have the right type and not be empty, and is reported when it does',
    async kind => {
      const table = await indexedBy(`indexed-${kind}`, kind);
      expect(await only('index', table, { value: { N: '1' } })).toMatchObject({
        level: 'failure',
        message: expect.stringContaining('of type S; the value is of type N'),
      });
      expect(await only('index', table, { value: { S: '' } })).toMatchObject({
        level: 'failure',
        message: expect.stringContaining('empty'),
      });
      expect(await only('index', table, { value: { S: 'x' } })).toMatchObject({
        level: 'warning',
        means: expect.stringContaining('enters the index'),
      });
      expect(await only('index', table, { targets: ['other'] })).toBeUndefined();
      // The engine refuses such writes, as the finding says.
      for (const test of [{ N: '1' }, { S: '' }]) {
        const Item = { id: { S: 'a' }, created: { N: '1' }, owner: { S: 'o' }, test };
        await expect(engine.client.send(new PutItemCommand({ TableName: table, Item }))).rejects.toThrow();
      }
    },
  );

  test('a stream is reported with its consequences', async () => {
    const table = 'with-stream';
    await engine.client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
      }),
    );
    expect(await only('stream', table)).toMatchObject({
      level: 'warning',
      message: expect.stringContaining('NEW_IMAGE'),
      means: expect.stringContaining('MODIFY'),
    });
  });

  test('a budget above what the table is provisioned for, and above what an index is', async () => {
    const table = 'provisioned';
    const ProvisionedThroughput = { ReadCapacityUnits: 1_000, WriteCapacityUnits: 60 };
    await engine.client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PROVISIONED',
        ProvisionedThroughput,
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: ['id', 'owner'].map(AttributeName => ({ AttributeName, AttributeType: 'S' })),
        GlobalSecondaryIndexes: [
          {
            IndexName: 'by-owner',
            KeySchema: [{ AttributeName: 'owner', KeyType: 'HASH' }],
            Projection: { ProjectionType: 'ALL' },
            ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 5 },
          },
        ],
      }),
    );
    expect(await only('capacity', table)).toMatchObject({
      level: 'warning',
      message: expect.stringContaining('provisioned for 60'),
      advice: expect.stringContaining('--max-write-rate 30'),
    });
    expect(await only('index-capacity', table)).toMatchObject({
      level: 'warning',
      means: expect.stringContaining('throttles the whole table'),
    });
  });

  test('a table that is not a control table is refused', async () => {
    const table = await engine.createTable();
    expect(await only('control-table', table, { controlTable: table })).toMatchObject({ level: 'failure' });
  });
});

/** The engine has none of this, so these answers are built from the service model. */
describe('by answers built from the service model', () => {
  async function withTable(change: Partial<TableDescription>, more: Partial<PreflightRequest> = {}) {
    const table = await engine.createTable();
    described = description => ({ ...description, ...change });
    try {
      return await findings(table, more);
    } finally {
      described = description => description;
    }
  }
  const of = (found: Awaited<ReturnType<typeof findings>>, check: string) =>
    found.filter(finding => finding.check === check);

  test('a table in another account than the control table is a warning with its consequences', async () => {
    const TableArn = 'arn:aws:dynamodb:us-east-1:111122223333:table/stuff';
    const [found, ...more] = of(await withTable({ TableArn }), 'other-account');
    expect(more).toEqual([]);
    expect(found).toMatchObject({
      level: 'warning',
      message: expect.stringMatching(/is in account 111122223333, and the control table is in 000000000000/),
      means: expect.stringMatching(/only against runs that account 000000000000 starts/),
      advice: expect.stringMatching(/start the run in account 111122223333/),
    });
    expect(of(await withTable({}), 'other-account')).toEqual([]);
  });

  test('point-in-time recovery that is off is refused unless it is accepted', async () => {
    const table = await engine.createTable();
    answers = {
      DescribeContinuousBackups: {
        ContinuousBackupsDescription: {
          ContinuousBackupsStatus: 'ENABLED',
          PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'DISABLED' },
        },
      },
    };
    expect(await only('pitr', table)).toMatchObject({
      level: 'failure',
      advice: expect.stringContaining('aws dynamodb update-continuous-backups'),
    });
    expect(await only('pitr', table, { allowNoPitr: true })).toMatchObject({ level: 'warning' });
    answers = { DescribeContinuousBackups: PITR_ON };
    expect(await only('pitr', table)).toMatchObject({ level: 'ok' });
    answers = {};
  });

  test('a table that takes no writes is refused, but one that is being updated is not', async () => {
    expect(of(await withTable({ TableStatus: 'ARCHIVED' }), 'status')).toMatchObject([{ level: 'failure' }]);
    expect(of(await withTable({ TableStatus: 'UPDATING' }), 'status')).toMatchObject([{ level: 'warning' }]);
  });

  test('replicas are refused, and a warning with one writing Region', async () => {
    const Replicas = [{ RegionName: 'eu-west-1', ReplicaStatus: 'ACTIVE' as const }];
    expect(of(await withTable({ Replicas }), 'replicas')).toMatchObject([
      { level: 'failure', message: expect.stringContaining('eu-west-1') },
    ]);
    expect(of(await withTable({ Replicas }, { singleWriterRegion: true }), 'replicas')).toMatchObject([
      { level: 'warning' },
    ]);
  });

  test('a Kinesis destination is reported with its consequences', async () => {
    answers = {
      DescribeKinesisStreamingDestination: {
        KinesisDataStreamDestinations: [{ StreamArn: 'arn:aws:kinesis:x', DestinationStatus: 'ACTIVE' }],
      },
    };
    const found = await withTable({});
    answers = {};
    expect(of(found, 'kinesis')).toMatchObject([{ level: 'warning' }]);
  });

  const provisioned = (units: number) => ({
    BillingModeSummary: { BillingMode: 'PROVISIONED' as const },
    ProvisionedThroughput: { ReadCapacityUnits: units, WriteCapacityUnits: units, NumberOfDecreasesToday: 0 },
  });

  test.each([
    ['within', 1_000, 'ok'],
    ['near', 110, 'warning'],
    ['above', 50, 'warning'],
  ] as const)('a budget %s the provisioned capacity', async (_, units, level) => {
    expect(of(await withTable(provisioned(units)), 'capacity')[0]).toMatchObject({ level });
  });

  test('a budget above the on-demand maximum, and above what is warm', async () => {
    const onDemand = { BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' as const } };
    const limited = {
      ...onDemand,
      OnDemandThroughput: { MaxWriteRequestUnits: 60, MaxReadRequestUnits: -1 },
    };
    expect(of(await withTable(limited), 'capacity')).toMatchObject([
      { level: 'warning', message: expect.stringContaining('60') },
    ]);
    const cold = { ...onDemand, WarmThroughput: { WriteUnitsPerSecond: 80, ReadUnitsPerSecond: 500 } };
    expect(of(await withTable(cold), 'capacity')).toMatchObject([
      { level: 'warning', message: expect.stringContaining('can take 80 immediately') },
    ]);
  });

  const slowIndex = (units: number) => ({
    IndexName: 'slow',
    KeySchema: [{ AttributeName: 'owner', KeyType: 'HASH' as const }],
    Projection: { ProjectionType: 'ALL' as const },
    ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: units, NumberOfDecreasesToday: 0 },
  });

  test('an index that takes less than the budget sends to it', async () => {
    const found = await withTable({ ...provisioned(1_000), GlobalSecondaryIndexes: [slowIndex(5)] });
    expect(of(found, 'index-capacity')).toMatchObject([
      { level: 'warning', means: expect.stringContaining('throttles the whole table') },
    ]);
    const enough = await withTable({ ...provisioned(1_000), GlobalSecondaryIndexes: [slowIndex(500)] });
    expect(of(enough, 'index-capacity')).toMatchObject([{ level: 'ok' }]);
  });

  test('a quota of vCPUs below what the tasks need', async () => {
    let knows = true;
    const quotas = await startHttpFront(undefined, (_, answer) =>
      knows
        ? answer.reply(200, { Quota: { Value: 6 } })
        : answer.reply(400, { __type: 'UnknownOperationException', message: 'no such thing' }),
    );
    const before = { ...process.env };
    Object.assign(process.env, {
      AWS_ENDPOINT_URL_SERVICE_QUOTAS: quotas.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    });
    const many = await checkQuotaOnAws({ tasks: 32, cpuUnits: 256, spot: false });
    const few = await checkQuotaOnAws({ tasks: 8, cpuUnits: 256, spot: false });
    knows = false;
    const unasked = await checkQuotaOnAws({ tasks: 8, cpuUnits: 256, spot: false });
    process.env = before;
    await quotas.close();
    expect(many).toMatchObject([{ level: 'warning', message: expect.stringContaining('use 6 on Fargate') }]);
    expect(few).toMatchObject([{ level: 'ok' }]);
    expect(linesOf(unasked, 'warning')).toEqual([
      'The checks could not find out how many vCPUs this account may use on Fargate: UnknownOperationException: no such thing',
    ]);
  });

  test('autoscaling ceilings, asked of the endpoint that is named', async () => {
    const target = (ResourceId: string, kind: 'table' | 'index', MaxCapacity: number) => ({
      ServiceNamespace: 'dynamodb',
      ResourceId,
      ScalableDimension: `dynamodb:${kind}:WriteCapacityUnits`,
      MinCapacity: 5,
      MaxCapacity,
      RoleARN: 'arn:aws:iam::000000000000:role/x',
      CreationTime: 1,
    });
    const scaling = await startHttpFront(undefined, (call, answer) => {
      const [table, index] = call.body.ResourceIds as string[];
      const ScalableTargets = [target(table ?? '', 'table', 40), target(index ?? '', 'index', 20)];
      answer.reply(200, { ScalableTargets });
    });
    const scaled = { ...provisioned(1_000), GlobalSecondaryIndexes: [slowIndex(500)] };
    const before = { ...process.env };
    Object.assign(process.env, {
      AWS_ENDPOINT_URL_DYNAMODB: front.endpoint,
      AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING: scaling.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    });
    const asked = of(await withTable(scaled), 'autoscaling');
    delete process.env['AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING'];
    const unasked = of(await withTable(provisioned(1_000)), 'autoscaling');
    process.env = before;
    await scaling.close();
    expect(asked).toMatchObject([
      { level: 'warning', message: expect.stringContaining('the index slow to at most 20') },
      { level: 'warning', message: expect.stringContaining('40 write') },
    ]);
    expect(scaling.calls[0]?.body.ResourceIds).toEqual([
      expect.stringMatching(/^table\/stuff-\d+$/),
      expect.stringMatching(/^table\/stuff-\d+\/index\/slow$/),
    ]);
    expect(unasked).toMatchObject([{ level: 'warning', unanswered: {} }]);
    expect(scaling.calls).toHaveLength(1);
  });
});
