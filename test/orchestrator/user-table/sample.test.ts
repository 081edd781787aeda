import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../core/clock.ts';
import { CapacityLimiter } from '../../../core/rate/capacity-limiter.ts';
import { constantRule } from '../../../core/write-rule.ts';
import { liveWriterFindings, sizeFindings } from '../../../orchestrator/checks/live-writers.ts';
import { type SampleRequest, sampleTable } from '../../../orchestrator/user-table/sample.ts';
import { shareInterval } from '../../../orchestrator/user-table/share-interval.ts';
import { type Item, STUFF_KEY, useEngine } from '../../support/engine.ts';
import { startHttpFront } from '../../support/http-front.ts';
import { randomFrom } from '../../support/random.ts';

const engine = useEngine();

const NOW = Date.UTC(2026, 5, 1);

function item(index: number, more: Item = {}): Item {
  return { id: { S: `id-${index}` }, created: { N: String(NOW - 86_400_000 * (index + 1)) }, ...more };
}

function request(table: string, more: Partial<SampleRequest> = {}): SampleRequest {
  return {
    client: engine.client,
    write: { table, keySchema: STUFF_KEY, rule: constantRule('test', { N: '1' }) },
    indexes: [],
    createdKey: undefined,
    segments: 8,
    tableSize: undefined,
    limiter: new CapacityLimiter(systemClock, 10_000),
    clock: systemClock,
    random: Math.random,
    longestMs: 20_000,
    signal: new AbortController().signal,
    ...more,
  };
}

/**
 * Asks the engine for each page only once, because the table does not change and a hundred samples read the same
 * segments.
 */
function remembering(client: SampleRequest['client']): SampleRequest['client'] {
  const replies = new Map<string, unknown>();
  const send = async (command: { readonly input: object }) => {
    const asked = JSON.stringify(command.input);
    const reply = replies.get(asked) ?? (await client.send(command as Parameters<typeof client.send>[0]));
    replies.set(asked, reply);
    return reply;
  };
  return { send } as unknown as SampleRequest['client'];
}

const QUESTION = {
  table: 'stuff',
  attribute: 'test',
  keySchema: STUFF_KEY,
  createdKey: undefined,
  nowMs: NOW,
};

describe('a sample', () => {
  test('of a small table reads all of it, and reports what it read', async () => {
    const table = await engine.createTable();
    const items = Array.from({ length: 60 }, (_, index) =>
      item(index, index % 3 === 0 ? { test: { NULL: true } } : { note: { S: 'x'.repeat(3_000) } }),
    );
    await engine.fill(table, items);
    const sample = await sampleTable(request(table));
    expect(sample.wholeTable).toBe(true);
    expect(sample.contents).toBe('items');
    expect(sample.tally).toMatchObject({ items: 60, missing: 40, nulls: 20, independent: 60 });
    expect(sample.tally.writeUnits).toEqual({ table: 3, indexes: [] });
    expect(sample.readUnits).toBeGreaterThan(10);
    expect(await engine.items(table)).toHaveLength(60);
  });

  test.each([
    // A few partition keys hold many items, so their segments are much larger than the others.
    [
      'fat keys among others, and a quarter lacks it',
      (index: number) => (index % 5 === 0 ? `fat-${index % 35}` : `id-${index}`),
      (index: number) => index % 4 === 0,
    ],
    [
      'items of a key alike, a fifth of the keys lacks it',
      (index: number) => `key-${Math.floor(index / 8)}`,
      (index: number) => Math.floor(index / 8) % 5 === 0,
    ],
    ['one in a hundred lacks it', (index: number) => `id-${index}`, (index: number) => index % 100 === 0],
  ] as const)(
    'of a larger one covers the truth in 90 of 100: %s',
    async (_, partitionKey, lacks) => {
      const table = await engine.createTable();
      const items = Array.from({ length: 1_500 }, (_, index) =>
        item(index, { id: { S: partitionKey(index) }, ...(!lacks(index) && { test: { N: '1' } }) }),
      );
      await engine.fill(table, items);
      const truth = items.filter((_, index) => lacks(index)).length / items.length;
      const client = remembering(engine.client);
      const random = randomFrom(1);
      let covered = 0;
      for (let sample = 0; sample < 100; sample++) {
        const { tally, totalSegments } = await sampleTable(
          request(table, {
            client,
            random,
            segments: 24,
            tableSize: { items: 0, bytes: 120 * 1_024 * 1_024 },
          }),
        );
        expect(totalSegments).toBe(120);
        const interval = shareInterval(tally.segments, totalSegments, tally.independent);
        if (interval && interval.low <= truth && truth <= interval.high) covered += 1;
      }
      expect(covered).toBeGreaterThanOrEqual(90);
    },
    120_000,
  );

  test('ends when its time is over, and keeps to its rate', async () => {
    const table = await engine.createTable();
    await engine.fill(
      table,
      Array.from({ length: 200 }, (_, index) => item(index, { note: { S: 'x'.repeat(8_000) } })),
    );
    const startedAt = performance.now();
    const sample = await sampleTable(
      request(table, { segments: 16, limiter: new CapacityLimiter(systemClock, 20), longestMs: 1_500 }),
    );
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    expect(sample.wholeTable).toBe(false);
    expect(sample.tally.segments.length).toBeLessThan(16);
    await delay(0);
  });

  test('names items that have no room left for the attribute', async () => {
    const table = await engine.createTable();
    const full = item(1, { note: { S: 'x'.repeat(400 * 1_024 - 100) } });
    await engine.fill(table, [item(0)]);
    await engine.fill(table, [full]);
    const [finding] = sizeFindings(await sampleTable(request(table)));
    expect(finding).toMatchObject({ level: 'warning', check: 'item-size' });
    expect(finding?.message).toContain('"S":"id-1"');
    expect(finding?.advice).toContain('orchestrate failures');
  });

  // The answer is built from the service model, because local engines deny nothing.
  test('reads only keys when the role may read no more', async () => {
    const table = await engine.createTable();
    await engine.fill(
      table,
      Array.from({ length: 20 }, (_, index) => item(index)),
    );
    const front = await startHttpFront(engine.endpoint, (call, answer) => {
      if (call.body?.Select === 'SPECIFIC_ATTRIBUTES') return answer.pass();
      return answer.refuse('AccessDeniedException');
    });
    const sample = await sampleTable(request(table, { client: engine.connect(front.endpoint) }));
    expect(sample).toMatchObject({ contents: 'keys', wholeTable: true });
    expect(sample.tally).toMatchObject({ items: 20, missing: 20 });
    expect(sizeFindings(sample)[0]?.level).toBe('ok');
    await front.close();
  });
});

