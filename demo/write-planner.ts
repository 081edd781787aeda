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

export interface WritePlannerOptions {
  readonly journal: JournalOfWrites;
  /** Items to insert, each under a key never used before. */
  readonly newItem: (index: number) => Item;
  readonly seed: string;
  readonly mix: OperationMix;
  readonly frontier: ContendedKeys | undefined;
}

/** The part of writes to existing items that go where the tool is at work, as far as that is known. */
const NEAR_THE_TOOL = 0.5;

/**
 * Decides what the application writes next, and keeps the keys apart: one is out of the pool while a write to
 * it is in flight, and for good once a request had no reply. Such a request may still arrive, and then nobody
 * could say in which order two writes took effect.
 */
export class WritePlanner {
  readonly #options: WritePlannerOptions;
  readonly #live = new KeyPool();
  readonly #deletedKeys: Item[] = [];
  #inserted = 0;

  constructor(options: WritePlannerOptions) {
    this.#options = options;
    const { journal } = options;
    for (const text of journal.keys()) if (journal.mustExist(text)) this.#live.add(text);
  }

  /**
   * The write that goes with an operation's number; its key is taken until {@link release}.
   * @returns undefined when there is no item to do it to.
   */
  plan(number: number): PlannedWrite | undefined {
    const { journal, seed, mix } = this.#options;
    const operation = pickOperation(mix, seed, number);
    if (operation === 'insert') return { operation, write: { kind: 'put', item: this.#newItem() } };
    if (operation === 'restore') {
      const key = this.#takeDeleted(draw(seed, number, 'key'));
      return key && { operation, write: { kind: 'put', item: { ...this.#newItem(), ...key } } };
    }
    const item = this.#takeLive(number);
    if (item === undefined) return undefined;
    const key = keyOf(item, journal.key);
    switch (operation) {
      case 'update':
        return { operation, write: { kind: 'update', key, set: changedAttributes(seed, number) } };
      case 'set':
        return { operation, write: { kind: 'update', key, set: { [journal.attribute]: SET_VALUE } } };
      case 'replace': {
        const next = { ...item, ...changedAttributes(seed, number), [journal.attribute]: SET_VALUE };
        return { operation, write: { kind: 'put', item: next } };
      }
      case 'delete':
        return { operation, write: { kind: 'delete', key } };
    }
  }

  /**
   * Gives a key back after its write was entered in the journal.
   * @param settled whether every request of the write had a reply.
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
    const { newItem, journal } = this.#options;
    const item = newItem(this.#inserted);
    this.#inserted += 1;
    return { ...item, [journal.attribute]: INSERTED_VALUE };
  }

  #takeLive(number: number): Item | undefined {
    const { journal, seed, frontier } = this.#options;
    if (frontier !== undefined && draw(seed, number, 'where') < NEAR_THE_TOOL) {
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
