import { get } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DashboardServer } from '../../../orchestrator/dashboard/server.ts';
import { buildPage } from '../../../scripts/build-page.mjs';

let server: DashboardServer;

beforeEach(async () => {
  Object.assign(globalThis, { FLEETFILL_PAGE: await buildPage() });
  server = await DashboardServer.listen({ port: 0 });
});
afterEach(() => server.close());

/** Uses node:http, which lets a test send any Host header. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const { hostname, port } = new URL(server.url);
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }>(
    (resolve, reject) => {
      get({ hostname, port, path, headers, method }, response => {
        let body = '';
        response.setEncoding('utf8').on('data', text => {
          body += text;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        );
      }).on('error', reject);
    },
  );
}

const path = (file = '') => `${new URL(server.url).pathname}${file}`;

test('is on loopback, behind a token that nobody guesses', () => {
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/$/);
});

test('serves page, program and style, and lets the page load nothing else', async () => {
  for (const [file, type] of [
    ['', 'text/html'],
    ['page.js', 'text/javascript'],
    ['page.css', 'text/css'],
  ]) {
    const reply = await ask(path(file));
    expect(reply.status).toBe(200);
    expect(reply.headers['content-type']).toContain(type);
    expect(reply.headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'/);
    expect(reply.headers['referrer-policy']).toBe('no-referrer');
  }
});

test('knows nothing without the token, or with another', async () => {
  const { pathname } = new URL(server.url);
  const other = pathname.replace(/./g, letter => (letter === 'a' ? 'b' : letter === '/' ? '/' : 'a'));
  for (const wrong of [
    '/',
    '/page.js',
    '/events',
    other,
    pathname.slice(0, -2),
    `${pathname.slice(0, -1)}x/`,
  ]) {
    expect((await ask(wrong)).status, wrong).toBe(404);
  }
});

test.each([
  [{ host: 'evil.example' }, 421],
  [{ origin: 'http://evil.example' }, 403],
  [{ origin: 'null' }, 403],
  [{ 'sec-fetch-site': 'cross-site' }, 403],
  [{ 'sec-fetch-site': 'same-site' }, 403],
  [{ 'sec-fetch-site': 'none' }, 200],
])('answers a request with %j by %i', async (headers, status) => {
  const given = Object.fromEntries(Object.entries(headers));
  expect((await ask(path(), given)).status).toBe(status);
});

test('changes nothing, whatever is asked', async () => {
  expect((await ask(path(), {}, 'POST')).status).toBe(405);
  expect((await ask(path('nothing'))).status).toBe(404);
});
