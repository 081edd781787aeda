import type { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { RateControl } from '../../../core/rate/rate-control.ts';
import { verificationSegments } from '../../../core/verification-segments.ts';
import type { VerificationPosition } from '../../../core/verification-store.ts';
import { draw } from '../../../demo/draw.ts';
import type { Stores } from '../../../orchestrator/stores.ts';
import { checkpointsOf, mostUnsavedUnits } from '../../../orchestrator/verify/checkpoints.ts';
import { lacksAttribute } from '../../../orchestrator/verify/subject.ts';
import { type VerificationRequest, verifyTable } from '../../../orchestrator/verify/verification.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { rates } from '../../support/records.ts';

const ITEM_BYTES = 1_024;
const LARGEST_PAGE_ITEMS = 1_024;
const NEVER = new AbortController().signal;

interface Seen {
  atMs: number;
  units: number;
}

/** A table that answers each page after this long, in time that only the test advances. */
async function verifyAt(
  budget: number,
  latencyMs: number,
  seconds: number,
  given: Partial<VerificationRequest> = {},
): Promise<{ usedPart: number; seen: Seen[]; mostInFlight: number; mostUnits: number }> {
  const clock = new FakeClock();
  const totalSegments = verificationSegments(32, budget);
  const ofSegment = Math.ceil((budget * seconds * 4_096) / ITEM_BYTES / totalSegments);
  const seen: Seen[] = [];
  let [inFlight, mostInFlight, unitsInFlight, mostUnits] = [0, 0, 0, 0];
  const send = async ({ input }: ScanCommand) => {
    const begun = Number(input.ExclusiveStartKey?.['id']?.S ?? 0);
    const items = Math.min(input.Limit ?? LARGEST_PAGE_ITEMS, LARGEST_PAGE_ITEMS, ofSegment - begun);
    const units = Math.max(1, Math.ceil((items * ITEM_BYTES) / 4_096));
    seen.push({ atMs: clock.monotonicMs(), units });
    inFlight += 1;
    unitsInFlight += units;
    mostInFlight = Math.max(mostInFlight, inFlight);
    mostUnits = Math.max(mostUnits, unitsInFlight);
    if (latencyMs > 0) await clock.sleep(latencyMs);
    inFlight -= 1;
    unitsInFlight -= units;
    return {
      Count: 0,
      ScannedCount: items,
      Items: [],
      ConsumedCapacity: { CapacityUnits: units },
      ...(begun + items < ofSegment && { LastEvaluatedKey: { id: { S: String(begun + items) } } }),
    };
  };
  const rate = new RateControl({ clock, paces: 'reads', seed: { bytes: ITEM_BYTES } });
  rate.grant(rates(0, budget), 1);
  let endedAtMs: number | undefined;
  const verifying = verifyTable({
    client: { send } as unknown as DynamoDBClient,
    table: 'stuff',
    keySchema: [{ name: 'id', type: 'S' }],
    subject: lacksAttribute([{ name: 'id', type: 'S' }], 'test'),
    totalSegments,
    rate,
    clock,
    signal: NEVER,
    ...given,
  }).then(() => {
    endedAtMs = clock.monotonicMs();
  });
  while (endedAtMs === undefined && clock.monotonicMs() < seconds * 20_000) await clock.advance(500);
  await verifying;
  const units = seen.reduce((sum, page) => sum + page.units, 0);
  return { usedPart: units / ((budget * (endedAtMs ?? 0)) / 1_000), seen, mostInFlight, mostUnits };
}

describe('a verification', () => {
  test.each([
    [40_000, 0],
    [40_000, 20],
    [40_000, 150],
    [3_000, 150],
    [100, 20],
  ])(
    'of %d read units a second: they are used for nine tenths where a page takes %d ms',
    async (budget, latencyMs) => {
      const { usedPart } = await verifyAt(budget, latencyMs, 12);
      expect(usedPart).toBeGreaterThan(0.9);
      expect(usedPart).toBeLessThan(1.05);
    },
  );

  test('begins with small pages, and keeps within its budget from the first one on', async () => {
    const { seen } = await verifyAt(8, 20, 20);
    expect(seen[0]?.units).toBeLessThanOrEqual(8);
    for (const { atMs } of seen) {
      const window = seen.filter(page => page.atMs >= atMs && page.atMs < atMs + 10_000);
      expect(window.reduce((sum, page) => sum + page.units, 0)).toBeLessThanOrEqual(8 * 10 * 1.05);
    }
  });

  test('has no more unsaved units in flight than it may read again after a crash', async () => {
    const { mostUnits, usedPart } = await verifyAt(2_000, 150, 12, { mostUnsavedUnits: 240 });
    expect(mostUnits).toBeLessThanOrEqual(240);
    expect(usedPart).toBeGreaterThan(0.6);
  });
});

/**
 * Items of 60 to 320 bytes, read by one process after another. Each dies with its pages in flight answered but not
 * saved.
 */
async function readWithKills(items: number, kills: number) {
  const totalSegments = 3;
  const sizes = Array.from({ length: items }, (_, index) => 60 + 260 * draw('kills', String(index)));
  const ofScan = Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / 4_096);
  const ofSegment = Math.ceil(items / totalSegments);
  const saved = new Map<number, VerificationPosition>();
  let [units, sincePages, scanned] = [0, 0, 0];
  for (let life = 0; life <= kills; life++) {
    const clock = new FakeClock();
    const stop = new AbortController();
    const dying = () => life < kills && sincePages > 12;
    sincePages = 0;
    const send = async ({ input }: ScanCommand) => {
      const base = (input.Segment ?? 0) * ofSegment;
      const most = Math.min(ofSegment, items - base);
      const begun = Number(input.ExclusiveStartKey?.['id']?.S ?? 0);
      const end = Math.min(most, begun + (input.Limit ?? most));
      const bytes = sizes.slice(base + begun, base + end).reduce((sum, size) => sum + size, 0);
      const CapacityUnits = Math.max(1, Math.ceil(bytes / 4_096));
      units += CapacityUnits;
      sincePages += 1;
      await clock.sleep(20);
      return {
        ...{ Count: 0, ScannedCount: end - begun, Items: [], ConsumedCapacity: { CapacityUnits } },
        ...(end < most && { LastEvaluatedKey: { id: { S: String(end) } } }),
      };
    };
    const rate = new RateControl({ clock, paces: 'reads' });
    rate.grant(rates(0, ofScan / 25), 1);
    let ended = false;
    const verifying = verifyTable({
      client: { send } as unknown as DynamoDBClient,
      table: 'stuff',
      keySchema: [{ name: 'id', type: 'S' }],
      subject: lacksAttribute([{ name: 'id', type: 'S' }], 'test'),
      ...{ totalSegments, rate, clock, signal: stop.signal },
      mostUnsavedUnits: mostUnsavedUnits(ofScan),
      checkpoints: {
        claim: async segment => saved.get(segment),
        save: async position => {
          if (dying()) stop.abort(new Error('killed'));
          stop.signal.throwIfAborted();
          saved.set(position.segment, position);
        },
      },
    })
      .then(result => {
        scanned = result.scanned;
      })
      .catch(() => {})
      .finally(() => {
        ended = true;
      });
    while (!ended) await clock.advance(500);
    await verifying;
  }
  return { units, ofScan, scanned };
}

