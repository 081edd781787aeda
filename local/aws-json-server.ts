import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

/** An error as AWS JSON puts it on the wire: HTTP status, `__type`, `message`, and an error's own members. */
export class WireError extends Error {
  readonly type: string;
  readonly status: number;
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    type: string,
    message: string,
    options: { status?: number; members?: Record<string, unknown> } = {},
  ) {
    super(message);
    this.name = type;
    this.type = type;
    this.status = options.status ?? 400;
    this.members = options.members ?? {};
  }
}

export interface AwsJsonService {
  /** What stands before the dot in X-Amz-Target, as in the service's API model. */
  readonly targetPrefix: string;
  /** Per operation name: takes the parsed body, gives the reply's body. Throws {@link WireError} to refuse. */
  readonly operations: Readonly<Record<string, (input: unknown) => unknown>>;
  /** Answers plain GETs; undefined means 404. */
  readonly get?: (path: string) => unknown;
}

export interface RunningServer {
  readonly endpoint: string;
  /** Ends open connections too. */
  close(): Promise<void>;
}

/** Above any request limit of the services here, so that the limits themselves are what refuses. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

const decompress = promisify(gunzip);

/**
 * Serves one AWS service over HTTP in AWS JSON 1.0 and 1.1 (the reply has the request's content type).
 * Signatures are not checked: whoever reaches the loopback interface of this machine is its user.
 *
 * Source: Smithy specification, "AWS JSON 1.1 protocol" (request shape, `__type`, the error names for an
 * unknown operation and for a body that cannot be read).
 *
 * @param port of the loopback interface; 0 for a free one
 */
export async function startAwsJsonServer(service: AwsJsonService, port: number): Promise<RunningServer> {
  const server = createServer((request, response) => {
    void answer(service, request, response);
  });
  // A client's kept-alive connection must not be closed under a request that is just being sent on it.
  server.keepAliveTimeout = 120_000;
  const sockets = new Set<Socket>();
  server.on('connection', socket => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${portOf(server)}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('A TCP server has no TCP address.');
  return address.port;
}

async function answer(
  service: AwsJsonService,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const contentType = request.headers['content-type'] ?? 'application/x-amz-json-1.1';
  let status = 200;
  let body: unknown;
  try {
    if (request.method === 'GET') {
      body = service.get?.(request.url ?? '/');
      if (body === undefined) throw new WireError('UnknownOperationException', 'Not found.', { status: 404 });
    } else {
      body = await dispatch(service, request);
    }
  } catch (error) {
    // Whatever is not a refusal is a fault of ours, and told as the service tells of its own.
    const refusal =
      error instanceof WireError ? error : new WireError('InternalFailure', String(error), { status: 500 });
    status = refusal.status;
    body = { __type: refusal.type, message: refusal.message, ...refusal.members };
    response.setHeader('x-amzn-errortype', refusal.type);
  }
  if (response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': request.method === 'GET' ? 'application/json' : contentType,
    'content-length': Buffer.byteLength(text),
    'x-amzn-requestid': randomUUID(),
  });
  response.end(text);
}

async function dispatch(service: AwsJsonService, request: IncomingMessage): Promise<unknown> {
  const bytes = await readBody(request);
  const target = request.headers['x-amz-target'];
  const [prefix, name] = typeof target === 'string' ? target.split('.') : [];
  const operation =
    name !== undefined && Object.hasOwn(service.operations, name) ? service.operations[name] : undefined;
  if (prefix !== service.targetPrefix || operation === undefined) {
    throw new WireError('UnknownOperationException', `Unknown operation: ${target ?? 'no X-Amz-Target'}`);
  }
  return (await operation(await parseBody(request, bytes))) ?? {};
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES)
      throw new WireError('RequestEntityTooLargeException', 'Request too large.', { status: 413 });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function parseBody(request: IncomingMessage, bytes: Buffer): Promise<unknown> {
  try {
    const plain =
      request.headers['content-encoding'] === 'gzip'
        ? await decompress(bytes, { maxOutputLength: MAX_BODY_BYTES })
        : bytes;
    const parsed: unknown = plain.length === 0 ? {} : JSON.parse(plain.toString('utf8'), nullMeansAbsent);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
      throw new Error('not an object');
    return parsed;
  } catch (cause) {
    throw Object.assign(new WireError('SerializationException', 'The request body is not a JSON object.'), {
      cause,
    });
  }
}

/** In AWS JSON a member that is null is a member that was not given. */
function nullMeansAbsent(_name: string, value: unknown): unknown {
  return value === null ? undefined : value;
}
