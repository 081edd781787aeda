import { DeleteItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { encodeAttributeMap } from '../../core/attribute-value.ts';
import { ControlTable, type ControlTableClient } from '../../core/control-table.ts';
import { SystemicError } from '../../core/errors.ts';
import { documentClient, type Item, stuffItems, stuffKey, useEngine } from '../support/engine.ts';
import { settled } from '../support/fake-clock.ts';
import type { Script } from '../support/http-front.ts';
import { rates } from '../support/records.ts';
import { type BenchOptions, failingStatements, WriteBench } from './support/write-bench.ts';

const engine = useEngine();
const benches: WriteBench[] = [];
const ITEMS = 40;

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.close();
});

async function open(options: BenchOptions = {}): Promise<WriteBench> {
  const bench = await WriteBench.open(engine, options);
  benches.push(bench);
  return bench;
}

const keyText = (index: number) => encodeAttributeMap(stuffKey(index));
const filled = (): Map<string, Item> =>
  new Map(stuffItems(ITEMS).map((item, index) => [keyText(index), item]));
/** Every item has the attribute except these. */
const allSetBut = (...without: number[]) => {
  const items = filled();
  for (const [index, [key, item]] of [...items].entries()) {
    if (!without.includes(index)) items.set(key, { ...item, test: { N: '1' } });
  }
  return items;
};
const outcome = (counters: Partial<ReturnType<WriteBench['counters']>>) => ({
  matched: ITEMS,
  updated: 0,
  alreadySet: 0,
  deleted: 0,
  quarantined: 0,
  ...counters,
});

/** Applies only to whole calls; single statements go to the engine. */
const onBatches =
  (script: (number: number, ...given: Parameters<Script>) => ReturnType<Script>): Script =>
  (call, answer) => {
    if (call.operation !== 'BatchExecuteStatement' && call.operation !== 'UpdateItem') return answer.pass();
    return script(numbers.next().value as number, call, answer);
  };
let numbers = counting();

function* counting(): Generator<number> {
  for (let number = 0; ; number++) yield number;
}

afterEach(() => {
  numbers = counting();
});

const APIS = ['batch', 'single'] as const;

test('items that a lower rate takes out of a waiting batch are written by later batches', async () => {
  const bench = await open({ writeApi: 'batch' });
  const sizes: number[] = [];
  bench.rate.grant(rates(250), 2);
  bench.rate.write.settle(0, 25_000);
  const reserve = vi.spyOn(bench.rate.write, 'reserve');
  const running = bench.run(
    onBatches((_, { body }, answer) => {
      sizes.push((body['Statements'] as unknown[]).length);
      return answer.pass();
    }),
  );
  await vi.waitFor(() => expect(reserve).toHaveBeenCalled());
  await settled();
  bench.rate.grant(rates(20), 3);
  bench.rate.write.settle(25_000, 0);
  await running;
  expect(Math.max(...sizes)).toBe(2);
  expect(await bench.standing()).toEqual(allSetBut());
  expect(bench.counters()).toEqual(outcome({ updated: ITEMS }));
});

