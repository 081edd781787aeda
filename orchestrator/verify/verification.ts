import { setMaxListeners } from 'node:events';
import { type DynamoDBClient, ScanCommand, type ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import { type AttributeMap, decodeKey, encodeAttributeMap } from '../../core/attribute-value.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import { keyOf } from '../../core/item-write.ts';
import { BYTES_PER_CONSISTENT_UNIT } from '../../core/rate/capacity-estimate.ts';
import { PageFit } from '../../core/rate/page-fit.ts';
import { Patience } from '../../core/rate/patience.ts';
import type { RateControl } from '../../core/rate/rate-control.ts';
import type { KeySchema, VerificationFindings } from '../../core/records.ts';
import { endedBy } from '../../core/request-abort.ts';
import { retryUntilAnswered } from '../../core/retry-until-answered.ts';
import { endsInDoubt, MOST_RESTARTS } from '../../core/scan-end.ts';
import type { VerificationPosition } from '../../core/verification-store.ts';
import { readItems } from '../user-table/read-items.ts';
import type { VerificationSubject } from './subject.ts';

/** Keeps at most this many keys for a repair. If more are missing, another sweep is better. */
const MAX_REPAIRABLE = 1_000;

/** An item of the control table has at most 400 KB, and each checkpoint pays for its whole size. */
const MAX_OPEN_BYTES = 200_000;

const MAX_SAMPLE = 10;

/** The first page has this many items if the item size is known, and one item if not. Later pages grow. */
const FIRST_PAGE_ITEMS = 25;
const PAGE_GROWTH = 4;

/** A page of 1 MB cannot hold more items, so a larger limit has no effect. */
const MOST_PAGE_ITEMS = 1_000_000;

/** A page may cost this many units more than planned. */
const ONE_TOO_MANY = 1;

/** Concurrent lookups in quarantine. */
const LOOKUPS = 8;

/** Stores the progress of a verification. */
export interface VerificationCheckpoints {
  /** @returns how far the segment is; undefined if it has not begun. */
  readonly claim: (segment: number) => Promise<VerificationPosition | undefined>;
  readonly save: (position: VerificationPosition) => Promise<void>;
}

export interface VerificationRequest {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly keySchema: KeySchema;
  readonly subject: VerificationSubject;
  readonly totalSegments: number;
  readonly rate: RateControl;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Resolves once there is authority to send. */
  readonly held?: (signal: AbortSignal) => Promise<void>;
  /** Without checkpoints, everything read is lost with the process. */
  readonly checkpoints?: VerificationCheckpoints;
  /** Whether a missing item is in quarantine, by its key as DynamoDB JSON. */
  readonly isQuarantined?: (key: string) => Promise<boolean>;
  /** Read units that may be in flight, or read and not saved. At most this much is read again after a crash. */
  readonly mostUnsavedUnits?: number;
  readonly onPage?: (page: VerifiedPage) => void;
  /** Called with a message when the table answers slowly. */
  readonly onSlow?: (reason: string) => void;
}

/**
 * What one page of the scan added; `last` marks the last page of its segment. If a segment begins again, one page with
 * negative counts takes back what its pages added.
 */
export interface VerifiedPage {
  readonly segment: number;
  readonly scanned: number;
  readonly missing: number;
  readonly readUnits: number;
  readonly last: boolean;
}

export interface VerificationResult extends Omit<VerificationFindings, 'open' | 'sample'> {
  /**
   * Missing items that are not in quarantine, with the other attributes that were read; at most {@link MAX_REPAIRABLE}.
   */
  readonly open: readonly AttributeMap[];
  /** Keys of missing items as DynamoDB JSON; at most ten. */
  readonly sample: readonly string[];
}

/**
 * Reads every item with strong consistency and counts those that the subject calls missing. Each page includes every
 * write that completed before its request began [developer guide, Scan: read consistency].
 *
 * It keeps enough pages in flight to use the read budget at the measured latency, but no more than a crash may cost. It
 * reads a segment's next page after it has saved the checkpoint of the previous one:
 *
 *     segment 0   page ── save ── page ── save ── page …
 *     segment 1        page ── save ── page …                 in flight: rate × latency, as whole pages
 *
 * @throws SystemicError when the table refuses the Scan for good; SupersededError; the signal's reason when it aborts.
 */
export async function verifyTable(request: VerificationRequest): Promise<VerificationResult> {
  return new Verification(request).run();
}

interface Segment extends Omit<VerificationPosition, 'at'> {
  readonly restarts: number;
}

class Verification {
  readonly #request: VerificationRequest;
  readonly #segments: Segment[] = [];
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;
  readonly #patience: Patience;
  readonly #fit = new PageFit();
  #inFlight = 0;
  #open = 0;
  #grownItems: number;
  #wake: () => void = () => {};

  constructor(request: VerificationRequest) {
    this.#request = request;
    const { onSlow = () => {} } = request;
    // A request takes real time, whichever clock the retries use.
    this.#patience = new Patience({ clock: systemClock, what: 'verification Scan', onSlow });
    this.#signal = AbortSignal.any([request.signal, this.#failed.signal]);
    // Every waiting segment listens to this signal. That is no leak, and Node's warning would appear among the
    // operator's messages.
    setMaxListeners(0, this.#signal);
    this.#grownItems = request.rate.estimate.known ? FIRST_PAGE_ITEMS : 1;
  }

  async run(): Promise<VerificationResult> {
    for (let segment = 0; segment < this.#request.totalSegments; segment++) {
      const claimed = await this.#request.checkpoints?.claim(segment);
      this.#signal.throwIfAborted();
      this.#segments.push({ ...(claimed ?? beginningOf(segment)), restarts: 0 });
      this.#open += claimed?.findings.open.length ?? 0;
    }
    this.#goOn(resultOf(this.#segments.map(({ findings }) => findings)));
    // This listens to its own signal, because the caller's signal may live longer than this verification.
    this.#signal.addEventListener('abort', () => this.#wake(), { once: true });
    const waiting = this.#segments.filter(({ done }) => !done).map(({ segment }) => segment);
    const running = new Set<Promise<void>>();
    while (waiting.length > 0 || this.#inFlight > 0) {
      if (this.#signal.aborted) break;
      const segment = this.#hasRoom() ? waiting.shift() : undefined;
      if (segment === undefined) {
        await new Promise<void>(resolve => {
          this.#wake = resolve;
        });
        continue;
      }
      this.#inFlight += 1;
      const reading: Promise<void> = this.#advance(segment)
        .then(done => {
          if (!done) waiting.push(segment);
        })
        .catch(error => this.#failed.abort(error))
        .finally(() => {
          this.#inFlight -= 1;
          running.delete(reading);
          this.#wake();
        });
      running.add(reading);
    }
    await Promise.all(running);
    this.#signal.throwIfAborted();
    return this.#result();
  }

  /** A verification that continues already knows the item size, so it need not begin with small pages. */
  #goOn({ scanned, readUnits }: VerificationResult): void {
    if (scanned < FIRST_PAGE_ITEMS) return;
    this.#request.rate.estimate.seed({ bytes: (readUnits * BYTES_PER_CONSISTENT_UNIT) / scanned });
    this.#grownItems = MOST_PAGE_ITEMS;
  }

  #hasRoom(): boolean {
    const { rate, mostUnsavedUnits = Number.POSITIVE_INFINITY } = this.#request;
    // The first pages are small, so it takes more of them to use the budget.
    const grown = this.#grownItems * rate.estimate.readUnitsPerScannedItem(true);
    const pageUnits = Math.min(this.#pageUnits(), Math.max(1, grown));
    const affordable = Math.max(1, Math.floor(mostUnsavedUnits / (pageUnits + ONE_TOO_MANY)));
    // Until the first page shows the item size, one request is enough.
    const wanted = rate.estimate.known ? rate.pagesInFlight(pageUnits) : 1;
    return this.#inFlight < Math.min(wanted, affordable);
  }

  /** The planned cost of the next page, in read units. */
  #pageUnits(): number {
    const { rate, mostUnsavedUnits = Number.POSITIVE_INFINITY } = this.#request;
    return rate.pageUnits(mostUnsavedUnits - ONE_TOO_MANY);
  }

  /**
   * Reads one page of a segment and saves the progress.
   * @returns whether it was the segment's last page.
   */
  async #advance(index: number): Promise<boolean> {
    const { clock, checkpoints, rate, onPage } = this.#request;
    const before = this.#at(index);
    const start = before.lastEvaluatedKey === undefined ? undefined : decodeKey(before.lastEvaluatedKey);
    const { page, readUnits: pageUnits, sentAtMs } = await this.#readPage(before, start);
    let readUnits = pageUnits;
    const beginsAgain =
      before.restarts < MOST_RESTARTS &&
      endsInDoubt(start, page) &&
      (await this.#isGone(start, units => {
        readUnits += units;
      }));
    const findings = beginsAgain
      ? { ...NOTHING, readUnits: before.findings.readUnits + readUnits }
      : await this.#withPage(before.findings, page, readUnits);
    const done = !beginsAgain && page.LastEvaluatedKey === undefined;
    const after: Segment = {
      segment: index,
      sequence: before.sequence + 1,
      lastEvaluatedKey: page.LastEvaluatedKey && encodeAttributeMap(page.LastEvaluatedKey),
      done,
      findings,
      restarts: before.restarts + (beginsAgain ? 1 : 0),
    };
    this.#segments[index] = after;
    onPage?.({
      segment: index,
      scanned: findings.scanned - before.findings.scanned,
      missing: findings.missing - before.findings.missing,
      readUnits: findings.readUnits - before.findings.readUnits,
      last: done,
    });
    const { restarts: _, ...position } = after;
    await checkpoints?.save({ ...position, at: clock.nowIso() });
    rate.observePage(clock.monotonicMs() - sentAtMs);
    return done;
  }

  /** Reads one page and retries as often as needed. */
  async #readPage(
    { segment }: Segment,
    start: AttributeMap | undefined,
  ): Promise<{ page: ScanCommandOutput; readUnits: number; sentAtMs: number }> {
    const { client, table, subject, totalSegments, rate, clock, held } = this.#request;
    const signal = this.#signal;
    const onThrottled = (reason: string) => rate.throttled(reason);
    return retryUntilAnswered('The verification scan', { clock, signal, onThrottled }, async () => {
      await held?.(signal);
      let aimed = 0;
      const itemsNow = () => {
        aimed = this.#pageUnits();
        const unitsPerItem = rate.estimate.readUnitsPerScannedItem(true);
        const items = Math.min(
          this.#grownItems,
          this.#fit.items(aimed, unitsPerItem) ?? Number.POSITIVE_INFINITY,
        );
        return items < MOST_PAGE_ITEMS ? items : undefined;
      };
      let limit: number | undefined;
      let reserved = 0;
      let sentAtMs = 0;
      const page = await this.#patience.send(
        async () => {
          ({ limit, reserved } = await rate.reservePage(itemsNow, true, signal, held));
          sentAtMs = clock.monotonicMs();
        },
        abortSignal =>
          client.send(
            endedBy(
              new ScanCommand({
                TableName: table,
                Segment: segment,
                TotalSegments: totalSegments,
                ConsistentRead: true,
                ExclusiveStartKey: start,
                Limit: limit,
                Select: 'SPECIFIC_ATTRIBUTES',
                ...subject.scan,
                ReturnConsumedCapacity: 'TOTAL',
              }),
              abortSignal,
            ),
          ),
      );
      const { ConsumedCapacity, ScannedCount: scanned = 0, Count: matched = 0 } = page;
      const readUnits = ConsumedCapacity?.CapacityUnits ?? reserved;
      rate.settlePage(reserved, { readUnits, scanned, matched, consistent: true });
      // A page that was small for other reasons does not tell how many items fit.
      const full = page.LastEvaluatedKey !== undefined && scanned === limit && limit < this.#grownItems;
      this.#fit.learn({ aimed, readUnits, scanned, full });
      this.#grownItems = Math.min(MOST_PAGE_ITEMS, this.#grownItems * PAGE_GROWTH);
      return { page, readUnits, sentAtMs };
    });
  }

  async #isGone(key: AttributeMap, onConsumed: (readUnits: number) => void): Promise<boolean> {
    const { client, table, keySchema, rate, clock, held } = this.#request;
    const items = await readItems('Looking for the item at which the verification scan ended', {
      ...{ client, rate, clock, held, signal: this.#signal, keys: [key] },
      table: { table, keySchema },
      onConsumed,
    });
    return items.length === 0;
  }

  async #withPage(
    before: VerificationFindings,
    { Items = [], ScannedCount = 0 }: ScanCommandOutput,
    readUnits: number,
  ): Promise<VerificationFindings> {
    const { subject, keySchema } = this.#request;
    const judged = Items.map(item => ({ item, is: subject.judge(item) }));
    const missing = judged.flatMap(({ item, is }) => (is.missing ? [item] : []));
    const keys = missing.map(item => encodeAttributeMap(keyOf(keySchema, item)));
    const quarantined = await this.#quarantinedOf(keys);
    const open: string[] = [...before.open];
    let bytes = open.reduce((sum, item) => sum + item.length, 0);
    for (const [index, item] of missing.entries()) {
      if (quarantined.has(index) || this.#open >= MAX_REPAIRABLE) continue;
      const kept = subject.keeps === undefined ? undefined : item[subject.keeps];
      const text = encodeAttributeMap({
        ...keyOf(keySchema, item),
        ...(subject.keeps !== undefined && kept && { [subject.keeps]: kept }),
      });
      bytes += text.length;
      if (bytes > MAX_OPEN_BYTES) break;
      open.push(text);
      this.#open += 1;
    }
    return {
      scanned: before.scanned + ScannedCount,
      missing: before.missing + missing.length,
      quarantined: before.quarantined + quarantined.size,
      nulls: before.nulls + judged.filter(({ is }) => is.isNull).length,
      notIndexed: (before.notIndexed ?? 0) + judged.filter(({ is }) => is.notIndexed).length,
      readUnits: before.readUnits + readUnits,
      open,
      sample: [...before.sample, ...keys].slice(0, MAX_SAMPLE),
    };
  }

  /**
   * Finds out which of these keys are in quarantine. It stops early once too many are not, because another sweep
   * follows then.
   */
  async #quarantinedOf(keys: readonly string[]): Promise<Set<number>> {
    const { isQuarantined, clock } = this.#request;
    const found = new Set<number>();
    if (!isQuarantined) return found;
    const waiting = [...keys.entries()];
    let others = 0;
    const lane = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        if (this.#open + others >= MAX_REPAIRABLE) return;
        const [index, key] = next;
        const is = await retryUntilAnswered(
          'Looking into the quarantine',
          { clock, signal: this.#signal },
          async () => isQuarantined(key),
        );
        if (is) found.add(index);
        else others += 1;
      }
    };
    await Promise.all(Array.from({ length: LOOKUPS }, lane));
    return found;
  }

  #at(index: number): Segment {
    const segment = this.#segments[index];
    if (!segment) throw new RangeError(`The verification has no segment ${index}.`);
    return segment;
  }

  #result(): VerificationResult {
    return resultOf(this.#segments.map(({ findings }) => findings));
  }
}

const NOTHING: VerificationFindings = {
  scanned: 0,
  missing: 0,
  quarantined: 0,
  nulls: 0,
  notIndexed: 0,
  readUnits: 0,
  open: [],
  sample: [],
};

function beginningOf(segment: number): Omit<VerificationPosition, 'at'> {
  return { segment, sequence: 0, lastEvaluatedKey: undefined, done: false, findings: NOTHING };
}

/** Adds up the findings of all segments. */
function resultOf(found: readonly VerificationFindings[]): VerificationResult {
  const sum = (of: (findings: VerificationFindings) => number) =>
    found.reduce((total, findings) => total + of(findings), 0);
  return {
    scanned: sum(({ scanned }) => scanned),
    missing: sum(({ missing }) => missing),
    quarantined: sum(({ quarantined }) => quarantined),
    nulls: sum(({ nulls }) => nulls),
    notIndexed: sum(({ notIndexed = 0 }) => notIndexed),
    readUnits: sum(({ readUnits }) => readUnits),
    open: found.flatMap(({ open }) => open.map(decodeKey)),
    sample: found.flatMap(({ sample }) => sample).slice(0, MAX_SAMPLE),
  };
}
