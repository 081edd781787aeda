import { type DynamoDBClient, ScanCommand, type ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import { type AttributeMap, encodeAttributeMap } from '../../core/attribute-value.ts';
import type { Clock } from '../../core/clock.ts';
import type { CapacityLimiter } from '../../core/rate/capacity-limiter.ts';
import type { KeySchema } from '../../core/records.ts';
import { retryUntilAnswered } from '../../core/retry-until-answered.ts';
import { endsInDoubt, MOST_RESTARTS } from '../../core/scan-end.ts';
import { readItems } from '../user-table/read-items.ts';

/** Segments read at the same time. */
const CONCURRENCY = 8;

/** Keys that are kept for a repair; when more are missing, another pass is the better way. */
const MAX_REPAIRABLE = 1_000;

/** A strongly consistent read of 4 KB is one unit; a Scan page holds 1 MB at most [developer guide]. */
const LARGEST_PAGE_UNITS = 256;

export interface VerificationRequest {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly keySchema: KeySchema;
  readonly attribute: string;
  /** Another attribute to bring along, where an item lacks the one that is looked for. */
  readonly alsoRead?: string | undefined;
  readonly totalSegments: number;
  readonly limiter: CapacityLimiter;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onPage?: (page: VerifiedPage) => void;
}

/**
 * What one page of the scan brought; `last` is the last one of its segment. Where a segment is begun again, what its
 * pages brought is taken back by one that has their counts below zero.
 */
export interface VerifiedPage {
  readonly segment: number;
  readonly scanned: number;
  readonly missing: number;
  readonly readUnits: number;
  readonly last: boolean;
}

export interface VerificationResult {
  readonly scanned: number;
  /** Items that lack the attribute, as of the moment when their page was read. */
  readonly missing: number;
  /** Items whose attribute is there and is NULL; they count as having it. */
  readonly nulls: number;
  /** Keys of missing items, with the attribute that was to be read as well, {@link MAX_REPAIRABLE} at most. */
  readonly keys: readonly AttributeMap[];
  readonly readUnits: number;
}

/**
 * Reads every item with strong consistency and counts those that lack the attribute. Each page includes every write
 * that was complete before its request began [developer guide, Scan: read consistency].
 *
 * @throws SystemicError when the table refuses the Scan for good; the signal's reason when it aborts.
 */
export async function verifyTable(request: VerificationRequest): Promise<VerificationResult> {
  const found: SegmentFindings[] = Array.from({ length: request.totalSegments }, () => NOTHING);
  const failed = new AbortController();
  const signal = AbortSignal.any([request.signal, failed.signal]);
  const waiting = found.map((_, segment) => segment);
  const tell = (segment: number, before: SegmentFindings, last: boolean) => {
    const now = found[segment] ?? NOTHING;
    request.onPage?.({
      segment,
      scanned: now.scanned - before.scanned,
      missing: now.missing - before.missing,
      readUnits: now.readUnits - before.readUnits,
      last,
    });
  };
  const lane = async () => {
    for (let segment = waiting.shift(); segment !== undefined; segment = waiting.shift()) {
      for await (const { page, beginsAgain } of pagesOf(segment, { ...request, signal })) {
        const before = found[segment] ?? NOTHING;
        const kept = sumOf(found, ({ keys }) => keys.length);
        const now = withPage(before, page, request.attribute, MAX_REPAIRABLE - kept);
        found[segment] = beginsAgain ? { ...NOTHING, readUnits: now.readUnits } : now;
        tell(segment, before, !beginsAgain && page.LastEvaluatedKey === undefined);
      }
    }
  };
  await Promise.all(
    Array.from({ length: Math.min(CONCURRENCY, waiting.length) }, () =>
      lane().catch(error => {
        failed.abort(error);
        throw error;
      }),
    ),
  );
  return {
    scanned: sumOf(found, ({ scanned }) => scanned),
    missing: sumOf(found, ({ missing }) => missing),
    nulls: sumOf(found, ({ nulls }) => nulls),
    readUnits: sumOf(found, ({ readUnits }) => readUnits),
    keys: found.flatMap(({ keys }) => keys),
  };
}

type SegmentFindings = VerificationResult;

const NOTHING: SegmentFindings = { scanned: 0, missing: 0, nulls: 0, readUnits: 0, keys: [] };

function sumOf(found: readonly SegmentFindings[], of: (findings: SegmentFindings) => number): number {
  return found.reduce((sum, findings) => sum + of(findings), 0);
}

/** `keysLeft`: how many keys may still be kept. */
function withPage(
  before: SegmentFindings,
  { Items = [], ScannedCount = 0, ConsumedCapacity }: ScanCommandOutput,
  attribute: string,
  keysLeft: number,
): SegmentFindings {
  const missing = Items.filter(item => !Object.hasOwn(item, attribute));
  return {
    scanned: before.scanned + ScannedCount,
    missing: before.missing + missing.length,
    nulls: before.nulls + (Items.length - missing.length),
    readUnits: before.readUnits + (ConsumedCapacity?.CapacityUnits ?? 0),
    keys: [...before.keys, ...missing.slice(0, keysLeft)],
  };
}

interface Page {
  readonly page: ScanCommandOutput;
  /** The pages of this segment up to here do not count: they come once more. */
  readonly beginsAgain: boolean;
}

async function* pagesOf(segment: number, request: VerificationRequest): AsyncGenerator<Page> {
  let start: AttributeMap | undefined;
  let expectedUnits = 1;
  let restarts = 0;
  for (;;) {
    const page = await readPage(segment, start, expectedUnits, request);
    expectedUnits = page.ConsumedCapacity?.CapacityUnits ?? expectedUnits;
    const beginsAgain =
      restarts < MOST_RESTARTS && endsInDoubt(start, page) && (await isGone(start, request));
    yield { page, beginsAgain };
    if (beginsAgain) restarts += 1;
    else if (!page.LastEvaluatedKey) return;
    start = page.LastEvaluatedKey;
  }
}

async function isGone(key: AttributeMap, request: VerificationRequest): Promise<boolean> {
  const items = await readItems('Looking for the item at which the verification scan ended', {
    ...request,
    table: request,
    keys: [key],
  });
  return items.length === 0;
}

/** One page, however often it takes. Only keys travel, and the attribute where it is NULL. */
async function readPage(
  segment: number,
  start: AttributeMap | undefined,
  expectedUnits: number,
  request: VerificationRequest,
): Promise<ScanCommandOutput> {
  const { client, table, keySchema, attribute, totalSegments, limiter, clock, signal } = request;
  const names = new Set(keySchema.map(({ name }) => name));
  if (request.alsoRead !== undefined && request.alsoRead !== attribute) names.add(request.alsoRead);
  const keyNames = [...names].map((name, index): [string, string] => [`#k${index}`, name]);
  return retryUntilAnswered('The verification scan', { clock, signal }, async () => {
    await limiter.reserve(expectedUnits, signal);
    const page = await client.send(
      new ScanCommand({
        TableName: table,
        Segment: segment,
        TotalSegments: totalSegments,
        ConsistentRead: true,
        ExclusiveStartKey: start,
        Limit: pageLimit(limiter.unitsPerSecond),
        Select: 'SPECIFIC_ATTRIBUTES',
        ProjectionExpression: [...keyNames.map(([placeholder]) => placeholder), '#a'].join(', '),
        FilterExpression: 'attribute_not_exists(#a) OR attribute_type(#a, :null)',
        ExpressionAttributeNames: { '#a': attribute, ...Object.fromEntries(keyNames) },
        ExpressionAttributeValues: { ':null': { S: 'NULL' } },
        ReturnConsumedCapacity: 'TOTAL',
      }),
    );
    limiter.settle(expectedUnits, page.ConsumedCapacity?.CapacityUnits ?? expectedUnits);
    return page;
  });
}

/** Pages that a small budget earns within two seconds, counting on items of 1 KB; whole pages otherwise. */
function pageLimit(unitsPerSecond: number): number | undefined {
  const units = unitsPerSecond * 2;
  return units >= LARGEST_PAGE_UNITS ? undefined : Math.max(1, Math.floor(units * 4));
}

/** The keys that an event or a message shows. */
export function sampleOf(keys: readonly AttributeMap[]): string[] {
  return keys.slice(0, 10).map(encodeAttributeMap);
}
