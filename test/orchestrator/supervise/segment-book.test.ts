import { beforeEach, describe, expect, test } from 'vitest';
import { NO_COUNTERS, type SegmentRecord } from '../../../core/records.ts';
import type { SegmentStore } from '../../../core/segment-store.ts';
import { segmentStates, totals } from '../../../orchestrator/run-summary.ts';
import { SegmentBook } from '../../../orchestrator/supervise/segment-book.ts';
import { runRecord, segmentRecord } from '../../support/records.ts';

const PAGE = 250;

let stored: Map<number, SegmentRecord>;
let pages: number;
let reads: number;

const segments = {
  page: async (_: string, from: number, to: number) => {
    pages += 1;
    return [...stored.values()]
      .filter(({ segment }) => segment >= from && segment <= to)
      .sort((a, b) => a.segment - b.segment)
      .slice(0, PAGE);
  },
  read: async (_: string, segment: number) => {
    reads += 1;
    return stored.get(segment);
  },
} as unknown as SegmentStore;

const store = (record: SegmentRecord) => stored.set(record.segment, record);

function fill(count: number, given: Partial<SegmentRecord> = {}): void {
  for (let segment = 0; segment < count; segment++) store(segmentRecord({ segment, ...given }));
}

const bookOf = (totalSegments: number, sweep = 1) =>
  new SegmentBook(segments, runRecord({ totalSegments, sweep }));

const openIn = (book: SegmentBook) => book.open().map(({ segment }) => segment);

beforeEach(() => {
  stored = new Map();
  pages = 0;
  reads = 0;
});

describe('a book of few segments', () => {
  test('reads all of them in each turn', async () => {
    fill(600);
    const book = bookOf(600);
    await book.refresh({ sweep: 1 });
    expect(pages).toBe(3);
    expect(book.records).toHaveLength(600);
    store(segmentRecord({ segment: 7, sequence: 9 }));
    await book.refresh({ sweep: 1 });
    expect(book.record(7)?.sequence).toBe(9);
  });

  test('asks once when there are no records yet, and counts every segment as open', async () => {
    const book = bookOf(600);
    await book.refresh({ sweep: 1 });
    expect(pages).toBe(1);
    expect(openIn(book)).toHaveLength(600);
  });
});

describe('a book of 100,000 segments', () => {
  test('reads all of them once, and then a part in each turn, each in its turn', async () => {
    fill(100_000);
    const book = bookOf(100_000);
    await book.readAll();
    expect(book.records).toHaveLength(100_000);
    for (const segment of [5, 50_000, 99_999]) store(segmentRecord({ segment, sequence: 9 }));
    pages = 0;
    await book.refresh({ sweep: 1 });
    expect(pages).toBe(8);
    expect([5, 50_000, 99_999].map(segment => book.record(segment)?.sequence)).toEqual([9, 0, 0]);
    for (let turn = 1; turn < 50; turn++) await book.refresh({ sweep: 1 });
    expect([5, 50_000, 99_999].map(segment => book.record(segment)?.sequence)).toEqual([9, 9, 9]);
  });

  test('takes a turn without a noticeable pause', async () => {
    fill(100_000);
    const book = bookOf(100_000);
    await book.readAll();
    const startedAt = performance.now();
    for (let turn = 0; turn < 10; turn++) {
      book.open();
      book.owners();
      expect(book.records).toHaveLength(100_000);
    }
    expect((performance.now() - startedAt) / 10).toBeLessThan(50);
  });
});

