import { canonicalItemText, canonicalText } from './attribute-value.ts';
import { compareStates, type Deviation } from './deviation.ts';
import { type Item, type KeySchema, keyOf, keyText, STUFF_KEY } from './item.ts';
import { applyWrite, overwritesAttribute, sameState, targetOf, type Write } from './write.ts';

/** What is known of one key that the application has written. */
interface Entry {
  /** The item after the last write with a known outcome; undefined: deleted, or not created yet. */
  state: Item | undefined;
  inFlight: Write | undefined;
  /** The table may hold this instead, after a write whose outcome never became known. */
  alternative: { readonly state: Item | undefined } | undefined;
}

/** What the reply to a write said. */
export interface Reply {
  /** The item just before the write (ReturnValues ALL_OLD); undefined: there was none. */
  readonly old: Item | undefined;
  /** Whether an earlier request of this write got no reply, and so may have taken effect first. */
  readonly repeated: boolean;
}

export interface JournalOptions {
  /** The attribute that the tool fills. */
  readonly attribute: string;
  readonly key?: KeySchema;
  /** Makes the item that the fill wrote under this index again, so that it need not be kept. */
  readonly regenerate?: (index: number) => Item;
}

/** What every journal of writes must record and tell, however it judges. */
export type JournalOfWrites = Pick<
  Journal,
  | 'key'
  | 'attribute'
  | 'recordFill'
  | 'begin'
  | 'applied'
  | 'refused'
  | 'foundNothing'
  | 'leaveUnknown'
  | 'itemOf'
  | 'mustExist'
  | 'keys'
>;

/**
 * A record of every write of the fill and of the application, separate from the tool that is judged. It knows what each
 * key must hold at the end. A key has one write at a time. Each write is recorded before it is sent and settled when
 * its reply is known:
 *
 *     begin(write) ─► applied(write, reply)   it took effect
 *                  ├► refused(write)          it did not
 *                  └► leaveUnknown(write)     no reply, ever: either is right
 *
 * Some writes hide what the tool had set: a delete, a put, or a value for the attribute itself. The old item in the
 * reply is then the only evidence, so the journal compares each reply with what it knows and counts what the reply
 * shows.
 *
 * A key that only the fill wrote costs its text and a number. A million of them take about 150 MB.
 */
export class Journal {
  readonly attribute: string;
  readonly key: KeySchema;
  /** Deviations that replies showed during the run. */
  readonly observed: Deviation[] = [];
  /** How many values of the tool the application has since overwritten or deleted, by the value's text. */
  readonly hiddenFills = new Map<string, number>();
  /** Writes that may have hidden a value of the tool, with no reply that tells. */
  hiddenUnseen = 0;
  /** Writes whose outcome never became known. */
  unknown = 0;
  inFlight = 0;

  readonly #entries = new Map<string, number | Entry>();
  readonly #regenerate: ((index: number) => Item) | undefined;

