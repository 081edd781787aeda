import { type RequestPart, readParts } from '../dynamodb/request-parts.ts';
import { type TableSchemas, textOf } from '../dynamodb/table-schemas.ts';
import { type ProxyRequest, readJson } from '../proxy/exchange.ts';
import type { FaultSubject, Service } from './rules.ts';

/** A request as rules and observers see it. */
export interface ReadRequest {
  readonly body: Readonly<Record<string, unknown>>;
  /** Parts of a DynamoDB operation on items; empty for everything else. */
  readonly parts: readonly RequestPart[];
  /** The call as a whole. */
  readonly call: FaultSubject;
  /** One for each part, in the same order. */
  readonly partSubjects: readonly FaultSubject[];
}

/** Reads what a request is about. A request with an unreadable body has no key and no table. */
export async function readSubjects(
  service: Service,
  request: ProxyRequest,
  schemas: TableSchemas,
): Promise<ReadRequest> {
  const { client, operation } = request;
  const body = readJson(request) ?? {};
  const parts = (service === 'dynamodb' && (await readParts(operation, body, schemas))) || [];
  const subject = (part: RequestPart): FaultSubject => ({
    service,
    client,
    operation,
    table: part.table,
    key: keyOf(part, body),
    keyAttributes: part.key?.attributes,
    body,
  });
  const partSubjects = parts.map(subject);
  const table = typeof body['TableName'] === 'string' ? body['TableName'] : undefined;
  const call = partSubjects[0] ?? {
    service,
    client,
    operation,
    table,
    key: String(body['clientToken'] ?? body['task'] ?? ''),
    keyAttributes: undefined,
    body,
  };
  return { body, parts, call, partSubjects };
}

/** A page of a Scan or Query is identified by its start. */
function keyOf({ key, partition, segment }: RequestPart, body: ReadRequest['body']): string {
  if (key !== undefined) return key.text;
  const range = segment ? `segment ${segment.segment} of ${segment.totalSegments}` : (partition ?? '');
  const start = Object.values((body['ExclusiveStartKey'] ?? {}) as Record<string, Record<string, unknown>>);
  return start.length === 0 ? range : `${range} after ${start.map(textOf).join()}`;
}
