import type { ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import { beforeEach, describe, expect, test } from 'vitest';
import { type AttributeMap, encodeAttributeMap } from '../../core/attribute-value.ts';
import { AuthorityLostError, SystemicError } from '../../core/errors.ts';
import { RateControl } from '../../core/rate/rate-control.ts';
import { NO_COUNTERS } from '../../core/records.ts';
import { constantRule } from '../../core/write-rule.ts';
import { FIRST_PAGE_ITEMS, type ScanStageOptions, scanSegment } from '../../job/scan-stage.ts';
import { SegmentCounters } from '../../job/segment-counters.ts';
import type { SegmentWork } from '../../job/segment-work.ts';
import { type Page, SettledPrefix } from '../../job/settled-prefix.ts';
import type { ScanPosition, UserTable } from '../../job/user-table.ts';
import { WriteQueue } from '../../job/write-queue.ts';
import { STUFF_KEY } from '../support/engine.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { rates } from '../support/records.ts';

const NEVER = new AbortController().signal;
const key = (index: number) => ({ id: { S: `id-${index}` } });

type Reply = Partial<ScanCommandOutput> | Error;

/** A segment with these pages, and the parts of a worker around it. */
class Stand {
  readonly clock = new FakeClock();
  readonly rate = new RateControl({ clock: this.clock });
  readonly queue = new WriteQueue();
  readonly tally = new SegmentCounters(NO_COUNTERS, () => {});
  readonly prefix = new SettledPrefix(undefined);
  readonly pages: Page[] = [];
  readonly asked: (ScanPosition & { readonly limit: number | undefined })[] = [];
  /** Whether the item after which a page continues is gone. */
  gone = false;
  /** Resolves when there is room, like settling in the write stage. */
  readonly #waiting: (() => void)[] = [];
  readonly #replies: Reply[];

  constructor(replies: Reply[]) {
    this.#replies = [...replies];
    this.rate.grant(rates(1_000), 1);
  }

  readonly work = {
    segment: 3,
    tally: this.tally,
    append: (page: Page) => {
      this.pages.push(page);
      this.prefix.append(page);
    },
    pass: (page: Page, items: number) => {
      this.tally.add({ matched: items });
      this.prefix.settle(page, items);
    },
    belowOpenPages: async (pages: number, signal: AbortSignal) => {
      while (this.prefix.openPages >= pages) {
        signal.throwIfAborted();
        await new Promise<void>(resolve => this.#waiting.push(resolve));
      }
    },
  } as unknown as SegmentWork;

  settlePage(index: number): void {
    const page = this.pages[index];
    if (page) this.prefix.settle(page, page.unsettled);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  scan(options: Partial<ScanStageOptions> = {}, from?: string, signal: AbortSignal = NEVER): Promise<void> {
    const table = {
      write: { table: 'stuff', keySchema: STUFF_KEY, rule: constantRule('test', { N: '1' }) },
      scan: async (position: ScanPosition) => {
        this.asked.push({ ...position, limit: position.itemsNow() });
        const reply = this.#replies.shift();
        if (reply instanceof Error) throw reply;
        return reply ?? {};
      },
      readBack: async (keys: AttributeMap[]) => new Map(keys.map(one => [one, this.gone ? 'absent' : one])),
    } as unknown as UserTable;
    const { rate, queue, clock } = this;
    const all = { table, queue, rate, clock, dryRun: false, totalSegments: 8, ...options };
    return scanSegment(all, this.work, from, signal);
  }
}

/** A service gives an error a name; the operating system gives it a code. */
const fault = (name: string) =>
  Object.assign(new Error('said so'), /^E[A-Z]+$/.test(name) ? { code: name } : { name });

let pages: Reply[];

beforeEach(() => {
  pages = [
    { Items: [], ScannedCount: 5, LastEvaluatedKey: key(1) },
    { Items: [key(2), key(3)], ScannedCount: 5, LastEvaluatedKey: key(4) },
    { Items: [key(5)], ScannedCount: 2 },
  ];
});

describe('a segment', () => {
  test('is read page by page to its end; keys go to the writers, pages to the prefix', async () => {
    const stand = new Stand(pages);
    await stand.scan();
    expect(stand.asked.map(({ exclusiveStartKey }) => exclusiveStartKey)).toEqual([
      undefined,
      key(1),
      key(4),
    ]);
    expect(stand.asked).toMatchObject(stand.asked.map(() => ({ segment: 3, totalSegments: 8 })));
    expect(stand.pages.map(({ unsettled, lastEvaluatedKey }) => [unsettled, lastEvaluatedKey])).toEqual([
      [0, encodeAttributeMap(key(1))],
      [2, encodeAttributeMap(key(4))],
      [1, undefined],
    ]);
    expect(stand.queue.take(10).map(item => item.key)).toEqual([key(2), key(3), key(5)]);
    expect(stand.tally.snapshot()).toMatchObject({ scanned: 12, matched: 0 });
  });

  test('begins behind its checkpoint', async () => {
    const stand = new Stand([{ Items: [], ScannedCount: 0 }]);
    const number = '{"id":{"N":"99999999999999999999999999999999999999"}}';
    await stand.scan({}, number);
    expect(stand.asked[0]?.exclusiveStartKey).toEqual({
      id: { N: '99999999999999999999999999999999999999' },
    });
  });

  test('with nothing in it is one empty page', async () => {
    const stand = new Stand([{ Items: [], ScannedCount: 0 }]);
    await stand.scan();
    expect(stand.prefix.read()).toEqual({ pages: 1, lastEvaluatedKey: undefined, complete: true });
  });

  test('is not read further while two pages are open', async () => {
    const full = (index: number): Reply => ({
      Items: [key(index)],
      ScannedCount: 1,
      LastEvaluatedKey: key(index),
    });
    const stand = new Stand([full(0), full(1), full(2), { Items: [], ScannedCount: 1 }]);
    const reading = stand.scan();
    await stand.clock.advance(1_000);
    expect(stand.asked).toHaveLength(2);
    // The first page must settle, because the second alone makes no room.
    stand.settlePage(1);
    await stand.clock.advance(1_000);
    expect(stand.asked).toHaveLength(2);
    stand.settlePage(0);
    await reading;
    expect(stand.asked).toHaveLength(4);
  });

  test('may end without an item behind its last key', async () => {
    const stand = new Stand([
      { Items: [], ScannedCount: 25, LastEvaluatedKey: key(1) },
      { Items: [], ScannedCount: 0 },
    ]);
    await stand.scan();
    expect(stand.asked).toHaveLength(2);
    expect(stand.prefix.read().complete).toBe(true);
  });

  test('that ends this way because the item was deleted is read again from its beginning, a few times', async () => {
    const nothing: Reply = { Items: [], ScannedCount: 0 };
    const page: Reply = { Items: [], ScannedCount: 5, LastEvaluatedKey: key(1) };
    const stand = new Stand([page, nothing, page, nothing, page, { Items: [], ScannedCount: 2 }]);
    stand.gone = true;
    await stand.scan();
    expect(stand.asked.map(({ exclusiveStartKey }) => exclusiveStartKey)).toEqual([
      ...[undefined, key(1)],
      ...[undefined, key(1)],
      ...[undefined, key(1)],
    ]);
    expect(stand.tally.snapshot().scanned).toBe(17);
    expect(stand.prefix.read().complete).toBe(true);
    const doubtful = new Stand([]);
    doubtful.gone = true;
    await doubtful.scan({}, encodeAttributeMap(key(1)));
    expect(doubtful.asked.map(({ exclusiveStartKey }) => exclusiveStartKey)).toEqual([key(1), undefined]);
    const stubborn = new Stand([nothing, page, nothing, page, nothing, page, nothing]);
    stubborn.gone = true;
    await stubborn.scan({}, encodeAttributeMap(key(1)));
    expect(stubborn.asked).toHaveLength(7);
    expect(stubborn.prefix.read().complete).toBe(true);
  });

  test('in a dry run is counted, and no key goes to a writer', async () => {
    const stand = new Stand(pages);
    await stand.scan({ dryRun: true });
    expect(stand.tally.snapshot()).toMatchObject({ scanned: 12, matched: 3, updated: 0 });
    expect(stand.queue.length).toBe(0);
    expect(stand.prefix.read().complete).toBe(true);
  });
});

describe('the size of a page', () => {
  /** The limit of a page far after the first one, which depends only on share and estimate. */
  async function limitOfLaterPage(setUp: (stand: Stand) => void): Promise<number | undefined> {
    const pages = Array.from({ length: 9 }, (_, index) => ({
      Items: [],
      ScannedCount: 0,
      LastEvaluatedKey: key(index),
    }));
    const stand = new Stand([...pages, { Items: [] }]);
    setUp(stand);
    await stand.scan();
    return stand.asked.at(-1)?.limit;
  }

  test('is small at first, so that there is a checkpoint soon, and then grows', async () => {
    const stand = new Stand([...pages.slice(0, 1), ...pages]);
    stand.rate.grant(rates(100), 2);
    stand.rate.estimate.seed({ bytes: 1_024 });
    await stand.scan();
    expect(stand.asked.map(({ limit }) => limit)).toEqual([FIRST_PAGE_ITEMS, 100, 300, 300]);
  });

  test('is one item where nothing is known of the items', async () => {
    const stand = new Stand(pages);
    await stand.scan();
    expect(stand.asked.map(({ limit }) => limit)).toEqual([1, 4, 16]);
  });

  test('follows the share from the first page on when the items are known to be large', async () => {
    const stand = new Stand(pages);
    stand.rate.grant(rates(100), 2);
    stand.rate.estimate.seed({ bytes: 200 * 1_024, writeUnits: 200 });
    await stand.scan();
    expect(stand.asked[0]?.limit).toBe(1);
  });

  test('is what the share writes in three seconds', async () => {
    expect(await limitOfLaterPage(({ rate }) => rate.grant(rates(10, 10_000), 2))).toBe(30);
  });

  test('is larger where few items lack the attribute', async () => {
    const limit = await limitOfLaterPage(({ rate }) => {
      rate.grant(rates(10, 10_000), 2);
      for (let page = 0; page < 200; page++)
        rate.estimate.learnFromPage({ readUnits: 12.5, scanned: 100, matched: 10, consistent: false });
    });
    expect(limit).toBeGreaterThanOrEqual(295);
    expect(limit).toBeLessThanOrEqual(300);
  });

  test('is not larger than what the share reads in three seconds', async () => {
    expect(await limitOfLaterPage(({ rate }) => rate.grant(rates(10_000, 2), 2))).toBe(48);
  });

  test('is smaller where an item costs several units', async () => {
    const limit = await limitOfLaterPage(({ rate }) => {
      rate.grant(rates(10, 10_000), 2);
      for (let batch = 0; batch < 200; batch++) rate.estimate.learnFromWrite(100, 25);
    });
    expect(limit).toBe(7);
  });

  test('is a whole page when the share is large', async () => {
    expect(await limitOfLaterPage(({ rate }) => rate.grant(rates(100_000), 2))).toBeUndefined();
  });

  test('is one item at least, however small the share', async () => {
    expect(await limitOfLaterPage(({ rate }) => rate.grant(rates(0.01, 0.01), 2))).toBe(1);
  });
});

describe('a page that could not be read', () => {
  test.each(['ThrottlingException', 'ProvisionedThroughputExceededException'])(
    'for %s is read again, more slowly',
    async name => {
      const stand = new Stand([fault(name), fault(name), { Items: [], ScannedCount: 0 }]);
      const reading = stand.scan();
      await stand.clock.advance(60_000);
      await reading;
      expect(stand.rate.takeThrottled()?.count).toBe(2);
      expect(stand.asked).toHaveLength(3);
    },
  );

  test.each(['InternalServerError', 'TimeoutError', 'ECONNRESET'])('for %s is read again', async name => {
    const stand = new Stand([...pages.slice(0, 1), fault(name), ...pages.slice(1)]);
    const reading = stand.scan();
    await stand.clock.advance(60_000);
    await reading;
    expect(stand.asked[1]).toEqual(stand.asked[2]);
    expect(stand.rate.takeThrottled()).toBeUndefined();
    expect(stand.tally.snapshot().scanned).toBe(12);
  });

  test('for lack of authority is read again as soon as the worker has it', async () => {
    const stand = new Stand([new AuthorityLostError('frozen'), { Items: [], ScannedCount: 0 }]);
    await stand.scan();
    expect(stand.asked).toHaveLength(2);
  });

  test.each(['AccessDeniedException', 'ResourceNotFoundException', 'ValidationException', 'SomethingNew'])(
    'for %s ends the work, with the segment and what the service said',
    async name => {
      const reading = new Stand([fault(name)]).scan();
      await expect(reading).rejects.toThrow(SystemicError);
      await expect(reading).rejects.toThrow(`Scan of segment 3 failed: ${name}: said so`);
    },
  );

  test('is not tried again when the worker is to end', async () => {
    const stop = new AbortController();
    const stand = new Stand(Array.from({ length: 50 }, () => fault('TimeoutError')));
    const reading = stand.scan({}, undefined, stop.signal);
    reading.catch(() => {});
    await stand.clock.advance(200);
    stop.abort(new Error('SIGTERM'));
    await expect(reading).rejects.toThrow('SIGTERM');
  });
});
