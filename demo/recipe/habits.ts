import { draw } from '../draw.ts';
import type { Item } from '../item.ts';
import type { Habits } from '../write-planner.ts';
import { isInScope, KIND, OTHER, PLACE, TARGETS, valuesOf } from './backfill.ts';

/** A value that the application gave an index key of its own. */
const OWN_KEY = { S: 'set by the application' };

/**
 * What the application writes while a recipe is run: it changes the sources of items that have still to be filled,
 * moves items out of the scope and, with both targets set, into it, and inserts as the new code does.
 */
export function recipeHabits(seed: string): Habits {
  const newSources = (number: number): Item => ({
    population: { N: String(Math.floor(draw(seed, number, 'population') * 1e7)) },
    ...(draw(seed, number, 'country') < 0.5 && {
      country: { S: `C${Math.floor(draw(seed, number, 'which') * 200)}` },
    }),
  });
  return {
    nearTheTool: 0.7,
    insert: item => (isInScope(item) ? { ...item, ...valuesOf(item) } : item),
    update: (_, number) => newSources(number),
    set(item, number) {
      if (!isInScope(item)) return { [KIND]: PLACE, ...valuesOf(item) };
      return draw(seed, number, 'leaves') < 0.7 ? { [KIND]: OTHER } : { [TARGETS[0]]: OWN_KEY };
    },
    replace(item, number) {
      const next = { ...item, ...newSources(number), [KIND]: PLACE };
      return { ...next, ...valuesOf(next) };
    },
  };
}
