import {
  BatchWriteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  type ProvisionedThroughputExceededException,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, test } from 'vitest';
import { createFaultProxy, type FaultProxy } from '../../../local/fault/fault-proxy.ts';
import type { SettledObservation } from '../../../local/fault/observation.ts';
import type { Fault, FaultRule } from '../../../local/fault/rules.ts';
import { forwardTo } from '../../../local/proxy/forward.ts';
import { serveExchange } from '../../../local/proxy/server.ts';
import { useProxiedEngine } from '../support/proxied-engine.ts';
import { codesOf, key, put, setTest, thrownBy } from '../support/stuff.ts';

const engine = useProxiedEngine();
const proxies: FaultProxy[] = [];
afterEach(() => {
  for (const proxy of proxies.splice(0)) proxy.stop();
});

async function start(rules: readonly FaultRule[] = [], seed: string | number = 1) {
  const proxy = createFaultProxy({ rules, seed }, engine.exchange);
  proxies.push(proxy);
  const exchange = proxy.before('dynamodb', engine.exchange);
  return { proxy, exchange, client: await engine.connect(exchange) };
}

const always = (fault: Fault): FaultRule => ({ name: 'always', fault });
const count = (table: string, id: string) =>
  new UpdateItemCommand({
    TableName: table,
    Key: key(id),
    UpdateExpression: 'ADD visits :one',
    ExpressionAttributeValues: { ':one': { N: '1' } },
    ReturnValues: 'UPDATED_NEW',
  });
const visits = async (table: string, id: string) => {
  const { Item } = await engine.direct.send(
    new GetItemCommand({ TableName: table, Key: key(id), ConsistentRead: true }),
  );
  return Number(Item?.['visits']?.N ?? 0);
};
describe('a fault of a call', () => {
  test.each([
    [{ kind: 'throttle' } as const, 'ProvisionedThroughputExceededException'],
    [{ kind: 'throttle', error: 'on-demand' } as const, 'ThrottlingException'],
    [{ kind: 'throttle', error: 'account' } as const, 'RequestLimitExceeded'],
    [{ kind: 'fail', status: 500, error: 'InternalServerError' } as const, 'InternalServerError'],
    [{ kind: 'fail', status: 400, error: 'ValidationException' } as const, 'ValidationException'],
    [{ kind: 'deny' } as const, 'AccessDeniedException'],
  ])('%o comes to the SDK as %s, without an effect', async (fault, name) => {
    const table = await engine.createTable();
    const { client } = await start([always(fault)]);
    expect(await thrownBy(client.send(count(table, 'a')))).toMatchObject({ name });
    expect(await visits(table, 'a')).toBe(0);
  });

  test('a throttle can give its reason', async () => {
    const table = await engine.createTable();
    const reason = 'TableWriteKeyRangeThroughputExceeded';
    const { client } = await start([always({ kind: 'throttle', reason })]);
    const error = await thrownBy<ProvisionedThroughputExceededException>(client.send(count(table, 'a')));
    expect(error?.ThrottlingReasons).toEqual([{ reason, resource: expect.stringContaining(table) }]);
  });

  test.each([
    ['before-effect', 0],
    ['after-effect', 1],
    ['mid-reply', 1],
  ] as const)('a connection cut %s leaves %i effects', async (when, effects) => {
    const table = await engine.createTable();
    const { client } = await start([always({ kind: 'cut', when })]);
    const error = await thrownBy(client.send(count(table, 'a')));
    expect(`${error?.name} ${error?.code} ${error?.message}`).toMatch(/ECONNRESET|aborted|socket hang up/);
    expect(await visits(table, 'a')).toBe(effects);
  });

  test('a duplicate takes place twice, and either reply is given', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await start([always({ kind: 'duplicate' })]);
    expect((await client.send(count(table, 'a'))).Attributes).toEqual({ visits: { N: '1' } });
    expect(await visits(table, 'a')).toBe(2);
    proxy.add(always({ kind: 'duplicate', reply: 'second' }));
    expect((await client.send(count(table, 'a'))).Attributes).toEqual({ visits: { N: '4' } });
    proxy.add(always({ kind: 'duplicate', laterMs: 50 }));
    expect((await client.send(count(table, 'a'))).Attributes).toEqual({ visits: { N: '5' } });
    await expect.poll(() => visits(table, 'a')).toBe(6);
  });

  test('a delay keeps the effect waiting, or the reply, and happens though the client gave up', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await start([always({ kind: 'delay', ms: 1_000 })]);
    const abortSignal = AbortSignal.timeout(50);
    expect((await thrownBy(client.send(count(table, 'a'), { abortSignal })))?.name).toBe('AbortError');
    expect(await visits(table, 'a')).toBe(0);
    await expect.poll(() => visits(table, 'a'), { timeout: 10_000 }).toBe(1);
    proxy.add(always({ kind: 'delay', ms: 1_000, side: 'after-effect' }));
    let replied = false;
    const reply = client.send(count(table, 'a')).then(() => {
      replied = true;
    });
    await expect.poll(() => visits(table, 'a'), { interval: 5 }).toBe(2);
    expect(replied).toBe(false);
    await reply;
  });

  test('a stall is silence and then a cut, before the effect or after it', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await start([always({ kind: 'stall', ms: 50 })]);
    expect(await thrownBy(client.send(count(table, 'a')))).toBeDefined();
    expect(await visits(table, 'a')).toBe(0);
    proxy.add(always({ kind: 'stall', ms: 50, side: 'after-effect' }));
    expect(await thrownBy(client.send(count(table, 'a')))).toBeDefined();
    expect(await visits(table, 'a')).toBe(1);
  });

  test('a stall of the usual 30 s ends when the proxy stops', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await start([always({ kind: 'stall' })]);
    const call = thrownBy(client.send(count(table, 'a')));
    await expect.poll(() => proxy.counts()['always']?.struck).toBe(1);
    proxy.stop();
    expect(await call).toBeDefined();
  });

  test('several faults of one call are nested, the first outermost', async () => {
    const table = await engine.createTable();
    const { client } = await start([
      { name: 'twice', fault: { kind: 'duplicate' } },
      { name: 'lost', fault: { kind: 'cut', when: 'after-effect' } },
    ]);
    expect(await thrownBy(client.send(count(table, 'a')))).toBeDefined();
    expect(await visits(table, 'a')).toBe(2);
  });
});

