import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InFlightLimit } from '../../../core/rate/in-flight-limit.ts';
import { settled } from '../../support/fake-clock.ts';

/** How many can enter now if nobody leaves. */
async function room(limit: InFlightLimit, most = 100): Promise<number> {
  let entered = 0;
  for (let index = 0; index < most; index++) {
    void limit.enter().then(() => {
      entered += 1;
    });
  }
  await settled();
  return entered;
}

/** Observes this many replies, each after `ms`. */
function replies(limit: InFlightLimit, count: number, ms: number): void {
  for (let index = 0; index < count; index++) limit.observe(ms);
}

describe('the limit of requests in flight', () => {
  test('starts low', async () => {
    expect(await room(new InFlightLimit(16))).toBe(2);
  });

  test('grows to the most allowed while replies are as quick as the quickest', async () => {
    const limit = new InFlightLimit(16);
    replies(limit, 500, 10);
    expect(await room(limit)).toBe(16);
  });

  test('falls to a few when replies take longer and longer: the table queues', async () => {
    const limit = new InFlightLimit(64);
    replies(limit, 500, 10);
    replies(limit, 1_000, 200);
    const few = await room(limit);
    expect(few).toBeLessThanOrEqual(4);
    expect(few).toBeGreaterThanOrEqual(1);
  });

  test('settles a little above the number of requests that the table serves at a time', async () => {
    for (const servers of [1, 4, 12]) {
      const limit = new InFlightLimit(64);
      let inFlight = 2;
      for (let round = 0; round < 3_000; round++) {
        // Requests beyond the number of servers wait behind the others.
        limit.observe(10 * Math.max(1, inFlight / servers));
        if (round % 50 === 0) inFlight = await measured(limit);
      }
      expect(inFlight).toBeGreaterThanOrEqual(servers);
      expect(inFlight).toBeLessThanOrEqual(servers + 12);
    }
  });

  test('does not mistake varying reply times for a queue', async () => {
    const limit = new InFlightLimit(16);
    // Half of the replies take three times as long, however many are in flight.
    for (let reply = 0; reply < 1_000; reply++) limit.observe(reply % 2 === 0 ? 10 : 30);
    expect(await room(limit)).toBeGreaterThanOrEqual(4);
  });

  test('forgets a quick reply of long ago', async () => {
    const limit = new InFlightLimit(16);
    replies(limit, 10, 1);
    replies(limit, 10_000, 20);
    expect(await room(limit)).toBe(16);
  });

  test('never admits more than the maximum, and admits everyone in time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 30 }),
        async (most, latencies) => {
          const limit = new InFlightLimit(most);
          let inFlight = 0;
          let highest = 0;
          let served = 0;
          const request = async (ms: number) => {
            await limit.enter();
            inFlight += 1;
            highest = Math.max(highest, inFlight);
            await settled();
            inFlight -= 1;
            limit.observe(ms);
            limit.leave();
            served += 1;
          };
          await Promise.all(latencies.map(request));
          expect(served).toBe(latencies.length);
          expect(highest).toBeLessThanOrEqual(Math.max(2, most));
        },
      ),
      { numRuns: 50 },
    );
  });
});

/** Like {@link room}, but everyone leaves again. */
async function measured(limit: InFlightLimit): Promise<number> {
  const entered = await room(limit, 64);
  for (let index = 0; index < 64; index++) {
    limit.leave();
    await Promise.resolve();
    await Promise.resolve();
  }
  await settled();
  return entered;
}
