import { type AttributeMap, encodeAttributeMap } from '../../core/attribute-value.ts';
import { keyOf } from '../../core/item-write.ts';
import type { RunRecord } from '../../core/records.ts';
import { createdAtMs, detectCreatedKey } from '../user-table/created-at.ts';

/** What the items without the attribute tell about live writers. */
export interface Diagnosis {
  /** Created since the deployment of the code that sets the attribute, or else since the run began. */
  readonly createdSince: number;
  /** Older than the run and settled by its sweep: these items had the attribute and lost it. */
  readonly lost: number;
  /** Without a creation time. */
  readonly unknown: number;
  readonly since: string;
  readonly words: string;
}

/**
 * Explains by their creation times why items lack the attribute although every page of the sweep has settled.
 * @param items their keys with the creation attribute, if it was read; none of them is in quarantine
 * @param all the number of items found; `items` may be only the first of them
 */
export function diagnose(
  run: Pick<RunRecord, 'attribute' | 'keySchema' | 'createdAt' | 'deployedAt' | 'createdKey'>,
  items: readonly AttributeMap[],
  all = items.length,
): Diagnosis | undefined {
  if (items.length === 0) return undefined;
  const by = detectCreatedKey(run.keySchema, items, run.createdKey);
  const since = run.deployedAt ?? run.createdAt;
  const young: AttributeMap[] = [];
  const old: AttributeMap[] = [];
  const timeless: AttributeMap[] = [];
  for (const item of items) {
    const created = by === undefined ? undefined : createdAtMs(item[by]);
    if (created === undefined) timeless.push(item);
    else if (created >= Math.min(Date.parse(since), Date.parse(run.createdAt))) young.push(item);
    else old.push(item);
  }
  const example = (of: readonly AttributeMap[]) =>
    of[0] ? ` For instance ${encodeAttributeMap(keyOf(run.keySchema, of[0]))}.` : '';
  const parts: string[] = [];
  if (young.length > 0) {
    const when = run.deployedAt ? `the deployment of ${run.deployedAt}` : 'the start';
    parts.push(
      `${counted(young.length)} created after ${when}, by code that does not set "${run.attribute}". Deploy code that sets it, then run again.${example(young)}`,
    );
  }
  if (old.length > 0) {
    parts.push(
      `${counted(old.length)} created before the start and had "${run.attribute}" when the sweep was complete. Something has removed it since. ` +
        'A stale writer does this: it reads an item, then puts the whole old item back. Find it, and let it update ' +
        `single attributes, then run again.${example(old)}`,
    );
  }
  if (timeless.length > 0) {
    parts.push(
      `The keys of ${timeless.length} do not say when they were created. Live code does not set "${run.attribute}", or it ` +
        `puts whole old items back. In the next run, name the attribute that holds the time of creation with --created-key.${example(timeless)}`,
    );
  }
  return {
    createdSince: young.length,
    lost: old.length,
    unknown: timeless.length,
    since,
    words: [
      ...(all > items.length ? [`The run examined ${items.length} of the ${all} items:`] : []),
      ...parts,
    ].join('\n'),
  };
}

function counted(items: number): string {
  return items === 1 ? '1 item was' : `${items} items were`;
}
