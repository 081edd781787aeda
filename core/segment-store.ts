import type { ControlItem, ControlTable, Outcome } from './control-table.ts';
import { AuthorityLostError } from './errors.ts';
import type { ItemSize } from './rate/capacity-estimate.ts';
import { fromItem, toItem } from './record-item.ts';
import { type Counters, NO_COUNTERS, SEGMENT_PREFIX, type SegmentRecord, segmentItem } from './records.ts';

const UNKNOWN = 'attribute_not_exists(#run)';
const SAME_PASS = '#pass = :pass';
const OWNED_BY_ME = '#launch = :launch';
const NOT_COMPLETE = '#status IN (:pending, :assigned, :running)';
const OWNER_UNCHANGED = '#launch = :owner';
const NO_OWNER = 'attribute_not_exists(#launch)';
const CLAIMABLE = '#status IN (:assigned, :running)';
const RUNNING = '#status = :running';
const LATER_SEQUENCE = '#sequence < :sequence';
const SAME_SEQUENCE = '#sequence = :sequence';
const FAILED = '#status = :failed';

/** Attributes of a record that belong only to its pass. */
const OF_A_PASS = ['completedAt', 'reason', 'progressedBy', 'lastEvaluatedKey'];

const STATUSES = {
  pending: 'pending',
  assigned: 'assigned',
  running: 'running',
  complete: 'complete',
  failed: 'failed',
};

/** A checkpoint says that every page up to and including the one that ended at this key has settled. */
export interface Checkpoint {
  readonly sequence: number;
  readonly lastEvaluatedKey?: string;
  readonly counters: Counters;
  /** How many chunks of the undo log are stored, if the run keeps one. */
  readonly undoChunks?: number | undefined;
  readonly itemSize?: ItemSize | undefined;
  readonly at: string;
}

/** The launch that writes, and the segment. */
export interface SegmentOwner {
  readonly runId: string;
  readonly segment: number;
  readonly pass: number;
  readonly launchId: string;
}

/**
 * Segments: who owns them, how far they are, and their completion marker.
 *
 * Take-over. Only a supervisor assigns segments, and only those whose owner has no authority any more:
 *
 *     launch A   claim ── checkpoint 1 ── checkpoint 2 ──✗ (killed, frozen, cut off)
 *     TASK#A                                    ····authority over···· lapsed | stopped | finished
 *     supervisor                                                       └─ assign to B if the owner is still A
 *     launch B                                                              claim ── reads checkpoint 2 ── checkpoint 3
 *     launch A   checkpoint 3 if the owner is A ✗
 *
 * Checkpoint. It is one conditional write. Its sequence number rises with each one, over all launches, so that no
 * delayed or repeated write can take the segment back. The completion marker is the last checkpoint.
 */
export class SegmentStore {
  readonly #table: ControlTable;

  constructor(table: ControlTable) {
    this.#table = table;
  }

  async list(run: string): Promise<SegmentRecord[]> {
    return (await this.#table.query(run, SEGMENT_PREFIX)).map(fromItem<SegmentRecord>);
  }

  /** All records, page by page, for a caller that keeps none of them. */
  async *pages(run: string): AsyncGenerator<SegmentRecord[]> {
    for await (const page of this.#table.queryPages(run, SEGMENT_PREFIX))
      yield page.map(fromItem<SegmentRecord>);
  }

  /** The records of the first segments from `from` to `to`, in order; as many as one short page holds. */
  async page(run: string, from: number, to: number): Promise<SegmentRecord[]> {
    return (await this.#table.page(run, segmentItem(from), segmentItem(to))).map(fromItem<SegmentRecord>);
  }

  async read(run: string, segment: number): Promise<SegmentRecord | undefined> {
    const item = await this.#table.get({ run, item: segmentItem(segment) });
    return item && fromItem<SegmentRecord>(item);
  }

  /** Gives a segment that has no record yet to a launch. */
  async assignNew(owner: SegmentOwner, totalSegments: number): Promise<boolean> {
    const record: SegmentRecord = {
      runId: owner.runId,
      segment: owner.segment,
      totalSegments,
      pass: owner.pass,
      status: 'assigned',
      launchId: owner.launchId,
      sequence: 0,
      counters: NO_COUNTERS,
      attempts: 0,
    };
    const outcome = await this.#table.put(toItem(record, segmentItem(owner.segment)), [UNKNOWN]);
    return isMine(outcome, owner);
  }

  /**
   * Assigns a segment to a launch if its owner is still the one that was seen, which the caller knows to be without
   * authority. A segment of an earlier pass begins from the start.
   */
  async assign(seen: SegmentRecord, owner: SegmentOwner): Promise<boolean> {
    const afresh = seen.pass < owner.pass;
    const outcome = await this.#table.update(
      this.#key(owner),
      {
        set: {
          status: 'assigned',
          launch: owner.launchId,
          ...(afresh && { pass: owner.pass, attempts: 0 }),
        },
        remove: ['retryAt', ...(afresh ? OF_A_PASS : [])],
      },
      [
        SAME_PASS,
        ...(afresh ? [] : [NOT_COMPLETE]),
        seen.launchId === undefined ? NO_OWNER : OWNER_UNCHANGED,
      ],
      { ...STATUSES, pass: seen.pass, owner: seen.launchId },
    );
    return isMine(outcome, owner);
  }

  /**
   * Takes a segment back from a launch that the caller knows to be without authority. It records how many consecutive
   * launches made no progress with it, and when the next one may have it.
   * @returns the record as it is then, whether or not it had changed
   */
  async takeBack(
    seen: SegmentRecord,
    { attempts, retryAt }: Pick<SegmentRecord, 'attempts' | 'retryAt'>,
  ): Promise<SegmentRecord | undefined> {
    const outcome = await this.#table.update(
      { run: seen.runId, item: segmentItem(seen.segment) },
      {
        set: { status: 'pending', attempts, retryAt },
        remove: ['launch', ...(retryAt === undefined ? ['retryAt'] : [])],
      },
      [SAME_PASS, NOT_COMPLETE, SAME_SEQUENCE, OWNER_UNCHANGED],
      { ...STATUSES, pass: seen.pass, sequence: seen.sequence, owner: seen.launchId },
    );
    return standing(outcome);
  }

  /**
   * The owner begins, or begins again, and learns how far the segment is.
   * @throws AuthorityLostError when the segment belongs to another launch, or must not be worked on.
   */
  async claim(owner: SegmentOwner): Promise<SegmentRecord> {
    const outcome = await this.#table.update(
      this.#key(owner),
      { set: { status: 'running' } },
      [OWNED_BY_ME, SAME_PASS, CLAIMABLE],
      { ...STATUSES, launch: owner.launchId, pass: owner.pass },
    );
    if (!outcome.refused) return fromItem<SegmentRecord>(outcome.item);
    throw notMine(owner, outcome.existing);
  }

