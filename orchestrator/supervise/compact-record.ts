import { addCounters, NO_COUNTERS, type SegmentRecord } from '../../core/records.ts';

/** What the supervisor needs of a segment. Only the worker needs the position to continue from. */
type Kept = Omit<SegmentRecord, 'lastEvaluatedKey' | 'itemSize'>;

/**
 * Segment records in a compact form, for keeping very many: all have the same shape, and repeated strings are stored
 * once. As they come from the control table, a hundred thousand records take several hundred megabytes, and each
 * garbage collection blocks everything else.
 */
export class CompactRecords {
  readonly #words = new Map<string, string>();

  of(record: SegmentRecord): SegmentRecord {
    const kept: { [Name in keyof Required<Kept>]: Kept[Name] | undefined } = {
      runId: this.#once(record.runId),
      segment: record.segment,
      totalSegments: record.totalSegments,
      pass: record.pass,
      status: this.#once(record.status),
      launchId: this.#once(record.launchId),
      progressedBy: this.#once(record.progressedBy),
      sequence: record.sequence,
      counters: addCounters(record.counters, NO_COUNTERS),
      undoChunks: record.undoChunks,
      attempts: record.attempts,
      retryAt: record.retryAt,
      progressAt: record.progressAt,
      completedAt: record.completedAt,
      reason: this.#once(record.reason),
    };
    // An undefined field counts as absent.
    return kept as SegmentRecord;
  }

  #once<Word extends string | undefined>(word: Word): Word {
    if (word === undefined) return word;
    const known = this.#words.get(word);
    if (known !== undefined) return known as Word;
    this.#words.set(word, word);
    return word;
  }
}