test.each([100_000, 400_000])(
  'of %d items, killed five times with its pages answered and not saved, reads one scan and five hundredths at most',
  async items => {
    const { units, ofScan, scanned } = await readWithKills(items, 5);
    expect(scanned).toBe(items);
    expect(units).toBeGreaterThan(ofScan);
    expect(units).toBeLessThanOrEqual(ofScan * 1.05);
  },
);

test('while the control table is away, pages that were read wait for their checkpoint and are not read again', async () => {
  const clock = new FakeClock();
  const [away, back] = [2_000, 17_000];
  const isAway = () => clock.monotonicMs() >= away && clock.monotonicMs() < back;
  const timeout = () => Object.assign(new Error('no reply'), { name: 'TimeoutError' });
  const read: string[] = [];
  let saves = 0;
  const send = async ({ input }: ScanCommand) => {
    const begun = Number(input.ExclusiveStartKey?.['id']?.S ?? 0);
    read.push(`${input.Segment} ${begun}`);
    await clock.sleep(20);
    return {
      ...{ Count: 0, ScannedCount: 100, Items: [], ConsumedCapacity: { CapacityUnits: 25 } },
      ...(begun < 1_900 && { LastEvaluatedKey: { id: { S: String(begun + 100) } } }),
    };
  };
  const rate = new RateControl({ clock, paces: 'reads', seed: { bytes: ITEM_BYTES } });
  rate.grant(rates(0, 100), 1);
  const verifications = {
    claim: async () => ({}),
    save: async () => {
      if (isAway()) throw timeout();
      saves += 1;
    },
  };
  const reader = { runId: 'run-1', id: 'v1', epoch: 1 };
  const stores = { verifications } as unknown as Stores;
  const verifying = verifyTable({
    client: { send } as unknown as DynamoDBClient,
    table: 'stuff',
    keySchema: [{ name: 'id', type: 'S' }],
    subject: lacksAttribute([{ name: 'id', type: 'S' }], 'test'),
    ...{ totalSegments: 3, rate, clock, signal: NEVER },
    // The authority lapses three seconds after the record could last be read.
    held: async () => {
      if (isAway() && clock.monotonicMs() > away + 3_000) await clock.sleep(back - clock.monotonicMs());
    },
    checkpoints: checkpointsOf(reader, { stores, clock }, NEVER, () => {}),
  });
  for (let second = 0; second < 60; second++) await clock.advance(1_000);
  expect((await verifying).scanned).toBe(6_000);
  expect(read).toHaveLength(60);
  expect(new Set(read).size).toBe(60);
  expect(saves).toBe(60);
});

test.each([400, 1_000, 1_900, 4_700, 100_000])(
  'of a table of %d units, at most a hundredth is in flight or not saved',
  units => {
    expect(mostUnsavedUnits(units)).toBeLessThanOrEqual(units / 100);
  },
);

test('the limit of a page grows until it says nothing, and is never more than DynamoDB takes', async () => {
  const limits: (number | undefined)[] = [];
  const send = async ({ input }: ScanCommand) => {
    limits.push(input.Limit);
    return { Count: 0, ScannedCount: 0, Items: [], ConsumedCapacity: { CapacityUnits: 0.5 } };
  };
  const clock = new FakeClock();
  const rate = new RateControl({ clock, paces: 'reads' });
  rate.grant(rates(0, 1_000_000), 1);
  const verifying = verifyTable({
    client: { send } as unknown as DynamoDBClient,
    table: 'stuff',
    keySchema: [{ name: 'id', type: 'S' }],
    subject: lacksAttribute([{ name: 'id', type: 'S' }], 'test'),
    totalSegments: 80,
    rate,
    clock,
    signal: NEVER,
  });
  for (let step = 0; step < 400 && limits.length < 80; step++) await clock.advance(250);
  await verifying;
  expect(limits).toHaveLength(80);
  expect(limits[0]).toBe(1);
  expect(limits.at(-1)).toBeUndefined();
  for (const limit of limits) expect(limit ?? 1).toBeLessThan(1_000_000);
});