  /** @throws AuthorityLostError when the segment belongs to another launch or pass, or a later checkpoint exists. */
  async checkpoint(owner: SegmentOwner, checkpoint: Checkpoint): Promise<void> {
    await this.#advance(owner, checkpoint, {});
  }

  /** Writes the completion marker: the last page and every page before it have settled. */
  async complete(owner: SegmentOwner, checkpoint: Checkpoint): Promise<void> {
    await this.#advance(owner, checkpoint, { status: 'complete', completedAt: checkpoint.at });
  }

  /** Releases a segment, so that nobody has to wait for this launch's end. */
  async release(owner: SegmentOwner): Promise<void> {
    await this.#table.update(
      this.#key(owner),
      { set: { status: 'pending' }, remove: ['launch'] },
      [OWNED_BY_ME, SAME_PASS, CLAIMABLE],
      { ...STATUSES, launch: owner.launchId, pass: owner.pass },
    );
  }

  /**
   * Records that too many consecutive launches made no progress with a segment.
   * @returns the record as it is then, whether or not it had changed
   */
  async fail(seen: SegmentRecord, attempts: number, reason: string): Promise<SegmentRecord | undefined> {
    const outcome = await this.#table.update(
      { run: seen.runId, item: segmentItem(seen.segment) },
      { set: { status: 'failed', reason, attempts }, remove: ['launch'] },
      [SAME_PASS, NOT_COMPLETE, SAME_SEQUENCE, seen.launchId === undefined ? NO_OWNER : OWNER_UNCHANGED],
      { ...STATUSES, pass: seen.pass, sequence: seen.sequence, owner: seen.launchId },
    );
    return standing(outcome);
  }

  /** Reopens a failed segment for a resumed run, from its last checkpoint and with all its attempts. */
  async reopen(seen: SegmentRecord): Promise<SegmentRecord | undefined> {
    const outcome = await this.#table.update(
      { run: seen.runId, item: segmentItem(seen.segment) },
      { set: { status: 'pending', attempts: 0 }, remove: ['launch', 'reason', 'progressedBy', 'retryAt'] },
      [SAME_PASS, FAILED],
      { ...STATUSES, pass: seen.pass },
    );
    return standing(outcome);
  }

  async #advance(owner: SegmentOwner, checkpoint: Checkpoint, end: Record<string, unknown>): Promise<void> {
    const outcome = await this.#table.update(
      this.#key(owner),
      {
        set: {
          sequence: checkpoint.sequence,
          lastEvaluatedKey: checkpoint.lastEvaluatedKey,
          counters: checkpoint.counters,
          undoChunks: checkpoint.undoChunks,
          progressedBy: owner.launchId,
          itemSize: checkpoint.itemSize,
          progressAt: checkpoint.at,
          attempts: 0,
          ...end,
        },
      },
      [OWNED_BY_ME, SAME_PASS, RUNNING, LATER_SEQUENCE],
      { ...STATUSES, launch: owner.launchId, pass: owner.pass, sequence: checkpoint.sequence },
    );
    if (!outcome.refused) return;
    const existing = outcome.existing && fromItem<SegmentRecord>(outcome.existing);
    const owned = existing?.launchId === owner.launchId && existing.pass === owner.pass;
    const written = end['status']
      ? existing?.status === end['status']
      : existing?.sequence === checkpoint.sequence;
    const mine = owned && written;
    if (!mine) throw notMine(owner, outcome.existing);
  }

  #key({ runId: run, segment }: SegmentOwner) {
    return { run, item: segmentItem(segment) };
  }
}

function standing(outcome: Outcome): SegmentRecord | undefined {
  const item = outcome.refused ? outcome.existing : outcome.item;
  return item && fromItem<SegmentRecord>(item);
}

function isMine(outcome: Outcome, owner: SegmentOwner): boolean {
  if (!outcome.refused) return true;
  return outcome.existing !== undefined && outcome.existing['launch'] === owner.launchId;
}

function notMine(owner: SegmentOwner, existing: ControlItem | undefined): AuthorityLostError {
  const now = existing
    ? `it is ${existing['status']}, owned by ${existing['launch'] ?? 'nobody'}, in pass ${existing['pass']}`
    : 'it has no record';
  return new AuthorityLostError(`Segment ${owner.segment} does not belong to this launch: ${now}.`);
}
