import { beforeEach, describe, expect, test } from 'vitest';
import type { ControlTable } from '../../core/control-table.ts';
import { AuthorityLostError } from '../../core/errors.ts';
import { type Counters, NO_COUNTERS, type SegmentRecord, type SegmentStatus } from '../../core/records.ts';
import { type Checkpoint, type SegmentOwner, SegmentStore } from '../../core/segment-store.ts';
import { useEngine } from '../support/engine.ts';
import { sentTwice } from '../support/lossy-client.ts';

const engine = useEngine();
const AT = '2026-01-01T00:00:00.000Z';

const owner = (launch: string, given: Partial<SegmentOwner> = {}): SegmentOwner => ({
  runId: 'run-1',
  segment: 7,
  pass: 1,
  launchId: launch,
  ...given,
});
const A = owner('launch-a');
const B = owner('launch-b');

const counted = (scanned: number): Counters => ({ ...NO_COUNTERS, scanned, readUnits: scanned / 8 });

const checkpoint = (sequence: number, key?: string): Checkpoint => ({
  sequence,
  ...(key !== undefined && { lastEvaluatedKey: key }),
  counters: counted(sequence * 100),
  at: AT,
});

describe.each([
  ['as sent', undefined],
  ['sent twice, as after a lost reply', sentTwice],
])('%s:', (_, around) => {
  let table: ControlTable;
  let segments: SegmentStore;

  beforeEach(async () => {
    table = await engine.createControlTable(around);
    segments = new SegmentStore(table);
  });

  const read = async (): Promise<SegmentRecord> => {
    const segment = await segments.read('run-1', 7);
    if (!segment) throw new Error('There is no such segment.');
    return segment;
  };

  /** Makes a segment of launch A in each state, with a checkpoint if it can have one. */
  const make: Record<SegmentStatus, () => Promise<SegmentRecord>> = {
    assigned: async () => {
      await segments.assignNew(A, 8);
      return read();
    },
    running: async () => {
      await make.assigned();
      await segments.claim(A);
      await segments.checkpoint(A, checkpoint(1, '{"id":{"S":"k1"}}'));
      return read();
    },
    pending: async () => {
      await make.running();
      await segments.release(A);
      return read();
    },
    complete: async () => {
      await make.running();
      await segments.complete(A, checkpoint(2));
      return read();
    },
    failed: async () => {
      await segments.fail(await make.running(), 5, 'no progress');
      return read();
    },
  };

  describe('a segment without a record', () => {
    test('is assigned, in whole', async () => {
      expect(await segments.assignNew(A, 8)).toBe(true);
      expect(await read()).toEqual({
        runId: 'run-1',
        segment: 7,
        totalSegments: 8,
        pass: 1,
        status: 'assigned',
        launchId: 'launch-a',
        sequence: 0,
        counters: NO_COUNTERS,
        attempts: 0,
      });
    });

    test('is assigned to one launch only', async () => {
      await segments.assignNew(A, 8);
      expect(await segments.assignNew(B, 8)).toBe(false);
      expect((await read()).launchId).toBe('launch-a');
    });

    test('cannot be claimed, and the attempt creates no record', async () => {
      await expect(segments.claim(A)).rejects.toThrow(/has no record/);
      expect(await segments.read('run-1', 7)).toBeUndefined();
    });
  });

  describe('taking a segment over', () => {
    test.each(['assigned', 'running', 'pending'] as const)('one that is %s', async status => {
      const seen = await make[status]();
      expect(await segments.assign(seen, B)).toBe(true);
      expect(await read()).toEqual({ ...seen, status: 'assigned', launchId: 'launch-b' });
    });

    test.each(['complete', 'failed'] as const)('but not one that is %s', async status => {
      const seen = await make[status]();
      expect(await segments.assign(seen, B)).toBe(false);
      expect(await read()).toEqual(seen);
    });

    test('is refused when the owner is not the one that was seen any more', async () => {
      const seen = await make.running();
      await segments.assign(seen, owner('launch-c'));
      expect(await segments.assign(seen, B)).toBe(false);
      expect((await read()).launchId).toBe('launch-c');
    });

    test('is refused when it was seen without an owner and has one now', async () => {
      const seen = await make.pending();
      await segments.assign(seen, owner('launch-c'));
      expect(await segments.assign(seen, B)).toBe(false);
    });

    test('is refused when it was given up since', async () => {
      const seen = await make.running();
      await segments.release(A);
      expect(await segments.assign(seen, B)).toBe(false);
    });

    test('is refused when it was seen in an earlier pass than it is in', async () => {
      const seen = await make.complete();
      await segments.assign(seen, { ...A, pass: 2 });
      expect(await segments.assign(seen, { ...B, pass: 2 })).toBe(false);
      expect(await segments.assign(seen, B)).toBe(false);
      expect((await read()).launchId).toBe('launch-a');
    });

    test.each(['complete', 'failed', 'pending'] as const)(
      'for the next pass starts one that is %s from its beginning, and keeps its counters',
      async status => {
        const before = await make[status]();
        expect(await segments.assign(before, { ...B, pass: 2 })).toBe(true);
        const opened = await read();
        expect(opened).toMatchObject({ status: 'assigned', pass: 2, launchId: 'launch-b', attempts: 0 });
        expect(opened.counters).toEqual(before.counters);
        for (const gone of [
          'lastEvaluatedKey',
          'completedAt',
          'progressedBy',
          'reason',
          'retryAt',
        ] as const) {
          expect(opened[gone]).toBeUndefined();
        }
      },
    );

    test('keeps the checkpoint: the new owner continues from it', async () => {
      await segments.assign(await make.running(), B);
      expect(await segments.claim(B)).toMatchObject({
        status: 'running',
        sequence: 1,
        lastEvaluatedKey: '{"id":{"S":"k1"}}',
        counters: counted(100),
      });
    });

    test('shuts the old owner out of everything', async () => {
      await segments.assign(await make.running(), B);
      const before = await read();
      await expect(segments.checkpoint(A, checkpoint(9, 'far'))).rejects.toThrow(AuthorityLostError);
      await expect(segments.complete(A, checkpoint(9))).rejects.toThrow(/owned by launch-b/);
      await expect(segments.claim(A)).rejects.toThrow(AuthorityLostError);
      await segments.release(A);
      expect(await read()).toEqual(before);
    });
  });

  describe('claiming a segment', () => {
    test('again, after a reply was lost, is no harm', async () => {
      await make.running();
      expect(await segments.claim(A)).toMatchObject({ status: 'running', sequence: 1 });
    });

    test.each(['complete', 'failed', 'pending'] as const)('that is %s is refused', async status => {
      const before = await make[status]();
      await expect(segments.claim(A)).rejects.toThrow(AuthorityLostError);
      expect(await read()).toEqual(before);
    });

    test('of another pass is refused', async () => {
      await make.assigned();
      await expect(segments.claim({ ...A, pass: 2 })).rejects.toThrow(/in pass 1/);
    });
  });

  describe('a checkpoint', () => {
    test('records progress and owner, and resets the count of failed launches', async () => {
      await segments.assign(await make.running(), B);
      await segments.claim(B);
      await segments.checkpoint(B, checkpoint(2, '{"id":{"S":"k2"}}'));
      expect(await read()).toMatchObject({
        status: 'running',
        sequence: 2,
        lastEvaluatedKey: '{"id":{"S":"k2"}}',
        counters: counted(200),
        progressedBy: 'launch-b',
        progressAt: AT,
        attempts: 0,
      });
    });

    test('that comes after a later one changes nothing', async () => {
      await make.running();
      await segments.checkpoint(A, checkpoint(3, 'k3'));
      await expect(segments.checkpoint(A, checkpoint(2, 'k2'))).rejects.toThrow(AuthorityLostError);
      expect(await read()).toMatchObject({ sequence: 3, lastEvaluatedKey: 'k3' });
    });

    test('of a segment that was assigned and not claimed is refused', async () => {
      await make.assigned();
      await expect(segments.checkpoint(A, checkpoint(1, 'k1'))).rejects.toThrow(AuthorityLostError);
    });

    test('of an earlier pass is refused', async () => {
      const complete = await make.complete();
      await segments.assign(complete, { ...A, pass: 2 });
      await segments.claim({ ...A, pass: 2 });
      await expect(segments.checkpoint(A, checkpoint(9, 'k9'))).rejects.toThrow(AuthorityLostError);
    });

    test('without a key keeps the last one', async () => {
      await make.running();
      await segments.checkpoint(A, checkpoint(2));
      expect((await read()).lastEvaluatedKey).toBe('{"id":{"S":"k1"}}');
    });
  });

  describe('the completion marker', () => {
    test('is the last checkpoint, with its time', async () => {
      expect(await make.complete()).toMatchObject({
        status: 'complete',
        completedAt: AT,
        sequence: 2,
        counters: counted(200),
      });
    });

    test('of a segment that others own is refused', async () => {
      await make.running();
      await expect(segments.complete(B, checkpoint(2))).rejects.toThrow(AuthorityLostError);
      expect((await read()).status).toBe('running');
    });

    test('ends the segment: no checkpoint comes after it', async () => {
      await make.complete();
      await expect(segments.checkpoint(A, checkpoint(3, 'k3'))).rejects.toThrow(AuthorityLostError);
      expect(await read()).toMatchObject({ status: 'complete', sequence: 2 });
    });
  });

  describe('giving a segment up', () => {
    test('leaves it to anyone, with its checkpoint', async () => {
      const given = await make.pending();
      expect(given).toMatchObject({ status: 'pending', sequence: 1, lastEvaluatedKey: '{"id":{"S":"k1"}}' });
      expect(given.launchId).toBeUndefined();
    });

    test.each(['complete', 'failed'] as const)('does not open one that is %s', async status => {
      const before = await make[status]();
      await segments.release(A);
      expect(await read()).toEqual(before);
    });
  });

  describe('a segment without hope', () => {
    test('is marked with the reason, and owned by nobody', async () => {
      const failed = await make.failed();
      expect(failed).toMatchObject({ status: 'failed', reason: 'no progress', attempts: 5 });
      expect(failed.launchId).toBeUndefined();
    });

    test('is not marked when it has made progress since it was seen', async () => {
      const seen = await make.running();
      await segments.checkpoint(A, checkpoint(2, 'k2'));
      await segments.fail(seen, 5, 'no progress');
      expect((await read()).status).toBe('running');
    });

    test('is not marked when it has another owner by now', async () => {
      const seen = await make.running();
      await segments.assign(seen, B);
      await segments.fail(seen, 5, 'no progress');
      expect((await read()).status).toBe('assigned');
    });

    test('is not marked when it is complete', async () => {
      const seen = await make.complete();
      await segments.fail(seen, 5, 'no progress');
      expect(await read()).toEqual(seen);
    });
  });

  describe('taking a segment back from a launch that has ended', () => {
    const RETRY_AT = '2026-01-01T00:00:04.000Z';

    test.each(['assigned', 'running'] as const)('one that is %s', async status => {
      const { launchId: _, ...seen } = await make[status]();
      const taken = await segments.takeBack(
        { ...seen, launchId: 'launch-a' },
        { attempts: 3, retryAt: RETRY_AT },
      );
      expect(taken).toEqual({ ...seen, status: 'pending', attempts: 3, retryAt: RETRY_AT });
      expect(await read()).toEqual(taken);
      await segments.assign(await read(), B);
      expect((await read()).retryAt).toBeUndefined();
    });

    test.each(['complete', 'failed', 'pending'] as const)('but not one that is %s', async status => {
      const seen = await make[status]();
      expect(await segments.takeBack({ ...seen, launchId: 'launch-a' }, { attempts: 1 })).toEqual(seen);
      expect(await read()).toEqual(seen);
    });

    test('not when it has made progress since it was seen: that counts for the launch', async () => {
      const seen = await make.running();
      await segments.checkpoint(A, checkpoint(2, 'k2'));
      expect(await segments.takeBack(seen, { attempts: 1 })).toMatchObject({
        status: 'running',
        sequence: 2,
      });
    });

    test('not when it has another owner by now', async () => {
      const seen = await make.running();
      await segments.assign(seen, B);
      expect(await segments.takeBack(seen, { attempts: 1 })).toMatchObject({ launchId: 'launch-b' });
    });
  });

  describe('opening a failed segment again', () => {
    test('for a resumed run continues from its checkpoint', async () => {
      await segments.reopen(await make.failed());
      const opened = await read();
      expect(opened).toMatchObject({ status: 'pending', pass: 1, lastEvaluatedKey: '{"id":{"S":"k1"}}' });
      expect(opened.reason).toBeUndefined();
      expect(opened.attempts).toBe(0);
    });

    test.each(['assigned', 'running', 'pending', 'complete'] as const)(
      'does nothing to one that is %s',
      async status => {
        const seen = await make[status]();
        await segments.reopen(seen);
        expect(await read()).toEqual(seen);
      },
    );

    test('does nothing to one that another has opened already', async () => {
      const failed = await make.failed();
      await segments.reopen(failed);
      await segments.assign(await read(), B);
      await segments.reopen(failed);
      expect((await read()).launchId).toBe('launch-b');
    });
  });

  test('a page is a short part of the list, from any segment on', async () => {
    for (const segment of [3, 4, 5, 90]) await segments.assignNew({ ...A, segment }, 100);
    expect((await segments.page('run-1', 4, 99)).map(({ segment }) => segment)).toEqual([4, 5, 90]);
    expect((await segments.page('run-1', 4, 5)).map(({ segment }) => segment)).toEqual([4, 5]);
    expect(await segments.page('run-1', 91, 99)).toEqual([]);
  });

  test('a list is in order of the segments and of one run', async () => {
    for (const segment of [10, 9, 100]) await segments.assignNew({ ...A, segment }, 1_000);
    await segments.assignNew({ ...A, runId: 'run-2' }, 8);
    expect((await segments.list('run-1')).map(({ segment }) => segment)).toEqual([9, 10, 100]);
  });
});
