import { DeleteItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createDataPlaneClient } from '../../core/aws-clients.ts';
import { endedBy } from '../../core/request-abort.ts';
import { type HttpFront, startHttpFront } from '../support/http-front.ts';

let front: HttpFront;

beforeAll(async () => {
  front = await startHttpFront(undefined, (call, answer) =>
    call.bytes.includes('silent') ? undefined : answer.reply(200, {}),
  );
  Object.assign(process.env, {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL_DYNAMODB: front.endpoint,
  });
});

afterAll(() => front.close());

const remove = (table: string) => new DeleteItemCommand({ TableName: table, Key: { id: { S: 'a' } } });

test('a request ends with its signal, and another one on its way at the same time does not', async () => {
  const client = createDataPlaneClient();
  const [first, second] = [new AbortController(), new AbortController()];
  const ended = client.send(endedBy(remove('silent'), first.signal)).catch(({ name }) => name);
  let answered = false;
  const other = client.send(endedBy(remove('silent'), second.signal)).catch(({ name }) => {
    answered = true;
    return name;
  });
  await vi.waitUntil(() => front.calls.length === 2);
  first.abort();
  expect(await ended).toBe('AbortError');
  expect(answered).toBe(false);
  second.abort();
  expect(await other).toBe('AbortError');
  client.destroy();
});

test('a signal that has aborted before sends nothing', async () => {
  const client = createDataPlaneClient();
  const before = front.calls.length;
  const ended = client.send(endedBy(remove('absent'), AbortSignal.abort())).catch(({ name }) => name);
  expect(await ended).toBe('AbortError');
  expect(front.calls).toHaveLength(before);
  client.destroy();
});

test('the middleware is resolved once, however many requests have a signal', async () => {
  const resolve = vi.spyOn(DeleteItemCommand.prototype, 'resolveMiddleware');
  const client = createDataPlaneClient();
  for (let request = 0; request < 3; request++) {
    await client.send(endedBy(remove('stuff'), new AbortController().signal));
  }
  expect(resolve).toHaveBeenCalledTimes(1);
  client.destroy();
});
