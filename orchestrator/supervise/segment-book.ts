import pMap from 'p-map';
import { SUPERVISOR_CALLS_AT_A_TIME } from '../../core/control-pace.ts';
import type { RunRecord, SegmentRecord } from '../../core/records.ts';
import type { SegmentStore } from '../../core/segment-store.ts';
import { RunningSums, rememberSums } from '../run-summary.ts';
import { CompactRecords } from './compact-record.ts';

/** A turn reads this many segments, in order. With fewer, it reads all of them. */
const READ_A_TURN = 2_000;

/**
 * The last known record of each segment. With very many segments, each turn reads only a part of them, so that its work
 * does not grow with the table. Before it decides on a segment, it reads the record again. The book holds only copies
 * of records; whoever takes over supervision reads them again.
 */
export class SegmentBook {
  readonly #segments: SegmentStore;
  readonly #run: Pick<RunRecord, 'runId' | 'totalSegments'>;
  readonly #records: (SegmentRecord | undefined)[];
  /** Segments without an owner, including those of an earlier sweep. */
  readonly #open = new Set<number>();
  /** The segments that each owner holds and has not completed. */
  readonly #held = new Map<string, Set<number>>();
  readonly #sums = new RunningSums();
  /** Completed segments that takeCompleted() has not returned yet. */
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
   * Every existing record, in order. The array stays the same until a record changes, so its sums are computed once.
   */
  get records(): readonly SegmentRecord[] {
    if (!this.#list) {
      this.#list = this.#records.filter(record => record !== undefined);
      rememberSums(this.#list, this.#sums.copy());
    }
    return this.#list;
  }

  /** Takes up to `most` segments that were completed in this sweep and not taken yet; empty if there are none. */
  takeCompleted(most: number): SegmentRecord[] {
    return this.#completed.splice(0, most);
  }

  /** Each segment without an owner, with its record if it has one. */
  open(): { segment: number; record: SegmentRecord | undefined }[] {
    return [...this.#open]
      .sort((a, b) => a - b)
      .map(segment => ({ segment, record: this.#records[segment] }));
  }

  /** Segments that were given up, in any sweep. */
  failed(): SegmentRecord[] {
    const some = [...this.#sums.states.values()].some(({ failed }) => failed > 0);
    return some ? this.records.filter(({ status }) => status === 'failed') : [];
  }

  record(segment: number): SegmentRecord | undefined {
    return this.#records[segment];
  }

  /** Launches that own segments that they have not completed. */
  owners(): string[] {
    return [...this.#held.keys()];
  }

  heldBy(launch: string): SegmentRecord[] {
    return [...(this.#held.get(launch) ?? [])].flatMap(segment => this.#records[segment] ?? []);
  }

  /** Reads every record once. */
  async readAll(): Promise<void> {
    await this.#readFrom(0, this.#records.length);
    this.#next = 0;
  }

  /**
   * Reads the next part, or everything if there is little. In a new sweep, the records of earlier sweeps become open
   * again.
   */
  async refresh({ sweep }: Pick<RunRecord, 'sweep'>): Promise<void> {
    if (sweep !== this.#sweep) {
      this.#sweep = sweep;
      for (const record of this.records) this.put(record);
    }
    if (this.#next >= this.#records.length) this.#next = 0;
    this.#next = await this.#readFrom(this.#next, READ_A_TURN);
  }

  /** Reads these segments again. */
  async read(segments: readonly number[]): Promise<void> {
    await pMap(
      segments,
      async segment => {
        const record = await this.#segments.read(this.#run.runId, segment);
        if (record) this.put(record);
      },
      { concurrency: SUPERVISOR_CALLS_AT_A_TIME },
    );
  }

  /** Takes a record that was just read or written. */
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
      // A page skips segments without a record. An empty page means that no more records follow.
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
