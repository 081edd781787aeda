import type { ControlTable } from '../control-table.ts';
import { FleetfillError } from '../errors.ts';
import type { Counters } from '../records.ts';

const NEW = 'attribute_not_exists(#run)';

const CHUNK_PREFIX = 'CHUNK#';
const OUTCOME_PREFIX = 'OUTCOME#';
const UNDONE_PREFIX = 'UNDONE#';

/**
 * Where a launch writes. The log has a separate partition for each segment, so that it does not fill the run's
 * partition.
 */
export interface LogWriterName {
  readonly runId: string;
  readonly segment: number;
  readonly pass: number;
  /** The launch or another writer. It is never reused. */
  readonly launchId: string;
}

export interface StoredChunk {
  /** The part after `CHUNK#`: pass, launch and number. Names of later passes sort higher. */
  readonly name: string;
  readonly pass: number;
  readonly launchId: string;
  readonly number: number;
  readonly entries: number;
  readonly data: Uint8Array;
}

/** Which undo finished the entries of a chunk, and with which result. */
export interface UndoneMark {
  readonly by: string;
  readonly ended: Pick<Counters, 'updated' | 'alreadySet' | 'deleted' | 'quarantined'>;
}

/** Whether an undo may skip a chunk. Items that another undo left in quarantine get another try. */
export function isDealtWith({ by, ended }: UndoneMark, undoRun: string): boolean {
  return by === undoRun || ended.quarantined === 0;
}

export interface StoredOutcomes {
  readonly launchId: string;
  readonly data: Uint8Array;
}

/** The partition key of one segment's part of the log. */
export const undoPartition = (runId: string, segment: number): string =>
  `${runId}#UNDO#${String(segment).padStart(7, '0')}`;

/**
 * What the supervisor itself writes (repair, `failures --retry`) belongs to no segment. It gets the place after the
 * last one.
 */
export const supervisorLogSegment = ({ totalSegments }: { readonly totalSegments: number }): number =>
  totalSegments;

const digits = (number: number, count: number): string => String(number).padStart(count, '0');

/**
 * The records of the undo log, in a partition for each segment: `<run>#UNDO#0000007`.
 *
 * | item                             | what it is                                    | who puts it, once        |
 * |----------------------------------|-----------------------------------------------|--------------------------|
 * | CHUNK#<pass>#<launch>#000012     | keys and values that are about to be written  | the launch, before       |
 * | OUTCOME#<launch>#000031          | how writes of entries of that launch ended    | the launch, afterwards   |
 * | UNDONE#<pass>#<launch>#000012    | the entries of this chunk have been undone    | a launch of the undo     |
 *
 * Nothing is ever rewritten. A put whose reply was lost is sent again with the same bytes and finds its own item.
 * Every item of a run carries the same `expiresAt`, so the log expires as one.
 */
export class LogStore {
  readonly #table: ControlTable;

  constructor(table: ControlTable) {
    this.#table = table;
  }

  async putChunk(
    { runId, segment, pass, launchId }: LogWriterName,
    chunk: Pick<StoredChunk, 'number' | 'entries' | 'data'>,
    expiresAt: number,
  ): Promise<void> {
    const item = `${CHUNK_PREFIX}${digits(pass, 4)}#${launchId}#${digits(chunk.number, 6)}`;
    await this.#putOnce(runId, segment, item, { data: chunk.data, entries: chunk.entries, expiresAt });
  }

  async putOutcomes(
    { runId, segment, launchId }: LogWriterName,
    { number, data }: { readonly number: number; readonly data: Uint8Array },
    expiresAt: number,
  ): Promise<void> {
    await this.#putOnce(runId, segment, `${OUTCOME_PREFIX}${launchId}#${digits(number, 6)}`, {
      data,
      expiresAt,
    });
  }

  /** Records that an undo has finished each entry of a chunk. The first undo that records it stays. */
  async markUndone(
    { runId, segment }: Pick<LogWriterName, 'runId' | 'segment'>,
    chunkName: string,
    mark: UndoneMark & { readonly at: string; readonly expiresAt: number },
  ): Promise<void> {
    const item = `${UNDONE_PREFIX}${chunkName}`;
    await this.#table.put({ run: undoPartition(runId, segment), item, ...mark }, [NEW]);
  }

  /** The chunks of a segment, latest pass first, page by page. */
  async *chunks(runId: string, segment: number): AsyncGenerator<StoredChunk> {
    const partition = undoPartition(runId, segment);
    for await (const page of this.#table.queryPages(partition, CHUNK_PREFIX, { descending: true })) {
      for (const { item, entries, data } of page) {
        const name = item.slice(CHUNK_PREFIX.length);
        const [pass = '', launchId = '', number = ''] = name.split('#');
        yield {
          name,
          pass: Number(pass),
          launchId,
          number: Number(number),
          entries: entries as number,
          data: data as Uint8Array,
        };
      }
    }
  }

  async *outcomes(runId: string, segment: number): AsyncGenerator<StoredOutcomes> {
    for await (const page of this.#table.queryPages(undoPartition(runId, segment), OUTCOME_PREFIX)) {
      for (const { item, data } of page) {
        const [launchId = ''] = item.slice(OUTCOME_PREFIX.length).split('#');
        yield { launchId, data: data as Uint8Array };
      }
    }
  }

  /** What undos have recorded for each finished chunk, by the chunk's name. */
  async undone(runId: string, segment: number): Promise<Map<string, UndoneMark>> {
    const marks = await this.#table.query(undoPartition(runId, segment), UNDONE_PREFIX);
    return new Map(
      marks.map(({ item, by, ended }) => [
        item.slice(UNDONE_PREFIX.length),
        { by: by as string, ended: ended as UndoneMark['ended'] },
      ]),
    );
  }

  async #putOnce(
    runId: string,
    segment: number,
    item: string,
    content: { readonly data: Uint8Array } & Record<string, unknown>,
  ): Promise<void> {
    const outcome = await this.#table.put({ run: undoPartition(runId, segment), item, ...content }, [NEW]);
    if (!outcome.refused) return;
    const existing = outcome.existing?.['data'];
    if (existing instanceof Uint8Array && Buffer.compare(existing, content.data) === 0) return;
    throw new FleetfillError('UndoLogConflict', `The undo log has another ${item} than this one.`);
  }
}
