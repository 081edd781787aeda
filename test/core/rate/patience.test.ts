import { describe, expect, test } from 'vitest';
import { FIRST_PATIENCE_MS, LONGEST_PATIENCE_MS, Patience } from '../../../core/rate/patience.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const admitted = async () => {};

/** A table that answers each request after this long. */
function table(clock: FakeClock, replyMs: number) {
  const state = { inFlight: 0, most: 0, replyMs, answered: 0 };
  const request = async (abortSignal: AbortSignal) => {
    state.inFlight += 1;
    state.most = Math.max(state.most, state.inFlight);
    try {
      await clock.sleep(state.replyMs, abortSignal);
      abortSignal.throwIfAborted();
      state.answered += 1;
      return 'page';
    } finally {
      state.inFlight -= 1;
    }
  };
  return { state, request };
}

function patienceWith(clock: FakeClock) {
  const words: string[] = [];
  return { words, patience: new Patience({ clock, what: 'Scan', onSlow: reason => words.push(reason) }) };
}

/** Asks again until there is an answer, as the stages do. */
async function untilAnswered(ask: () => Promise<string>): Promise<string> {
  for (;;) {
    try {
      return await ask();
    } catch {}
  }
}

describe('a table that holds every page for 8 s', () => {
  test('gets the time that it needs after one page was given up, and a message says so', async () => {
    const clock = new FakeClock();
    const { patience, words } = patienceWith(clock);
    const { state, request } = table(clock, 8_000);
    const page = untilAnswered(() => patience.send(admitted, request));
    await clock.advance(FIRST_PATIENCE_MS + 8_100);
    expect(await page).toBe('page');
    expect(words).toEqual(['no reply to a Scan within 5 s; the next one waits 10 s']);
    expect(state.answered).toBe(1);
  });

  test('gets one request at a time', async () => {
    const clock = new FakeClock();
    const { patience } = patienceWith(clock);
    const { state, request } = table(clock, 8_000);
    const pages = [1, 2, 3].map(() => untilAnswered(() => patience.send(admitted, request)));
    await clock.advance(FIRST_PATIENCE_MS + 100);
    state.most = 0;
    await clock.advance(40_000);
    expect(await Promise.all(pages)).toEqual(['page', 'page', 'page']);
    expect(state.most).toBe(1);
  });

  test('is forgotten once it answers quickly: several go at once again', async () => {
    const clock = new FakeClock();
    const { patience } = patienceWith(clock);
    const { state, request } = table(clock, 8_000);
    const first = untilAnswered(() => patience.send(admitted, request));
    await clock.advance(14_000);
    await first;
    state.replyMs = 20;
    const second = patience.send(admitted, request);
    await clock.advance(50);
    await second;
    expect(patience.patienceMs).toBe(FIRST_PATIENCE_MS);
    state.most = 0;
    const both = [1, 2].map(() => patience.send(admitted, request));
    await clock.advance(50);
    await Promise.all(both);
    expect(state.most).toBe(2);
  });
});

test('the longest wait is a minute', async () => {
  const clock = new FakeClock();
  const { patience } = patienceWith(clock);
  const { request } = table(clock, 10 * LONGEST_PATIENCE_MS);
  void untilAnswered(() => patience.send(admitted, request));
  await clock.advance(400_000);
  expect(patience.patienceMs).toBe(LONGEST_PATIENCE_MS);
});

test('the time spent waiting for the budget does not count as waiting for a reply', async () => {
  const clock = new FakeClock();
  const { patience, words } = patienceWith(clock);
  const { request } = table(clock, 10);
  const page = patience.send(() => clock.sleep(20_000), request);
  await clock.advance(20_100);
  expect(await page).toBe('page');
  expect(words).toEqual([]);
});
