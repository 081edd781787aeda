import pMap from 'p-map';
import type { RunRecord, SegmentRecord } from '../../core/records.ts';
import type { SegmentStore } from '../../core/segment-store.ts';
import { RunningSums, rememberSums } from '../run-summary.ts';
import { CompactRecords } from './compact-record.ts';

/** This many segments are read in a turn, in order; with fewer, a turn reads all of them. */
const READ_A_TURN = 2_000;

const READS_AT_A_TIME = 16;

/**
 * What was last read of each segment. With very many segments a turn reads a part of them, so that its work does not
 * grow with what exists; what it decides on, it reads anew. Nothing in it is more than a copy of records: whoever takes
 * the supervision over reads them again.
 */
export class SegmentBook {
  readonly #segments: SegmentStore;
  readonly #run: Pick<RunRecord, 'runId' | 'totalSegments'>;
  readonly #records: (SegmentRecord | undefined)[];
  /** Segments that have no owner, or that an earlier sweep left. */
  readonly #open = new Set<number>();
  /** By owner: the segments that it holds and has not completed. */
  readonly #held = new Map<string, Set<number>>();
  readonly #sums = new RunningSums();
  /** Completed since the last call that asked. */
  readonly #completed: SegmentRecord[] = [];
  readonly #compact = new CompactRecords();
  #list: readonly SegmentRecord[] | undefined;
  #sweep: number;
  #next = 0;

  constructor(segments: SegmentStore, run: RunRecord) {
    this.#segments = segments;
    this.#run = run;
    this.#sweep = run.sweep;
    this.#records = Array.from({ length: run.totalSegments }, () => undefined);
    for (let segment = 0; segment < run.totalSegments; segment++) this.#open.add(segment);
  }

  /**
   * Every record there is, in order. The array stays the same until a record changes, so its sums are computed once.
   */
  get records(): readonly SegmentRecord[] {
    if (!this.#list) {
      this.#list = this.#records.filter(record => record !== undefined);
      rememberSums(this.#list, this.#sums.copy());
    }
    return this.#list;
  }

  /** So many at most of the segments that were completed in this sweep, and have not been taken; none when all were. */
  takeCompleted(most: number): SegmentRecord[] {
    return this.#completed.splice(0, most);
  }

  /** What a launch needs: each segment without an owner, with its record where it has one. */
  open(): { segment: number; record: SegmentRecord | undefined }[] {
    return [...this.#open]
      .sort((a, b) => a - b)
      .map(segment => ({ segment, record: this.#records[segment] }));
  }

  /** Given up, in any sweep. */
  failed(): SegmentRecord[] {
    const some = [...this.#sums.states.values()].some(({ failed }) => failed > 0);
    return some ? this.records.filter(({ status }) => status === 'failed') : [];
  }

  record(segment: number): SegmentRecord | undefined {
    return this.#records[segment];
  }

  /** Launches that own segments which they have not completed. */
  owners(): string[] {
    return [...this.#held.keys()];
  }

  heldBy(launch: string): SegmentRecord[] {
    return [...(this.#held.get(launch) ?? [])].flatMap(segment => this.#records[segment] ?? []);
  }

  /** Everything, once. */
  async readAll(): Promise<void> {
    await this.#readFrom(0, this.#records.length);
    this.#next = 0;
  }

  /** The next part, or everything where it is little. An earlier sweep's records are open in a later one. */
  async refresh({ sweep }: Pick<RunRecord, 'sweep'>): Promise<void> {
    if (sweep !== this.#sweep) {
      this.#sweep = sweep;
      for (const record of this.records) this.put(record);
    }
    if (this.#next >= this.#records.length) this.#next = 0;
    this.#next = await this.#readFrom(this.#next, READ_A_TURN);
  }

  /** Reads these anew. */
  async read(segments: readonly number[]): Promise<void> {
    await pMap(
      segments,
      async segment => {
        const record = await this.#segments.read(this.#run.runId, segment);
        if (record) this.put(record);
      },
      { concurrency: READS_AT_A_TIME },
    );
  }

  /** A record as it was just read or written. */
  put(given: SegmentRecord): void {
    const record = this.#compact.of(given);
    const { segment, launchId, status, pass } = record;
    const old = this.#records[segment];
    const before = old?.launchId;
    if (before !== undefined && before !== launchId) this.#letGo(before, segment);
    if (old) this.#sums.remove(old);
    this.#sums.add(record);
    this.#records[segment] = record;
    this.#list = undefined;
    const earlier = pass < this.#sweep;
    const completes = status === 'complete' && (old?.status !== 'complete' || old.pass !== pass);
    if (completes && !earlier) this.#completed.push(record);
    const held = launchId !== undefined && !earlier && (status === 'assigned' || status === 'running');
    if (held) this.#hold(launchId, segment);
    else if (launchId !== undefined) this.#letGo(launchId, segment);
    if (earlier || status === 'pending') this.#open.add(segment);
    else this.#open.delete(segment);
  }

  /** @returns the segment after the last one read */
  async #readFrom(from: number, count: number): Promise<number> {
    const end = Math.min(this.#records.length, from + count);
    let next = from;
    while (next < end) {
      const page = await this.#segments.page(this.#run.runId, next, this.#records.length - 1);
      for (const record of page) this.put(record);
      const last = page.at(-1);
      // Segments that have no record yet are not in a page: an empty one says that there are no more.
      if (last === undefined) return this.#records.length;
      next = last.segment + 1;
    }
    return next;
  }

  #hold(launch: string, segment: number): void {
    const segments = this.#held.get(launch);
    if (segments) segments.add(segment);
    else this.#held.set(launch, new Set([segment]));
  }

  #letGo(launch: string, segment: number): void {
    const segments = this.#held.get(launch);
    segments?.delete(segment);
    if (segments?.size === 0) this.#held.delete(launch);
  }
}
