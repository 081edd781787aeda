import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { crc32 } from 'node:zlib';

/** One call of an AWS service, read whole from the client's connection. */
export interface ProxyRequest {
  /** The client, known by the port that it called. */
  readonly client: string;
  readonly method: string;
  /** The path with its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As sent: gzipped if the client did so. */
  readonly body: Buffer;
  /** The part of X-Amz-Target after the dot; empty if there is none. */
  readonly operation: string;
}

export interface ProxyReply {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
  /** The connection is cut: before the first byte of the reply, or after half of its body. */
  readonly cut?: 'no-reply' | 'mid-body';
}

/**
 * A service, or something between a client and a service. Proxies are functions put before one another, so a chain of
 * them needs only one connection to the service.
 */
export type Exchange = (request: ProxyRequest) => Promise<ProxyReply>;

/** Sends nothing back. The client sees a broken connection. */
export const NO_REPLY: ProxyReply = { status: 0, headers: {}, body: Buffer.alloc(0), cut: 'no-reply' };

/** Headers that describe a body and must not stay when it is replaced. */
const BODY_HEADERS = ['content-length', 'x-amz-crc32', 'content-encoding'];

/** A copy of a request or reply with another JSON body. DynamoDB adds a CRC-32 of the body. */
export function withJson<Message extends ProxyRequest | ProxyReply>(
  message: Message,
  json: unknown,
): Message {
  const body = Buffer.from(JSON.stringify(json));
  const headers = Object.fromEntries(
    Object.entries(message.headers).filter(([name]) => !BODY_HEADERS.includes(name)),
  );
  if ('status' in message) headers['x-amz-crc32'] = String(crc32(body));
  return { ...message, headers, body };
}

/** The body of a request or reply if it is an uncompressed JSON object; otherwise undefined. */
export function readJson(message: ProxyRequest | ProxyReply): Record<string, unknown> | undefined {
  if (message.headers['content-encoding'] !== undefined) return undefined;
  try {
    const json: unknown = JSON.parse(message.body.toString('utf8'));
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A refusal in AWS JSON.
 *
 * @param type `__type`, with the namespace that the service puts before the shape's name
 * @param members members of the error's shape besides its message
 */
export function errorReply(
  status: number,
  type: string,
  message: string,
  members: Readonly<Record<string, unknown>> = {},
): ProxyReply {
  const headers = { 'content-type': 'application/x-amz-json-1.0' };
  return withJson({ status, headers, body: Buffer.alloc(0) }, { __type: type, message, ...members });
}