describe.each(APIS)('with %s writes', writeApi => {
  test('every item gets the attribute and nothing else, and the segment is complete', async () => {
    const bench = await open({ writeApi });
    await bench.run();
    expect(await bench.standing()).toEqual(allSetBut());
    expect(bench.counters()).toEqual(outcome({ updated: ITEMS }));
    expect((await bench.segments.read('run-1', 0))?.status).toBe('complete');
    expect(bench.calls('BatchGetItem')).toHaveLength(0);
  });

  test('a value that someone else sets meanwhile stays, and an item that is deleted stays away', async () => {
    const bench = await open({ writeApi });
    const client = engine.client;
    await client.send(
      new UpdateItemCommand({
        TableName: bench.table,
        Key: stuffKey(3),
        UpdateExpression: 'SET test = :v',
        ExpressionAttributeValues: { ':v': { NULL: true } },
      }),
    );
    await client.send(new DeleteItemCommand({ TableName: bench.table, Key: stuffKey(5) }));
    await bench.run();
    const expected = allSetBut(3, 5);
    expected.delete(keyText(5));
    expected.set(keyText(3), { ...(filled().get(keyText(3)) as Item), test: { NULL: true } });
    expect(await bench.standing()).toEqual(expected);
    expect(bench.counters()).toEqual(outcome({ updated: ITEMS - 2, alreadySet: 1, deleted: 1 }));
  });

  test('a reply lost after the write took place costs a count and no item', async () => {
    const bench = await open({ writeApi });
    await bench.run(
      onBatches(async (number, _, answer) => {
        if (number % 3 !== 0 || number > 6) return answer.pass();
        await answer.forward();
        answer.cut();
      }),
    );
    expect(await bench.standing()).toEqual(allSetBut());
    const { updated, alreadySet, ...others } = bench.counters();
    expect(updated + alreadySet).toBe(ITEMS);
    expect(alreadySet).toBeGreaterThan(0);
    expect(others).toEqual({ matched: ITEMS, deleted: 0, quarantined: 0 });
  });

  test('a request lost before the write took place is sent again', async () => {
    const bench = await open({ writeApi });
    await bench.run(onBatches((number, _, answer) => (number < 5 ? answer.cut() : answer.pass())));
    expect(await bench.standing()).toEqual(allSetBut());
    expect(bench.counters()).toEqual(outcome({ updated: ITEMS }));
  });

  test.each([
    ['ProvisionedThroughputExceededException', 400],
    ['ThrottlingException', 400],
    ['RequestLimitExceeded', 400],
  ])('%s lowers the rate, tells why, and quarantines nothing', async (type, status) => {
    const bench = await open({ writeApi });
    const before = bench.rate.write.unitsPerSecond;
    const members = {
      [type === 'ThrottlingException' ? 'throttlingReasons' : 'ThrottlingReasons']: [
        { reason: 'TableWriteKeyRangeThroughputExceeded', resource: 'arn' },
      ],
    };
    await bench.run(
      onBatches((number, _, answer) =>
        number < 20 ? answer.refuse(type, 'slow down', members, status) : answer.pass(),
      ),
    );
    expect(bench.rate.write.unitsPerSecond).toBeLessThan(before);
    expect(bench.rate.takeThrottled()).toMatchObject({
      reason: 'TableWriteKeyRangeThroughputExceeded on arn',
    });
    expect(bench.counters()).toEqual(outcome({ updated: ITEMS }));
    expect(await bench.standing()).toEqual(allSetBut());
  });

  test('an internal error of the service is waited out, and does not lower the rate', async () => {
    const bench = await open({ writeApi });
    const before = bench.rate.write.unitsPerSecond;
    await bench.run(
      onBatches((number, _, answer) =>
        number < 20 ? answer.refuse('InternalServerError', 'm', {}, 500) : answer.pass(),
      ),
    );
    expect(bench.rate.write.unitsPerSecond).toBe(before);
    expect(bench.counters()).toEqual(outcome({ updated: ITEMS }));
  });

  test.each(['AccessDeniedException', 'ResourceNotFoundException', 'SomethingNew'])(
    '%s ends the work at once, with what the service said',
    async type => {
      const bench = await open({ writeApi });
      const ended = bench.run(onBatches((_, __, answer) => answer.refuse(type, 'said so')));
      await expect(ended).rejects.toThrow(SystemicError);
      await expect(ended).rejects.toThrow(/said so/);
      expect(await bench.standing()).toEqual(filled());
      expect(bench.counters()).toEqual(outcome({ matched: 0 }));
      expect(await bench.quarantined()).toEqual([]);
    },
  );

  test('an item that is refused without a reason a few times is tried again', async () => {
    const bench = await open({ writeApi });
    await bench.run(refusing(writeApi, (id, before) => id === 'id-7' && before < 2));
    expect(bench.counters()).toEqual(outcome({ updated: ITEMS }));
    expect(await bench.standing()).toEqual(allSetBut());
  });

  test('an item that is always refused without a reason, while others are not, is set aside', async () => {
    const bench = await open({ writeApi });
    await bench.run(refusing(writeApi, id => id === 'id-7'));
    expect(bench.counters()).toEqual(outcome({ updated: ITEMS - 1, quarantined: 1 }));
    expect(await bench.standing()).toEqual(allSetBut(7));
    expect(await bench.quarantined()).toMatchObject([
      {
        key: keyText(7),
        reason: 'DynamoDB refused the write, although the item exists and lacks the attribute',
        segment: 0,
      },
    ]);
  });

  test('when the engine refuses every item that lacks the attribute, the work ends: the condition is not understood', async () => {
    const bench = await open({ writeApi });
    const ended = bench.run(refusing(writeApi, () => true));
    await expect(ended).rejects.toThrow(/The condition does not work here as it must/);
    expect(await bench.standing()).toEqual(filled());
    expect((await bench.quarantined()).length).toBe(0);
  });

  test('many such items in a row without a success mean that the items are not the cause', async () => {
    const bench = await open({ writeApi });
    const ended = bench.run(refusing(writeApi, id => Number(id.slice(3)) >= 10));
    await expect(ended).rejects.toThrow(SystemicError);
    expect((await bench.quarantined()).length).toBeLessThan(25);
  });

  test('an attribute that every JavaScript object has is still looked for in the item', async () => {
    for (const attribute of ['constructor', 'toString']) {
      const bench = await open({ writeApi, attribute, items: stuffItems(5) });
      await bench.run(refusing(writeApi, (_, before) => before === 0));
      expect(bench.counters()).toMatchObject({ updated: 5, alreadySet: 0 });
      for (const item of (await bench.standing()).values()) expect(item[attribute]).toEqual({ N: '1' });
    }
  });

  test('a stage that ends midway has settled only items whose outcome it knows', async () => {
    const bench = await open({ writeApi });
    let answered = 0;
    bench.front.script = onBatches(async (_, __, answer) => {
      answered += 1;
      if (answered <= 1) return answer.pass();
      bench.stop(new Error('SIGTERM'));
      answer.cut();
    });
    await bench.start();
    const { matched, updated } = bench.counters();
    const set = [...(await bench.standing()).values()].filter(item => 'test' in item);
    expect(matched).toBe(updated);
    expect(updated).toBe(set.length);
    expect(updated).toBeLessThan(ITEMS);
    await bench.work.giveUp();
    expect((await bench.segments.read('run-1', 0))?.status).toBe('pending');
  });

  test('an item counts as quarantined only once its record is stored: until then it is retried', async () => {
    let failures = 3;
    const behind = documentClient(engine.client);
    const { name } = await engine.createControlTable();
    const send = async (command: { input: { Item?: { item?: string } } }) => {
      if (command.input.Item?.item?.startsWith('QUARANTINE#') && failures-- > 0)
        throw Object.assign(new Error('away'), { name: 'InternalServerError' });
      return behind.send(command as never);
    };
    const bench = await open({
      writeApi,
      controlTable: new ControlTable({ send } as unknown as ControlTableClient, name),
    });
    await bench.run(invalid(writeApi, 'id-7'));
    expect(failures).toBeLessThan(0);
    expect(bench.counters()).toEqual(outcome({ updated: ITEMS - 1, quarantined: 1 }));
    expect((await bench.quarantined()).map(({ key }) => key)).toEqual([keyText(7)]);
    expect(bench.unrecorded).toEqual([1, 2, 3].map(tries => ['InternalServerError: away', tries]));
  });

  test('an item whose record is refused for good stops the stage, with the reason', async () => {
    const behind = documentClient(engine.client);
    const { name } = await engine.createControlTable();
    const send = async (command: { input: { Item?: { item?: string } } }) => {
      if (command.input.Item?.item?.startsWith('QUARANTINE#'))
        throw Object.assign(new Error('not you'), { name: 'AccessDeniedException' });
      return behind.send(command as never);
    };
    const bench = await open({
      writeApi,
      controlTable: new ControlTable({ send } as unknown as ControlTableClient, name),
    });
    await expect(bench.run(invalid(writeApi, 'id-7'))).rejects.toThrow(
      /its quarantine record cannot be written either: .*not you/,
    );
  });
});

