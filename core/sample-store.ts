import type { ControlTable } from './control-table.ts';
import { fromItem, toItem } from './record-item.ts';
import type { Counters, Rates, RunStatus, TrafficCut } from './records.ts';

const SAMPLE_PREFIX = 'SAMPLE#';
const VERIFICATION_SEGMENTS_PREFIX = 'VERIFICATION-SEGMENTS#';

/**
 * How far a run was at one moment. The sums are cumulative, so a rate is the difference of any two samples, and a
 * missing sample loses nothing.
 */
export interface SampleRecord {
  readonly runId: string;
  /** ISO 8601 UTC. The youngest sample also shows that somebody supervises the run. */
  readonly at: string;
  readonly status: RunStatus;
  readonly pass: number;
  readonly sweep: number;
  readonly counters: Counters;
  /** Complete segments of the current sweep. */
  readonly segmentsComplete: number;
  /** Tasks in authority. */
  readonly tasks: number;
  readonly budget: Rates;
  /** The part of the budget that live traffic left; absent while that is all of it. */
  readonly cut?: TrafficCut;
  /** How often tasks were throttled since the previous sample. */
  readonly throttled: number;
  readonly throttledReason?: string;
}

/**
 * How far each segment of a verification scan is. The result of the verification is stored in VERIFICATION#<pass> only.
 */
export interface VerificationProgress {
  readonly runId: string;
  readonly pass: number;
  readonly startedAt: string;
  readonly at: string;
  /** Segments of the verification, whose number and bounds differ from those of the backfill. */
  readonly segments: readonly VerificationSegment[];
  readonly readUnits: number;
}

export interface VerificationSegment {
  readonly scanned: number;
  readonly missing: number;
  readonly done: boolean;
}

/** The place of a sample. Each supervisor numbers its own samples, so a superseded one overwrites nothing. */
export interface SamplePosition {
  readonly epoch: number;
  readonly number: number;
}

/** The history of a run, as `SAMPLE#<epoch>#<number>` in chronological order. */
export class SampleStore {
  readonly #table: ControlTable;

  constructor(table: ControlTable) {
    this.#table = table;
  }

  /**
   * Puts a sample in its place and replaces an earlier one there, because the latest sample is updated until it is old
   * enough.
   */
  async write(record: SampleRecord, position: SamplePosition): Promise<void> {
    await this.#table.put(toItem(record, sampleItem(position)), []);
  }

  async list(run: string): Promise<SampleRecord[]> {
    return (await this.#table.query(run, SAMPLE_PREFIX)).map(fromItem<SampleRecord>);
  }

  /** The latest sample of a supervisor, searched from a position at which one was seen before. */
  async youngest(
    run: string,
    from: SamplePosition,
  ): Promise<{ position: SamplePosition; at: string } | undefined> {
    let found: { position: SamplePosition; at: string } | undefined;
    for (let number = from.number; ; number++) {
      const position = { epoch: from.epoch, number };
      const item = await this.#table.get({ run, item: sampleItem(position) });
      if (!item) return found;
      found = { position, at: String(item['at']) };
    }
  }

  async writeVerification(progress: VerificationProgress): Promise<void> {
    const pass = String(progress.pass).padStart(4, '0');
    await this.#table.put(toItem(progress, `${VERIFICATION_SEGMENTS_PREFIX}${pass}`), []);
  }

  async verifications(run: string): Promise<VerificationProgress[]> {
    const items = await this.#table.query(run, VERIFICATION_SEGMENTS_PREFIX);
    return items.map(fromItem<VerificationProgress>);
  }
}

function sampleItem({ epoch, number }: SamplePosition): string {
  return `${SAMPLE_PREFIX}${String(epoch).padStart(6, '0')}#${String(number).padStart(6, '0')}`;
}
