import { setMaxListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CapacityLimiter } from '../../../core/rate/capacity-limiter.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';

const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER);

/** The unused capacity that may be saved, as time. */
const SAVED_S = 0.25;

interface Admission {
  readonly atMs: number;
  readonly units: number;
}

/** Sends requests one after another, each as soon as it is admitted, until the clock ends. */
class Sender {
  readonly admissions: Admission[] = [];
  readonly #clock: FakeClock;
  readonly #limiter: CapacityLimiter;

  constructor(clock: FakeClock, limiter: CapacityLimiter) {
    this.#clock = clock;
    this.#limiter = limiter;
  }

  /** Runs `lanes` of them side by side. `unitsOf` gives the cost of the next request. */
  start(lanes: number, unitsOf: () => number, signal: AbortSignal = NEVER): void {
    for (let lane = 0; lane < lanes; lane++) void this.#run(unitsOf, signal);
  }

  async #run(unitsOf: () => number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const units = unitsOf();
      try {
        await this.#limiter.reserve(units, signal);
      } catch {
        return;
      }
      this.admissions.push({ atMs: this.#clock.monotonicMs(), units });
    }
  }

  get units(): number {
    return this.admissions.reduce((sum, { units }) => sum + units, 0);
  }
}

/** The largest excess of any window: units beyond `rate × (length + saved)`. */
function worstExcess(admissions: readonly Admission[], rate: number): number {
  let worst = Number.NEGATIVE_INFINITY;
  for (const [from, first] of admissions.entries()) {
    let units = 0;
    for (const { atMs, units: more } of admissions.slice(from)) {
      units += more;
      worst = Math.max(worst, units - rate * ((atMs - first.atMs) / 1_000 + SAVED_S));
    }
  }
  return worst;
}

const requests = fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 5, maxLength: 40 });
const rate = fc.integer({ min: 20, max: 1_000 });

function cycle<T>(values: readonly T[]): () => T {
  let next = 0;
  return () => values[next++ % values.length] as T;
}

