import type { ContendedKeys } from '../contended-keys.ts';
import { draw } from '../draw.ts';
import { type Item, keyOf, keyText } from '../item.ts';
import { KeyPool } from '../key-pool.ts';
import { type OperationMix, pickOperation } from '../operation-mix.ts';
import { targetOf, type Write } from '../write.ts';
import type { PlannedWrite } from '../write-planner.ts';
import { isInScope, KIND, OTHER, PLACE, TARGETS, valuesOf } from './backfill.ts';
import type { RecipeJournal } from './journal.ts';

export interface RecipePlannerOptions {
  readonly journal: RecipeJournal;
  readonly newItem: (index: number) => Item;
  readonly seed: string;
  readonly mix: OperationMix;
  readonly frontier: ContendedKeys | undefined;
}

/** The part of writes to existing items that go where the tool is at work, as far as that is known. */
const NEAR_THE_TOOL = 0.7;

/** A value that the application gave an index key of its own. */
const OWN_KEY = { S: 'set by the application' };

/**
 * Decides what the application does next while a recipe is run: it changes the sources of items that have still to be
 * filled, moves items out of the scope and, with both targets set, into it, and inserts as the new code does.
 */
export class RecipePlanner {
  readonly #options: RecipePlannerOptions;
  readonly #live = new KeyPool();
  readonly #deleted: Item[] = [];
  #inserted = 0;

  constructor(options: RecipePlannerOptions) {
    this.#options = options;
    for (const text of options.journal.keys()) if (options.journal.mustExist(text)) this.#live.add(text);
  }

  plan(number: number): PlannedWrite | undefined {
    const { journal, seed, mix } = this.#options;
    const operation = pickOperation(mix, seed, number);
    if (operation === 'insert') return { operation, write: { kind: 'put', item: this.#newItem() } };
    if (operation === 'restore') {
      const key = this.#deleted.pop();
      const item = key && { ...this.#newItem(), ...key };
      return item && { operation, write: { kind: 'put', item: { ...item, ...valuesOf(item) } } };
    }
    const item = this.#takeLive(number);
    if (item === undefined) return undefined;
    const key = keyOf(item, journal.key);
    switch (operation) {
      case 'update':
        return { operation, write: { kind: 'update', key, set: this.#newSources(number) } };
      case 'set':
        return { operation, write: { kind: 'update', key, set: this.#otherScope(item, number) } };
      case 'replace': {
        const next = { ...item, ...this.#newSources(number), [KIND]: PLACE };
        return { operation, write: { kind: 'put', item: { ...next, ...valuesOf(next) } } };
      }
      case 'delete':
        return { operation, write: { kind: 'delete', key } };
    }
  }

  release(write: Write, settled: boolean): void {
    if (!settled) return;
    const { journal } = this.#options;
    const target = targetOf(write);
    const text = keyText(target, journal.key);
    if (journal.itemOf(text) !== undefined) this.#live.add(text);
    else if (write.kind === 'delete') this.#deleted.push(keyOf(target, journal.key));
  }

  #newSources(number: number): Item {
    const { seed } = this.#options;
    return {
      population: { N: String(Math.floor(draw(seed, number, 'population') * 1e7)) },
      ...(draw(seed, number, 'country') < 0.5 && {
        country: { S: `C${Math.floor(draw(seed, number, 'which') * 200)}` },
      }),
    };
  }

  /** Out of the scope as it is; into it with all that the new code sets. */
  #otherScope(item: Item, number: number): Item {
    const { seed } = this.#options;
    if (isInScope(item)) {
      const leaves = draw(seed, number, 'leaves') < 0.7;
      return leaves ? { [KIND]: OTHER } : { [TARGETS[0]]: OWN_KEY };
    }
    return { [KIND]: PLACE, ...valuesOf(item) };
  }

  #newItem(): Item {
    const item = this.#options.newItem(this.#inserted);
    this.#inserted += 1;
    return isInScope(item) ? { ...item, ...valuesOf(item) } : item;
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
}