describe('the sums of a book', () => {
  const counters = { ...NO_COUNTERS, scanned: 10, readUnits: 1.5 };

  test('follow each record, and are those of the records themselves', async () => {
    fill(5, { counters, status: 'running' });
    const book = bookOf(6);
    await book.readAll();
    book.put(segmentRecord({ segment: 1, status: 'complete', counters: { ...counters, scanned: 25 } }));
    book.put(segmentRecord({ segment: 2, status: 'failed', counters }));
    const run = runRecord({ totalSegments: 6 });
    expect(totals(run, book.records)).toEqual(totals(run, [...book.records]));
    expect(totals(run, book.records)).toMatchObject({ scanned: 65, readUnits: 7.5 });
    expect(segmentStates(run, book.records)).toEqual(segmentStates(run, [...book.records]));
    expect(segmentStates(run, book.records)).toMatchObject({
      pending: 1,
      running: 3,
      complete: 1,
      failed: 1,
    });
  });

  test('taken earlier do not change later', () => {
    const book = bookOf(2);
    book.put(segmentRecord({ segment: 0, counters }));
    const before = book.records;
    book.put(segmentRecord({ segment: 1, counters }));
    const run = runRecord({ totalSegments: 2 });
    expect(totals(run, before).scanned).toBe(10);
    expect(totals(run, book.records).scanned).toBe(20);
  });
});

describe('completed segments', () => {
  test('are reported once, in parts, and again in the next sweep', async () => {
    fill(5, { status: 'complete' });
    const book = bookOf(5);
    await book.readAll();
    await book.refresh({ sweep: 1 });
    expect(book.takeCompleted(3).map(({ segment }) => segment)).toEqual([0, 1, 2]);
    expect(book.takeCompleted(3).map(({ segment }) => segment)).toEqual([3, 4]);
    expect(book.takeCompleted(3)).toEqual([]);
    await book.refresh({ sweep: 2 });
    expect(book.takeCompleted(3)).toEqual([]);
    book.put(segmentRecord({ segment: 4, status: 'complete', pass: 2 }));
    expect(book.takeCompleted(3).map(({ segment }) => segment)).toEqual([4]);
  });
});

describe('an open segment', () => {
  test.each<[Partial<SegmentRecord>, boolean]>([
    [{ status: 'pending' }, true],
    [{ status: 'assigned' }, false],
    [{ status: 'running' }, false],
    [{ status: 'complete' }, false],
    [{ status: 'failed' }, false],
  ])('%j: %s', (given, open) => {
    const book = bookOf(1);
    book.put(segmentRecord(given));
    expect(openIn(book)).toEqual(open ? [0] : []);
  });

  test('is one of an earlier sweep, whatever its state there', async () => {
    fill(3, { status: 'complete' });
    store(segmentRecord({ segment: 2, status: 'complete', pass: 2 }));
    const book = bookOf(3);
    await book.readAll();
    expect(openIn(book)).toEqual([]);
    await book.refresh({ sweep: 2 });
    expect(openIn(book)).toEqual([0, 1]);
    expect(book.owners()).toEqual([]);
  });
});

describe('what a launch holds', () => {
  test('is what it owns and has not completed', () => {
    const book = bookOf(4);
    book.put(segmentRecord({ segment: 0, status: 'running' }));
    book.put(segmentRecord({ segment: 1, status: 'assigned' }));
    book.put(segmentRecord({ segment: 2, status: 'complete' }));
    book.put(segmentRecord({ segment: 3, status: 'running', launchId: 'launch-2' }));
    expect(book.owners()).toEqual(['launch-1', 'launch-2']);
    expect(book.heldBy('launch-1').map(({ segment }) => segment)).toEqual([0, 1]);
  });

  test('follows a segment to its next owner, and ends with the last one', () => {
    const book = bookOf(1);
    book.put(segmentRecord());
    book.put(segmentRecord({ launchId: 'launch-2' }));
    expect(book.owners()).toEqual(['launch-2']);
    const { launchId: _, ...released } = segmentRecord({ status: 'pending' });
    book.put(released);
    expect(book.owners()).toEqual([]);
    expect(book.heldBy('launch-2')).toEqual([]);
  });

  test('is read again before anyone decides on it', async () => {
    fill(3);
    const book = bookOf(3);
    await book.readAll();
    store(segmentRecord({ segment: 1, status: 'complete' }));
    await book.read([1]);
    expect(reads).toBe(1);
    expect(book.heldBy('launch-1').map(({ segment }) => segment)).toEqual([0, 2]);
  });
});
