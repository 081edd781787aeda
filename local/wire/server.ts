import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { WireError } from './error.ts';
import { malformed } from './request.ts';

export interface WireService {
  /** The part of X-Amz-Target before the dot, as in the service's API model. */
  readonly targetPrefix: string;
  /** By operation name: takes the parsed body and returns the reply's body. Throws {@link WireError} to refuse. */
  readonly operations: Readonly<Record<string, (body: unknown) => unknown>>;
  /** Answers plain GETs; undefined means 404. */
  readonly get?: (path: string) => unknown;
  /** The largest request as sent, in bytes; 16 MiB by default, above the limits of the operations themselves. */
  readonly maxBodyBytes?: number;
  /**
   * For a service that used the query protocol before: the code under which its clients know an error, by `__type`
   * [Smithy, awsQueryCompatible trait].
   */
  readonly queryErrorCodes?: Readonly<Record<string, string>>;
}

export interface RunningServer {
  readonly endpoint: string;
  /** Closes open connections too. */
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 16 * 1024 * 1024;
const KEEP_ALIVE_MS = 120_000;

const decompress = promisify(gunzip);

/**
 * Serves one AWS service on the loopback interface in AWS JSON 1.0 and 1.1. A reply has the content type of its
 * request. Bodies may be gzipped. Signatures are not checked, because only users of this machine reach its loopback
 * interface.
 *
 * Source: Smithy specification, "AWS JSON 1.0 protocol" and "AWS JSON 1.1 protocol".
 *
 * @param port 0 for a free one
 */
export async function startServer(service: WireService, port: number): Promise<RunningServer> {
  const server = createServer((request, response) => {
    void answer(service, request, response);
  });
  // Longer than clients keep theirs, so that no connection closes while a request is being sent on it.
  server.keepAliveTimeout = KEEP_ALIVE_MS;
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
  service: WireService,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method, url = '/', headers } = request;
  let status = 200;
  let body: unknown;
  try {
    body = method === 'GET' ? get(service, url) : await dispatch(service, request);
  } catch (error) {
    const refusal = asWireError(error);
    status = refusal.status;
    body = { __type: refusal.type, message: refusal.message, ...refusal.members };
    const code = service.queryErrorCodes?.[refusal.type];
    if (code !== undefined)
      response.setHeader('x-amzn-query-error', `${code};${status < 500 ? 'Sender' : 'Receiver'}`);
  }
  if (response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type':
      method === 'GET' ? 'application/json' : (headers['content-type'] ?? 'application/x-amz-json-1.1'),
    'content-length': Buffer.byteLength(text),
    'x-amzn-requestid': randomUUID(),
  });
  response.end(text);
}

function asWireError(error: unknown): WireError {
  if (error instanceof WireError) return error;
  return new WireError('InternalFailure', String(error), { status: 500, cause: error });
}

function get(service: WireService, path: string): unknown {
  const body = service.get?.(path);
  if (body === undefined) throw new WireError('NotFound', 'There is nothing at this path.', { status: 404 });
  return body;
}

async function dispatch(service: WireService, request: IncomingMessage): Promise<unknown> {
  const bytes = await readBody(request, service.maxBodyBytes ?? MAX_BODY_BYTES);
  const { 'x-amz-target': target, 'content-encoding': encoding } = request.headers;
  const [prefix, name = ''] = typeof target === 'string' ? target.split('.') : [];
  const known = prefix === service.targetPrefix && Object.hasOwn(service.operations, name);
  const operation = known ? service.operations[name] : undefined;
  if (operation === undefined) {
    throw new WireError('UnknownOperationException', `Unknown operation: ${target ?? 'no X-Amz-Target'}`);
  }
  return (await operation(await parseBody(bytes, encoding))) ?? {};
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Reads to the end anyway, because a client that is still sending does not see an answer.
    if (size <= maxBytes) chunks.push(chunk);
  }
  if (size > maxBytes) {
    throw new WireError('RequestEntityTooLargeException', `A request has at most ${maxBytes} bytes.`, {
      status: 413,
    });
  }
  return Buffer.concat(chunks);
}

async function parseBody(bytes: Buffer, encoding: string | undefined): Promise<unknown> {
  let parsed: unknown;
  try {
    const plain = encoding === 'gzip' ? await decompress(bytes, { maxOutputLength: MAX_BODY_BYTES }) : bytes;
    parsed = plain.length === 0 ? {} : JSON.parse(plain.toString('utf8'), nullMeansAbsent);
  } catch (cause) {
    throw malformed('The request body cannot be read.', { cause });
  }
  if (typeof parsed !== 'object' || Array.isArray(parsed))
    throw malformed('The request body is not a JSON object.');
  return parsed;
}

/** In AWS JSON, a null member counts as absent. */
function nullMeansAbsent(_name: string, value: unknown): unknown {
  return value === null ? undefined : value;
}
