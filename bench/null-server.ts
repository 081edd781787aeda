import { createServer } from 'node:http';
import { forwardTo } from '../local/proxy/forward.ts';

/**
 * An engine that costs almost nothing, so that only the client is measured. It is a separate process. It answers Scan,
 * writes and DescribeTable for any table with prepared bytes, and forwards requests for the control table to a real
 * engine. It prints its endpoint and ends when its stdin does.
 *
 * The name of a table ends in its number of items: `stuff-1-100000`.
 */
const { NULL_CONTROL_TABLE: controlTable = '', NULL_CONTROL_ENDPOINT: controlEndpoint = '' } = process.env;

/** About as many items of the benchmark's table as a page of 1 MB holds. */
const PAGE_ITEMS = 3_000;
const BYTES_PER_ITEM = 350;

const HEADERS = { 'content-type': 'application/x-amz-json-1.0' };

const keys = Array.from({ length: PAGE_ITEMS }, (_, index) => {
  const id = `${String(index).padStart(8, '0')}-2f0c-5b1e-9d55-6a1f0c3b7e42`;
  return `"id":{"S":"${id}"},"created":{"N":"${1_500_000_000_000 + index * 7_919}"}`;
});
/** What a Scan returns: for keys only, and with the sources of the benchmark's recipe. */
const ITEMS = {
  keys: keys.map(key => `{${key}}`),
  sources: keys.map(
    (key, index) => `{${key},"country":{"S":"C${index % 200}"},"population":{"N":"${index}"}}`,
  ),
};
const itemLists = new Map<string, string>();
const asksForSources = Buffer.from('"country"');
const batchReplies = new Map<number, Buffer>();

const engine = forwardTo(controlEndpoint);
const ofControlTable = Buffer.from(`"${controlTable}"`);
const statement = Buffer.from('"Statement":');

const server = createServer((incoming, response) => {
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  incoming.on('end', () => {
    const body = Buffer.concat(chunks);
    const operation = String(incoming.headers['x-amz-target']).split('.')[1] ?? '';
    const canned = reply(operation, body);
    if (canned !== undefined) {
      response.writeHead(200, { ...HEADERS, 'content-length': Buffer.byteLength(canned) }).end(canned);
      return;
    }
    const { method = 'POST', url: path = '/', headers } = incoming;
    void engine.exchange({ client: 'bench', method, path, headers, body, operation }).then(forwarded => {
      response
        .writeHead(forwarded.status, { ...forwarded.headers, 'content-length': forwarded.body.length })
        .end(forwarded.body);
    });
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`http://127.0.0.1:${address?.port}`);
});
process.stdin.resume().on('end', () => process.exit());

function reply(operation: string, body: Buffer): Buffer | string | undefined {
  if (operation === 'BatchExecuteStatement') return batchReply(countOf(statement, body));
  if (body.includes(ofControlTable)) return undefined;
  if (operation === 'UpdateItem') return '{"ConsumedCapacity":{"TableName":"stuff","CapacityUnits":1}}';
  if (operation === 'Scan')
    return page(JSON.parse(body.toString()) as ScanRequest, body.includes(asksForSources));
  if (operation === 'DescribeTable') return '{"Table":{"TableName":"stuff","ItemCount":0}}';
  return undefined;
}

function batchReply(statements: number): Buffer {
  const made = batchReplies.get(statements);
  if (made) return made;
  const fresh = Buffer.from(
    JSON.stringify({
      Responses: Array.from({ length: statements }, () => ({ TableName: 'stuff' })),
      ConsumedCapacity: [{ TableName: 'stuff', CapacityUnits: statements }],
    }),
  );
  batchReplies.set(statements, fresh);
  return fresh;
}

interface ScanRequest {
  readonly TableName: string;
  readonly Segment?: number;
  readonly TotalSegments?: number;
  readonly Limit?: number;
  readonly ExclusiveStartKey?: { readonly id: { readonly S: string } };
}

/** The key at the end of a page contains its position in the table. */
function page(
  { TableName, Segment = 0, TotalSegments = 1, Limit, ExclusiveStartKey }: ScanRequest,
  sources: boolean,
): string {
  const total = Number(/\d+$/.exec(TableName)?.[0] ?? 0);
  const end = Math.floor((total * (Segment + 1)) / TotalSegments);
  const from = ExclusiveStartKey
    ? Number(ExclusiveStartKey.id.S)
    : Math.floor((total * Segment) / TotalSegments);
  const count = Math.min(PAGE_ITEMS, Limit ?? PAGE_ITEMS, end - from);
  const readUnits = Math.ceil((count * BYTES_PER_ITEM) / 4_096) / 2;
  const next =
    from + count < end ? `,"LastEvaluatedKey":{"id":{"S":"${from + count}"},"created":{"N":"0"}}` : '';
  return (
    `{"Items":[${itemList(count, sources ? 'sources' : 'keys')}],"Count":${count},"ScannedCount":${count}` +
    `,"ConsumedCapacity":{"TableName":"stuff","CapacityUnits":${readUnits}}${next}}`
  );
}

function itemList(count: number, kind: keyof typeof ITEMS): string {
  const name = `${kind} ${count}`;
  const made = itemLists.get(name) ?? ITEMS[kind].slice(0, count).join(',');
  itemLists.set(name, made);
  return made;
}

function countOf(needle: Buffer, body: Buffer): number {
  let count = 0;
  for (let at = body.indexOf(needle); at >= 0; at = body.indexOf(needle, at + needle.length)) count += 1;
  return count;
}
