import type { AttributeMap } from '../attribute-value.ts';
import { backoffMs } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { retryUntilAnswered } from '../retry-until-answered.ts';
import { encodeChunks, type LogEntry, type LogLayout } from './chunk.ts';
import type { LogStore } from './log-store.ts';
import { encodeOutcomes } from './outcomes.ts';

/** An outcome waits at most this long for others that go into the same record. */
const RECORD_AFTER_MS = 2_000;

/** While an outcome older than this is not recorded, nothing more is written to the user's table. */
const STOP_AFTER_MS = 4_000;

/** A closing writer tries this often to record what it knows. */
const LAST_TRIES = 3;

/** Which entry of the log a write belongs to. */
export interface LogReference {
  readonly segment: number;
  readonly chunk: number;
  readonly place: number;
}

export interface UndoLogOptions {
  readonly store: LogStore;
  readonly layout: LogLayout;
  readonly clock: Clock;
  readonly runId: string;
  readonly pass: number;
  readonly launchId: string;
  /** Epoch seconds, the same for every item of the run's log. */
  readonly expiresAt: number;
}

/**
 * The undo log as one launch writes it.
 *
 *     page is read ─► put: chunk stands ─► writes ─► settled: outcome known ─► outcome item stands ─► checkpoint
 *                     ✗ a crash here:      ✗ here: unknown                     ✗ here: exact, and the page is
 *                       unknown, not written                                     read again
 *
 * Four rules hold, and the proof of an undo depends on them (docs/certainty.md):
 *
 * 1. No write is sent before the chunk with its entry is stored. ({@link put} resolves after that.)
 * 2. `set` is recorded only for a write whose own reply said so. `not set` is recorded only for an item whose requests
 * were all answered. For anything else nothing is recorded, which means `unknown`.
 * 3. No checkpoint passes a page before its outcomes are stored. ({@link recorded})
 * 4. Nothing is written while the oldest unrecorded outcome is 4 s old. ({@link mayWrite})
 */
export class UndoLogWriter {
  readonly #options: UndoLogOptions;
  readonly #segments = new Map<number, SegmentLog>();
  readonly #closing = new AbortController();
  readonly #waiting: (() => void)[] = [];

  constructor(options: UndoLogOptions) {
    this.#options = options;
  }

  /** The entry of a write that sets these attributes. */
  entryOf(key: AttributeMap, set: AttributeMap): LogEntry {
    return { key, values: this.#options.layout.targets.map(({ name }) => set[name]) };
  }

  /** Begins a segment. `chunks`: how many chunks its earlier launches are known to have put. */
  open(segment: number, chunks: number): void {
    this.#segments.set(
      segment,
      new SegmentLog(segment, chunks, this.#options, this.#closing.signal, this.#wake),
    );
  }

  /**
   * Puts entries, and resolves when all of them are stored. It retries as often as needed.
   * @returns a reference for each, in order
   * @throws SystemicError when the control table refuses them for good; the signal's reason when it aborts.
   */
  put(segment: number, entries: readonly LogEntry[], signal: AbortSignal): Promise<LogReference[]> {
    return this.#of(segment).put(entries, signal);
  }

  /** Like {@link put}, for a writer with only one segment. */
  putOwn(entries: readonly LogEntry[], signal: AbortSignal): Promise<LogReference[]> {
    const [segment] = this.#segments.keys();
    if (segment === undefined) throw new TypeError('The undo log has no open segment.');
    return this.put(segment, entries, signal);
  }

  /** It is now known that the write of this entry took effect, or that it did not. */
  settled({ segment, chunk, place }: LogReference, outcome: 'set' | 'notSet'): void {
    this.#of(segment).settled(chunk, place, outcome);
  }

  /**
   * Resolves when a write may be sent, as far as the log is concerned.
   * @throws the signal's reason when it aborts first.
   */
  async mayWrite(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (clock.monotonicMs() - this.#oldestMs() >= STOP_AFTER_MS) {
      await new Promise<void>(resolve => {
        const wake = () => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        signal.addEventListener('abort', wake, { once: true });
        this.#waiting.push(wake);
      });
      signal.throwIfAborted();
    }
  }

  /**
   * Resolves when every outcome of the segment that is known now is stored. `urgent`: now, instead of with the next
   * record.
   * @throws what kept them from being stored, once the writer is closing.
   */
  recorded(segment: number, urgent: boolean): Promise<void> {
    return this.#of(segment).recorded(urgent);
  }

  /**
   * At least this many chunks of the segment exist. Chunks of launches that died before they reported are not counted.
   */
  chunks(segment: number): number {
    return this.#of(segment).chunks;
  }

  /** Records what is known with a few tries, so that closing always ends. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled([...this.#segments.values()].map(segment => segment.recorded(true)));
  }

  #oldestMs(): number {
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const segment of this.#segments.values()) oldestMs = Math.min(oldestMs, segment.oldestMs);
    return oldestMs;
  }

  readonly #wake = (): void => {
    for (const wake of this.#waiting.splice(0)) wake();
  };

  #of(segment: number): SegmentLog {
    const log = this.#segments.get(segment);
    if (!log) throw new TypeError(`The undo log of segment ${segment} has not been opened.`);
    return log;
  }
}

interface Known {
  readonly set: number[];
  readonly notSet: number[];
}

interface OutcomeRecord {
  readonly number: number;
  readonly data: Uint8Array;
  readonly count: number;
  /** When the oldest of its outcomes arrived. */
  readonly sinceMs: number;
}

/** What one segment has put and what it knows. Only one record of outcomes is in flight at a time. */
class SegmentLog {
  readonly #segment: number;
  readonly #options: UndoLogOptions;
  readonly #closing: AbortSignal;
  readonly #onRecorded: () => void;
  readonly #chunksBefore: number;
  #chunksBegun = 0;
  #chunksStanding = 0;
  #records = 0;
  #known = new Map<number, Known>();
  /** When the oldest outcome in #known arrived. */
  #knownSinceMs = Number.POSITIVE_INFINITY;
  #sending: OutcomeRecord | undefined;
  #outcomes = 0;
  #outcomesRecorded = 0;
  #hurry = new AbortController();
  #recording: Promise<void> | undefined;

