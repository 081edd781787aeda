import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { RateControl } from '../../../core/rate/rate-control.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { rates } from '../../support/records.ts';

const ADJUST_MS = 250;
const GRANTED = 100;

let clock: FakeClock;
let rate: RateControl;

beforeEach(() => {
  clock = new FakeClock({ startMs: 123_456 });
  rate = new RateControl({ clock, floorWriteUnitsPerSecond: 10 });
});

/**
 * Advances the time as in a worker, which adjusts its rate four times a second, while the table accepts what it may.
 */
async function pass(ms: number, each: () => void = () => {}): Promise<void> {
  for (let passed = 0; passed < ms; passed += ADJUST_MS) {
    each();
    const taken = (rate.write.unitsPerSecond * ADJUST_MS) / 1_000;
    rate.settleWrites(taken, taken, taken);
    await clock.advance(ADJUST_MS);
    rate.adjust();
  }
}

const writeRate = () => rate.write.unitsPerSecond;

describe('a grant', () => {
  test('is nothing before the first grant', () => {
    expect(writeRate()).toBe(0);
    expect(rate.read.unitsPerSecond).toBe(0);
    expect(rate.seenRenewal).toBe(0);
  });

  test('is what was granted, at once, and echoes its number', () => {
    rate.grant(rates(GRANTED, 40), 3);
    expect(writeRate()).toBe(GRANTED);
    expect(rate.read.unitsPerSecond).toBe(40);
    expect(rate.seenRenewal).toBe(3);
    rate.grant(rates(50, 20), 4);
    expect(writeRate()).toBe(50);
    expect(rate.seenRenewal).toBe(4);
  });
});

describe('while the table throttles', () => {
  beforeEach(() => rate.grant(rates(GRANTED, 40), 1));

  test('both rates halve at the first throttled reply', async () => {
    await pass(5_000);
    rate.throttled('TableWriteThroughputExceeded');
    expect(writeRate()).toBe(50);
    expect(rate.read.unitsPerSecond).toBe(20);
  });

  test('the replies of one burst are one event', async () => {
    await pass(5_000);
    for (let reply = 0; reply < 25; reply++) rate.throttled('x');
    expect(writeRate()).toBe(50);
    await clock.advance(900);
    rate.throttled('x');
    expect(writeRate()).toBe(50);
  });

  test('the rate goes on halving each second, and never to nothing', async () => {
    await pass(20_000, () => rate.throttled('x'));
    expect(writeRate()).toBeGreaterThan(0);
    expect(writeRate()).toBeLessThanOrEqual(GRANTED / 32);
  });

  test('the rate has at least halved within ten seconds, whenever the replies came', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), async throttled => {
        fc.pre(throttled.some(Boolean));
        clock = new FakeClock();
        rate = new RateControl({ clock, floorWriteUnitsPerSecond: 10 });
        rate.grant(rates(GRANTED), 1);
        let lowest = GRANTED;
        let step = 0;
        await pass(10_000, () => {
          if (throttled[step++]) rate.throttled('x');
          lowest = Math.min(lowest, writeRate());
        });
        expect(lowest).toBeLessThanOrEqual(GRANTED / 2);
      }),
      { numRuns: 30 },
    );
  });

  test('a minute after the last throttled reply the rate is back to 80 %, whatever happened before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 20 }), async pauses => {
        clock = new FakeClock();
        rate = new RateControl({ clock, floorWriteUnitsPerSecond: 10 });
        rate.grant(rates(GRANTED), 1);
        for (const [renewal, steps] of [...pauses, 1].entries()) {
          await pass(steps * ADJUST_MS);
          rate.throttled('x');
          // Somebody watches the whole time.
          rate.grant(rates(GRANTED), renewal + 2);
        }
        await pass(60_000);
        expect(writeRate()).toBeGreaterThanOrEqual(GRANTED * 0.8);
      }),
      { numRuns: 30 },
    );
  });

  test('the rate climbs evenly, without jumping back', async () => {
    rate.throttled('x');
    let before = writeRate();
    for (let step = 0; step < 240; step++) {
      await pass(ADJUST_MS);
      expect(writeRate()).toBeGreaterThanOrEqual(before);
      expect(writeRate() - before).toBeLessThanOrEqual(GRANTED * 0.02);
      before = writeRate();
    }
    expect(before).toBe(GRANTED);
  });

  test('against a constant limit it is throttled only now and then, and uses most of the limit', async () => {
    const capacity = 40;
    let throttledReplies = 0;
    let used = 0;
    let renewal = 1;
    await pass(120_000, () => {
      rate.grant(rates(GRANTED), ++renewal);
      used += (Math.min(writeRate(), capacity) * ADJUST_MS) / 1_000;
      if (writeRate() > capacity) {
        throttledReplies += 1;
        rate.throttled('x');
      }
    });
    expect(used / 120).toBeGreaterThan(capacity * 0.75);
    expect(throttledReplies).toBeLessThan(40);
  });

  test('a lower grant lowers the rate in use, even if that was below the new grant already', () => {
    rate.throttled('x');
    rate.grant(rates(60), 2);
    expect(writeRate()).toBe(30);
  });

  test('the count and reason of throttling are reported once', () => {
    expect(rate.takeThrottled()).toBeUndefined();
    rate.throttled('first');
    rate.throttled('second');
    expect(rate.takeThrottled()).toEqual({ count: 2, reason: 'second' });
    expect(rate.takeThrottled()).toBeUndefined();
  });
});