describe('a saturated limiter', () => {
  test('admits, in any window of any length, the rate, a quarter of a second saved, and one request', async () => {
    await fc.assert(
      fc.asyncProperty(
        rate,
        requests,
        fc.array(fc.nat({ max: 400 }), { minLength: 1 }),
        async (perSecond, units, late) => {
          const lateness = cycle(late);
          const clock = new FakeClock({ latenessMs: lateness });
          const sender = new Sender(clock, new CapacityLimiter(clock, perSecond));
          sender.start(3, cycle(units));
          await clock.advance(4_000);
          expect(worstExcess(sender.admissions, perSecond)).toBeLessThanOrEqual(Math.max(...units) + 1e-6);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('admits at least 99 % of the rate when its timers are late, up to the quarter second that it can save', async () => {
    await fc.assert(
      fc.asyncProperty(
        rate,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3 }),
        fc.nat({ max: 190 }),
        async (perSecond, parts, lateMs) => {
          // Requests of up to what 50 ms earn, so that lateness and request together fit into the saved time.
          const units = parts.map(part => Math.max(1, Math.floor(perSecond * 0.05 * part)));
          const clock = new FakeClock({ latenessMs: () => lateMs });
          const sender = new Sender(clock, new CapacityLimiter(clock, perSecond));
          sender.start(3, cycle(units));
          await clock.advance(10_000);
          const stillSaved = perSecond * SAVED_S + Math.max(...units);
          expect(sender.units + stillSaved).toBeGreaterThanOrEqual(perSecond * 10 * 0.99);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('loses almost nothing to the timers of this machine, whatever the size of the requests', async () => {
    await fc.assert(
      fc.asyncProperty(rate, requests, async (perSecond, units) => {
        const clock = new FakeClock({ latenessMs: () => 1 });
        const sender = new Sender(clock, new CapacityLimiter(clock, perSecond));
        sender.start(3, cycle(units));
        await clock.advance(10_000);
        const stillSaved = perSecond * SAVED_S + Math.max(...units);
        expect(sender.units + stillSaved).toBeGreaterThanOrEqual(perSecond * 10 * 0.95);
      }),
      { numRuns: 40 },
    );
  });

  test('admits in order of arrival: a large request is not overtaken by small ones', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 10);
    const order: string[] = [];
    const ask = (name: string, units: number) => limiter.reserve(units, NEVER).then(() => order.push(name));
    void ask('large', 50);
    void ask('small', 1);
    await clock.advance(4_900);
    expect(order).toEqual([]);
    await clock.advance(300);
    expect(order).toEqual(['large', 'small']);
  });
});

describe('a limiter that had nothing to do', () => {
  test('starts empty: the first second of a run is within the budget too', async () => {
    const clock = new FakeClock({ startMs: 1_000_000 });
    const sender = new Sender(clock, new CapacityLimiter(clock, 100));
    sender.start(1, () => 1);
    await clock.advance(1_000);
    expect(sender.units).toBeGreaterThanOrEqual(99);
    expect(sender.units).toBeLessThanOrEqual(101);
  });

  test('has saved up a quarter of a second at most, however long it rested', async () => {
    await fc.assert(
      fc.asyncProperty(rate, fc.integer({ min: 1_000, max: 10_000_000 }), async (perSecond, restMs) => {
        const clock = new FakeClock();
        const limiter = new CapacityLimiter(clock, perSecond);
        await clock.advance(restMs);
        const sender = new Sender(clock, limiter);
        sender.start(1, () => 1);
        await settled();
        expect(sender.units).toBeLessThanOrEqual(perSecond * SAVED_S + 1);
        expect(sender.units).toBeGreaterThanOrEqual(Math.floor(perSecond * SAVED_S) - 1);
      }),
      { numRuns: 30 },
    );
  });

  test('does not catch up after a freeze in the middle of work', async () => {
    const clock = new FakeClock();
    const sender = new Sender(clock, new CapacityLimiter(clock, 100));
    sender.start(4, () => 1);
    await clock.advance(1_000);
    const before = sender.units;
    clock.jump(600_000);
    await clock.advance(1_000);
    expect(sender.units - before).toBeLessThanOrEqual(100 * (1 + SAVED_S) + 2);
  });
});

describe('settling what a request consumed', () => {
  test('a debt delays the next ones, so that the average is what was consumed', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 100);
    let consumed = 0;
    const send = async () => {
      for (;;) {
        await limiter.reserve(1, NEVER);
        limiter.settle(1, 10);
        consumed += 10;
      }
    };
    void send();
    await clock.advance(10_000);
    expect(consumed).toBeLessThanOrEqual(1_010);
    expect(consumed).toBeGreaterThanOrEqual(980);
  });

  test('what was reserved and not consumed is available to the next one', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 10);
    const waiting = limiter.reserve(100, NEVER);
    await clock.advance(10_000);
    await waiting;
    limiter.settle(100, 5);
    let admitted = false;
    void limiter.reserve(95, NEVER).then(() => {
      admitted = true;
    });
    await settled();
    expect(admitted).toBe(true);
  });

  test('returned units admit waiting requests at once', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 10);
    const first = limiter.reserve(20, NEVER);
    await clock.advance(2_000);
    await first;
    let admitted = false;
    void limiter.reserve(20, NEVER).then(() => {
      admitted = true;
    });
    await clock.advance(500);
    limiter.settle(20, 5);
    await settled();
    expect(admitted).toBe(true);
  });

  test('a page that turned out cheap does not save up more time than a request is worth', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 10);
    const waiting = limiter.reserve(100, NEVER);
    await clock.advance(10_000);
    await waiting;
    limiter.settle(100, 1);
    await clock.advance(3_600_000);
    const sender = new Sender(clock, limiter);
    sender.start(1, () => 1);
    await settled();
    expect(sender.units).toBeLessThanOrEqual(100);
  });
});