  constructor(
    segment: number,
    chunks: number,
    options: UndoLogOptions,
    closing: AbortSignal,
    onRecorded: () => void,
  ) {
    this.#segment = segment;
    this.#chunksBefore = chunks;
    this.#options = options;
    this.#closing = closing;
    this.#onRecorded = onRecorded;
  }

  get chunks(): number {
    return this.#chunksBefore + this.#chunksStanding;
  }

  get oldestMs(): number {
    return this.#sending?.sinceMs ?? this.#knownSinceMs;
  }

  async put(entries: readonly LogEntry[], signal: AbortSignal): Promise<LogReference[]> {
    const { store, layout, clock, expiresAt } = this.#options;
    const chunks = encodeChunks(layout, entries).map(({ from, to, data }) => ({
      number: this.#chunksBegun++,
      entries: to - from,
      data,
    }));
    await Promise.all(
      chunks.map(async chunk => {
        await retryUntilAnswered('Writing the undo log', { clock, signal }, () =>
          store.putChunk(this.#name, chunk, expiresAt),
        );
        this.#chunksStanding += 1;
      }),
    );
    const references: LogReference[] = [];
    for (const { number, entries: count } of chunks) {
      for (let place = 0; place < count; place++) {
        references.push({ segment: this.#segment, chunk: number, place });
      }
    }
    return references;
  }

  settled(chunk: number, place: number, outcome: 'set' | 'notSet'): void {
    let known = this.#known.get(chunk);
    if (known === undefined) {
      known = { set: [], notSet: [] };
      this.#known.set(chunk, known);
    }
    known[outcome].push(place);
    this.#outcomes += 1;
    // The first outcome is the oldest. The others need no time.
    if (this.#knownSinceMs === Number.POSITIVE_INFINITY)
      this.#knownSinceMs = this.#options.clock.monotonicMs();
    this.#record();
  }

  async recorded(urgent: boolean): Promise<void> {
    const wanted = this.#outcomes;
    while (this.#outcomesRecorded < wanted) {
      if (urgent) this.#hurry.abort();
      this.#record();
      await this.#recording;
    }
  }

  /** Records what is known after a short delay, unless that is already scheduled. */
  #record(): void {
    if (this.#recording || this.#outcomes === this.#outcomesRecorded) return;
    this.#recording = this.#recordLater().finally(() => {
      this.#recording = undefined;
      this.#onRecorded();
      if (!this.#closing.aborted) this.#record();
    });
    // A caller that waits for the record gets the error. Nobody else needs it.
    this.#recording.catch(() => {});
  }

  async #recordLater(): Promise<void> {
    const { clock, store, expiresAt } = this.#options;
    const dueInMs = this.oldestMs + RECORD_AFTER_MS - clock.monotonicMs();
    if (dueInMs > 0) await clock.sleep(dueInMs, AbortSignal.any([this.#hurry.signal, this.#closing]));
    this.#hurry = new AbortController();
    // An unanswered record is sent again unchanged, because it may already be stored.
    this.#sending ??= this.#takeKnown();
    const { number, data, count } = this.#sending;
    let lastTries = 0;
    for (let failures = 1; ; failures++) {
      try {
        await store.putOutcomes(this.#name, { number, data }, expiresAt);
        break;
      } catch (error) {
        if (!this.#closing.aborted) await clock.sleep(backoffMs(failures), this.#closing);
        else if (++lastTries < LAST_TRIES) await clock.sleep(backoffMs(lastTries));
        else throw error;
      }
    }
    this.#sending = undefined;
    this.#outcomesRecorded += count;
  }

  #takeKnown(): OutcomeRecord {
    const chunks = [...this.#known].map(([chunk, known]) => ({ chunk, ...known }));
    const count = chunks.reduce((sum, { set, notSet }) => sum + set.length + notSet.length, 0);
    const record = {
      number: this.#records++,
      data: encodeOutcomes(chunks),
      count,
      sinceMs: this.#knownSinceMs,
    };
    this.#known = new Map();
    this.#knownSinceMs = Number.POSITIVE_INFINITY;
    return record;
  }

  get #name() {
    const { runId, pass, launchId } = this.#options;
    return { runId, segment: this.#segment, pass, launchId };
  }
}
