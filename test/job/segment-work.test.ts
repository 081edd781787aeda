import { beforeEach, describe, expect, test } from 'vitest';
import { AuthorityLostError } from '../../core/errors.ts';
import type { Counters, SegmentRecord } from '../../core/records.ts';
import { type SegmentOwner, SegmentStore } from '../../core/segment-store.ts';
import { SegmentWork } from '../../job/segment-work.ts';
import type { Page } from '../../job/settled-prefix.ts';
import { useEngine } from '../support/engine.ts';
import { LossyClient } from '../support/lossy-client.ts';
import { quickClock } from '../support/quick-clock.ts';

const engine = useEngine();
const NEVER = new AbortController().signal;
const OWNER: SegmentOwner = { runId: 'run-1', segment: 3, pass: 1, launchId: 'launch-1' };

let lossy: LossyClient;
let segments: SegmentStore;
let passedOn: [number, Partial<Counters>][];

beforeEach(async () => {
  const table = await engine.createControlTable(client => {
    lossy = new LossyClient(client);
    return lossy.client;
  });
  segments = new SegmentStore(table);
  passedOn = [];
});

/** A claimed segment, as a worker has it. */
async function begin(): Promise<SegmentWork> {
  await segments.assignNew(OWNER, 8);
  return take();
}

async function take(owner = OWNER): Promise<SegmentWork> {
  return new SegmentWork({
    owner,
    claimed: await segments.claim(owner),
    segments,
    // The second between two checkpoints takes a twentieth of a second.
    clock: quickClock(20),
    onCounters: (segment, change) => passedOn.push([segment, change]),
  });
}

async function record(): Promise<SegmentRecord> {
  const found = await segments.read('run-1', 3);
  if (!found) throw new Error('There is no such segment.');
  return found;
}

function page(unsettled: number, lastEvaluatedKey?: string): Page {
  return { unsettled, lastEvaluatedKey };
}