  constructor({ attribute, key = STUFF_KEY, regenerate }: JournalOptions) {
    this.attribute = attribute;
    this.key = key;
    this.#regenerate = regenerate;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Records an item that the fill writes.
   * @param index with which the journal's `regenerate` makes the same item.
   */
  recordFill(item: Item, index?: number): void {
    const compact = index !== undefined && this.#regenerate !== undefined;
    const entry = compact ? index : { state: item, inFlight: undefined, alternative: undefined };
    this.#entries.set(keyText(item, this.key), entry);
  }

  /** @throws Error when the key has a write in flight, or one with an unknown outcome. */
  begin(write: Write): void {
    const entry = this.#touch(keyText(targetOf(write), this.key));
    if (entry.inFlight !== undefined) throw new Error('A key can have one write in flight, not two.');
    if (entry.alternative !== undefined)
      throw new Error('The state of this key is unknown, so nothing may write to it.');
    entry.inFlight = write;
    this.inFlight += 1;
  }

  applied(write: Write, { old, repeated }: Reply): void {
    const entry = this.#settle(write);
    const before = entry.state;
    const after = applyWrite(write, before);
    entry.state = after;
    const mayHide = overwritesAttribute(write, this.attribute) && before?.[this.attribute] === undefined;
    // If the write was sent twice, the second reply may show what the first request made of the item.
    if (repeated && this.#agrees(after, old)) {
      if (mayHide && before !== undefined) this.hiddenUnseen += 1;
      return;
    }
    const { deviations, filled } = compareStates(before, old, this.attribute);
    for (const { kind, detail } of deviations) {
      if (kind === 'attribute-missing' && before?.[this.attribute] === undefined) continue;
      this.#observe({ kind, key: this.#printKey(write), detail: `before a ${write.kind}: ${detail}` });
    }
    if (mayHide && filled !== undefined) {
      const text = canonicalText(filled);
      this.hiddenFills.set(text, (this.hiddenFills.get(text) ?? 0) + 1);
    }
  }

  /** The write took no effect, because it was refused or its condition was false. */
  refused(write: Write): void {
    this.#settle(write);
  }

  /** The condition "the item exists" was false for an item that nobody deleted. */
  foundNothing(write: Write): void {
    const entry = this.#settle(write);
    const { deviations } = compareStates(entry.state, undefined, this.attribute);
    for (const { kind, detail } of deviations) {
      this.#observe({
        kind,
        key: this.#printKey(write),
        detail: `the application's ${write.kind} found no item; it was ${detail}`,
      });
    }
  }

  leaveUnknown(write: Write): void {
    const entry = this.#settle(write);
    const hides = overwritesAttribute(write, this.attribute);
    if (hides && entry.state !== undefined && entry.state[this.attribute] === undefined)
      this.hiddenUnseen += 1;
    entry.alternative = { state: applyWrite(write, entry.state) };
    this.unknown += 1;
  }

  /**
   * What the key may hold: one state, or two if an outcome is unknown; undefined if the journal does not know the key.
   */
  statesOf(text: string): readonly [Item | undefined, ...(Item | undefined)[]] | undefined {
    const entry = this.#entries.get(text);
    if (entry === undefined) return undefined;
    if (typeof entry === 'number') return [this.#remake(entry)];
    return entry.alternative === undefined ? [entry.state] : [entry.state, entry.alternative.state];
  }

  /** The item under a key with a known state; undefined also if there is no item. */
  itemOf(text: string): Item | undefined {
    const states = this.statesOf(text);
    return states?.length === 1 ? states[0] : undefined;
  }

  /** Whether an item must exist under the key, whatever the outcome of unknown writes. */
  mustExist(text: string): boolean {
    const entry = this.#entries.get(text);
    if (typeof entry !== 'object') return entry !== undefined;
    return (
      entry.state !== undefined && (entry.alternative === undefined || entry.alternative.state !== undefined)
    );
  }

  /** Every key that was ever written. */
  keys(): IterableIterator<string> {
    return this.#entries.keys();
  }

  /** Whether `found` equals this state, apart from what the tool may have added. */
  #agrees(state: Item | undefined, found: Item | undefined): boolean {
    if (state === undefined || found === undefined) return state === found;
    const { [this.attribute]: set, ...others } = state;
    const { [this.attribute]: has, ...othersFound } = found;
    return sameState(others, othersFound) && (set === undefined || sameState(state, found));
  }

  #touch(text: string): Entry {
    const known = this.#entries.get(text);
    if (typeof known === 'object') return known;
    const state = known === undefined ? undefined : this.#remake(known);
    const entry: Entry = { state, inFlight: undefined, alternative: undefined };
    this.#entries.set(text, entry);
    return entry;
  }

  #settle(write: Write): Entry {
    const entry = this.#touch(keyText(targetOf(write), this.key));
    if (entry.inFlight !== write) throw new Error('The journal has no open write like this one.');
    entry.inFlight = undefined;
    this.inFlight -= 1;
    return entry;
  }

  #remake(index: number): Item {
    if (this.#regenerate === undefined) throw new Error('The journal cannot generate this item again.');
    return this.#regenerate(index);
  }

  #observe(deviation: Deviation): void {
    this.observed.push(deviation);
  }

  #printKey(write: Write): string {
    return canonicalItemText(keyOf(targetOf(write), this.key));
  }
}
