import { Agent, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { type Exchange, NO_REPLY, type ProxyReply } from './exchange.ts';

export interface Forwarder {
  readonly exchange: Exchange;
  /** Closes the connections to the service. Requests in flight get no reply. */
  close(): void;
}

/** Idle connections are closed before any engine closes them, so that none closes while a request is being sent. */
const IDLE_CONNECTION_MS = 5_000;

/** Headers that belong to one connection [RFC 9110, 7.6.1] or that the sender sets itself. */
const NOT_FORWARDED = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'host',
  'expect',
]);

/**
 * The end of a chain: sends each request over kept-alive connections to a service and reads the whole reply. If the
 * service cannot be reached or breaks off, the client sees a broken connection too.
 *
 * @param endpoint `http://host:port`
 */
export function forwardTo(endpoint: string): Forwarder {
  const { hostname, port } = new URL(endpoint);
  const agent = new Agent({ keepAlive: true, timeout: IDLE_CONNECTION_MS });
  const exchange: Exchange = ({ method, path, headers, body }) =>
    new Promise(resolve => {
      const outgoing = httpRequest(
        {
          agent,
          host: hostname,
          port,
          method,
          path,
          headers: { ...forwarded(headers), 'content-length': body.length },
        },
        incoming => {
          readReply(incoming).then(resolve, () => resolve(NO_REPLY));
        },
      );
      outgoing.on('error', () => resolve(NO_REPLY));
      outgoing.end(body);
    });
  return { exchange, close: () => agent.destroy() };
}

async function readReply(incoming: IncomingMessage): Promise<ProxyReply> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return {
    status: incoming.statusCode ?? 500,
    headers: forwarded(incoming.headers),
    body: Buffer.concat(chunks),
  };
}

function forwarded(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_FORWARDED.has(name)));
}
