import type { ControlTable } from './control-table.ts';

const CANARY_PREFIX = 'CANARY#';

/** A key has at most 3 KB, a record at most 400 KB. */
const KEYS_A_RECORD = 100;

/**
 * The items that a canary may write, by segment. They are recorded before the canary begins, so that it never writes
 * another item after a crash or a repetition. Keys are DynamoDB JSON.
 */
export class CanaryStore {
  readonly #table: ControlTable;

  constructor(table: ControlTable) {
    this.#table = table;
  }

  async write(run: string, keysBySegment: ReadonlyMap<number, readonly string[]>): Promise<void> {
    for (const [segment, keys] of keysBySegment) {
      for (let from = 0; from < keys.length; from += KEYS_A_RECORD) {
        const item = `${prefixOf(segment)}${String(from).padStart(7, '0')}`;
        await this.#table.put({ run, item, keys: keys.slice(from, from + KEYS_A_RECORD) }, []);
      }
    }
  }

  /** The keys of one segment, or of all. */
  async list(run: string, segment?: number): Promise<string[]> {
    const records = await this.#table.query(run, segment === undefined ? CANARY_PREFIX : prefixOf(segment));
    return records.flatMap(({ keys }) => keys as string[]);
  }
}

function prefixOf(segment: number): string {
  return `${CANARY_PREFIX}${String(segment).padStart(7, '0')}#`;
}
