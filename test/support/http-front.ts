import { createServer, type IncomingMessage, type ServerResponse, request as sendRequest } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A call of an AWS SDK as received. */
export interface WireCall {
  /** For example `BatchExecuteStatement`. */
  readonly operation: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read and write parts of bodies of many shapes.
  readonly body: any;
  /** The raw body, for services that do not use JSON. */
  readonly bytes: Buffer;
  readonly request: IncomingMessage;
}

/** How the script answers a call. */
export interface Answer {
  /** Sends this reply. A body that is not text is sent as JSON. */
  reply(status: number, body: unknown, headers?: Record<string, string>): void;
  /** Refuses as the service would. */
  refuse(type: string, message?: string, members?: Record<string, unknown>, status?: number): void;
  /** Gets the reply of the service behind this server. */
  forward(body?: unknown): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Passes on the reply of the service unchanged. */
  pass(): Promise<void>;
  /** The raw response with its socket, for replies that break the rules. */
  readonly response: ServerResponse;
  /** Closes the connection without another byte. */
  cut(): void;
}

export type Script = (call: WireCall, answer: Answer) => void | Promise<void>;

export interface HttpFront {
  readonly endpoint: string;
  /** Every call so far. */
  readonly calls: WireCall[];
  /** Answers calls from now on; by default they pass. */
  script: Script;
  close(): Promise<void>;
}

/**
 * A small HTTP server that speaks AWS JSON as its script says. It works alone or before a real service, whose replies
 * it passes on, changes or loses.
 */
export async function startHttpFront(target: string | undefined, script?: Script): Promise<HttpFront> {
  const sockets = new Set<Socket>();
  const front: HttpFront = {
    endpoint: '',
    calls: [],
    script: script ?? ((_, answer) => answer.pass()),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  const server = createServer((request, response) => {
    void serve(front, target, request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  server.on('connection', socket => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(front, { endpoint: `http://127.0.0.1:${port}` });
}

async function serve(
  front: HttpFront,
  target: string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1] ?? '';
  const call: WireCall = { operation, body: parsed(bytes), bytes, request };
  front.calls.push(call);

  const reply: Answer['reply'] = (status, body, headers) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, {
      'content-type': 'application/x-amz-json-1.0',
      'content-length': Buffer.byteLength(text),
      ...headers,
    });
    response.end(text);
  };
  const ask = (body: Buffer) => forward(target, request, body);
  await front.script(call, {
    reply,
    refuse: (type, message = `${type} for the test`, members = {}, status = 400) =>
      reply(status, { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message, ...members }),
    forward: async body => {
      const { status, text } = await ask(body === undefined ? bytes : Buffer.from(JSON.stringify(body)));
      return { status, body: JSON.parse(text) };
    },
    pass: async () => {
      const { status, text } = await ask(bytes);
      reply(status, text);
    },
    response,
    cut: () => response.socket?.destroy(),
  });
}

// biome-ignore lint/suspicious/noExplicitAny: see WireCall.
function parsed(bytes: Buffer): any {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

/** Sends the request on with its own headers, because the engine may check its signature. */
function forward(
  target: string | undefined,
  request: IncomingMessage,
  body: Buffer,
): Promise<{ status: number; text: string }> {
  if (target === undefined) throw new Error('There is no service behind this front.');
  const { connection: _, ...headers } = request.headers;
  return new Promise((resolve, reject) => {
    const outgoing = sendRequest(
      target,
      { method: request.method, headers: { ...headers, 'content-length': body.length } },
      incoming => {
        let text = '';
        incoming.setEncoding('utf8').on('data', part => {
          text += part;
        });
        incoming.once('end', () => resolve({ status: incoming.statusCode ?? 500, text }));
        incoming.once('error', reject);
      },
    );
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}
