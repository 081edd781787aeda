import type { Clock } from '../core/clock.ts';
import type { UndoneRun } from '../core/records.ts';
import { type LogSource, readLog } from '../core/undo/log-reader.ts';
import { isDealtWith, type UndoneMark } from '../core/undo/log-store.ts';
import type { Removal } from './remove-stage.ts';
import type { ItemOutcome } from './segment-counters.ts';
import type { CheckpointRecords, SegmentWork } from './segment-work.ts';
import type { Page } from './settled-prefix.ts';
import type { WriteQueue } from './write-queue.ts';

/** While this many chunks of a segment are open, the next one is not read. */
const OPEN_CHUNKS = 2;

export interface UndoStageOptions {
  readonly source: LogSource;
  readonly undoes: UndoneRun;
  /** The run id of the undo itself. */
  readonly runId: string;
  readonly queue: WriteQueue<Removal>;
  readonly clock: Clock;
}

type Ended = Record<keyof UndoneMark['ended'], number>;

/**
 * One segment of an undo. Its pages are the chunks of the log, and its items are the values that the run certainly set.
 * When all values of a chunk have reached their outcome, the chunk gets a mark with these outcomes. Only then does the
 * checkpoint pass it.
 *
 *     chunk is read ─► removals ─► all ended, and those of every chunk before it ─► mark ─► checkpoint
 *                      ✗ a crash here: the chunk again                              ✗ here: the mark is believed
 *
 * So a marked chunk is never read again, and its counts are counted once.
 */
export class UndoSegment implements CheckpointRecords {
  readonly #options: UndoStageOptions;
  readonly #segment: number;
  readonly #unmarked: { readonly name: string; readonly ended: Ended }[] = [];
  #marking: Promise<void> = Promise.resolve();

  constructor(options: UndoStageOptions, segment: number) {
    this.#options = options;
    this.#segment = segment;
  }

  /** Marks every chunk that has been passed. */
  recorded(): Promise<void> {
    // The calls run one after another, so when the last one ends, every mark is stored.
    this.#marking = this.#marking.catch(() => {}).then(() => this.#mark());
    return this.#marking;
  }

  /**
   * Reads the segment's log to its end, beginning after the chunk `after`.
   * @param startedBefore an earlier launch may have worked on the first chunks
   * @throws the signal's reason when it aborts.
   */
  async read(
    work: SegmentWork,
    after: string | undefined,
    startedBefore: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { source, runId } = this.#options;
    let mayRepeat = startedBefore ? OPEN_CHUNKS : 0;
    for await (const chunk of readLog(source, this.#segment)) {
      signal.throwIfAborted();
      // The order is descending, so passed chunks have greater names.
      if (after !== undefined && chunk.name >= after) continue;
      await work.belowOpenPages(OPEN_CHUNKS, signal);
      const { undone } = chunk;
      if (undone !== undefined && isDealtWith(undone, runId)) {
        // A mark of an earlier undo does not count here; a mark of an earlier launch of this undo was not yet counted.
        const ended = undone.by === runId ? { ...undone.ended } : nothing();
        work.append(this.#page(work, chunk.name, ended, 0, true));
        continue;
      }
      const ended = nothing();
      const page = this.#page(work, chunk.name, ended, chunk.set.length, false);
      work.tally.add({ scanned: chunk.set.length + chunk.unknown.length });
      work.append(page);
      const repeated = mayRepeat > 0;
      mayRepeat -= 1;
      this.#queue(work, page, chunk.set, ended, repeated);
    }
    work.append({ unsettled: 0, lastEvaluatedKey: undefined });
  }

  #queue(
    work: SegmentWork,
    page: Page,
    values: readonly Removal['value'][],
    ended: Ended,
    repeated: boolean,
  ): void {
    const { queue, source } = this.#options;
    const onEnd = (outcome: ItemOutcome) => {
      ended[outcome] += 1;
      work.settleUncounted(page, 1);
    };
    queue.add(
      values.map(value => ({
        value,
        attribute: source.layout.targets[value.target]?.name ?? '',
        work,
        repeated,
        onEnd,
        tries: 0,
        internalErrors: 0,
        unexplainedRefusals: 0,
        unanswered: false,
      })),
    );
  }

  #page(work: SegmentWork, name: string, ended: Ended, unsettled: number, marked: boolean): Page {
    return {
      unsettled,
      lastEvaluatedKey: name,
      passed: () => {
        const matched = ended.updated + ended.alreadySet + ended.deleted + ended.quarantined;
        work.tally.add({ matched, ...ended });
        if (!marked) this.#unmarked.push({ name, ended });
      },
    };
  }

  async #mark(): Promise<void> {
    const { source, undoes, runId, clock } = this.#options;
    for (let chunk = this.#unmarked[0]; chunk; chunk = this.#unmarked[0]) {
      await source.store.markUndone({ runId: undoes.runId, segment: this.#segment }, chunk.name, {
        by: runId,
        ended: chunk.ended,
        at: clock.nowIso(),
        expiresAt: undoes.expiresAt,
      });
      this.#unmarked.shift();
    }
  }
}

function nothing(): Ended {
  return { updated: 0, alreadySet: 0, deleted: 0, quarantined: 0 };
}
