import type { GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { beforeEach, describe, expect, test } from 'vitest';
import type { TrafficCut } from '../../../core/records.ts';
import { type TableNow, TrafficGuard } from '../../../orchestrator/supervise/traffic-guard.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const MINUTE_MS = 60_000;
const START = Date.UTC(2026, 0, 1, 12, 0);

interface Minute {
  readonly throttledWrites?: number;
  readonly throttledReads?: number;
  readonly writeUnits?: number;
  /** One partition caused the throttling. */
  readonly hot?: boolean;
  readonly indexes?: Readonly<Record<string, Minute>>;
}

let clock: FakeClock;
/** What the table has published, by the start of the minute. */
let published: Map<number, Minute>;
let away: boolean;
let looks: number;
/** Names of the tables whose metrics were requested. */
let asked: Set<string>;

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
    const series: Record<string, (minute: Minute) => number | undefined> = {
      WriteThrottleEvents: minute => minute.throttledWrites,
      ReadThrottleEvents: minute => minute.throttledReads,
      ConsumedWriteCapacityUnits: minute => minute.writeUnits,
      WriteKeyRangeThroughputThrottleEvents: minute => (minute.hot ? minute.throttledWrites : 0),
    };
    return {
      MetricDataResults: (input.MetricDataQueries ?? []).map(({ Id, MetricStat }) => {
        const { MetricName = '', Dimensions = [] } = MetricStat?.Metric ?? {};
        const [table, index] = Dimensions.map(({ Value = '' }) => Value);
        asked.add(table ?? '');
        const pick = series[MetricName];
        const ofIndex =
          index === undefined ? pick : (minute: Minute) => pick?.(minute.indexes?.[index] ?? {});
        return { Id, ...of(minute => ofIndex?.(minute)) };
      }),
    };
  },
};

beforeEach(() => {
  clock = new FakeClock();
  published = new Map();
  away = false;
  looks = 0;
  asked = new Set();
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

/** Lets these minutes pass and returns the factor at the end of each. */
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

  test('comes back by a tenth with each quiet minute whose metrics are final', async () => {
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
  test('is reported, and never makes the fleet faster', async () => {
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

describe('a table that changes', () => {
  /** A guard of a table that was provisioned for 1,000 at the start and is now described as given. */
  const guardOf = (table: () => TableNow | undefined): TrafficGuard =>
    new TrafficGuard(
      {
        client: client as never,
        clock,
        now,
        run: { table: 'stuff', provisionedWriteUnits: 1_000 },
        describeTable: async () => table(),
      },
      undefined,
    );
  const provisioned = (
    WriteCapacityUnits: number,
    GlobalSecondaryIndexes?: TableNow['GlobalSecondaryIndexes'],
  ) =>
    ({
      ProvisionedThroughput: { WriteCapacityUnits, ReadCapacityUnits: 1 },
      ...(GlobalSecondaryIndexes && { GlobalSecondaryIndexes }),
    }) as TableNow;

  test('is compared with the provisioned capacity of now: 2,000 of 4,000 is not nearly full', async () => {
    const one = guardOf(() => provisioned(4_000));
    expect(await live(one, [{ writeUnits: 2_000 * 60 }])).toEqual([1]);
    const shrunk = guardOf(() => provisioned(500));
    await live(shrunk, [{ writeUnits: 490 * 60 }]);
    expect((await shrunk.look()).reason).toMatch(/^490 of 500 provisioned/);
  });

  test('is compared with its last description when it cannot be described', async () => {
    let described: TableNow | undefined = provisioned(4_000);
    const one = guardOf(() => {
      if (!described) throw new Error('denied');
      return described;
    });
    await live(one, [{ writeUnits: 2_000 * 60 }]);
    described = undefined;
    expect(await live(one, [{ writeUnits: 2_000 * 60 }])).toEqual([1]);
  });

  test('is seen with its indexes: one that throttles cuts the budget, and is named', async () => {
    const one = guardOf(() => provisioned(4_000, [{ IndexName: 'by-owner' }]));
    expect(await live(one, [{ indexes: { 'by-owner': { throttledWrites: 9 } } }])).toEqual([0.5]);
    expect((await one.look()).reason).toBe('9 throttled writes on the index by-owner at 12:00');
  });

  test('is seen with what its indexes are provisioned for', async () => {
    const index = { IndexName: 'by-owner', ProvisionedThroughput: { WriteCapacityUnits: 100 } };
    const one = guardOf(() => provisioned(4_000, [index as never]));
    await live(one, [{ indexes: { 'by-owner': { writeUnits: 99 * 60 } } }]);
    expect((await one.look()).reason).toBe(
      '99 of 100 provisioned write units a second of the index by-owner in use at 12:00',
    );
  });

  test('says which limit it was when the metrics show it', async () => {
    const one = guardOf(() => provisioned(4_000));
    await live(one, [{ throttledWrites: 3, hot: true }]);
    expect((await one.look()).reason).toBe(
      '3 throttled writes on the table at 12:00: one partition was at its limit',
    );
  });
});

describe('a table that publishes nothing', () => {
  const named = (table: string) =>
    new TrafficGuard({ client: client as never, clock, now, run: { table } }, undefined);

  /** The fleet writes a unit in each step, and the table publishes nothing. */
  async function writing(one: TrafficGuard, minutes: number, from = 0): Promise<number> {
    let units = from;
    for (let look = 0; look < minutes * 3; look++) {
      await one.look(units++);
      await clock.advance(20_000);
    }
    return units;
  }

  test('is not quiet while the fleet writes: the guard calls itself blind', async () => {
    const one = named('stuff');
    const units = await writing(one, 3);
    expect(one.blindBecause).toBeUndefined();
    await writing(one, 1, units);
    expect(one.blindBecause).toMatch(
      /CloudWatch has no metrics of the table stuff, although the fleet has been writing/,
    );
  });

  test('is quiet while the fleet does not write', async () => {
    const one = named('stuff');
    for (let look = 0; look < 30; look++) {
      await one.look(7);
      await clock.advance(20_000);
    }
    expect(one.blindBecause).toBeUndefined();
  });

  test('is seen again when it does publish', async () => {
    const one = named('stuff');
    const units = await writing(one, 5);
    published.set(now() - MINUTE_MS, QUIET);
    await clock.advance(20_000);
    await one.look(units);
    expect(one.blindBecause).toBeUndefined();
  });

  test('is asked for by its name when it is given by its ARN', async () => {
    const one = named('arn:aws:dynamodb:us-east-1:111122223333:table/stuff');
    await writing(one, 5);
    expect([...asked]).toEqual(['stuff']);
    expect(one.blindBecause).toMatch(/The metrics of a table in another account are in that account/);
  });
});
