import { createHash } from 'node:crypto';
import type { ControlTable } from './control-table.ts';
import { fromItem, toItem } from './record-item.ts';
import { QUARANTINE_PREFIX, type QuarantineRecord } from './records.ts';

const NOT_RESOLVED = 'attribute_not_exists(#resolved)';

/**
 * Items that cannot be written, each one once. The sort key is a digest of the item's key, so that a page that is
 * repeated after a crash replaces its own records.
 */
export class QuarantineStore {
  readonly #table: ControlTable;

  constructor(table: ControlTable) {
    this.#table = table;
  }

  async add(record: QuarantineRecord): Promise<void> {
    await this.#table.put(toItem(record, quarantineItem(record.key)), []);
  }

  async list(run: string): Promise<QuarantineRecord[]> {
    const items = await this.#table.query(run, QUARANTINE_PREFIX);
    return items.map(fromItem<QuarantineRecord>);
  }

  /** Whether the item with this key, as DynamoDB JSON, is in quarantine and not resolved. */
  async isOpen(run: string, key: string): Promise<boolean> {
    const item = await this.#table.get({ run, item: quarantineItem(key) });
    return item !== undefined && item['resolved'] === undefined;
  }

  /**
   * A later try brought the item to another outcome. The record stays, as evidence.
   * @returns whether `resolved.by` resolved it, and nobody else did before. Only then does the outcome count.
   */
  async resolve(
    run: string,
    key: string,
    resolved: NonNullable<QuarantineRecord['resolved']>,
  ): Promise<boolean> {
    const item = { run, item: quarantineItem(key) };
    const outcome = await this.#table.update(item, { set: { resolved } }, [NOT_RESOLVED]);
    if (!outcome.refused) return true;
    // The reply to the first try was lost: the record is this launch's own.
    return (
      outcome.existing !== undefined &&
      fromItem<QuarantineRecord>(outcome.existing).resolved?.by === resolved.by
    );
  }
}

function quarantineItem(key: string): string {
  return `${QUARANTINE_PREFIX}${createHash('sha256').update(key).digest('base64url')}`;
}