describe('single statements of a batch', () => {
  test.each(['ProvisionedThroughputExceeded', 'ThrottlingError', 'RequestLimitExceeded'])(
    'that are throttled with %s go again, the others are settled',
    async Code => {
      const bench = await open();
      const before = bench.rate.write.unitsPerSecond;
      await bench.run(
        failingStatements((id, tries) => (Number(id.slice(3)) % 2 === 0 && tries < 3 ? { Code } : undefined)),
      );
      expect(bench.rate.write.unitsPerSecond).toBeLessThan(before);
      expect(bench.rate.takeThrottled()).toEqual({ count: (ITEMS / 2) * 3, reason: Code });
      expect(bench.counters()).toEqual(outcome({ updated: ITEMS }));
      expect(await bench.standing()).toEqual(allSetBut());
    },
  );

  test('that meet a transaction of someone else go again', async () => {
    const bench = await open();
    await bench.run(
      failingStatements((_, tries) => (tries === 0 ? { Code: 'TransactionConflict' } : undefined)),
    );
    expect(bench.counters()).toEqual(outcome({ updated: ITEMS }));
  });

  test('that fail with an internal error again and again are set aside, with it as the reason', async () => {
    const bench = await open();
    const error = { Code: 'InternalServerError', Message: 'try again' };
    await bench.run(failingStatements(id => (id === 'id-7' || id === 'id-9' ? error : undefined)));
    expect(bench.counters()).toEqual(outcome({ updated: ITEMS - 2, quarantined: 2 }));
    expect(await bench.quarantined()).toMatchObject([
      { key: keyText(7), reason: 'InternalServerError: try again', attempts: 17 },
      { key: keyText(9) },
    ]);
  });

  test('that are not valid are set aside at once', async () => {
    const bench = await open();
    const error = { Code: 'ValidationError', Message: 'Item size to update has exceeded the maximum' };
    await bench.run(failingStatements(id => (id === 'id-7' ? error : undefined)));
    expect(await bench.quarantined()).toMatchObject([
      {
        key: keyText(7),
        reason: 'ValidationError: Item size to update has exceeded the maximum',
        attempts: 1,
      },
    ]);
    expect(await bench.standing()).toEqual(allSetBut(7));
  });

  test.each(['AccessDenied', 'ResourceNotFound', 'DuplicateItem', 'SomethingNew'])(
    'that fail with %s end the work',
    async Code => {
      const bench = await open();
      const ended = bench.run(
        failingStatements(id => (id === 'id-7' ? { Code, Message: 'said so' } : undefined)),
      );
      await expect(ended).rejects.toThrow(`${Code}: said so`);
    },
  );

  test('that are not all answered end the work: nobody could say which reply is whose', async () => {
    const bench = await open();
    const ended = bench.run(
      onBatches(async (_, __, answer) => {
        const { body } = await answer.forward();
        answer.reply(200, { ...body, Responses: (body['Responses'] as unknown[]).slice(1) });
      }),
    );
    await expect(ended).rejects.toThrow(/was answered with \d+ replies/);
  });
});

