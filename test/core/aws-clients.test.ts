import { PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeTableCommand, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, test } from 'vitest';
import {
  createControlTableClient,
  createDataPlaneClient,
  createMetricsClient,
} from '../../core/aws-clients.ts';
import { settleCall } from '../../core/settle.ts';
import { type HttpFront, type Script, startHttpFront } from '../support/http-front.ts';

let front: HttpFront;
/** What happens to a call, by the table or namespace that it names. */
const scripts = new Map<string, Script>();

beforeAll(async () => {
  front = await startHttpFront(undefined, (call, answer) => {
    const name = [...scripts.keys()].find(known => call.bytes.includes(known)) ?? '';
    return scripts.get(name)?.(call, answer);
  });
  Object.assign(process.env, {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL_DYNAMODB: front.endpoint,
    AWS_ENDPOINT_URL_CLOUDWATCH: front.endpoint,
  });
});

afterAll(() => front.close());

/** A unique name whose calls get this script. */
function named(script: Script): string {
  const name = `name-${scripts.size}-of-this-test`;
  scripts.set(name, script);
  return name;
}

const callsTo = (name: string) => front.calls.filter(({ bytes }) => bytes.includes(name));

/** Never answers. */
const silent: Script = () => {};

/** Sends headers but never the whole body. */
const stalled: Script = (_, { response }) => {
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0', 'content-length': 100 });
  response.write('{"Item":');
};

const get = (TableName: string) => new GetItemCommand({ TableName, Key: { id: { S: 'a' } } });
const controlGet = (TableName: string) => new GetCommand({ TableName, Key: { run: 'r', item: 'RUN' } });
const putMetric = (Namespace: string) =>
  new PutMetricDataCommand({ Namespace, MetricData: [{ MetricName: 'ItemsScanned', Value: 1 }] });

async function failure(call: () => Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const startedAt = performance.now();
  try {
    await call();
  } catch (error) {
    return { error, ms: performance.now() - startedAt };
  }
  throw new Error('The call was to fail.');
}

// The slowest come first, because five run at a time.
describe.concurrent('the client for CloudWatch', () => {
  test.for<[string, Script]>([
    ['never come', silent],
    ['stop in the middle', stalled],
  ])('gives up on replies that %s: metrics never hold the work up', async ([, script], { expect }) => {
    const client = createMetricsClient();
    const { ms } = await failure(() => client.send(putMetric(named(script))));
    expect(ms).toBeLessThan(20_000);
    client.destroy();
  });
});

describe.concurrent('the client for the control table', () => {
  test('retries a brief failure by itself', async ({ expect }) => {
    let failures = 2;
    const client = createControlTableClient();
    const table = named((_, answer) =>
      failures-- > 0 ? answer.refuse('InternalServerError', 'm', {}, 500) : answer.reply(200, {}),
    );
    await expect(client.send(controlGet(table))).resolves.toBeDefined();
    expect(callsTo(table)).toHaveLength(3);
    client.destroy();
  });

  test.for(['ExpiredTokenException', 'UnrecognizedClientException', 'SignatureDoesNotMatch'])(
    'retries %s: one such reply proves nothing',
    async (type, { expect }) => {
      let failures = 1;
      const client = createControlTableClient();
      const table = named((_, answer) =>
        failures-- > 0 ? answer.refuse(type, 'm', {}, 403) : answer.reply(200, { Item: { run: { S: 'r' } } }),
      );
      await expect(client.send(controlGet(table))).resolves.toMatchObject({ Item: { run: 'r' } });
      expect(callsTo(table)).toHaveLength(2);
      client.destroy();
    },
  );

  test('does not retry a refused condition', async ({ expect }) => {
    const client = createControlTableClient();
    const table = named((_, answer) => answer.refuse('ConditionalCheckFailedException'));
    await failure(() => client.send(controlGet(table)));
    expect(callsTo(table)).toHaveLength(1);
    client.destroy();
  });

  test.for<[string, Script]>([
    ['never come', silent],
    ['stop in the middle', stalled],
  ])('gives up on replies that %s', async ([, script], { expect }) => {
    const client = createControlTableClient();
    const { error, ms } = await failure(() => client.send(controlGet(named(script))));
    expect(settleCall(error, 1)).toMatchObject({ kind: 'retry', cause: 'transport' });
    expect(ms).toBeLessThan(12_000);
    client.destroy();
  });

  test('leaves undefined fields out instead of failing', async ({ expect }) => {
    const client = createControlTableClient();
    const table = named((_, answer) => answer.reply(200, {}));
    await client.send(new PutCommand({ TableName: table, Item: { run: 'r', item: 'RUN', end: undefined } }));
    expect(callsTo(table)[0]?.body.Item).toEqual({ run: { S: 'r' }, item: { S: 'RUN' } });
    client.destroy();
  });
});

describe.concurrent('the client for the user’s table', () => {
  test.for([
    ['throttling', 'ThrottlingException'],
    ['an internal error', 'InternalServerError'],
    ['a refusal', 'ConditionalCheckFailedException'],
  ] as const)('sends one attempt, at %s too: each must pass the budget', async ([, type], { expect }) => {
    const client = createDataPlaneClient();
    const table = named((_, answer) => answer.refuse(type));
    await failure(() => client.send(get(table)));
    expect(callsTo(table)).toHaveLength(1);
    client.destroy();
  });

  test('retries a description when the first reply complains of the signature', async ({ expect }) => {
    const client = createDataPlaneClient();
    let failures = 1;
    const table = named((_, answer) =>
      failures-- > 0
        ? answer.refuse('InvalidSignatureException', 'Signature expired', {}, 403)
        : answer.reply(200, {}),
    );
    await client.send(new DescribeTableCommand({ TableName: table }));
    expect(callsTo(table)).toHaveLength(2);
    client.destroy();
  });

  test('leaves such a retry to the caller when items are read or written', async ({ expect }) => {
    const client = createDataPlaneClient();
    const table = named((_, answer) =>
      answer.refuse('InvalidSignatureException', 'Signature expired', {}, 403),
    );
    const { error } = await failure(() => client.send(get(table)));
    expect(settleCall(error, 1)).toMatchObject({ kind: 'retry', cause: 'credentials' });
    expect(callsTo(table)).toHaveLength(1);
    client.destroy();
  });

  test.for<[string, Script]>([
    ['never comes', silent],
    ['stops in the middle', stalled],
  ])('gives up on a reply that %s, and it counts as lost', async ([, script], { expect }) => {
    const client = createDataPlaneClient();
    const { error, ms } = await failure(() => client.send(get(named(script))));
    expect(settleCall(error, 1)).toMatchObject({ kind: 'retry', cause: 'transport' });
    expect(ms).toBeGreaterThan(4_000);
    expect(ms).toBeLessThan(8_000);
    client.destroy();
  });
});
