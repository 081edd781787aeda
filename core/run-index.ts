import pMap from 'p-map';
import type { ControlTable, TransactItem } from './control-table.ts';
import { RUN_ITEM } from './records.ts';

const RUNS = 'RUNS';
const ENTRY_PREFIX = 'LISTED#';
const COMPLETE = 'COMPLETE';

/** How many reads or writes are in flight at the same time. */
const CONCURRENCY = 16;

/**
 * The list of a control table's runs, in a separate partition, so that listing them does not read their undo logs.
 *
 * | run  | item         | what it is                                    | who puts it                             |
 * |------|--------------|-----------------------------------------------|-----------------------------------------|
 * | RUNS | LISTED#<run> | a run of this control table                   | the transaction that creates the run    |
 * | RUNS | COMPLETE     | every run of this control table has its entry | whoever creates a run first, after a    |
 * |      |              |                                               | scan that adds the runs without entry   |
 *
 * Until COMPLETE exists, listing scans the whole table. Listing never writes, so that commands that only read, and
 * commands that are refused, leave the control table as it is.
 */
export class RunIndex {
  readonly #table: ControlTable;

  constructor(table: ControlTable) {
    this.#table = table;
  }

  /** The entry of a new run, for the transaction that creates it. */
  entryOf(runId: string): TransactItem {
    return this.#table.conditionalPut({ run: RUNS, item: `${ENTRY_PREFIX}${runId}` }, []);
  }

  /** The record of every run, in no order. */
  async records(): Promise<Awaited<ReturnType<ControlTable['scanItems']>>> {
    if (!(await this.#isComplete())) return this.#table.scanItems(RUN_ITEM);
    const entries = await this.#table.query(RUNS, ENTRY_PREFIX);
    const read = ({ item }: { item: string }) =>
      this.#table.get({ run: item.slice(ENTRY_PREFIX.length), item: RUN_ITEM });
    const found = await pMap(entries, read, { concurrency: CONCURRENCY });
    return found.flatMap(record => record ?? []);
  }

  /** Adds the runs of a control table from before there was an index. Only the creation of a run calls it. */
  async complete(): Promise<void> {
    try {
      if (await this.#isComplete()) return;
      const records = await this.#table.scanItems(RUN_ITEM);
      const list = ({ run }: { run: string }) =>
        this.#table.put({ run: RUNS, item: `${ENTRY_PREFIX}${run}` }, []);
      await pMap(records, list, { concurrency: CONCURRENCY });
      await this.#table.put({ run: RUNS, item: COMPLETE }, []);
    } catch {
      // A list without it is still right, by a scan. The next run tries again.
    }
  }

  async #isComplete(): Promise<boolean> {
    return (await this.#table.get({ run: RUNS, item: COMPLETE })) !== undefined;
  }
}
