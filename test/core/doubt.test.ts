import { describe, expect, test } from 'vitest';
import { Doubt } from '../../core/doubt.ts';
import { CredentialsError, SystemicError, UnreachableError } from '../../core/errors.ts';
import { FakeClock } from '../support/fake-clock.ts';

const expired = () => Object.assign(new Error('The token is old'), { name: 'ExpiredTokenException' });
const cut = () => Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
const denied = () =>
  Object.assign(new Error('no'), { name: 'AccessDeniedException', $metadata: { httpStatusCode: 400 } });
const at = () => 'dynamodb.test';

function doubt({ signal }: { signal?: AbortSignal } = {}) {
  const clock = new FakeClock();
  const told: string[] = [];
  const options = {
    clock,
    service: 'DynamoDB',
    patience: { credentials: 30_000, transport: 10_000 },
    tell: (words: string) => told.push(words),
    signal,
  };
  return { clock, told, doubted: new Doubt(options) };
}

/** Lets time pass until the promise has settled. */
async function passing<T>(clock: FakeClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  await clock.advance(0);
  while (!settled) await clock.advance(50);
  return promise;
}

/** A call that fails in this way until this moment. */
function failingUntil(clock: FakeClock, untilMs: number, error: () => Error) {
  const calls: number[] = [];
  const call = async () => {
    calls.push(clock.monotonicMs());
    if (clock.monotonicMs() < untilMs) throw error();
    return 'reply';
  };
  return { call, calls };
}

describe('a call that is repeated', () => {
  test.each([
    ['a signature or token', expired, 24_000],
    ['a lost connection', cut, 6_000],
  ])('outlasts what %s says for a while', async (_, error, untilMs) => {
    const { clock, doubted } = doubt();
    const { call, calls } = failingUntil(clock, untilMs, error);
    await expect(passing(clock, doubted.repeat(call, at))).resolves.toBe('reply');
    expect(calls.length).toBeGreaterThan(2);
  });

  test('gives up after half a minute of rejected credentials', async () => {
    const { clock, doubted } = doubt();
    const { call } = failingUntil(clock, Number.POSITIVE_INFINITY, expired);
    const failure = await passing(clock, doubted.repeat(call, at)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CredentialsError);
    expect(String(failure)).toMatch(
      /DynamoDB has not accepted the credentials for [23]\d s: ExpiredTokenException: The token is old/,
    );
    expect(clock.monotonicMs()).toBeLessThan(40_000);
  });

  test('gives up after its time when nobody answers, and names the endpoint', async () => {
    const { clock, doubted } = doubt();
    const { call } = failingUntil(clock, Number.POSITIVE_INFINITY, cut);
    const failure = await passing(clock, doubted.repeat(call, at)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UnreachableError);
    expect(String(failure)).toMatch(/DynamoDB at dynamodb\.test has not answered for \d+ s/);
  });

  test('is sent once when the service answers', async () => {
    const { clock, doubted } = doubt();
    const { call, calls } = failingUntil(clock, Number.POSITIVE_INFINITY, denied);
    await expect(passing(clock, doubted.repeat(call, at))).rejects.toThrow('no');
    expect(calls).toHaveLength(1);
  });

  test('ends at once when nobody waits any more', async () => {
    const stop = new AbortController();
    stop.abort();
    const { clock, doubted } = doubt({ signal: stop.signal });
    const { call, calls } = failingUntil(clock, Number.POSITIVE_INFINITY, cut);
    await expect(passing(clock, doubted.repeat(call, at))).rejects.toThrow(UnreachableError);
    expect(calls).toHaveLength(1);
  });

  test('fails at once after an earlier call has given up', async () => {
    const { clock, doubted } = doubt();
    const { call } = failingUntil(clock, Number.POSITIVE_INFINITY, expired);
    await passing(clock, doubted.repeat(call, at)).catch(() => {});
    const believedAtMs = clock.monotonicMs();
    await expect(passing(clock, doubted.repeat(call, at))).rejects.toThrow(CredentialsError);
    expect(clock.monotonicMs()).toBe(believedAtMs);
  });

  test('says after ten seconds what it waits for, and says when the wait is over', async () => {
    const { clock, doubted, told } = doubt();
    const { call } = failingUntil(clock, 20_000, expired);
    await passing(clock, doubted.repeat(call, at));
    expect(told).toEqual([
      expect.stringMatching(
        /^Waiting until DynamoDB accepts the credentials.*ExpiredToken[\s\S]*aws sso login/,
      ),
      'DynamoDB answers again.',
    ]);
  });

  test('says nothing about a shorter wait', async () => {
    const { clock, doubted, told } = doubt();
    const { call } = failingUntil(clock, 5_000, expired);
    await passing(clock, doubted.repeat(call, at));
    await clock.advance(60_000);
    expect(told).toEqual([]);
  });
});

describe('a call that its caller repeats', () => {
  test('passes each error on until the failure has lasted, then fails for good', async () => {
    const { clock, doubted } = doubt();
    const { call, calls } = failingUntil(clock, Number.POSITIVE_INFINITY, cut);
    for (let second = 0; second < 10; second++) {
      await expect(doubted.count(call, at)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      await clock.advance(1_000);
    }
    const failure = await doubted.count(call, at).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SystemicError);
    expect((failure as Error).cause).toBeInstanceOf(UnreachableError);
    expect(calls).toHaveLength(11);
  });

  test('any answer in between resets the time', async () => {
    const { clock, doubted } = doubt();
    for (let second = 0; second < 60; second++) {
      const error = second % 8 === 7 ? denied : expired;
      const { call } = failingUntil(clock, Number.POSITIVE_INFINITY, error);
      await expect(doubted.count(call, at)).rejects.not.toBeInstanceOf(SystemicError);
      await clock.advance(4_000);
    }
  });

  test('a frozen process does not count the time in which it was frozen', async () => {
    const { clock, doubted } = doubt();
    const { call } = failingUntil(clock, Number.POSITIVE_INFINITY, expired);
    await expect(doubted.count(call, at)).rejects.toThrow('The token is old');
    await clock.advance(600_000);
    await expect(doubted.count(call, at)).rejects.not.toBeInstanceOf(SystemicError);
  });

  test('one failure after another of a different kind is not one that lasts', async () => {
    const { clock, doubted } = doubt();
    for (const error of [cut, expired, cut, expired]) {
      const { call } = failingUntil(clock, Number.POSITIVE_INFINITY, error);
      await expect(doubted.count(call, at)).rejects.not.toBeInstanceOf(SystemicError);
      await clock.advance(9_000);
    }
  });
});
