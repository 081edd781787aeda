import type { ControlTable } from './control-table.ts';
import { fromItem, toItem } from './record-item.ts';
import type { Counters, Rates, RunStatus, TrafficCut } from './records.ts';

const SAMPLE_PREFIX = 'SAMPLE#';
const VERIFICATION_SEGMENTS_PREFIX = 'VERIFICATION-SEGMENTS#';

/**
 * How far a run was at a moment. The sums are cumulative, so a rate is the difference of any two samples, and nothing
 * is lost when some are left out.
 */
export interface SampleRecord {
  readonly runId: string;
  /** ISO 8601 UTC. The youngest sample also tells that somebody supervises the run. */
  readonly at: string;
  readonly status: RunStatus;
  readonly pass: number;
  readonly sweep: number;
  readonly counters: Counters;
  /** Of the present sweep. */
  readonly segmentsComplete: number;
  /** In authority. */
  readonly tasks: number;
  readonly budget: Rates;
  /** What live traffic left of the budget; absent while that is the whole budget. */
  readonly cut?: TrafficCut;
  /** How often tasks were throttled since the sample before this one. */
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
  /** Counted in verification segments, whose number and bounds differ from those of the backfill. */
  readonly segments: readonly VerificationSegment[];
  readonly readUnits: number;
}

export interface VerificationSegment {
  readonly scanned: number;
  readonly missing: number;
  readonly done: boolean;
}

/** The place of a sample. Supervisors number their own samples, so a superseded one overwrites nothing. */
export interface SamplePosition {
  readonly epoch: number;
  readonly number: number;
}

/** The history of a run, `SAMPLE#<epoch>#<number>`, in the order in which it was taken. */
export class SampleStore {
  readonly #table: ControlTable;

  constructor(table: ControlTable) {
    this.#table = table;
  }

  /** Puts a sample in its place and replaces an earlier one: the latest sample is updated until it is old enough. */
  async write(record: SampleRecord, position: SamplePosition): Promise<void> {
    await this.#table.put(toItem(record, sampleItem(position)), []);
  }

  async list(run: string): Promise<SampleRecord[]> {
    return (await this.#table.query(run, SAMPLE_PREFIX)).map(fromItem<SampleRecord>);
  }

  /** The latest sample of a supervisor, from a position at which one was seen before. */
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