describe('a batch that is refused as a whole because of one item', () => {
  test('is halved until exactly the bad ones are found, wherever they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat({ max: ITEMS - 1 }), { maxLength: 6 }), async poison => {
        const bench = await open();
        await bench.run(invalid('batch', ...poison.map(index => `id-${index}`)));
        const found = (await bench.quarantined()).map(({ key }) => key);
        expect(found).toEqual(poison.map(keyText).sort());
        expect(await bench.standing()).toEqual(allSetBut(...poison));
        expect(bench.counters()).toEqual(
          outcome({ updated: ITEMS - poison.length, quarantined: poison.length }),
        );
      }),
      { numRuns: 4 },
    );
  });

  test('keeps the reason of the service with the item', async () => {
    const bench = await open();
    await bench.run(invalid('batch', 'id-7'));
    expect(await bench.quarantined()).toMatchObject([
      { key: keyText(7), reason: 'Validation: one item is bad' },
    ]);
  });
});

describe('reading refused items back', () => {
  /** Someone else has set every item, so each write is refused and read back. */
  const taken = () => stuffItems(ITEMS).map(item => ({ ...item, test: { S: 'theirs' } }));

  test('asks only for key and attribute, with strong consistency', async () => {
    const bench = await open({ items: taken() });
    await bench.run();
    const [call] = bench.calls('BatchGetItem');
    const asked = call?.body.RequestItems[bench.table];
    expect(asked).toMatchObject({
      ConsistentRead: true,
      ProjectionExpression: '#name0, #name1, #name2',
    });
    expect(bench.counters()).toEqual(outcome({ alreadySet: ITEMS }));
    expect(await bench.standing()).toEqual(new Map(taken().map((item, index) => [keyText(index), item])));
  });

  test('takes up what the service left unanswered', async () => {
    const bench = await open({ items: taken() });
    let answered = 0;
    await bench.run(async (call, answer) => {
      if (call.operation !== 'BatchGetItem') return answer.pass();
      answered += 1;
      if (answered > 3) return answer.pass();
      const { Keys, ...rest } = call.body.RequestItems[bench.table];
      const half = Math.floor(Keys.length / 2);
      const { body } = await answer.forward({
        ...call.body,
        RequestItems: { [bench.table]: { ...rest, Keys: Keys.slice(0, Math.max(1, half)) } },
      });
      const left = Keys.slice(Math.max(1, half));
      answer.reply(200, {
        ...body,
        UnprocessedKeys: left.length > 0 ? { [bench.table]: { ...rest, Keys: left } } : {},
      });
    });
    expect(bench.counters()).toEqual(outcome({ alreadySet: ITEMS }));
  });

  test('backs off from keys that stay unanswered, says that it is throttled, and writes nothing again', async () => {
    const bench = await open({ items: taken() });
    let unanswered = 12;
    await bench.run((call, answer) => {
      if (call.operation !== 'BatchGetItem' || unanswered-- <= 0) return answer.pass();
      return answer.reply(200, { Responses: {}, UnprocessedKeys: call.body.RequestItems });
    });
    expect(bench.counters()).toEqual(outcome({ alreadySet: ITEMS }));
    const statements = bench
      .calls('BatchExecuteStatement')
      .reduce((sum, { body }) => sum + body.Statements.length, 0);
    expect(statements).toBe(ITEMS);
    expect(bench.rate.takeThrottled()).toEqual({ count: 12, reason: 'UnprocessedKeys' });
  });

  test('waits out throttling, which counts as such', async () => {
    const bench = await open({ items: taken() });
    let failures = 3;
    await bench.run((call, answer) => {
      if (call.operation === 'BatchGetItem' && failures-- > 0)
        return answer.refuse('ProvisionedThroughputExceededException');
      return answer.pass();
    });
    expect(bench.rate.takeThrottled()?.count).toBe(3);
    expect(bench.counters()).toEqual(outcome({ alreadySet: ITEMS }));
  });

  test('that is not allowed ends the work', async () => {
    const bench = await open({ items: taken() });
    const ended = bench.run((call, answer) =>
      call.operation === 'BatchGetItem'
        ? answer.refuse('AccessDeniedException', 'no GetItem')
        : answer.pass(),
    );
    await expect(ended).rejects.toThrow(/Reading refused items back failed/);
  });
});

