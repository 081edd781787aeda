import type { GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { beforeEach, describe, expect, test } from 'vitest';
import type { TrafficCut } from '../../../core/records.ts';
import { TrafficGuard } from '../../../orchestrator/supervise/traffic-guard.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const MINUTE_MS = 60_000;
const START = Date.UTC(2026, 0, 1, 12, 0);

interface Minute {
  readonly throttledWrites?: number;
  readonly throttledReads?: number;
  readonly writeUnits?: number;
}

let clock: FakeClock;
/** What the table has published, by the start of the minute. */
let published: Map<number, Minute>;
let away: boolean;
let looks: number;

const now = () => START + clock.monotonicMs();

const client = {
  send: async ({ input }: GetMetricDataCommand) => {
    looks += 1;
    if (away) throw new Error('CloudWatch is away');
    const from = input.StartTime?.getTime() ?? 0;
    const minutes = [...published].filter(([at]) => at >= from && at < now());
    const of = (pick: (minute: Minute) => number | undefined) => ({
      Timestamps: minutes.map(([at]) => new Date(at)),
      Values: minutes.map(([, minute]) => pick(minute) ?? 0),
    });
    return {
      MetricDataResults: [
        { Id: 'writeThrottleEvents', ...of(minute => minute.throttledWrites) },
        { Id: 'readThrottleEvents', ...of(minute => minute.throttledReads) },
        { Id: 'writeUnits', ...of(minute => minute.writeUnits) },
      ],
    };
  },
};

beforeEach(() => {
  clock = new FakeClock();
  published = new Map();
  away = false;
  looks = 0;
});

const guard = (cut?: TrafficCut, provisionedWriteUnits?: number): TrafficGuard =>
  new TrafficGuard(
    {
      client: client as never,
      clock,
      now,
      run: { table: 'stuff', ...(provisionedWriteUnits !== undefined && { provisionedWriteUnits }) },
    },
    cut,
  );

/** So many minutes pass, each as it is told; the factor at the end of each. */
async function live(of: TrafficGuard, minutes: readonly Minute[]): Promise<number[]> {
  const factors: number[] = [];
  for (const minute of minutes) {
    const at = Math.floor(now() / MINUTE_MS) * MINUTE_MS;
    await clock.advance(MINUTE_MS);
    published.set(at, minute);
    factors.push((await of.look()).factor);
  }
  return factors;
}

const QUIET: Minute = {};
const THROTTLED: Minute = { throttledWrites: 7 };

describe('the fleet’s budget', () => {
  test('stays whole while nobody is throttled', async () => {
    expect(
      await live(
        guard(),
        Array.from({ length: 10 }, () => QUIET),
      ),
    ).toEqual(Array.from({ length: 10 }, () => 1));
  });

  test('halves for each minute in which somebody was throttled, and keeps a sixteenth', async () => {
    const factors = await live(
      guard(),
      Array.from({ length: 6 }, () => THROTTLED),
    );
    expect(factors).toEqual([0.5, 0.25, 0.125, 0.0625, 0.0625, 0.0625]);
  });

  test('is cut once for a minute, however often it is looked at', async () => {
    const one = guard();
    await live(one, [THROTTLED]);
    for (let look = 0; look < 5; look++) {
      await clock.advance(20_000);
      expect((await one.look()).factor).toBe(0.5);
    }
  });

  test('comes back by a tenth with each quiet minute that will not change any more', async () => {
    const one = guard();
    await live(one, [THROTTLED]);
    const factors = await live(
      one,
      Array.from({ length: 10 }, () => QUIET),
    );
    expect(factors.at(-1)).toBe(1);
    for (const [index, factor] of factors.entries()) {
      const before = factors[index - 1] ?? 0.5;
      expect(factor - before).toBeLessThanOrEqual(0.1 + 1e-9);
      expect(factor).toBeGreaterThanOrEqual(before);
    }
  });

  test('is cut for throttled reads as well, with the reason', async () => {
    const one = guard();
    await live(one, [{ throttledReads: 3 }]);
    expect(await one.look()).toEqual({ factor: 0.5, reason: '3 throttled reads on the table at 12:00' });
  });

  test('is cut when a provisioned table is nearly full, before anybody is throttled', async () => {
    const one = guard(undefined, 100);
    await live(one, [{ writeUnits: 96 * 60 }]);
    expect(await one.look()).toEqual({
      factor: 0.5,
      reason: '96 of 100 provisioned write units a second in use at 12:00',
    });
    expect(await live(guard(undefined, 100), [{ writeUnits: 94 * 60 }])).toEqual([1]);
  });

  test('goes on from what an earlier supervisor had cut', async () => {
    const one = guard({ factor: 0.25, reason: 'before' });
    expect((await one.look()).factor).toBe(0.25);
    expect(await live(one, [THROTTLED])).toEqual([0.125]);
  });

  test('is not cut for what happened before the run', async () => {
    published.set(START - 2 * MINUTE_MS, THROTTLED);
    expect(await live(guard(), [QUIET])).toEqual([1]);
  });
});

describe('a CloudWatch that cannot be read', () => {
  test('is told, and never makes the fleet faster', async () => {
    const one = guard();
    await live(one, [THROTTLED]);
    away = true;
    const factors = await live(
      one,
      Array.from({ length: 10 }, () => QUIET),
    );
    expect(new Set(factors)).toEqual(new Set([0.5]));
    expect(one.blindBecause).toContain('CloudWatch is away');
    away = false;
    await live(one, [QUIET]);
    expect(one.blindBecause).toBeUndefined();
  });
});

test('it asks three times a minute and no more often', async () => {
  const one = guard();
  for (let second = 0; second < 60; second++) {
    await one.look();
    await clock.advance(1_000);
  }
  expect(looks).toBe(3);
});
