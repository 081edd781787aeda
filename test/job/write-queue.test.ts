import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type WorkItem, WriteQueue } from '../../job/write-queue.ts';
import { settled } from '../support/fake-clock.ts';

const item = (name: number): WorkItem => ({ name }) as unknown as WorkItem;
const names = (items: readonly WorkItem[]) => items.map(each => (each as unknown as { name: number }).name);

type Step = readonly ['add' | 'addAgain' | 'take', number];
const steps = fc.array(
  fc.tuple(fc.constantFrom('add', 'addAgain', 'take'), fc.nat({ max: 30 })),
) as fc.Arbitrary<readonly Step[]>;

test('first come, first served, with those to be tried again in front; none is lost or given out twice', () => {
  fc.assert(
    fc.property(steps, given => {
      const queue = new WriteQueue();
      let waiting: number[] = [];
      let again: number[] = [];
      let next = 0;
      for (const [what, count] of given) {
        if (what === 'take') {
          const expected = [...again.slice(0, count), ...waiting.slice(0, Math.max(0, count - again.length))];
          expect(names(queue.take(count))).toEqual(expected);
          waiting = waiting.slice(Math.max(0, count - again.length));
          again = again.slice(count);
        } else {
          const added = Array.from({ length: count }, () => next++);
          queue[what](added.map(item));
          if (what === 'add') waiting.push(...added);
          else again.push(...added);
        }
        expect(queue.length).toBe(waiting.length + again.length);
      }
    }),
  );
});

test('does not keep taken items in memory, even if the queue is never empty', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const queue = new WriteQueue();
  const taken = takenFrom(queue);
  queue.add([item(3)]);
  await settled();
  collectGarbage();
  expect(taken.deref()).toBeUndefined();
  expect(names(queue.take(3))).toEqual([2, 3]);
});

/** The first of two items, in a separate function so that no variable of the test keeps it alive. */
function takenFrom(queue: WriteQueue): WeakRef<WorkItem> {
  queue.add([item(1), item(2)]);
  return new WeakRef(queue.take(1)[0] as WorkItem);
}

describe('a writer that waits', () => {
  test('is woken by an arrival, new or again', async () => {
    for (const how of ['add', 'addAgain'] as const) {
      const queue = new WriteQueue();
      let woken = false;
      const waiting = queue.arrival().then(() => {
        woken = true;
      });
      await settled();
      expect(woken).toBe(false);
      queue[how]([item(1)]);
      await waiting;
    }
  });

  test('of two writers woken for one item, one gets it and the other waits again', async () => {
    const queue = new WriteQueue();
    const got: number[] = [];
    const writer = async () => {
      while (!queue.closed) {
        await queue.arrival();
        got.push(...names(queue.take(1)));
      }
    };
    const writers = [writer(), writer()];
    queue.add([item(1)]);
    await settled();
    queue.add([item(2)]);
    await settled();
    expect(got).toEqual([1, 2]);
    queue.close();
    await Promise.all(writers);
  });

  test('does not wait while there is something', async () => {
    const queue = new WriteQueue();
    queue.add([item(1), item(2)]);
    queue.take(1);
    await expect(queue.arrival()).resolves.toBeUndefined();
  });

  test('is released when the queue is closed, and does not wait afterwards', async () => {
    const queue = new WriteQueue();
    const waiting = queue.arrival();
    queue.close();
    await waiting;
    await queue.arrival();
    expect(queue.closed).toBe(true);
  });
});