/** Waits until the record has this key. */
async function untilKey(key: string): Promise<SegmentRecord> {
  for (;;) {
    const found = await record();
    if (found.lastEvaluatedKey === key) return found;
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

describe('checkpoints', () => {
  test('the first page that has settled is one at once', async () => {
    const work = await begin();
    const first = page(2, 'k1');
    work.append(first);
    work.settle(first, 'updated', 2);
    expect(await untilKey('k1')).toMatchObject({
      sequence: 1,
      status: 'running',
      progressedBy: 'launch-1',
      counters: { matched: 2, updated: 2 },
    });
  });

  test('pass a page only once what must be stored before it is stored', async () => {
    await segments.assignNew(OWNER, 8);
    const asked: boolean[] = [];
    let stands = () => {};
    const work = new SegmentWork({
      owner: OWNER,
      claimed: await segments.claim(OWNER),
      segments,
      clock: quickClock(20),
      onCounters: () => {},
      records: {
        recorded: urgent => {
          asked.push(urgent);
          return new Promise(resolve => {
            stands = resolve;
          });
        },
        chunks: () => 3,
      },
    });
    const first = page(1, 'k1');
    work.append(first);
    work.settle(first, 'updated', 1);
    await new Promise(resolve => setTimeout(resolve, 50));
    expect(await record()).toMatchObject({ sequence: 0 });
    stands();
    expect(await untilKey('k1')).toMatchObject({ undoChunks: 3 });
    expect(asked).toEqual([true]);
  });

  test('name the last page before which every page has settled', async () => {
    const work = await begin();
    const [first, second, third] = [page(1, 'k1'), page(1, 'k2'), page(1, 'k3')];
    for (const each of [first, second, third]) work.append(each);
    work.settle(first, 'updated', 1);
    work.settle(third, 'deleted', 1);
    await untilKey('k1');
    work.settle(second, 'alreadySet', 1);
    expect(await untilKey('k3')).toMatchObject({
      counters: { matched: 3, updated: 1, alreadySet: 1, deleted: 1 },
    });
  });

  test('come one after another, and not with every page', async () => {
    const work = await begin();
    const before = lossy.sent;
    for (let number = 1; number <= 200; number++) work.append(page(0, `k${number}`));
    expect((await untilKey('k200')).sequence).toBeLessThanOrEqual(3);
    expect(lossy.sent - before).toBeLessThan(100);
  });

  test('go on from the sequence and the counters of the launch before', async () => {
    const work = await begin();
    const first = page(1, 'k1');
    work.append(first);
    work.settle(first, 'updated', 1);
    await untilKey('k1');
    await work.giveUp();
    const before = await record();
    const next = { ...OWNER, launchId: 'launch-2' };
    await segments.assign(before, next);
    const again = await take(next);
    const second = page(1, 'k2');
    again.append(second);
    again.settle(second, 'updated', 1);
    const after = await untilKey('k2');
    expect(after.sequence).toBeGreaterThan(before.sequence);
    expect(after.counters).toMatchObject({ matched: 2, updated: 2 });
  });

  test('whose reply was lost are written again, and cost nothing', async () => {
    const work = await begin();
    lossy.loseReplyTo = lossy.sent;
    const first = page(1, 'k1');
    work.append(first);
    work.settle(first, 'updated', 1);
    work.append(page(0));
    await work.completion(NEVER);
    expect(await record()).toMatchObject({ status: 'complete', counters: { updated: 1 } });
  });
});

describe('the completion marker', () => {
  test('is written when the last page has settled, and not before', async () => {
    const work = await begin();
    const last = page(2);
    work.append(page(0, 'k1'));
    work.append(last);
    work.settle(last, 'updated', 1);
    await untilKey('k1');
    expect((await record()).status).toBe('running');
    work.settle(last, 'quarantined', 1);
    await work.completion(NEVER);
    expect(await record()).toMatchObject({
      status: 'complete',
      completedAt: expect.any(String),
      counters: { matched: 2, updated: 1, quarantined: 1 },
    });
  });

  test('whose reply was lost is recognised', async () => {
    const work = await begin();
    lossy.loseReplyTo = lossy.sent;
    work.append(page(0));
    await work.completion(NEVER);
    expect((await record()).status).toBe('complete');
  });

  test('of an empty segment is written too', async () => {
    const work = await begin();
    work.append(page(0));
    await work.completion(NEVER);
    expect((await record()).status).toBe('complete');
  });

  test('is not waited for when the worker is to end', async () => {
    const work = await begin();
    const stop = new AbortController();
    const waiting = work.completion(stop.signal);
    stop.abort(new Error('SIGTERM'));
    await expect(waiting).rejects.toThrow('SIGTERM');
  });
});

describe('a segment that was taken over meanwhile', () => {
  test('stops the work with the reason, and is not written any more', async () => {
    const work = await begin();
    await segments.assign(await record(), { ...OWNER, launchId: 'launch-2' });
    work.append(page(0, 'k1'));
    work.append(page(1, 'k2'));
    const reading = work.belowOpenPages(1, NEVER);
    const writing = work.completion(NEVER);
    await Promise.all([
      expect(reading).rejects.toThrow(AuthorityLostError),
      expect(writing).rejects.toThrow(/owned by launch-2/),
    ]);
    await work.giveUp();
    expect(await record()).toMatchObject({ status: 'assigned', launchId: 'launch-2', sequence: 0 });
  });
});

describe('the reading of pages', () => {
  test('waits while the allowed number of pages is open, and continues when one has settled', async () => {
    const work = await begin();
    const [first, second] = [page(1, 'k1'), page(1, 'k2')];
    work.append(first);
    await work.belowOpenPages(2, NEVER);
    work.append(second);
    let goesOn = false;
    const waiting = work.belowOpenPages(2, NEVER).then(() => {
      goesOn = true;
    });
    // A later page makes no room while the first one is open.
    work.settle(second, 'updated', 1);
    await new Promise(resolve => setImmediate(resolve));
    expect(goesOn).toBe(false);
    work.settle(first, 'updated', 1);
    await waiting;
    await work.giveUp();
  });
});

describe('giving up midway', () => {
  test('keeps what has settled, in counters too, and leaves the segment to others', async () => {
    const work = await begin();
    const [first, second] = [page(1, 'k1'), page(5, 'k2')];
    work.append(first);
    work.append(second);
    work.settle(first, 'updated', 1);
    work.settle(second, 'updated', 3);
    await work.giveUp();
    const given = await record();
    expect(given).toMatchObject({
      status: 'pending',
      lastEvaluatedKey: 'k1',
      counters: { updated: 4, matched: 4 },
    });
    expect(given.launchId).toBeUndefined();
  });

  test('with the last page settled completes the segment', async () => {
    const work = await begin();
    work.append(page(0));
    await work.giveUp();
    expect((await record()).status).toBe('complete');
  });

  test('writes no checkpoint afterwards, whatever still settles', async () => {
    const work = await begin();
    const first = page(1, 'k1');
    work.append(first);
    await work.giveUp();
    const given = await record();
    work.settle(first, 'updated', 1);
    await new Promise(resolve => setTimeout(resolve, 50));
    expect(await record()).toEqual(given);
  });

  test('after a failure without progress leaves the account of failed launches as it is', async () => {
    await segments.assignNew(OWNER, 8);
    await segments.takeBack(await record(), { attempts: 4 });
    await segments.assign(await record(), OWNER);
    const work = await take();
    work.append(page(3, 'k1'));
    await work.giveUp({ failed: true });
    expect(await record()).toMatchObject({
      status: 'running',
      launchId: 'launch-1',
      attempts: 4,
      sequence: 0,
    });
  });

  test('after a failure with progress says so', async () => {
    await segments.assignNew(OWNER, 8);
    await segments.takeBack(await record(), { attempts: 4 });
    await segments.assign(await record(), OWNER);
    const work = await take();
    const first = page(1, 'k1');
    work.append(first);
    work.settle(first, 'updated', 1);
    await work.giveUp({ failed: true });
    expect(await record()).toMatchObject({ lastEvaluatedKey: 'k1', attempts: 0, progressedBy: 'launch-1' });
  });
});

test('counters are passed on with their segment', async () => {
  const work = await begin();
  const first = page(2, 'k1');
  work.append(first);
  work.settle(first, 'updated', 2);
  expect(passedOn).toEqual([[3, { matched: 2, updated: 2 }]]);
  await work.giveUp();
});

test('a dry run counts what it would have written, and settles it', async () => {
  const work = await begin();
  const only = page(4);
  work.append(only);
  work.pass(only, 4);
  await work.completion(NEVER);
  expect((await record()).counters).toMatchObject({ matched: 4, updated: 0 });
});