describe('a fault of parts', () => {
  const ids = Array.from({ length: 25 }, (_, index) => `item-${index}`);
  const isStruck = ({ key: text }: { key: string }) => /[05],/.test(text);
  const struckIds = ids.filter(id => /[05]$/.test(id));

  test.each([
    [{ kind: 'throttle', parts: true } as const, 'ProvisionedThroughputExceeded'],
    [{ kind: 'throttle', parts: true, error: 'on-demand' } as const, 'ThrottlingError'],
    [
      { kind: 'fail', parts: true, status: 500, error: 'InternalServerError' } as const,
      'InternalServerError',
    ],
    [{ kind: 'fail', parts: true, status: 400, error: 'ValidationException' } as const, 'ValidationError'],
    [{ kind: 'deny', parts: true } as const, 'AccessDenied'],
  ])('%o answers in place of single statements as %s', async (fault, code) => {
    const table = await engine.createTable();
    for (const id of ids) await engine.direct.send(put(table, id));
    const { client, proxy } = await start([{ name: 'some', fault, where: isStruck }]);
    expect(codesOf(await client.send(setTest(table, ids)))).toEqual(
      ids.map(id => (struckIds.includes(id) ? code : undefined)),
    );
    const { Items } = await engine.direct.send(
      new ScanCommand({ TableName: table, FilterExpression: 'attribute_not_exists(test)' }),
    );
    expect(Items?.map(({ id }) => id?.S).sort()).toEqual([...struckIds].sort());
    expect(proxy.counts()).toEqual({ some: { matched: struckIds.length, struck: struckIds.length } });
  });

  test('sends nothing when nothing is left', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await start([always({ kind: 'throttle', parts: true })]);
    const seen: SettledObservation[] = [];
    proxy.tap({ settled: observation => seen.push(observation) });
    const { Responses } = await client.send(setTest(table, ['a', 'b']));
    expect(Responses).toHaveLength(2);
    expect(seen[0]).toMatchObject({ forwardedAtMs: [], faults: ['always'], status: 200 });
  });

  test('gives the writes of a BatchWriteItem back as unprocessed', async () => {
    const table = await engine.createTable();
    const { client } = await start([
      {
        name: 'some',
        fault: { kind: 'throttle', parts: true },
        where: ({ key: text }) => text.includes('b'),
      },
    ]);
    const requests = ['a', 'b'].map(id => ({ PutRequest: { Item: key(id) } }));
    const { UnprocessedItems } = await client.send(
      new BatchWriteItemCommand({ RequestItems: { [table]: requests } }),
    );
    expect(UnprocessedItems).toEqual({ [table]: [requests[1]] });
  });

  test('is decided by seed and key, not by the composition of a batch or its order', async () => {
    const table = await engine.createTable();
    for (const id of ids) await engine.direct.send(put(table, id));
    const half: FaultRule = { name: 'half', fault: { kind: 'throttle', parts: true }, probability: 0.5 };
    const struckOf = async (seed: number, batches: readonly (readonly string[])[]) => {
      const { client } = await start([half], seed);
      const struck: string[] = [];
      await Promise.all(
        batches.map(async batch => {
          const { Responses = [] } = await client.send(setTest(table, batch));
          Responses.forEach(({ Error: error }, index) => {
            if (error?.Code === 'ProvisionedThroughputExceeded') struck.push(batch[index] ?? '');
          });
        }),
      );
      return struck.sort();
    };
    const reversed = [...ids].reverse();
    const whole = await struckOf(7, [ids]);
    expect(whole.length).toBeGreaterThan(4);
    expect(whole.length).toBeLessThan(21);
    expect(await struckOf(7, [reversed.slice(0, 3), reversed.slice(3, 20), reversed.slice(20)])).toEqual(
      whole,
    );
    expect(await struckOf(8, [ids])).not.toEqual(whole);
  });
});

