import { BatchWriteItemCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { useMeteredEngine } from '../support/metered-engine.ts';
import { thrownBy } from '../support/stuff.ts';

const engine = useMeteredEngine();

describe('the rate', () => {
  test('of 200 units a second is held from the first second on, and used', async () => {
    const table = await engine.createTable(true);
    const { client, proxy } = await engine.meter({ writeUnitsPerSecond: 200 });
    const startedAt = performance.now();
    const until = startedAt + 3_000;
    let id = 0;
    const write = async () => {
      while (performance.now() < until) {
        const requests = Array.from({ length: 25 }, () => ({
          PutRequest: { Item: { id: { S: String(id++) } } },
        }));
        await thrownBy(client.send(new BatchWriteItemCommand({ RequestItems: { [table]: requests } })));
      }
    };
    await Promise.all([write(), write()]);
    // A bucket saves one second's units and begins with them.
    const offered = 200 * (1 + (performance.now() - startedAt) / 1_000);
    const total = proxy.journal.total({ kind: 'write' });
    expect(total).toBeLessThanOrEqual(offered);
    expect(total).toBeGreaterThanOrEqual(0.9 * offered);
    // The journal dates by arrival, so one batch of each client may have waited for admission.
    expect(proxy.journal.maxUnitsInWindow(2_000, { kind: 'write' })).toBeLessThanOrEqual(200 * 3 + 50);
  });

  test('of one partition is the most that one partition key gets', async () => {
    const table = await engine.createTable();
    const { client, proxy } = await engine.meter({
      writeUnitsPerSecond: 10_000,
      partitions: 4,
      partitionWriteUnitsPerSecond: 100,
    });
    const startedAt = performance.now();
    const until = startedAt + 2_000;
    let created = 0;
    while (performance.now() < until) {
      const requests = Array.from({ length: 25 }, () => ({
        PutRequest: { Item: { id: { S: 'fat' }, created: { N: String(created++) } } },
      }));
      await thrownBy(client.send(new BatchWriteItemCommand({ RequestItems: { [table]: requests } })));
    }
    const total = proxy.journal.total({ kind: 'write' });
    const offered = 100 * (1 + (performance.now() - startedAt) / 1_000);
    expect(total).toBeLessThanOrEqual(offered);
    expect(total).toBeGreaterThanOrEqual(0.9 * offered);
  });
});