describe('without a supervisor', () => {
  beforeEach(() => rate.grant(rates(GRANTED, 40), 1));

  test('the share stays for two minutes after the last renewal', async () => {
    await pass(119_000);
    expect(writeRate()).toBe(GRANTED);
  });

  test('then it falls to the floor, and no further', async () => {
    await pass(135_000);
    expect(writeRate()).toBeLessThan(GRANTED);
    expect(writeRate()).toBeGreaterThan(10);
    await pass(60_000);
    expect(writeRate()).toBeCloseTo(10, 6);
    // Reads fall by the same factor.
    expect(rate.read.unitsPerSecond).toBeCloseTo(4, 6);
  });

  test('heartbeats that bring the same grant again are no renewal', async () => {
    await pass(160_000, () => rate.grant(rates(GRANTED, 40), 1));
    expect(writeRate()).toBeCloseTo(10, 6);
  });

  test('a renewal, even of the same share, brings it back at once', async () => {
    await pass(200_000);
    rate.grant(rates(GRANTED, 40), 2);
    expect(writeRate()).toBe(GRANTED);
  });

  test('a share below the floor is not raised to it', async () => {
    rate.grant(rates(4), 2);
    await pass(200_000);
    expect(writeRate()).toBe(4);
  });

  test('throttling still halves what is left', async () => {
    await pass(200_000);
    rate.throttled('x');
    expect(writeRate()).toBeCloseTo(5, 6);
  });
});

test('whatever happens, a worker never uses more than it was granted', async () => {
  const event = fc.oneof(
    fc.record({ grant: fc.nat({ max: 500 }) }),
    fc.constant('throttled' as const),
    fc.record({ waitSteps: fc.nat({ max: 800 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 20 }), async events => {
      clock = new FakeClock();
      rate = new RateControl({ clock, floorWriteUnitsPerSecond: 10 });
      let granted = 0;
      let renewal = 0;
      for (const happens of events) {
        if (happens === 'throttled') rate.throttled('x');
        else if ('grant' in happens) {
          granted = happens.grant;
          rate.grant(rates(granted), ++renewal);
        } else {
          await clock.advance(happens.waitSteps * ADJUST_MS);
          rate.adjust();
        }
        expect(writeRate()).toBeLessThanOrEqual(granted);
        expect(writeRate()).toBeGreaterThanOrEqual(Math.min(granted, 10) / 64 - 1e-9);
      }
    }),
  );
});