describe('a change of the rate', () => {
  test('holds at once for whoever waits already', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 1);
    let admittedAt: number | undefined;
    void limiter.reserve(100, NEVER).then(() => {
      admittedAt = clock.monotonicMs();
    });
    await clock.advance(10_000);
    limiter.setRate(90);
    await clock.advance(1_010);
    expect(admittedAt).toBeGreaterThanOrEqual(11_000);
  });

  test('to a lower one leaves nothing saved up from the higher one', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 10_000);
    await clock.advance(1_000);
    limiter.setRate(100);
    const sender = new Sender(clock, limiter);
    sender.start(4, () => 1);
    await clock.advance(1_000);
    expect(sender.units).toBeLessThanOrEqual(100 * (1 + SAVED_S) + 1);
  });

  test('again and again does not starve a request that is worth several seconds', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 40);
    let admitted = false;
    void limiter.reserve(128, NEVER).then(() => {
      admitted = true;
    });
    // Like a share that climbs back after throttling, four times a second.
    for (let step = 1; step <= 14; step++) {
      await clock.advance(250);
      limiter.setRate(40 + step / 10);
    }
    expect(admitted).toBe(true);
  });

  test('to a lower one admits no request by units earned, or a size chosen, at the higher one', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 20);
    const admitted: Admission[] = [];
    const size = () => Math.max(1, limiter.unitsPerSecond * 0.4);
    for (let lane = 0; lane < 3; lane++) {
      void limiter.reserve(size, NEVER).then(units => admitted.push({ atMs: clock.monotonicMs(), units }));
    }
    await clock.advance(390);
    limiter.setRate(1);
    await clock.advance(2_700);
    expect(admitted.map(({ units }) => units)).toEqual([1, 1, 1]);
    expect(admitted[0]?.atMs).toBeGreaterThan(900);
  });

  test('to a lower one is not undone by late replies', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 100);
    const pages = [1, 2, 3].map(() => limiter.reserve(40, NEVER));
    await clock.advance(1_250);
    await Promise.all(pages);
    limiter.setRate(1);
    await clock.advance(3_000);
    // Each page was the last of its segment and cost almost nothing.
    for (const _ of pages) limiter.settle(40, 1);
    const sender = new Sender(clock, limiter);
    sender.start(1, () => 1);
    await clock.advance(6_000);
    expect(sender.units).toBeLessThanOrEqual(7);
  });

  test('to a lower one also limits a request that has its units and still waits for something else', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 100);
    let letThrough = () => {};
    const held = () => new Promise<void>(resolve => (letThrough = resolve));
    const asked: number[] = [];
    const size = () => {
      asked.push(limiter.unitsPerSecond);
      return limiter.unitsPerSecond / 2;
    };
    let reserved: number | undefined;
    void limiter.reserve(size, NEVER, held).then(units => {
      reserved = units;
    });
    await clock.advance(600);
    limiter.setRate(4);
    letThrough();
    await clock.advance(450);
    expect(reserved).toBeUndefined();
    await clock.advance(200);
    letThrough();
    await settled();
    expect(reserved).toBe(2);
    expect(asked).toEqual([100, 4]);
  });

  test('to zero admits nobody, and a rise admits those who waited', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 100);
    const sender = new Sender(clock, limiter);
    sender.start(1, () => 1);
    await clock.advance(1_000);
    limiter.setRate(0);
    const before = sender.units;
    await clock.advance(3_600_000);
    expect(sender.units).toBe(before);
    limiter.setRate(100);
    await clock.advance(1_000);
    expect(sender.units - before).toBeGreaterThanOrEqual(99);
    expect(sender.units - before).toBeLessThanOrEqual(101);
  });

  test('however often, never admits more than the highest rate in force allows', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 1, max: 900 })), {
          minLength: 2,
          maxLength: 20,
        }),
        async steps => {
          const clock = new FakeClock();
          const limiter = new CapacityLimiter(clock, 0);
          const sender = new Sender(clock, limiter);
          sender.start(2, () => 3);
          let [allowed, falls] = [0, 0];
          for (const [perSecond, ms] of steps) {
            if (perSecond < limiter.unitsPerSecond) falls += 1;
            limiter.setRate(perSecond);
            await clock.advance(ms);
            allowed += (perSecond * ms) / 1_000;
          }
          expect(sender.units).toBeLessThanOrEqual(allowed + 3);
          // What the first in line has earned shrinks with the rate.
          expect(sender.units).toBeGreaterThanOrEqual(allowed * 0.99 - 3 * (1 + falls) - 1);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a caller that gives up', () => {
  test('gets the reason, and the callers behind it go on', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 10);
    const stop = new AbortController();
    const first = limiter.reserve(1_000, stop.signal);
    let second = false;
    void limiter.reserve(1, NEVER).then(() => {
      second = true;
    });
    await clock.advance(100);
    const reason = new Error('the run is to stop');
    stop.abort(reason);
    await expect(first).rejects.toBe(reason);
    await clock.advance(10);
    expect(second).toBe(true);
  });

  test('before it asks is not admitted and takes nothing', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 10);
    await clock.advance(1_000);
    const reason = new Error('too late');
    await expect(limiter.reserve(2, AbortSignal.abort(reason))).rejects.toBe(reason);
    await expect(limiter.reserve(2, NEVER)).resolves.toBe(2);
  });

  test('leaves nothing behind: a limiter without callers waits for nothing', async () => {
    const clock = new FakeClock();
    const limiter = new CapacityLimiter(clock, 1);
    const stop = new AbortController();
    const waiting = Array.from({ length: 5 }, () => limiter.reserve(100, stop.signal).catch(() => {}));
    await clock.advance(10);
    stop.abort(new Error('all'));
    await Promise.all(waiting);
    await settled();
    expect(clock.sleepers).toBe(0);
  });
});