describe('a rule', () => {
  test('is for certain operations, tables, clients and keys', async () => {
    const [table, other] = [await engine.createTable(), await engine.createTable()];
    const { client, proxy, exchange } = await start([
      {
        name: 'narrow',
        fault: { kind: 'deny' },
        service: 'dynamodb',
        operations: ['UpdateItem'],
        tables: [table],
        clients: ['fleet'],
        where: ({ keyAttributes }) => keyAttributes?.['id']?.['S'] === 'a',
      },
    ]);
    const application = await engine.connect(exchange, 'application');
    await client.send(put(table, 'a'));
    await client.send(count(table, 'b'));
    await client.send(count(other, 'a'));
    await application.send(count(table, 'a'));
    expect((await thrownBy(client.send(count(table, 'a'))))?.name).toBe('AccessDeniedException');
    expect(proxy.counts()['narrow']).toEqual({ matched: 1, struck: 1 });
  });

  test('is switched, added and removed while calls go on', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await start([{ ...always({ kind: 'deny' }), on: false }]);
    await client.send(count(table, 'a'));
    proxy.switch('always', true);
    expect(await thrownBy(client.send(count(table, 'a')))).toBeDefined();
    proxy.remove('always');
    await client.send(count(table, 'a'));
    expect(await visits(table, 'a')).toBe(2);
    expect(() => proxy.switch('always', true)).toThrow(/no rule always/);
  });
});

describe('a tap', () => {
  test('shows each call with its keys, its times and what came back', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await start([
      { name: 'twice', fault: { kind: 'duplicate' }, operations: ['BatchExecuteStatement'] },
    ]);
    const seen: SettledObservation[] = [];
    const received: string[] = [];
    const end = proxy.tap({
      received: ({ operation }) => received.push(operation),
      settled: observation => seen.push(observation),
    });
    await client.send(put(table, 'a'));
    await client.send(setTest(table, ['a', 'b']));
    const scan = { TableName: table, Segment: 1, TotalSegments: 4, ConsistentRead: true };
    await client.send(new ScanCommand(scan));
    await thrownBy(client.send(put('nowhere', 'a')));
    end();
    await client.send(put(table, 'unseen'));
    expect(received).toEqual(['PutItem', 'BatchExecuteStatement', 'Scan', 'PutItem']);
    const [first, batch, page, failed] = seen;
    expect(first).toMatchObject({ client: 'fleet', service: 'dynamodb', status: 200, faults: [] });
    expect(first?.parts.map(part => part.key?.text)).toEqual(['S:a,N:1']);
    expect(batch?.parts.map(part => [part.table, part.kind, part.key?.text])).toEqual([
      [table, 'write', 'S:a,N:1'],
      [table, 'write', 'S:b,N:1'],
    ]);
    expect(batch).toMatchObject({ faults: ['twice'], brokenOff: false });
    expect(batch?.forwardedAtMs).toHaveLength(2);
    expect(batch?.reply()?.['Responses']).toHaveLength(2);
    expect(page?.parts).toMatchObject([
      { table, kind: 'read', consistent: true, segment: { segment: 1, totalSegments: 4 } },
    ]);
    expect(failed).toMatchObject({ status: 400 });
    expect(failed?.reply()?.['__type']).toContain('ResourceNotFoundException');
    for (const { receivedAtMs, forwardedAtMs, repliedAtMs } of seen) {
      expect([receivedAtMs, ...forwardedAtMs, repliedAtMs]).toEqual(
        [receivedAtMs, ...forwardedAtMs, repliedAtMs].sort((a, b) => a - b),
      );
    }
  });

  test('shows nothing as a status of 0', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await start([always({ kind: 'cut', when: 'after-effect' })]);
    const seen: SettledObservation[] = [];
    proxy.tap({ settled: observation => seen.push(observation) });
    await thrownBy(client.send(put(table, 'a')));
    expect(seen).toMatchObject([{ status: 0, faults: ['always'] }]);
    expect(seen[0]?.forwardedAtMs).toHaveLength(1);
  });
});

test('a service that is gone is a connection that breaks', async () => {
  const forwarder = forwardTo('http://127.0.0.1:1');
  const server = await serveExchange(forwarder.exchange, 'fleet');
  const client = new DynamoDBClient({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
  expect((await thrownBy(client.send(put('stuff', 'a'))))?.code).toBe('ECONNRESET');
  client.destroy();
  await server.close();
});
