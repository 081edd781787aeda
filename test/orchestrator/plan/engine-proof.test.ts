import { type AttributeValue, type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseJsonValue } from '../../../core/attribute-value.ts';
import type { WriteApi } from '../../../core/records.ts';
import { constantRule, type WriteRule } from '../../../core/write-rule.ts';
import { proveEngine } from '../../../orchestrator/plan/engine-proof.ts';
import { type Item, useEngine } from '../../support/engine.ts';
import { type HttpFront, type Script, startHttpFront, type WireCall } from '../../support/http-front.ts';

const engine = useEngine();
const APIS: WriteApi[] = ['batch', 'single'];

let control: string;
let front: HttpFront;
let client: DynamoDBClient;

beforeEach(async () => {
  control = (await engine.createControlTable()).name;
  front = await startHttpFront(engine.endpoint);
  client = engine.connect(front.endpoint);
});

afterEach(() => front.close());

const prove = (api: WriteApi, attribute = 'test', value: AttributeValue = { N: '1' }) =>
  proveEngine(client, control, constantRule(attribute, value), api);

describe.each(APIS)('the proof of %s writes', api => {
  test('holds on a real engine, and leaves nothing behind', async () => {
    expect(await prove(api)).toEqual({ holds: true, findings: [], forms: { sources: [] } });
    expect(await engine.items(control)).toEqual([]);
  });

  test.each([
    '1',
    '"text"',
    '""',
    'null',
    'true',
    '[]',
    '{}',
    '[1,{"a":null}]',
    '1e21',
    '1e-130',
    '-0.5',
    '9007199254740992',
  ])('holds for the value %s', async json => {
    expect((await prove(api, 'test', parseJsonValue(json))).findings).toEqual([]);
  });

  // The first four are names that the proof's own items or the control table's items use.
  test.each(['other', 'run', 'item', 'expiresAt', 'status', 'select', 'TEST', 'my-attr', 'constructor'])(
    'holds for the attribute %s',
    async attribute => {
      expect((await prove(api, attribute)).findings).toEqual([]);
    },
  );

  test('touches only items of its own', async () => {
    const theirs: Item = { run: { S: 'run-1' }, item: { S: 'RUN' }, status: { S: 'running' } };
    await engine.fill(control, [theirs]);
    await prove(api);
    expect(await engine.items(control)).toEqual([theirs]);
    const runs = front.calls.flatMap(({ body }) => [body.Item?.run?.S, body.Key?.run?.S].filter(Boolean));
    for (const run of runs) expect(run).toMatch(/^PROOF#/);
  });

  test('makes its items expire after a day, in case it is cut off', async () => {
    await prove(api);
    const put = front.calls.find(({ operation }) => operation === 'PutItem');
    const seconds = Number(put?.body.Item.expiresAt.N) - Date.now() / 1_000;
    expect(seconds).toBeGreaterThan(80_000);
    expect(seconds).toBeLessThan(90_000);
  });

  test('cleans up also when a call fails, and says what failed', async () => {
    front.script = ({ operation }, answer) =>
      operation === 'BatchExecuteStatement' || operation === 'UpdateItem'
        ? answer.refuse('AccessDeniedException', 'not for you')
        : answer.pass();
    await expect(prove(api)).rejects.toThrow('not for you');
    expect(await engine.items(control)).toEqual([]);
  });
});

describe.each(['a.b', 'with "quotes"', 'ä b'])('the attribute %s', attribute => {
  test('is proved as a single write', async () => {
    expect((await prove('single', attribute)).findings).toEqual([]);
  });
});

/** Engines that do not do what the write must do. Each one answers like a good engine but does something else. */
describe.each(APIS)('the proof of %s writes detects an engine that', api => {
  /** After the tool's own writes, the engine changes the item of that name like this. */
  function misbehaving(name: string, change: (item: Item) => Item): Script {
    let done = false;
    return async (call, answer) => {
      const { status, body } = await answer.forward();
      const writes =
        call.operation === 'BatchExecuteStatement' ||
        (call.operation === 'UpdateItem' && call.body.Key.item.S === name);
      if (!writes || done) return answer.reply(status, body);
      done = true;
      const run: AttributeValue =
        call.operation === 'UpdateItem' ? call.body.Key.run : call.body.Statements[0].Parameters[1];
      const key = { run, item: { S: name } };
      const item = (await engine.read(control, key)) ?? key;
      await engine.client.send(new PutItemCommand({ TableName: control, Item: change(item) }));
      answer.reply(status, body);
    };
  }

  test('creates an item that does not exist', async () => {
    front.script = misbehaving('absent', key => ({ ...key, test: { N: '1' } }));
    const { holds, findings } = await prove(api);
    expect(holds).toBe(false);
    expect(findings).toEqual(['on a key without an item, the write left {"N":"1"}']);
    expect(await engine.items(control)).toEqual([]);
  });

  test('overwrites a value', async () => {
    front.script = misbehaving('present', item => ({ ...item, test: { N: '1' } }));
    expect((await prove(api)).findings).toEqual([
      'on an item that has the attribute as present, the write left {"N":"1"}',
    ]);
  });

  test('takes NULL for missing', async () => {
    front.script = misbehaving('null', item => ({ ...item, test: { N: '1' } }));
    expect((await prove(api)).findings).toEqual([
      'on an item that has the attribute as null, the write left {"N":"1"}',
    ]);
  });

  test('writes another value', async () => {
    front.script = misbehaving('missing', item => ({ ...item, test: { S: '1' } }));
    expect((await prove(api)).findings).toEqual([
      'on an item that lacks the attribute, the write left {"S":"1"}',
    ]);
  });

  test('touches another attribute, or loses one', async () => {
    front.script = misbehaving('missing', item => ({ ...item, other: { S: 'changed' } }));
    expect((await prove(api)).holds).toBe(false);
    front.script = misbehaving('missing', ({ other: _, ...item }) => item);
    expect((await prove(api)).holds).toBe(false);
  });

  test('says yes and does nothing', async () => {
    front.script = (call, answer) => {
      if (call.operation === 'UpdateItem') return answer.reply(200, {});
      if (call.operation !== 'BatchExecuteStatement') return answer.pass();
      return answer.reply(200, { Responses: call.body.Statements.map(() => ({})) });
    };
    expect((await prove(api)).findings).toEqual([
      'on an item that lacks the attribute, the write left no attribute',
    ]);
  });

  test('refuses what it must do', async () => {
    front.script = (call, answer) => {
      if (call.operation === 'UpdateItem') return answer.refuse('ConditionalCheckFailedException');
      if (call.operation !== 'BatchExecuteStatement') return answer.pass();
      const refused = { Error: { Code: 'ConditionalCheckFailed' } };
      return answer.reply(200, { Responses: call.body.Statements.map(() => refused) });
    };
    expect((await prove(api)).holds).toBe(false);
  });
});

describe('of a recipe', () => {
  const rule: WriteRule = {
    targets: ['gsi1pk', 'expiresAt'],
    sources: [['status'], ['updatedAt']],
    decide: () => ({ kind: 'not-computable', reason: 'nothing is read here' }),
  };
  const proveRule = (api: WriteApi, more: Partial<WriteRule> = {}) =>
    proveEngine(client, control, { ...rule, ...more }, api);
  const types = ['S', 'N', 'B', 'BOOL', 'SS', 'NS', 'BS'];

  test('batches are proved form by form on a real engine, and nothing is left behind', async () => {
    expect(await proveRule('batch')).toEqual({
      holds: true,
      findings: [],
      forms: { several: 'commas', sources: types, absent: true, present: true },
    });
    expect(await engine.items(control)).toEqual([]);
  });

  test('single writes are proved with every type of source, NULL, and entries of maps', async () => {
    expect((await proveRule('single')).findings).toEqual([]);
    expect((await proveRule('single', { sources: [['profile', 'e.mail']] })).findings).toEqual([]);
    expect(await engine.items(control)).toEqual([]);
  });

  const text = (call: WireCall): string => call.body.Statements?.[0]?.Statement ?? '';

  test('the other spelling is used when an engine takes only that one', async () => {
    // In the form of the service's own example. What goes to the real engine is rewritten for it.
    front.script = async (call, answer) => {
      const statement = text(call);
      if (/ = \?, /.test(statement)) return answer.refuse('ValidationException', 'no commas');
      if (!/SET .* SET /.test(statement)) return answer.pass();
      const Statements = call.body.Statements.map((one: { Statement: string }) => ({
        ...one,
        Statement: one.Statement.replace(/\? SET /g, '?, '),
      }));
      const { status, body } = await answer.forward({ ...call.body, Statements });
      answer.reply(status, body);
    };
    expect((await proveRule('batch')).forms).toMatchObject({ several: 'clauses', sources: types });
  });

  test('a form that an engine lacks, or gives another meaning, is not used', async () => {
    front.script = async (call, answer) => {
      const statement = text(call);
      if (/SET .*,|SET .* SET /.test(statement)) return answer.refuse('ValidationException', 'one target');
      // It treats a missing source as any value.
      if (
        /IS MISSING AND "\w+" = \?$/.test(statement) &&
        call.body.Statements[0].Parameters.at(-1).BOOL !== undefined
      ) {
        const Statements = call.body.Statements.map((one: { Statement: string; Parameters: unknown[] }) => ({
          Statement: one.Statement.replace(/ AND "\w+" = \?$/, ''),
          Parameters: one.Parameters.slice(0, -1),
        }));
        const { status, body } = await answer.forward({ ...call.body, Statements });
        return answer.reply(status, body);
      }
      return answer.pass();
    };
    const { holds, forms } = await proveRule('batch');
    expect(holds).toBe(true);
    expect(forms).toEqual({ sources: types.filter(type => type !== 'BOOL'), absent: true, present: true });
  });
});
