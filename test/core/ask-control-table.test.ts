import { describe, expect, test } from 'vitest';
import { askControlTable } from '../../core/ask-control-table.ts';
import { AuthorityLostError } from '../../core/errors.ts';
import { FakeClock } from '../support/fake-clock.ts';

const throttled = () => Object.assign(new Error('slow down'), { name: 'ThrottlingException' });

/** A call that fails this often and then answers. */
function failing(times: number, error: () => Error = throttled) {
  const call = async () => {
    call.tries += 1;
    if (call.tries <= times) throw error();
    return 'answer';
  };
  call.tries = 0;
  return call;
}

describe('a call to the control table', () => {
  test.each([
    'ThrottlingException',
    'ProvisionedThroughputExceededException',
    'InternalServerError',
    'TimeoutError',
  ])('is repeated after %s until it is answered, and says so', async name => {
    const clock = new FakeClock();
    const call = failing(7, () => Object.assign(new Error('no'), { name }));
    const reasons: number[] = [];
    const asked = askControlTable(
      { clock, patienceMs: 60_000, onRetry: (_, failures) => reasons.push(failures) },
      call,
    );
    await clock.advance(60_000);
    expect(await asked).toBe('answer');
    expect(reasons).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('is not repeated when the answer is no', async () => {
    const call = failing(1, () => new AuthorityLostError('another launch has it'));
    const asked = askControlTable({ clock: new FakeClock(), patienceMs: 60_000 }, call);
    await expect(asked).rejects.toThrow('another launch has it');
    expect(call.tries).toBe(1);
  });

  test('fails with the last error when the patience is over', async () => {
    const clock = new FakeClock();
    const call = failing(Number.POSITIVE_INFINITY);
    const asked = askControlTable({ clock, patienceMs: 3_000 }, call).catch(error => error);
    await clock.advance(20_000);
    expect(await asked).toMatchObject({ name: 'ThrottlingException' });
    expect(call.tries).toBeGreaterThan(3);
  });

  test('ends with the reason of the signal', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const call = failing(Number.POSITIVE_INFINITY);
    const asked = askControlTable({ clock, patienceMs: 60_000, signal: stop.signal }, call).catch(
      error => error,
    );
    await clock.advance(1_000);
    stop.abort(new Error('told to stop'));
    await clock.advance(10_000);
    expect(await asked).toMatchObject({ message: 'told to stop' });
  });
});