describe('live writers', () => {
  async function sampled(items: readonly Item[], createdKey?: string) {
    const table = await engine.createTable();
    await engine.fill(table, items);
    return sampleTable(request(table, { createdKey }));
  }
  const old = item(10, { test: { N: '1' } });
  const deployedAt = new Date(NOW - 3_600_000).toISOString();
  const newer = (more: Item) => ({ id: { S: 'new' }, created: { N: String(NOW - 60_000) }, ...more });

  test('that do not set it since the deployment are a refusal with examples', async () => {
    const sample = await sampled([old, newer({})]);
    const [finding] = liveWriterFindings({ ...QUESTION, deployedAt }, sample);
    expect(finding?.level).toBe('failure');
    expect(finding?.message).toContain('1 of 1 items');
    expect(finding?.message).toContain('{"created":{"N":"');
    expect(finding?.advice).toContain('First deploy code');
  });

  test('are in order when every newer item has it, and unknown when there is none', async () => {
    const good = await sampled([old, newer({ test: { N: '2' } })]);
    expect(liveWriterFindings({ ...QUESTION, deployedAt }, good)[0]?.level).toBe('ok');
    const none = await sampled([old]);
    expect(liveWriterFindings({ ...QUESTION, deployedAt }, none)[0]?.level).toBe('warning');
  });

  test('are a warning without --deployed-at, by the items of the last hour', async () => {
    const sample = await sampled([old, newer({})]);
    const [finding] = liveWriterFindings({ ...QUESTION, deployedAt: undefined }, sample);
    expect(finding?.level).toBe('warning');
    expect(finding?.message).toContain('in the last hour');
  });

  test('are judged by the attribute that was named, in ISO 8601 too', async () => {
    const at = { S: new Date(NOW - 60_000).toISOString() };
    const sample = await sampled([item(3, { madeAt: at })], 'madeAt');
    const [finding] = liveWriterFindings({ ...QUESTION, deployedAt, createdKey: 'madeAt' }, sample);
    expect(finding?.level).toBe('failure');
    expect(finding?.message).toContain('"madeAt"');
  });

  test('cannot be judged when no key holds a time', async () => {
    const sample = await sampled([{ id: { S: 'a' }, created: { N: '7' } }]);
    const [finding] = liveWriterFindings({ ...QUESTION, deployedAt }, sample);
    expect(finding).toMatchObject({ level: 'warning', check: 'live-writers' });
    expect(finding?.advice).toContain('--created-key');
  });
});
