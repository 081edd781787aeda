import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type Exchange, errorReply, type ProxyReply, type ProxyRequest } from './exchange.ts';

export interface ProxyServer {
  readonly endpoint: string;
  /** Closes open connections too. */
  close(): Promise<void>;
}

/** Longer than clients keep theirs, so that no connection closes while a request is being sent on it. */
const KEEP_ALIVE_MS = 120_000;

/**
 * Serves an exchange on a port of the loopback interface. Each client has its own port, because nothing in an AWS SDK's
 * request tells clients apart.
 *
 * @param client name of the client that gets this port
 * @param port 0 for a free one
 */
export async function serveExchange(exchange: Exchange, client: string, port = 0): Promise<ProxyServer> {
  const server = createServer((incoming, response) => {
    void serve(exchange, client, incoming, response);
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const sockets = new Set<Socket>();
  server.on('connection', socket => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function serve(
  exchange: Exchange,
  client: string,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let request: ProxyRequest;
  try {
    request = await readRequest(client, incoming);
  } catch {
    // The client broke off while sending, so there is no request and nobody to answer.
    incoming.socket.destroy();
    return;
  }
  const reply = await exchange(request).catch((error: unknown) =>
    errorReply(500, 'InternalFailure', `The proxy failed: ${String(error)}`),
  );
  send(reply, response);
}

async function readRequest(client: string, incoming: IncomingMessage): Promise<ProxyRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  const { method = 'POST', url: path = '/', headers } = incoming;
  const { 'x-amz-target': target = '' } = headers;
  const operation = String(target).split('.').at(1) ?? '';
  return { client, method, path, headers, body: Buffer.concat(chunks), operation };
}

function send({ status, headers, body, cut }: ProxyReply, response: ServerResponse): void {
  const { socket } = response;
  if (socket === null || socket.destroyed) return;
  if (cut === 'no-reply') {
    socket.destroy();
    return;
  }
  response.writeHead(status, { ...headers, 'content-length': body.length });
  if (cut === 'mid-body') response.write(body.subarray(0, body.length >> 1), () => socket.destroy());
  else response.end(body);
}
