import type { ContendedKeys } from './contended-keys.ts';
import { draw } from './draw.ts';
import { type Item, keyOf, keyText } from './item.ts';
import type { JournalOfWrites } from './journal.ts';
import { KeyPool } from './key-pool.ts';
import {
  changedAttributes,
  INSERTED_VALUE,
  type Operation,
  type OperationMix,
  pickOperation,
  SET_VALUE,
} from './operation-mix.ts';
import { targetOf, type Write } from './write.ts';

export interface PlannedWrite {
  readonly operation: Operation;
  readonly write: Write;
}

/** What the application writes for each kind of operation. `number` tells one operation from the next. */
export interface Habits {
  /** The part of the writes to existing items that go where the tool is working, if that is known. */
  readonly nearTheTool: number;
  /** A new item, as the new code writes it. */
  insert(item: Item): Item;
  /** The attributes that an update of this item changes. */
  update(item: Item, number: number): Item;
  /** The attributes that an update changes when it concerns the attribute to fill. */
  set(item: Item, number: number): Item;
  /** The whole item that replaces this one. */
  replace(item: Item, number: number): Item;
}

export interface WritePlannerOptions {
  readonly journal: JournalOfWrites;
  /** Items to insert, each with a key that was never used before. */
  readonly newItem: (index: number) => Item;
  readonly seed: string;
  readonly mix: OperationMix;
  readonly frontier: ContendedKeys | undefined;
  /** {@link foundingHabits} by default. */
  readonly habits?: Habits;
}

/** The founding case: new code sets the attribute to its own values. */
export function foundingHabits(attribute: string, seed: string): Habits {
  return {
    nearTheTool: 0.5,
    insert: item => ({ ...item, [attribute]: INSERTED_VALUE }),
    update: (_, number) => changedAttributes(seed, number),
    set: () => ({ [attribute]: SET_VALUE }),
    replace: (item, number) => ({ ...item, ...changedAttributes(seed, number), [attribute]: SET_VALUE }),
  };
}

/**
 * Decides what the application writes next, and never writes a key twice at the same time. A key leaves the pool while
 * a write to it is in flight, and for good once a request got no reply. Such a request may still arrive, and then
 * nobody could tell in which order two writes took effect.
 */
export class WritePlanner {
  readonly #options: WritePlannerOptions;
  readonly #habits: Habits;
  readonly #live = new KeyPool();
  readonly #deletedKeys: Item[] = [];
  #inserted = 0;

  constructor(options: WritePlannerOptions) {
    this.#options = options;
    const { journal, seed } = options;
    this.#habits = options.habits ?? foundingHabits(journal.attribute, seed);
    for (const text of journal.keys()) if (journal.mustExist(text)) this.#live.add(text);
  }

  /**
   * Plans the write for an operation's number. Its key stays taken until {@link release}.
   * @returns undefined if there is no item for it.
   */
  plan(number: number): PlannedWrite | undefined {
    const { journal, seed, mix } = this.#options;
    const operation = pickOperation(mix, seed, number);
    const habits = this.#habits;
    if (operation === 'insert') {
      return { operation, write: { kind: 'put', item: habits.insert(this.#newItem()) } };
    }
    if (operation === 'restore') {
      const key = this.#takeDeleted(draw(seed, number, 'key'));
      return (
        key && { operation, write: { kind: 'put', item: habits.insert({ ...this.#newItem(), ...key }) } }
      );
    }
    const item = this.#takeLive(number);
    if (item === undefined) return undefined;
    const key = keyOf(item, journal.key);
    switch (operation) {
      case 'update':
        return { operation, write: { kind: 'update', key, set: habits.update(item, number) } };
      case 'set':
        return { operation, write: { kind: 'update', key, set: habits.set(item, number) } };
      case 'replace':
        return { operation, write: { kind: 'put', item: habits.replace(item, number) } };
      case 'delete':
        return { operation, write: { kind: 'delete', key } };
    }
  }

  /**
   * Returns a key to the pool after its write was recorded in the journal.
   * @param settled whether every request of the write got a reply.
   */
  release(write: Write, settled: boolean): void {
    if (!settled) return;
    const { journal } = this.#options;
    const target = targetOf(write);
    const text = keyText(target, journal.key);
    if (journal.itemOf(text) !== undefined) this.#live.add(text);
    else if (write.kind === 'delete') this.#deletedKeys.push(keyOf(target, journal.key));
  }

  #newItem(): Item {
    return this.#options.newItem(this.#inserted++);
  }

  #takeLive(number: number): Item | undefined {
    const { journal, seed, frontier } = this.#options;
    if (frontier !== undefined && draw(seed, number, 'where') < this.#habits.nearTheTool) {
      for (let text = frontier.take(); text !== undefined; text = frontier.take()) {
        if (this.#live.remove(text)) return journal.itemOf(text);
      }
    }
    const text = this.#live.take(draw(seed, number, 'key'));
    return text === undefined ? undefined : journal.itemOf(text);
  }

  #takeDeleted(at: number): Item | undefined {
    const position = Math.floor(at * this.#deletedKeys.length);
    const last = this.#deletedKeys.pop();
    if (last === undefined || position === this.#deletedKeys.length) return last;
    const taken = this.#deletedKeys[position];
    this.#deletedKeys[position] = last;
    return taken;
  }
}
