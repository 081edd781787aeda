import { type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { type AttributeMap, decodeKey, encodeAttributeMap } from '../../core/attribute-value.ts';
import type { Clock } from '../../core/clock.ts';
import { type ItemWrite, itemProjection, keyOf, lackingFilter } from '../../core/item-write.ts';
import type { RateControl } from '../../core/rate/rate-control.ts';
import { loadRule } from '../../core/recipe/load.ts';
import type { RunRecord } from '../../core/records.ts';
import { retryUntilAnswered } from '../../core/retry-until-answered.ts';
import { isMissing } from '../../core/write-rule.ts';
import { readItems } from '../user-table/read-items.ts';
import type { EndPhase } from './end-phase.ts';
import type { PassEnd, PassEndOptions } from './pass-end.ts';

/** Items on one page of the search for a canary's items. */
const PAGE_ITEMS = 100;

/** The most keys in one BatchGetItem [API reference]. */
const KEYS_A_CALL = 100;

export interface CanaryRequest {
  readonly client: Pick<DynamoDBClient, 'send'>;
  readonly write: ItemWrite;
  readonly totalSegments: number;
  /** How many items to choose. */
  readonly limit: number;
  readonly rate: RateControl;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Chooses items that lack the attribute, spread as evenly over the segments as they allow. It chooses exactly `limit`
 * items if the table has as many. It reads small pages of the segments in turn until it has enough.
 * @returns keys as DynamoDB JSON, by segment
 */
export async function chooseCanary(request: CanaryRequest): Promise<Map<number, string[]>> {
  const { totalSegments, limit } = request;
  const found = new Map<number, string[]>();
  let open = Array.from({ length: totalSegments }, (_, segment) => ({
    segment,
    start: undefined as AttributeMap | undefined,
  }));
  let total = 0;
  while (open.length > 0 && total < limit) {
    const further: typeof open = [];
    for (const { segment, start } of open) {
      const page = await readPage(request, segment, start);
      const { keySchema, rule } = request.write;
      const keys = (page.Items ?? [])
        .filter(item => isMissing(rule.decide(item)))
        .map(item => encodeAttributeMap(keyOf(keySchema, item)));
      total += keys.length;
      found.set(segment, [...(found.get(segment) ?? []), ...keys]);
      if (page.LastEvaluatedKey) further.push({ segment, start: page.LastEvaluatedKey });
    }
    open = further;
  }
  return dealEvenly(found, limit);
}

/** Takes one item of each segment in turn, until there are enough. */
function dealEvenly(found: ReadonlyMap<number, readonly string[]>, limit: number): Map<number, string[]> {
  const chosen = new Map<number, string[]>();
  let left = limit;
  for (let turn = 0; left > 0; turn++) {
    const before = left;
    for (const [segment, keys] of found) {
      const key = keys[turn];
      if (key === undefined || left === 0) continue;
      chosen.set(segment, [...(chosen.get(segment) ?? []), key]);
      left -= 1;
    }
    if (left === before) break;
  }
  return chosen;
}

async function readPage(
  { client, write, totalSegments, rate, clock, signal }: CanaryRequest,
  segment: number,
  start: AttributeMap | undefined,
) {
  const projection = itemProjection(write);
  const onThrottled = (reason: string) => rate.throttled(reason);
  return retryUntilAnswered('Choosing the items of the canary', { clock, signal, onThrottled }, async () => {
    const itemsNow = () => (rate.estimate.known ? PAGE_ITEMS : 1);
    const { limit, reserved } = await rate.reservePage(itemsNow, false, signal);
    const page = await client.send(
      new ScanCommand({
        TableName: write.table,
        Segment: segment,
        TotalSegments: totalSegments,
        ExclusiveStartKey: start,
        Limit: limit,
        Select: 'SPECIFIC_ATTRIBUTES',
        ...lackingFilter(write, projection),
        ReturnConsumedCapacity: 'TOTAL',
      }),
    );
    const { ConsumedCapacity, ScannedCount: scanned = 0, Count: matched = 0 } = page;
    const readUnits = ConsumedCapacity?.CapacityUnits ?? reserved;
    rate.settlePage(reserved, { readUnits, scanned, matched, consistent: false });
    return page;
  });
}

/**
 * Ends a canary. It reads exactly the items that the canary chose, with strong consistency, and verifies nothing else.
 * An item that was deleted meanwhile does not count as missing.
 */
export async function endCanary(
  run: RunRecord,
  { stores, supervision, clock, output }: PassEndOptions,
  phase: EndPhase,
): Promise<PassEnd | undefined> {
  const now = await stores.runs.supervise(supervision, ({ status, desired }) =>
    status === 'verifying' || desired !== 'run' ? undefined : { status: 'verifying' },
  );
  if (now.desired !== 'run') return undefined;
  const keys = (await stores.canary.list(run.runId)).map(decodeKey);
  const { client, reading: rate, held, signal } = phase;
  const rule = await loadRule(run, run.keySchema);
  let readUnits = 0;
  const missing: AttributeMap[] = [];
  for (let from = 0; from < keys.length; from += KEYS_A_CALL) {
    const standing = await readItems('Reading the items of the canary back', {
      ...{ client, table: { ...run, rule }, rate, clock, signal, held },
      keys: keys.slice(from, from + KEYS_A_CALL),
      onConsumed: units => {
        readUnits += units;
        phase.count(`canary-${supervision.epoch}`, { readUnits });
      },
    });
    missing.push(
      ...standing.filter(item => isMissing(rule.decide(item))).map(item => keyOf(run.keySchema, item)),
    );
  }
  const unresolved = (await stores.quarantine.list(run.runId)).filter(({ resolved }) => !resolved);
  const quarantined = new Set(unresolved.map(({ key }) => key));
  const open = missing.map(encodeAttributeMap).filter(key => !quarantined.has(key));
  await stores.runs.supervise(supervision, ({ desired }) =>
    desired === 'run' ? { missing: missing.length } : undefined,
  );
  output.event('canary.verified', {
    table: run.table,
    attribute: run.attribute,
    items: keys.length,
    missing: missing.length,
    keys: open.slice(0, 10).map(key => JSON.parse(key) as unknown),
  });
  output.say(
    open.length > 0
      ? `${open.length} of the ${keys.length} items of the canary lack "${run.attribute}" again, for instance ${open[0]}: a live writer removed it.`
      : `The ${keys.length} items of the canary were read back with strong consistency.`,
  );
  if (missing.length === 0) return { next: 'finish', status: 'canary' };
  return { next: 'finish', status: open.length === 0 ? 'quarantined' : 'incomplete' };
}
