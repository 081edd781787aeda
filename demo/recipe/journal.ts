import { canonicalItemText } from '../attribute-value.ts';
import { type Item, type KeySchema, keyOf, keyText, STUFF_KEY } from '../item.ts';
import type { Reply } from '../journal.ts';
import { applyWrite, sameState, targetOf, type Write } from '../write.ts';
import { type Backfill, wrongValues } from './backfill.ts';

/** Everything that can be wrong with an item of a recipe, each kind with what it means. */
export const RECIPE_DEVIATIONS = {
  'wrong-value': 'a target has a value that was wrong for the item at the moment of the write',
  'out-of-scope-written': 'an item that was out of scope was given a target',
  'target-missing': 'an item in scope lacks a target',
  'application-value-overwritten': 'the application set a target, and now it has another value',
  'item-changed': 'attributes other than the targets differ from what the application wrote',
  'deleted-item-exists': 'deleted items are back',
  'item-lost': 'items that nobody deleted are gone',
  'unknown-item': 'the table holds items that neither the demo nor the application wrote',
} as const;

type Kind = keyof typeof RECIPE_DEVIATIONS;

export interface RecipeDeviation {
  readonly kind: Kind;
  readonly key: string;
  readonly detail: string;
}

interface Entry {
  /**
   * Everything known of the item after the last write: the application's values, and the tool's once they were seen.
   */
  state: Item | undefined;
  inFlight: Write | undefined;
  /** Its last write got no reply, so the item is no longer judged. */
  unknown: boolean;
}

/**
 * A record of every write of the fill and of the application, by which each value of the tool can be judged. Between
 * two writes of the application an item has one state. If the reply to the later write shows a target that the earlier
 * write did not leave, the tool set it in between, and its value must be right for that state.
 */
export class RecipeJournal {
  readonly key: KeySchema = STUFF_KEY;
  /** The first target. If an item lacks it, the tool has yet to write the item. */
  readonly attribute: string;
  readonly deviations: RecipeDeviation[] = [];
  /** Items that were seen with a target that the tool set. */
  filled = 0;
  inFlight = 0;
  readonly #entries = new Map<string, Entry>();
  readonly #backfill: Backfill;

  constructor(backfill: Backfill) {
    this.#backfill = backfill;
    this.attribute = backfill.targets[0] ?? '';
  }

  recordFill(item: Item): void {
    this.#entries.set(keyText(item, this.key), { state: item, inFlight: undefined, unknown: false });
  }

  begin(write: Write): void {
    const entry = this.#entryOf(write);
    if (entry.inFlight !== undefined || entry.unknown)
      throw new Error('The application must not write to this key.');
    entry.inFlight = write;
    this.inFlight += 1;
  }

  applied(write: Write, { old, repeated }: Reply): void {
    const entry = this.#settle(write);
    const after = applyWrite(write, entry.state);
    // If the write was sent twice, the second reply may show what the first request made of the item. Then nothing is
    // known of the state before.
    if (repeated && this.#agrees(after, old)) {
      entry.state = after === undefined || old === undefined ? after : { ...after, ...this.#only(old) };
      return;
    }
    const seen = this.#judge(write, entry.state, old);
    entry.state = applyWrite(write, seen);
  }

  refused(write: Write): void {
    this.#settle(write);
  }

  foundNothing(write: Write): void {
    const { state } = this.#settle(write);
    if (state !== undefined) this.#add('item-lost', state, 'an update found no item');
  }

  leaveUnknown(write: Write): void {
    this.#settle(write).unknown = true;
  }

  itemOf(text: string): Item | undefined {
    const entry = this.#entries.get(text);
    return entry === undefined || entry.unknown ? undefined : entry.state;
  }

  mustExist(text: string): boolean {
    return this.itemOf(text) !== undefined;
  }

  keys(): IterableIterator<string> {
    return this.#entries.keys();
  }

  /**
   * Compares an item of the table with the journal after everything has ended.
   * @param named key texts of items that the tool has named as lacking a target
   */
  judgeFinal(found: Item, named: ReadonlySet<string> = new Set()): void {
    const entry = this.#entries.get(keyText(found, this.key));
    if (entry === undefined) {
      this.#add('unknown-item', found, canonicalItemText(found));
      return;
    }
    if (entry.unknown) return;
    const seen = this.#judge({ kind: 'delete', key: found }, entry.state, found);
    if (seen === undefined || !this.#backfill.isInScope(seen) || named.has(keyText(found, this.key))) return;
    const missing = this.#backfill.targets.filter(target => found[target] === undefined);
    if (missing.length > 0) this.#add('target-missing', found, missing.join(' and '));
  }

  /** Reports items that must exist and were not `seen`. */
  judgeLost(seen: ReadonlySet<string>): void {
    for (const [text, entry] of this.#entries) {
      if (entry.state !== undefined && !entry.unknown && !seen.has(text)) {
        this.#add('item-lost', entry.state, canonicalItemText(entry.state));
      }
    }
  }

  /** @returns the state before a write, with the tool's values. It records deviations on the way. */
  #judge(write: Write, before: Item | undefined, found: Item | undefined): Item | undefined {
    if (before === undefined) {
      if (found !== undefined) this.#add('deleted-item-exists', targetOf(write), canonicalItemText(found));
      return found;
    }
    if (found === undefined) {
      this.#add('item-lost', before, canonicalItemText(before));
      return undefined;
    }
    const { targets, isInScope, valuesOf } = this.#backfill;
    if (!this.#agrees(before, found)) {
      this.#add('item-changed', before, `${canonicalItemText(before)} is ${canonicalItemText(found)}`);
    }
    const kept = targets.filter(target => before[target] !== undefined);
    const overwritten = wrongValues(kept, found, before);
    if (overwritten.length > 0) this.#add('application-value-overwritten', before, overwritten.join('; '));
    const lacked = targets.filter(target => before[target] === undefined);
    if (lacked.some(target => found[target] !== undefined)) {
      this.filled += 1;
      // One write sets everything that the item lacks, or nothing.
      const wrong = isInScope(before) ? wrongValues(lacked, found, valuesOf(before)) : [];
      if (!isInScope(before)) this.#add('out-of-scope-written', before, canonicalItemText(found));
      else if (wrong.length > 0) this.#add('wrong-value', before, wrong.join('; '));
    }
    return found;
  }

  #agrees(state: Item | undefined, found: Item | undefined): boolean {
    if (state === undefined || found === undefined) return state === found;
    return sameState(this.#withoutTargets(state), this.#withoutTargets(found));
  }

  #entryOf(write: Write): Entry {
    const text = keyText(targetOf(write), this.key);
    const known = this.#entries.get(text);
    if (known) return known;
    const entry: Entry = { state: undefined, inFlight: undefined, unknown: false };
    this.#entries.set(text, entry);
    return entry;
  }

  #settle(write: Write): Entry {
    const entry = this.#entryOf(write);
    if (entry.inFlight !== write) throw new Error('The journal has no open write like this one.');
    entry.inFlight = undefined;
    this.inFlight -= 1;
    return entry;
  }

  #add(kind: Kind, item: Item, detail: string): void {
    this.deviations.push({ kind, key: canonicalItemText(keyOf(item, this.key)), detail });
  }

  /** Only the targets of an item. */
  #only(item: Item): Item {
    return this.#part(item, true);
  }

  #withoutTargets(item: Item): Item {
    return this.#part(item, false);
  }

  #part(item: Item, targets: boolean): Item {
    return Object.fromEntries(
      Object.entries(item).filter(([name]) => this.#backfill.targets.includes(name) === targets),
    );
  }
}