/** The engine says "condition false" for items that lack the attribute, and does not change them. */
function refusing(api: (typeof APIS)[number], decide: (id: string, triesBefore: number) => boolean): Script {
  if (api === 'batch') {
    return failingStatements((id, before) =>
      decide(id, before) ? { Code: 'ConditionalCheckFailed' } : undefined,
    );
  }
  const tries = new Map<string, number>();
  return (call, answer) => {
    if (call.operation !== 'UpdateItem') return answer.pass();
    const { Key } = call.body;
    const before = tries.get(Key.id.S) ?? 0;
    tries.set(Key.id.S, before + 1);
    if (!decide(Key.id.S, before)) return answer.pass();
    return answer.refuse('ConditionalCheckFailedException', 'm', { Item: { ...Key, name: { S: 'x' } } });
  };
}

/** The call is refused as long as it contains one of these items. */
function invalid(api: (typeof APIS)[number], ...ids: readonly string[]): Script {
  return (call, answer) => {
    const named: string[] =
      api === 'batch'
        ? (call.body.Statements ?? []).map((each: { Parameters: { S?: string }[] }) => each.Parameters[1]?.S)
        : call.operation === 'UpdateItem'
          ? [call.body.Key.id.S]
          : [];
    if (named.some(id => ids.includes(id))) return answer.refuse('ValidationException', 'one item is bad');
    return answer.pass();
  };
}
