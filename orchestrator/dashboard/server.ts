import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { difference } from '../snapshot/delta.ts';
import { pageAssets, pageHtml } from '../snapshot/page-assets.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';

const LOOPBACK = '127.0.0.1';

/** A browser reconnects this long after it lost the connection. */
const RECONNECT_MS = 1_000;

/**
 * The page may load only what this server serves, and no other page may frame or embed it [CSP Level 3]. uPlot and the
 * components set styles only by script, which needs no exception.
 */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
};

const FILES: Readonly<Record<string, { readonly type: string; readonly text: () => string }>> = {
  '/': { type: 'text/html', text: pageHtml },
  '/page.js': { type: 'text/javascript', text: () => pageAssets().script },
  '/page.css': { type: 'text/css', text: () => pageAssets().style },
};

export interface DashboardAddress {
  /** 0 takes any free port. */
  readonly port: number;
  /** The token in the URL; 192 random bits by default. */
  readonly token?: string | undefined;
}

/**
 * Serves the page and its events on the loopback interface. Only someone with the URL can read the run. The token keeps
 * out other users of this machine, the check of the Host header keeps out other names that resolve to it [DNS
 * rebinding], and the check of the origin keeps out other pages in the same browser. Nothing here changes a run.
 */
export class DashboardServer {
  readonly url: string;
  readonly #server: Server;
  readonly #token: string;
  readonly #hosts: ReadonlySet<string>;
  readonly #listeners = new Set<ServerResponse>();
  #latest: Snapshot | undefined;

  private constructor(server: Server, token: string) {
    const { port } = server.address() as AddressInfo;
    this.#server = server;
    this.#token = token;
    this.#hosts = new Set([`${LOOPBACK}:${port}`, `localhost:${port}`]);
    this.url = `http://${LOOPBACK}:${port}/${token}/`;
    server.on('request', (request, response) => this.#answer(request, response));
  }

  /** @throws the system's error when the port is taken. */
  static async listen({ port, token }: DashboardAddress): Promise<DashboardServer> {
    const server = createServer({ requestTimeout: 10_000 });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, LOOPBACK, resolve);
    });
    return new DashboardServer(server, token ?? randomBytes(24).toString('base64url'));
  }

  /** Pushes a snapshot to every open page, as the difference from the previous one. */
  push(snapshot: Snapshot): void {
    const before = this.#latest;
    this.#latest = snapshot;
    if (this.#listeners.size === 0) return;
    const delta = before && difference({ ...before }, { ...snapshot });
    for (const response of this.#listeners) {
      // A page that stops reading is disconnected. It reconnects and gets one whole snapshot instead of all missed
      // deltas.
      if (response.writableNeedDrain) response.destroy();
      else if (delta) send(response, 'delta', delta);
      else send(response, 'snapshot', snapshot);
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const refusal = this.#refusal(request);
    const path = (request.url ?? '').slice(this.#token.length + 1).split('?', 1)[0] ?? '';
    const file = FILES[path];
    if (refusal !== undefined) end(response, refusal, 'text/plain', 'Not here.');
    else if (path === '/events') this.#listen(response);
    else if (file) end(response, 200, file.type, file.text());
    else end(response, 404, 'text/plain', 'Not here.');
  }

  #refusal({ method, url = '', headers }: IncomingMessage): number | undefined {
    if (!this.#hosts.has(headers.host ?? '')) return 421;
    const site = headers['sec-fetch-site'];
    if (headers.origin !== undefined && headers.origin !== `http://${headers.host}`) return 403;
    if (site !== undefined && site !== 'same-origin' && site !== 'none') return 403;
    if (!isSameToken(url.split(/[/?]/, 2)[1] ?? '', this.#token)) return 404;
    return method === 'GET' || method === 'HEAD' ? undefined : 405;
  }

  #listen(response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    response.write(`retry: ${RECONNECT_MS}\n\n`);
    if (this.#latest) send(response, 'snapshot', this.#latest);
    this.#listeners.add(response);
    response.on('close', () => this.#listeners.delete(response));
  }
}

function isSameToken(given: string, token: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(token);
  return a.length === b.length && timingSafeEqual(a, b);
}

function send(response: ServerResponse, event: string, data: unknown): void {
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function end(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8` });
  response.end(text);
}
